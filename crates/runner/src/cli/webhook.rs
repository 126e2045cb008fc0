//! `flow webhook send`: a delivery made by hand, signed as its sender would.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use flow_backend::context::{Rest, StepContext};
use flow_backend::meter::Meter;
use flow_backend::step::{Call, Connection, StepRunner};
use flow_connector::Connectors;
use flow_engine::collections::IndexMap;
use flow_engine::finding::nearest;
use flow_engine::value::{Map, Value};
use flow_engine::workflow::Workflow;
use flow_local::store::BlobFolder;
use tokio_util::sync::CancellationToken;

use super::call::unwritable;
use super::named::file_of;
use super::{Folders, StoreArguments, print};
use crate::exit::{Exit, Trouble};
use crate::load;
use crate::secrets::EnvironmentSecrets;
use crate::serve::address_of;
use crate::serve::send::{Delivery, delivered, delivery};
use crate::services;
use crate::show::{diagnostics, values};

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Send a delivery to a trigger of a daemon, signed with the secret that the workflow names.
    Send(Arguments),
}

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// A workflow file, or WORKFLOW/TRIGGER of a workflow in the project.
    #[arg(value_name = "FILE|WORKFLOW/TRIGGER")]
    target: String,
    /// The trigger, where a file has several.
    #[arg(long, value_name = "NAME")]
    trigger: Option<String>,
    /// The body: JSON, or a file as `@body.json`.
    #[arg(long, value_name = "JSON|@FILE", default_value = "{}")]
    body: String,
    /// The id of the delivery: the same one again is the same delivery. A new one if not given.
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// The address of the daemon; the one of this project if not given.
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    #[command(flatten)]
    store: StoreArguments,
}

pub(super) async fn webhook(command: &Command) -> Result<Exit, Trouble> {
    let Command::Send(arguments) = command;
    let folders = arguments.store.folders()?;
    let connectors = services::connectors(&folders.project)?;
    let (workflow, trigger) = target(arguments, &folders, &connectors)?;
    let body = body(&arguments.body)?;
    let delivery = delivery(&workflow, &trigger, arguments.id.as_deref(), body)
        .map_err(|said| trouble(&said))?;
    let to = match &arguments.to {
        Some(to) => to.trim_end_matches('/').to_owned(),
        None => address_of(&folders.store),
    };
    let url = format!("{to}/webhooks/{}", delivery.path);
    let (status, answer) = send(&connectors, &folders.project, &url, delivery).await?;
    print(&format!("{answer}\n"));
    if (200..300).contains(&status) {
        return Ok(Exit::Success);
    }
    let problem: serde_json::Value = serde_json::from_str(&answer).unwrap_or_default();
    let code = problem["code"].as_str().unwrap_or("http.status");
    let detail = problem["detail"].as_str().unwrap_or("it is not taken");
    Err(Trouble::new(
        Exit::Failed,
        code,
        format!("{url} answers {status}: {detail}"),
    ))
}

/// The workflow, and which of its triggers is meant.
fn target(
    arguments: &Arguments,
    folders: &Folders,
    connectors: &Connectors,
) -> Result<(Workflow, String), Trouble> {
    let written = &arguments.target;
    let path = PathBuf::from(written);
    let catalog = connectors.catalog();
    let (path, trigger) = if path.is_file() {
        (path, None)
    } else {
        // Names of workflows may have `/`, those of triggers have none.
        let (name, trigger) = match written.rsplit_once('/') {
            Some((name, trigger)) => (name, Some(trigger)),
            None => (&**written, None),
        };
        match file_of(name, folders, &catalog)? {
            Ok(path) => (path, trigger),
            Err(known) => return Err(unknown(written, name, &known)),
        }
    };
    let checked = load::check_file(&path, &catalog)?;
    let Some(workflow) = checked.workflow else {
        diagnostics::print(&checked.source, &checked.findings);
        return Err(Trouble::said(Exit::Invalid));
    };
    let trigger = one(&workflow, trigger.or(arguments.trigger.as_deref()))?;
    Ok((workflow, trigger))
}

fn unknown(written: &str, name: &str, known: &[String]) -> Trouble {
    let message = format!("there is no workflow `{name}` in the project, and no file `{written}`");
    let trouble = Trouble::new(Exit::Usage, "webhook.trigger", message);
    match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => trouble.help(format!("did you mean `{near}`?")),
        None => trouble.help("name a file, or WORKFLOW/TRIGGER as `flow triggers` shows them"),
    }
}

