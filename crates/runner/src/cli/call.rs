//! `flow call`: one operation from the shell. The value goes to stdout: JSON, JSON Lines, text or bytes as they are.

use std::collections::HashSet;
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::sync::Arc;

use flow_backend::context::{Rest, StepContext};
use flow_backend::meter::Meter;
use flow_backend::step::{Call, Connection, StepRunner};
use flow_engine::catalog::{Catalog, Operation, OperationKind, ParameterKind};
use flow_engine::collections::IndexMap;
use flow_engine::eval::BlobRead;
use flow_engine::finding::nearest;
use flow_engine::run::Failure;
use flow_engine::types::Type;
use flow_engine::value::{Map, Secret, Value, json};
use flow_local::store::BlobFolder;
use tokio_util::sync::CancellationToken;

use super::StoreArguments;
use super::signals::Signals;
use crate::exit::{Exit, Trouble};
use crate::inputs;
use crate::secrets::EnvironmentSecrets;
use crate::services::{self, SANDBOX_SERVES};
use crate::show::values;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The operation, such as `claude.models.list`.
    #[arg(value_name = "OPERATION")]
    operation: String,
    /// Its parameters, as name=value; values that are JSON are taken as such where text is not expected.
    #[arg(value_name = "NAME=VALUE", value_parser = inputs::pair)]
    parameters: Vec<(String, String)>,
    /// A setting of the connection, as name=value, such as `base_url=...`.
    #[arg(long = "setting", value_name = "NAME=VALUE", value_parser = inputs::pair)]
    settings: Vec<(String, String)>,
    /// Call the built-in loopback Claude API: no key, no network.
    #[arg(long)]
    sandbox: bool,
    /// Print lists as JSON Lines, one item a line.
    #[arg(long)]
    lines: bool,
    /// Read at most this many pages.
    #[arg(long, value_name = "N")]
    pages: Option<u32>,
    #[command(flatten)]
    store: StoreArguments,
}

pub(super) async fn call(arguments: Arguments) -> Result<Exit, Trouble> {
    let folders = arguments.store.folders()?;
    let connectors = services::connectors(&folders.project)?;
    let catalog = connectors.catalog();
    let (connector, name, operation) = find(&catalog, &arguments.operation)?;
    let given = parameters(&arguments.operation, operation, &arguments.parameters)?;
    let sandboxed = arguments.sandbox && SANDBOX_SERVES.contains(&&*connector);
    let given_settings = given_settings(&catalog, &connector, &arguments.settings)?;
    let (settings, secrets) = credentials(&catalog, &connector, &given_settings, sandboxed)?;
    let (connectors, sandbox) = services::sandboxed(sandboxed, connectors, &folders.store).await?;
    let temporary = tempfile::tempdir().map_err(|error| unwritable(&error))?;
    let blobs = Arc::new(BlobFolder::open(temporary.path())?);
    let prices = Arc::default();
    let connection = Connection {
        name: connector.clone(),
        connector,
        settings,
        prices,
    };
    let call = Call {
        connection: Arc::new(connection),
        operation: name,
        arguments: given,
        functions: IndexMap::default(),
        pages: arguments.pages,
        with_response: false,
        repeated: false,
        key: ulid::Ulid::generate().to_string().to_lowercase().into(),
    };
    let cancel = CancellationToken::new();
    let context = StepContext {
        blobs: blobs.clone(),
        secrets: Arc::new(secrets),
        cancel: cancel.clone(),
        project: Arc::new(folders.project.clone()),
        run: "call".into(),
        step: "call".into(),
        rest: Rest::default(),
        meter: Meter::default(),
    };
    let mut signals = Signals::listen();
    let result = tokio::select! {
        result = connectors.perform(&call, &context) => result,
        exit = signals.next() => {
            cancel.cancel();
            return Err(Trouble::said(exit));
        }
    };
    if let Some(sandbox) = sandbox {
        sandbox.stop().await;
    }
    match result {
        Ok(value) => show(&value, arguments.lines, &blobs).map_err(|error| unwritable(&error)),
        Err(failure) => Err(trouble(failure)),
    }
}

