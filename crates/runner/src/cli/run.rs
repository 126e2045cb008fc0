//! `flow run`: one run of a workflow, with live progress.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use flow_backend::context::{Rest, StepContext};
use flow_backend::meter::Meter;
use flow_connector::Connectors;
use flow_engine::finding::{Finding, Severity};
use flow_engine::value::{Map, Value};
use flow_engine::workflow::input::InputError;
use flow_engine::workflow::{Starts, Trigger, Workflow};
use flow_local::driver::Services;
use flow_local::start::{id_of_key, new_id};
use flow_local::watch::next_event;
use tokio_util::sync::CancellationToken;

use super::drive::{self, Shown};
use super::given::Given;
use super::signals::Signals;
use super::{StoreArguments, follow, print, print_json};
use crate::exit::{Exit, Trouble};
use crate::host::order::Start;
use crate::host::{Backend, Driven, Following, Ready};
use crate::inputs;
use crate::load;
use crate::services;
use crate::show::diagnostics;
use crate::starting::{self, ByHand, by};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The workflow file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    given: Given,
    /// The trigger to wait for, if the workflow has several.
    #[arg(long, value_name = "NAME")]
    trigger: Option<String>,
    /// Take the newest item that is there already instead of waiting for the next one.
    #[arg(long, value_name = "existing")]
    once: Option<Once>,
    /// Run against the built-in loopback Claude API: no key, no network.
    #[arg(long)]
    sandbox: bool,
    /// Start it in the background, print its id, and return.
    #[arg(long)]
    detach: bool,
    /// The same key starts one run: typed again, it shows that run.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Print events and the result as JSON lines on stdout.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Once {
    Existing,
}

/// How an event is given on the command line.
const BY_HAND: ByHand = ByHand {
    event: "give the event by hand with `--event NAME=VALUE` or `--event-file FILE`",
    trigger: "`--trigger NAME`",
    waits: true,
};

pub(super) async fn run(arguments: Arguments) -> Result<Exit, Trouble> {
    let folders = arguments.store.folders()?;
    let connectors = services::connectors(&folders.project)?;
    let notes = connectors.notes().to_vec();
    let Some(workflow) = checked(&arguments.file, &connectors)? else {
        return Ok(Exit::Invalid);
    };
    let workflow = Arc::new(workflow);
    let (given, errors) = arguments.given.inputs(&workflow);
    let event = arguments.given.event()?;
    let starts = starting::trigger(
        &workflow,
        arguments.trigger.as_deref(),
        event.is_some(),
        BY_HAND,
    )?;
    let errors = starting::not_of_trigger(errors, starts.as_ref());
    if !errors.is_empty() {
        return Err(refused(&workflow, &errors));
    }
    let waits_for = starts.as_ref().filter(|_| event.is_none());
    let secrets = services::secrets(&workflow, &given, arguments.sandbox, waits_for.is_some())?;
    let bundle = services::bundle(&workflow, &connectors);
    let mut backend = if arguments.detach {
        Backend::background(&folders.store).await?
    } else {
        Backend::attach(&folders.store).await?
    };
    let mut ready = Some(Ready {
        workflow: workflow.clone(),
        connectors,
    });
    let key = arguments.key.as_deref();
    let names = starting::names(&given);
    let (mut started_by, trigger) = match (event, waits_for) {
        (Some(event), _) => (by("manual", starts.as_ref(), key), event),
        (None, Some(trigger)) => {
            // The run itself gets connectors of its own: those that it pinned.
            let Some(Ready { connectors, .. }) = ready.take() else {
                return Err(anyhow::anyhow!("the connectors are gone").into());
            };
            let services = backend
                .services(
                    connectors,
                    secrets.to_texts(),
                    &folders.project,
                    arguments.sandbox,
                )
                .await?;
            let existing = arguments.once.is_some();
            let event = wait(&workflow, trigger, &given, &services, existing).await?;
            (by("poll", Some(trigger), key), event)
        }
        (None, None) => (by("manual", None, key), Value::map::<&str>([])),
    };
    let blobs = backend.blobs();
    let given = starting::with_trigger(
        &workflow,
        starts.as_ref(),
        given,
        &started_by,
        &trigger,
        &*blobs,
    )
    .map_err(|error| refused(&workflow, &[error]))?;
    let inputs = inputs::store_files(&workflow, &given, &folders.project, &*blobs)?;
    let asked = waits_for.is_none().then_some(&trigger);
    started_by.digest = key.map(|_| starting::digest(&names, &inputs, &started_by, asked));
    let run = key.map_or_else(new_id, |key| id_of_key(&workflow.name, key));
    let start = Start {
        run: run.clone(),
        bundle,
        inputs: Value::from(inputs),
        started_by,
        trigger,
        sandbox: arguments.sandbox,
        project: Some(folders.project.display().to_string()),
        retry: None,
        secrets: secrets.to_texts(),
    };
    let driven = backend.start(start, ready).await?;
    let shown = Shown {
        workflow,
        json: arguments.json,
        notes,
    };
    match driven {
        Driven::Following(following) if arguments.detach => Ok(detached(&following, &shown)),
        Driven::Following(following) => drive::drive(backend, following, shown, None).await,
        Driven::Exists | Driven::Told => {
            backend.close().await;
            follow::to_its_end(&folders.store, &run, &shown, arguments.detach).await
        }
    }
}

