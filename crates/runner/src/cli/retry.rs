//! `flow retry`: a new run that takes over what an earlier one has done.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use flow_engine::bundle::Bundle;
use flow_engine::journal::{Event, RunStarted};
use flow_engine::run::reuse::Earlier;
use flow_engine::value::{Map, Value};
use flow_engine::workflow::Workflow;
use flow_local::start::{Retry, Stored, load, new_id};
use flow_local::store::{RunRow, Store};

use super::drive::{self, Shown};
use super::follow;
use super::resume::{find, no_store};
use super::{Folders, StoreArguments, run};
use crate::exit::{Exit, Trouble};
use crate::host::order::Start;
use crate::host::owner::{checked, load_trouble};
use crate::host::{Backend, Driven, Ready};
use crate::{inputs, services};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The run's id or its beginning.
    #[arg(value_name = "RUN")]
    run: String,
    /// Do this step again, and what needs it, though it succeeded.
    #[arg(long, value_name = "STEP")]
    from: Vec<String>,
    /// Use the workflow's file as it is now: steps that were changed are done again.
    #[arg(long)]
    with_current_definition: bool,
    /// Start it in the background, print its id, and return.
    #[arg(long)]
    detach: bool,
    /// Print events and the result as JSON lines on stdout.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

pub(super) async fn retry(arguments: Arguments) -> Result<Exit, Trouble> {
    let folders = arguments.store.folders()?;
    let reader = Store::reader(&folders.store)?.ok_or_else(|| no_store(&folders))?;
    let row = find(&reader, &arguments.run)?;
    refuse(&row, &arguments)?;
    let stored = load(&reader, &folders.store, row).map_err(|error| load_trouble(&error))?;
    let Some((_, Event::RunStarted(started))) = stored.events.first() else {
        let message = format!("the journal of run {} has no start", stored.row.run);
        return Err(Trouble::new(Exit::Unavailable, "store.corrupt", message));
    };
    let started = started.clone();
    let pinned = checked(&stored.bundle)?;
    let mut anew: BTreeSet<String> = arguments.from.iter().cloned().collect();
    known_steps(&pinned.workflow, &anew)?;
    let (ready, bundle) = if arguments.with_current_definition {
        let Some((ready, bundle)) = current(&folders, &stored, &started)? else {
            return Ok(Exit::Invalid);
        };
        anew.extend(changed(&stored.bundle, &bundle, &ready.workflow));
        (ready, bundle)
    } else {
        (pinned, stored.bundle.clone())
    };
    let reused = Earlier::of(stored.events.iter().map(|(_, event)| event));
    let reused = reused.reused(&ready.workflow, &anew);
    let given = started.inputs.as_map().cloned().unwrap_or_default();
    let given = accepted(&ready.workflow, &given)?;
    let secrets = services::secrets(&ready.workflow, &given, started.sandbox, false)?;
    let notes = vec![match reused.len() {
        0 => format!("retry of {}", stored.row.run),
        several => format!("retry of {}, {several} reused", stored.row.run),
    }];
    let shown = Shown {
        workflow: ready.workflow.clone(),
        json: arguments.json,
        notes,
    };
    let run = new_id();
    let start = Start {
        run: run.clone(),
        bundle,
        inputs: Value::from(given),
        started_by: started.started_by,
        trigger: started.trigger,
        sandbox: started.sandbox,
        project: started.project,
        retry: Some(Retry {
            of: stored.row.run,
            reused,
        }),
        secrets: secrets.to_texts(),
    };
    let mut backend = if arguments.detach {
        Backend::background(&folders.store).await?
    } else {
        Backend::attach(&folders.store).await?
    };
    match backend.start(start, Some(ready)).await? {
        Driven::Following(following) if arguments.detach => Ok(run::detached(&following, &shown)),
        Driven::Following(following) => drive::drive(backend, following, shown, None).await,
        // An owner took it on, and went away before it could say so.
        Driven::Told | Driven::Exists => {
            backend.close().await;
            follow::to_its_end(&folders.store, &run, &shown, arguments.detach).await
        }
    }
}

