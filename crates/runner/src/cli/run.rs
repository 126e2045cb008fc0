//! `flow run`: one run of a workflow, with live progress.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use flow_backend::context::{Rest, StepContext};
use flow_backend::meter::Meter;
use flow_connector::Connectors;
use flow_engine::eval::BlobRead;
use flow_engine::finding::{Finding, Severity};
use flow_engine::journal::StartedBy;
use flow_engine::value::{Map, Value};
use flow_engine::workflow::input::InputError;
use flow_engine::workflow::{Starts, Trigger, Workflow};
use flow_local::driver::Services;
use flow_local::start::{id_of_key, new_id};
use flow_local::watch::next_event;
use tokio_util::sync::CancellationToken;

use super::drive::{self, Shown};
use super::signals::Signals;
use super::{StoreArguments, follow, print, print_json};
use crate::exit::{Exit, Trouble};
use crate::host::order::Start;
use crate::host::{Backend, Driven, Following, Ready};
use crate::inputs;
use crate::load;
use crate::services;
use crate::show::diagnostics;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The workflow file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// An input, as name=value.
    #[arg(long = "input", value_name = "NAME=VALUE", value_parser = inputs::pair)]
    inputs: Vec<(String, String)>,
    /// A JSON or YAML file with inputs.
    #[arg(long = "inputs", value_name = "FILE")]
    inputs_file: Option<PathBuf>,
    /// A member of the trigger's event, as name=value, instead of waiting for one.
    #[arg(long = "event", value_name = "NAME=VALUE", value_parser = inputs::pair)]
    event: Vec<(String, String)>,
    /// A JSON or YAML file with the trigger's event.
    #[arg(long, value_name = "FILE")]
    event_file: Option<PathBuf>,
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

pub(super) async fn run(arguments: Arguments) -> Result<Exit, Trouble> {
    let folders = arguments.store.folders()?;
    let connectors = services::connectors(&folders.project)?;
    let notes = connectors.notes().to_vec();
    let Some(workflow) = checked(&arguments.file, &connectors)? else {
        return Ok(Exit::Invalid);
    };
    let workflow = Arc::new(workflow);
    let (given, errors) = inputs::typed(
        &workflow,
        &arguments.inputs,
        arguments.inputs_file.as_deref(),
    );
    let event = inputs::event(&arguments.event, arguments.event_file.as_deref())?;
    let starts = starting_trigger(&workflow, &arguments, event.is_some())?;
    // Inputs that are not given come from the trigger, if it has them.
    let comes = |error: &InputError| {
        let of_trigger = starts
            .as_ref()
            .is_some_and(|trigger| trigger.inputs.contains_key(&error.name));
        error.code == "input.missing" && of_trigger
    };
    let errors: Vec<InputError> = errors.into_iter().filter(|error| !comes(error)).collect();
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
    let (started_by, trigger) = match (event, waits_for) {
        (Some(event), _) => (by("manual", starts.as_ref()), event),
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
            (by("poll", Some(trigger)), event)
        }
        (None, None) => (by("manual", None), Value::map::<&str>([])),
    };
    let blobs = backend.blobs();
    let given = with_trigger(
        &workflow,
        starts.as_ref(),
        given,
        &started_by,
        &trigger,
        &*blobs,
    )?;
    let inputs = inputs::store_files(&workflow, &given, &folders.project, &*blobs)?;
    let run = match &arguments.key {
        Some(key) => id_of_key(&workflow.name, key),
        None => new_id(),
    };
    let start = Start {
        run: run.clone(),
        bundle,
        inputs: Value::from(inputs),
        started_by: StartedBy {
            key: arguments.key.clone(),
            ..started_by
        },
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

/// All inputs: those given, those that the trigger gives, and defaults.
pub(super) fn with_trigger(
    workflow: &Workflow,
    starts: Option<&Trigger>,
    mut given: Map,
    started_by: &StartedBy,
    event: &Value,
    blobs: &dyn BlobRead,
) -> Result<Map, Trouble> {
    if let Some(starts) = starts {
        given = inputs::of_trigger(workflow, starts, given, started_by, event, blobs)
            .map_err(|error| refused(workflow, &[error]))?;
    }
    Ok(inputs::with_defaults(workflow, &given))
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

fn by(kind: &str, trigger: Option<&Trigger>) -> StartedBy {
    StartedBy {
        name: trigger.map(|trigger| trigger.name.to_string()),
        kind: kind.to_owned(),
        ..StartedBy::default()
    }
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

/// The trigger that starts the run, if the workflow reads `trigger`: the one to wait for, or whose event was given by
/// hand.
fn starting_trigger(
    workflow: &Workflow,
    arguments: &Arguments,
    has_event: bool,
) -> Result<Option<Trigger>, Trouble> {
    if !workflow.uses_trigger && arguments.trigger.is_none() && !has_event {
        return Ok(None);
    }
    let usage = |message: String, help: String| {
        Trouble::new(Exit::Usage, "run.trigger", message).help(help)
    };
    let by_hand = "give the event by hand with `--event NAME=VALUE` or `--event-file FILE`";
    if let Some(name) = &arguments.trigger {
        let found = workflow.triggers.get(name.as_str()).cloned();
        let known: Vec<&str> = workflow.triggers.keys().map(AsRef::as_ref).collect();
        return found.map(Some).ok_or_else(|| {
            usage(
                format!("the workflow has no trigger `{name}`"),
                format!("its triggers are {}", known.join(", ")),
            )
        });
    }
    let candidates: Vec<&Trigger> = workflow
        .triggers
        .values()
        .filter(|trigger| has_event || matches!(trigger.starts, Starts::Poll(_)))
        .collect();
    match candidates.as_slice() {
        [one] => Ok(Some((*one).clone())),
        [] if has_event => Ok(None),
        [] => Err(usage(
            "the workflow reads `trigger`, and none of its triggers can be waited for here"
                .to_owned(),
            by_hand.to_owned(),
        )),
        several => {
            let names: Vec<&str> = several.iter().map(|trigger| &*trigger.name).collect();
            Err(usage(
                format!("the workflow has several triggers: {}", names.join(", ")),
                format!("say which one with `--trigger NAME`, or {by_hand}"),
            ))
        }
    }
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