/// The run is on disk and driven by another process.
pub(super) fn detached(following: &Following, shown: &Shown) -> Exit {
    let run = &following.run;
    if shown.json {
        print_json(&serde_json::json!({ "run": run }));
        return Exit::Success;
    }
    print(&format!("{run}\n"));
    anstream::eprintln!("{} runs in the background", shown.workflow.name);
    anstream::eprintln!("  `flow logs -f {run}` follows it, `flow cancel {run}` ends it");
    Exit::Success
}

/// The checked workflow of a file; its findings are printed.
pub(super) fn checked(file: &Path, connectors: &Connectors) -> Result<Option<Workflow>, Trouble> {
    let checked = load::check_file(file, &connectors.catalog())?;
    let unserved = match &checked.workflow {
        Some(workflow) if !workflow.unserved.is_empty() => workflow.unserved.clone(),
        _ => {
            diagnostics::print(&checked.source, &checked.findings);
            return Ok(checked.workflow);
        }
    };
    // What is a warning in a check cannot run here.
    let refused: Vec<Finding> = unserved
        .into_iter()
        .map(|finding| Finding {
            severity: Severity::Error,
            ..finding
        })
        .collect();
    diagnostics::print(&checked.source, &refused);
    Ok(None)
}

pub(super) fn refused(workflow: &Workflow, errors: &[InputError]) -> Trouble {
    for error in errors {
        let declared = workflow.inputs.get(&error.name);
        let trouble = Trouble {
            exit: Exit::Invalid,
            code: error.code.to_owned(),
            message: error.to_string(),
            help: error.help.clone(),
        };
        match declared {
            Some(input) => {
                let finding = Finding::error(error.code, input.span, error.to_string())
                    .label("declared here");
                let finding = match &error.help {
                    Some(help) => finding.help(help.clone()),
                    None => finding,
                };
                diagnostics::print(&workflow.source, &[finding]);
            }
            None => diagnostics::print_trouble(&trouble),
        }
    }
    Trouble::said(Exit::Invalid)
}

async fn wait(
    workflow: &Arc<Workflow>,
    trigger: &Trigger,
    given: &Map,
    services: &Services,
    existing: bool,
) -> Result<Value, Trouble> {
    let Starts::Poll(watch) = &trigger.starts else {
        return Err(Trouble::new(
            Exit::Usage,
            "run.trigger",
            format!("`{}` cannot be waited for here", trigger.name),
        ));
    };
    let context = StepContext {
        blobs: services.blobs.clone(),
        secrets: services.secrets.clone(),
        cancel: CancellationToken::new(),
        project: services.project.clone(),
        run: "".into(),
        step: trigger.name.clone(),
        rest: Rest::default(),
        meter: Meter::default(),
    };
    anstream::eprintln!(
        "waits for {}.{}, looks every {} (Ctrl-C ends)",
        watch.call.connection,
        watch.call.operation,
        watch.every
    );
    let mut signals = Signals::listen();
    tokio::select! {
        event = next_event(workflow, watch, given, services, &context, existing) => event.map_err(|failure| {
            let trouble = Trouble::new(Exit::Failed, failure.code, failure.message);
            match failure.help {
                Some(help) => trouble.help(help),
                None => trouble,
            }
        }),
        exit = signals.next() => Err(Trouble::said(exit)),
    }
}