fn refuse(row: &RunRow, arguments: &Arguments) -> Result<(), Trouble> {
    let run = &row.run;
    if !row.has_ended() {
        let trouble = Trouble::new(
            Exit::Usage,
            "run.not_ended",
            format!("run {run} has not ended"),
        );
        return Err(trouble.help(format!(
            "`flow resume {run}` goes on with it, `flow cancel {run}` ends it"
        )));
    }
    if row.status == "succeeded" && arguments.from.is_empty() && !arguments.with_current_definition
    {
        let trouble = Trouble::new(Exit::Usage, "run.ended", format!("run {run} has succeeded"));
        return Err(trouble.help(format!(
            "say where to begin with `flow retry {run} --from STEP`, or start a new run with `flow run`"
        )));
    }
    Ok(())
}

fn known_steps(workflow: &Workflow, paths: &BTreeSet<String>) -> Result<(), Trouble> {
    let unknown = paths
        .iter()
        .find(|path| workflow.step_of_path(path).is_none());
    let Some(path) = unknown else { return Ok(()) };
    let names = workflow.steps.iter().map(|step| &*step.name);
    let message = format!("the run has no step `{path}`");
    let trouble = Trouble::new(Exit::Usage, "run.unknown_step", message);
    Err(match flow_engine::finding::nearest(path, names) {
        Some(near) => trouble.help(format!("did you mean `{near}`?")),
        None => trouble.help("`flow show RUN` lists its steps"),
    })
}

/// The workflow's file as it is now; nothing if it has errors, which are printed.
fn current(
    folders: &Folders,
    stored: &Stored,
    started: &RunStarted,
) -> Result<Option<(Ready, Bundle)>, Trouble> {
    let project = started
        .project
        .as_deref()
        .map_or(&*folders.project, Path::new);
    let connectors = services::connectors(project)?;
    // The path was typed where the run was started; most often that is the project folder.
    let typed = Path::new(&stored.bundle.file);
    let file = if typed.exists() {
        typed.to_owned()
    } else {
        project.join(typed)
    };
    let Some(workflow) = run::checked(&file, &connectors)? else {
        return Ok(None);
    };
    let bundle = services::bundle(&workflow, &connectors);
    let workflow = Arc::new(workflow);
    Ok(Some((
        Ready {
            workflow,
            connectors,
        },
        bundle,
    )))
}

/// Steps that are written otherwise than they were; all of them if what they share was changed.
fn changed(before: &Bundle, after: &Bundle, workflow: &Workflow) -> Vec<String> {
    let read = |bundle: &Bundle| serde_yaml::from_str::<serde_yaml::Value>(&bundle.text).ok();
    let (Some(old), Some(new)) = (read(before), read(after)) else {
        return Vec::new();
    };
    let shared = ["vars", "connections", "defaults", "inputs"];
    let all = shared.iter().any(|key| old.get(key) != new.get(key))
        || before.files != after.files
        || before.descriptors != after.descriptors;
    let step = |document: &serde_yaml::Value, name: &str| {
        let steps = document.get("steps").or_else(|| document.get("flow"));
        steps.and_then(|steps| steps.get(name)).cloned()
    };
    let own = workflow.bodies[0].steps.iter();
    let own = own.map(|step| workflow.steps[*step].name.to_string());
    own.filter(|name| all || step(&old, name) != step(&new, name))
        .collect()
}

/// The inputs of the earlier run, as the workflow wants them now.
fn accepted(workflow: &Workflow, given: &Map) -> Result<Map, Trouble> {
    let mut taken = Map::new();
    for input in workflow.inputs.values() {
        match given.get(&input.name) {
            Some(value) => taken.insert(input.name.clone(), value.clone()),
            None if input.required && input.default.is_none() => {
                let message = format!(
                    "input `{}` is required now, and the run that is tried again has none",
                    input.name
                );
                let trouble = Trouble::new(Exit::Invalid, "input.missing", message);
                return Err(trouble.help("start a new run with `flow run`, or give it a default"));
            }
            None => {}
        }
    }
    Ok(inputs::with_defaults(workflow, &taken))
}
