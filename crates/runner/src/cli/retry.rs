//! `flow retry`: a new run that takes over what an earlier one has done.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use flow_engine::bundle::Bundle;
use flow_engine::journal::RunStarted;
use flow_local::start::{Stored, load};
use flow_local::store::Store;

use super::drive::{self, Shown};
use super::follow;
use super::resume::no_store;
use super::{Folders, StoreArguments, run};
use crate::exit::{Exit, Trouble};
use crate::host::owner::checked;
use crate::host::troubles::load_trouble;
use crate::host::{Backend, Driven, Ready};
use crate::stored::find;
use crate::{again, services};

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
    let chosen = !arguments.from.is_empty() || arguments.with_current_definition;
    again::refuse(&row, chosen)?;
    let stored = load(&reader, &folders.store, row).map_err(|error| load_trouble(&error))?;
    let pinned = checked(&stored.bundle)?;
    let mut connectors = pinned.connectors;
    let mut now = None;
    if arguments.with_current_definition {
        let started = again::started(&stored)?;
        let Some((ready, bundle)) = current(&folders, &stored, started)? else {
            return Ok(Exit::Invalid);
        };
        connectors = ready.connectors;
        now = Some((ready.workflow, bundle));
    }
    let from: BTreeSet<String> = arguments.from.iter().cloned().collect();
    let again = again::again(&stored, pinned.workflow, &from, now)?;
    let ready = Ready {
        workflow: again.workflow.clone(),
        connectors,
    };
    let secrets = services::secrets(&ready.workflow, &again.inputs, again.sandbox(), false)?;
    let notes = vec![match again.reused() {
        0 => format!("retry of {}", stored.row.run),
        several => format!("retry of {}, {several} reused", stored.row.run),
    }];
    let shown = Shown {
        workflow: ready.workflow.clone(),
        json: arguments.json,
        notes,
    };
    let start = again.start(secrets.to_texts());
    let run = start.run.clone();
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
