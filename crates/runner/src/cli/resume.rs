//! `flow resume`: a run that has not ended goes on, where it stood.

use std::path::PathBuf;
use std::sync::Arc;

use flow_engine::journal::{Event, Resolution};
use flow_engine::report::report;
use flow_engine::run::{Input, Run};
use flow_engine::value::{Value, json};
use flow_engine::workflow::Workflow;
use flow_local::clock::now;
use flow_local::driver::Driver;
use flow_local::start::{LoadError, load, take_up};
use flow_local::store::{RunRow, Store};

use super::drive::{self, Drive};
use super::{Folders, StoreArguments};
use crate::exit::{Exit, Trouble};
use crate::inputs;
use crate::load as workflows;
use crate::services;
use crate::show::diagnostics;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The run's id or its beginning; the newest run that has not ended if not given.
    #[arg(value_name = "RUN")]
    run: Option<String>,
    /// Send an interrupted step again.
    #[arg(long, value_name = "STEP")]
    retry: Vec<String>,
    /// Skip an interrupted step.
    #[arg(long, value_name = "STEP")]
    skip: Vec<String>,
    /// Give an interrupted step its value, as STEP=JSON.
    #[arg(long, value_name = "STEP=VALUE", value_parser = inputs::pair)]
    set: Vec<(String, String)>,
    /// Print events and the result as JSON lines on stdout.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

pub(super) async fn resume(arguments: Arguments) -> Result<Exit, Trouble> {
    let folders = arguments.store.folders()?;
    let reader = Store::reader(&folders.store)?.ok_or_else(|| no_store(&folders))?;
    let row = match &arguments.run {
        Some(prefix) => find(&reader, prefix)?,
        None => newest(&reader)?,
    };
    if matches!(row.status.as_str(), "succeeded" | "failed" | "cancelled") {
        let trouble = Trouble::new(
            Exit::Usage,
            "run.ended",
            format!("run {} has {}", row.run, row.status),
        );
        return Err(trouble.help(format!("`flow show {}` shows how", row.run)));
    }
    // The lock first: the journal must not grow under our eyes.
    let store = Arc::new(Store::open(&folders.store)?);
    let stored = load(&reader, &folders.store, row).map_err(load_trouble)?;
    let connectors = services::pinned(&stored.bundle)?;
    let source = stored.bundle.source();
    let checked = workflows::check(&source, &connectors.catalog(), &stored.bundle);
    let Some(workflow) = checked.workflow else {
        diagnostics::print(&checked.source, &checked.findings);
        return Err(Trouble::new(
            Exit::Invalid,
            "run.bundle",
            "the pinned workflow is no longer valid with this version of flow",
        ));
    };
    let workflow = Arc::new(workflow);
    let (inputs, project) = match stored.events.first() {
        Some((_, Event::RunStarted(started))) => {
            (started.inputs.as_map().cloned(), started.project.clone())
        }
        _ => (None, None),
    };
    let inputs = inputs.unwrap_or_default();
    // Relative paths begin where the run was started, not where it is resumed.
    let folders = Folders {
        project: project.map_or(folders.project, PathBuf::from),
        store: folders.store,
    };
    let secrets = services::secrets(&workflow, &inputs, stored.row.sandbox, false)?;
    let before = report(stored.events.iter().map(|(at, event)| (*at, event)));
    let mut taken = take_up(workflow.clone(), stored.events).map_err(|error| {
        Trouble::new(
            Exit::Unavailable,
            "store.corrupt",
            format!("run {}: {error}", stored.row.run),
        )
    })?;
    decide(&mut taken.run, &workflow, &arguments)?;
    let (connectors, sandbox) =
        services::sandboxed(stored.row.sandbox, connectors, &folders.store).await?;
    let services = super::run::services_of(connectors, secrets, &store, &folders)?;
    let driver = Driver::start(store);
    let (json, sandboxed) = (arguments.json, stored.row.sandbox);
    let exit = drive::drive(Drive {
        driver,
        taken,
        services,
        workflow,
        report: before,
        json,
        sandbox: sandboxed,
        notes: vec!["resumed".to_owned()],
    })
    .await;
    if let Some(sandbox) = sandbox {
        sandbox.stop().await;
    }
    exit
}

/// Gives the machine the decisions about interrupted steps.
fn decide(run: &mut Run, workflow: &Workflow, arguments: &Arguments) -> Result<(), Trouble> {
    let retried = arguments
        .retry
        .iter()
        .map(|step| (step.as_str(), Resolution::Retry));
    let skipped = arguments
        .skip
        .iter()
        .map(|step| (step.as_str(), Resolution::Skip));
    let set = arguments.set.iter().map(|(step, text)| {
        let value = json::parse(text.as_bytes()).unwrap_or_else(|_| Value::from(text.as_str()));
        (step.as_str(), Resolution::Set(value))
    });
    for (name, resolution) in retried.chain(skipped).chain(set) {
        let Some(node) = run.find(name) else {
            let near =
                flow_engine::finding::nearest(name, workflow.steps.iter().map(|step| &*step.name));
            let trouble = Trouble::new(
                Exit::Usage,
                "run.unknown_step",
                format!("the run has no step `{name}`"),
            );
            return Err(match near {
                Some(near) => trouble.help(format!("did you mean `{near}`?")),
                None => trouble,
            });
        };
        run.handle(now(), Input::Resolve { node, resolution }).map_err(|error| {
            let trouble = Trouble::new(Exit::Usage, "run.not_interrupted", error.to_string());
            trouble.help("only a step whose end was lost takes a decision; `flow show RUN` shows which do")
        })?;
    }
    Ok(())
}

/// The one run whose id begins like this.
pub(super) fn find(reader: &flow_local::store::Reader, prefix: &str) -> Result<RunRow, Trouble> {
    let mut found = reader.find(&prefix.to_lowercase())?;
    match found.len() {
        0 => Err(Trouble::new(
            Exit::Usage,
            "run.unknown",
            format!("there is no run `{prefix}`"),
        )
        .help("`flow runs` lists them")),
        1 => Ok(found.remove(0)),
        several => {
            let trouble = Trouble::new(
                Exit::Usage,
                "run.ambiguous",
                format!("{several} runs begin with `{prefix}`"),
            );
            Err(trouble.help("type more of the id; `flow runs` lists them"))
        }
    }
}

fn newest(reader: &flow_local::store::Reader) -> Result<RunRow, Trouble> {
    let live = |row: &RunRow| matches!(row.status.as_str(), "running" | "waiting" | "interrupted");
    reader.runs(1000)?.into_iter().find(live).ok_or_else(|| {
        Trouble::new(
            Exit::Usage,
            "run.unknown",
            "every run has ended: there is nothing to resume",
        )
        .help("`flow runs` lists them")
    })
}

pub(super) fn no_store(folders: &Folders) -> Trouble {
    let trouble = Trouble::new(
        Exit::Usage,
        "run.unknown",
        format!("there is no store at {}", folders.store.display()),
    );
    trouble
        .help("go to the folder in which the run was started, or name its store with `--store DIR`")
}

pub(super) fn load_trouble(error: LoadError) -> Trouble {
    match error {
        LoadError::Store(error) => error.into(),
        error @ LoadError::Bundle { .. } => {
            Trouble::new(Exit::Unavailable, "store.blob_missing", error.to_string())
        }
    }
}