fn find<'a>(
    catalog: &'a Catalog,
    written: &str,
) -> Result<(Arc<str>, Arc<str>, &'a Operation), Trouble> {
    let (first, rest) = written.split_once('.').unwrap_or((written, ""));
    let Some(connector) = catalog.connector(first) else {
        let trouble = Trouble::new(
            Exit::Usage,
            "check.unknown_connector",
            format!("there is no connector `{first}`"),
        );
        return Err(match nearest(first, catalog.connector_names()) {
            Some(near) => trouble.help(format!("did you mean `{near}`?")),
            None => trouble.help("`flow connectors` lists them"),
        });
    };
    let Some((name, operation)) = connector.operations.get_key_value(rest) else {
        let trouble = Trouble::new(
            Exit::Usage,
            "check.unknown_operation",
            format!("`{first}` has no operation `{rest}`"),
        );
        return Err(
            match nearest(rest, connector.operations.keys().map(AsRef::as_ref)) {
                Some(near) => trouble.help(format!("did you mean `{first}.{near}`?")),
                None => trouble.help(format!("`flow connectors {first}` lists them")),
            },
        );
    };
    if operation.kind == OperationKind::Trigger {
        let trouble = Trouble::new(
            Exit::Usage,
            "check.wrong_kind",
            format!("`{written}` is a trigger: it waits, and is not called"),
        );
        return Err(trouble.help("use it under `on:` or in a step of a workflow"));
    }
    Ok((connector.name.clone(), name.clone(), operation))
}

/// Types what was given: text stays text where text is expected, anything else is read as JSON if it is.
pub(super) fn parameters(
    written: &str,
    operation: &Operation,
    pairs: &[(String, String)],
) -> Result<Map, Trouble> {
    let invalid = |code: &str, message: String| Trouble::new(Exit::Invalid, code, message);
    let mut given = Map::new();
    let mut seen = HashSet::new();
    for (name, text) in pairs {
        if !seen.insert(name) {
            return Err(Trouble::new(
                Exit::Usage,
                "input.twice",
                format!("`{name}` is given twice"),
            ));
        }
        let Some(parameter) = operation.parameters.get(name.as_str()) else {
            if operation.open {
                given.insert(name.as_str(), any(text));
                continue;
            }
            let trouble = invalid(
                "check.unknown_parameter",
                format!("`{written}` has no parameter `{name}`"),
            );
            return Err(
                match nearest(name, operation.parameters.keys().map(AsRef::as_ref)) {
                    Some(near) => trouble.help(format!("did you mean `{near}`?")),
                    None => trouble.help(format!(
                        "`flow connectors {}` shows them",
                        written.replacen('.', " ", 1)
                    )),
                },
            );
        };
        if parameter.kind != ParameterKind::Value {
            let trouble = invalid(
                "check.not_served",
                format!(
                    "`{name}` is evaluated for each item, which a call from the shell cannot do"
                ),
            );
            return Err(trouble.help("write a workflow with this step"));
        }
        let value = match &parameter.ty {
            Type::String(_) => Value::from(text.as_str()),
            Type::Secret => Value::from(Secret::named(text.as_str())),
            _ => any(text),
        };
        parameter
            .ty
            .check(&value)
            .map_err(|mismatch| invalid("check.type", format!("`{name}`: {mismatch}")))?;
        given.insert(name.as_str(), value);
    }
    for (name, parameter) in &operation.parameters {
        if parameter.required && given.get(name).is_none() {
            let trouble = invalid(
                "check.missing_parameter",
                format!("`{written}` needs the parameter `{name}`"),
            );
            return Err(trouble.help(format!("add `{name}=...` ({})", parameter.ty)));
        }
    }
    Ok(given)
}

fn any(text: &str) -> Value {
    json::parse(text.as_bytes()).unwrap_or_else(|_| Value::from(text))
}