/// The trigger of this name, or the only one that is delivered.
fn one(workflow: &Workflow, asked: Option<&str>) -> Result<String, Trouble> {
    let known = delivered(workflow);
    let refused = |message: String| {
        let help = if known.is_empty() {
            "give the workflow one, such as `on: { webhook: shop/orders, verify: standard-webhooks }`".to_owned()
        } else {
            format!("deliveries are taken by {}", known.join(", "))
        };
        Err(Trouble::new(Exit::Usage, "webhook.trigger", message).help(help))
    };
    let name = &workflow.name;
    match (asked, &*known) {
        (Some(asked), _) if known.contains(&asked) => Ok(asked.to_owned()),
        (Some(asked), _) => refused(format!("nothing is delivered to `{asked}` of `{name}`")),
        (None, [only]) => Ok((*only).to_owned()),
        (None, []) => refused(format!("nothing is delivered to `{name}`")),
        (None, _) => refused(format!("`{name}` has several triggers that are delivered")),
    }
}

/// The bytes of the body.
fn body(written: &str) -> Result<Vec<u8>, Trouble> {
    let bytes = match written.strip_prefix('@') {
        None => written.as_bytes().to_vec(),
        Some(path) => std::fs::read(PathBuf::from(path)).map_err(|error| {
            Trouble::new(Exit::Usage, "file.unreadable", format!("{path}: {error}"))
        })?,
    };
    match serde_json::from_slice::<serde_json::Value>(&bytes) {
        Ok(_) => Ok(bytes),
        Err(error) => Err(Trouble::new(
            Exit::Usage,
            "webhook.body",
            format!("the body is not JSON: {error}"),
        )
        .help("such as `--body '{\"id\": 1}'`, or `--body @body.json`")),
    }
}

/// Sends it; gives the status and the body of the answer.
async fn send(
    connectors: &Connectors,
    project: &Path,
    url: &str,
    delivery: Delivery,
) -> Result<(u64, String), Trouble> {
    let Delivery { signed, .. } = delivery;
    let text = String::from_utf8(signed.body)
        .map_err(|_| Trouble::new(Exit::Usage, "webhook.body", "the body is not UTF-8"))?;
    let mut headers = Map::new();
    headers.insert("content-type", Value::from("application/json"));
    let named = signed.headers.into_iter();
    for (name, value) in named
        .map(|(name, value)| (name.to_owned(), value))
        .chain(signed.own)
    {
        headers.insert(name, Value::from(value));
    }
    let mut arguments = Map::new();
    arguments.insert("url", Value::from(url));
    arguments.insert("headers", Value::from(headers));
    arguments.insert("body", Value::from(text));
    // Whatever the answer is, it is shown.
    arguments.insert(
        "accept_status",
        Value::list((300..600_u32).map(Value::from)),
    );
    let connection = Connection {
        name: "http".into(),
        connector: "http".into(),
        settings: Map::new(),
        prices: Arc::default(),
    };
    let call = Call {
        connection: Arc::new(connection),
        operation: "post".into(),
        arguments,
        functions: IndexMap::default(),
        pages: None,
        with_response: true,
        repeated: false,
        key: "".into(),
    };
    let temporary = tempfile::tempdir().map_err(|error| unwritable(&error))?;
    let context = StepContext {
        blobs: Arc::new(BlobFolder::open(temporary.path())?),
        secrets: Arc::new(EnvironmentSecrets::default()),
        cancel: CancellationToken::new(),
        project: Arc::new(project.to_owned()),
        run: "webhook".into(),
        step: "send".into(),
        rest: Rest::default(),
        meter: Meter::default(),
    };
    let answer = connectors
        .perform(&call, &context)
        .await
        .map_err(|failure| {
            let help = if failure.code == "http.tls" {
                "`--to https://NAME` asks under a name of its certificate; `SSL_CERT_FILE=FILE` in the environment names an authority of your own"
            } else {
                "`flow serve` takes deliveries; `--to URL` names the address of another daemon"
            };
            Trouble::new(Exit::Failed, failure.code, failure.message).help(help)
        })?;
    let response = answer.get("response");
    let status = response.and_then(|response| response.get("status")?.as_u64());
    let mut shown = values::to_json(&answer);
    if let Some(map) = shown.as_object_mut() {
        map.remove("response");
    }
    Ok((status.unwrap_or(0), shown.to_string()))
}

/// What was said as `[code] words`.
fn trouble(said: &str) -> Trouble {
    let coded = said
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("] "));
    let (code, message) = coded.unwrap_or(("webhook.trigger", said));
    let trouble = Trouble::new(Exit::Invalid, code, message);
    if code == "secret.missing" {
        return trouble
            .help("set the environment variable, with the secret that the daemon has too");
    }
    trouble
}