/// What is given, with the default credentials of a connector besides, looked up.
pub(super) fn credentials(
    catalog: &Catalog,
    connector: &str,
    given: &Map,
    sandboxed: bool,
) -> Result<(Map, EnvironmentSecrets), Trouble> {
    let mut settings = given.clone();
    let said = |name: &str| Some(Some(given.get(name)?.as_str().unwrap_or_default()));
    let mut names: Vec<Arc<str>> = Vec::new();
    for (key, setting) in catalog
        .connector(connector)
        .into_iter()
        .flat_map(|connector| &connector.settings)
    {
        if let Some(secret) = setting.secret_if(said) {
            settings.insert(key.clone(), Value::from(Secret::named(secret.clone())));
            names.push(secret.clone());
        }
    }
    if sandboxed {
        names.clear();
    }
    let (secrets, missing) = EnvironmentSecrets::look_up(names.iter());
    match missing.first() {
        None => Ok((settings, secrets)),
        Some(name) => {
            let trouble = Trouble::new(
                Exit::Invalid,
                "secret.missing",
                format!("the secret `{name}` of the connector `{connector}` is not set"),
            );
            let or = if SANDBOX_SERVES.contains(&connector) {
                ", or try without a key with `--sandbox`"
            } else {
                ""
            };
            Err(trouble.help(format!("set it: `export {name}=...`{or}")))
        }
    }
}

/// Settings from the command line; credentials do not belong there, where every process can read them.
pub(super) fn given_settings(
    catalog: &Catalog,
    connector: &str,
    pairs: &[(String, String)],
) -> Result<Map, Trouble> {
    let mut settings = Map::new();
    let known = catalog
        .connector(connector)
        .map(|connector| &connector.settings);
    for (name, text) in pairs {
        match known.and_then(|known| known.get(name.as_str())) {
            Some(setting) if setting.secret => {
                let message = format!(
                    "`{name}` is a secret, and a command line can be read by every process"
                );
                return Err(Trouble::new(Exit::Usage, "check.secret_in_file", message)
                    .help("set it in the environment"));
            }
            Some(_) => settings.insert(name.as_str(), any(text)),
            None => {
                let message = format!("a connection to `{connector}` has no setting `{name}`");
                let trouble = Trouble::new(Exit::Usage, "check.unknown_setting", message);
                let names = known
                    .into_iter()
                    .flat_map(|known| known.keys())
                    .map(AsRef::as_ref);
                return Err(match nearest(name, names) {
                    Some(near) => trouble.help(format!("did you mean `{near}`?")),
                    None => trouble.help(format!("`flow connectors {connector}` lists them")),
                });
            }
        }
    }
    Ok(settings)
}

/// Writes the value to stdout. Whether it was stored on the way makes no difference to the form.
fn show(value: &Value, lines: bool, blobs: &BlobFolder) -> io::Result<Exit> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    match write(value, lines, blobs, &mut out).and_then(|()| out.flush()) {
        // A reader that has seen enough is no fault.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Success),
        result => result.map(|()| Exit::Success),
    }
}

fn write(value: &Value, lines: bool, blobs: &BlobFolder, out: &mut impl Write) -> io::Result<()> {
    match value {
        Value::Blob(blob) if blob.is_json_lines() => {
            let content = io::BufReader::new(blobs.open(blob.hash)?);
            write_items(content.lines(), lines, out)
        }
        Value::List(items) => {
            let items = items
                .iter()
                .map(|item| Ok(values::to_json(item).to_string()));
            write_items(items, lines, out)
        }
        Value::Blob(blob) => io::copy(&mut blobs.open(blob.hash)?, out).map(|_| ()),
        Value::String(text) => writeln!(out, "{text}"),
        value => writeln!(out, "{:#}", values::to_json(value)),
    }
}

/// Items as one JSON list, an item a line, or as JSON Lines.
fn write_items(
    items: impl Iterator<Item = io::Result<String>>,
    lines: bool,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut empty = true;
    for item in items {
        let before = match (lines, std::mem::take(&mut empty)) {
            (true, _) => "",
            (false, true) => "[\n",
            (false, false) => ",\n",
        };
        let after = if lines { "\n" } else { "" };
        write!(out, "{before}{}{after}", item?)?;
    }
    match (lines, empty) {
        (true, _) => Ok(()),
        (false, true) => writeln!(out, "[]"),
        (false, false) => writeln!(out, "\n]"),
    }
}

fn trouble(failure: Failure) -> Trouble {
    let trouble = Trouble::new(Exit::Failed, failure.code, failure.message);
    match failure.help {
        Some(help) => trouble.help(help),
        None => trouble,
    }
}

pub(super) fn unwritable(error: &io::Error) -> Trouble {
    let folder = std::env::temp_dir();
    Trouble::new(
        Exit::Unavailable,
        "store.io",
        format!("{}: {error}", Path::new(&folder).display()),
    )
}
