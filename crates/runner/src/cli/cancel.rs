//! `flow cancel`: ends a run, in order or at once.

use flow_local::store::{Store, Waiting};

use super::drive::{self, Shown};
use super::resume::no_store;
use super::{Folders, StoreArguments, follow, print_json};
use crate::exit::{Exit, Trouble};
use crate::host::order::{Cancel, SecretTexts};
use crate::host::{Backend, Driven};
use crate::services;
use crate::stored::{Found, known, look_up};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The run's id or its beginning.
    #[arg(value_name = "RUN")]
    run: String,
    /// At once: nothing is undone, and `finally` is left out.
    #[arg(long)]
    hard: bool,
    /// Wait until it has ended.
    #[arg(long)]
    wait: bool,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

/// Who asks.
const BY: &str = "flow cancel";

pub(super) async fn cancel(arguments: Arguments) -> Result<Exit, Trouble> {
    let folders = arguments.store.folders()?;
    let reader = Store::reader(&folders.store)?.ok_or_else(|| no_store(&folders))?;
    let row = match look_up(&reader, &arguments.run)? {
        Found::Run(row) => row,
        Found::Queued(waiting) => return dequeue(&arguments, &folders, waiting).await,
    };
    let run = row.run.clone();
    if row.status == "cancelled" {
        anstream::eprintln!("run {run} is cancelled already");
        return Ok(Exit::Success);
    }
    let mut notes = vec!["being cancelled".to_owned()];
    if row.status == "quarantined" {
        notes.push("quarantined: nothing more of it is done, nothing is undone".to_owned());
    }
    let known = known(&reader, &folders.store, row)?;
    let inputs = known.report.started.inputs.as_map().cloned();
    // What is undone may need secrets; that one is missing must not keep anybody from ending a run.
    let secrets = services::secrets_at_hand(&known.workflow, &inputs.unwrap_or_default());
    let mut backend = Backend::attach(&folders.store).await?;
    let cancel = Cancel {
        run: run.clone(),
        by: BY.to_owned(),
        hard: arguments.hard,
        secrets: secrets.to_texts(),
    };
    let shown = Shown {
        workflow: known.workflow,
        json: arguments.json,
        notes,
    };
    let exit = match backend.cancel(cancel).await? {
        // Nobody drove it: what has to be undone is undone here.
        Driven::Following(following) => {
            drive::drive(backend, following, shown, Some(known.report)).await?
        }
        Driven::Told | Driven::Exists => {
            backend.close().await;
            if arguments.wait {
                follow::to_its_end(&folders.store, &run, &shown, false).await?
            } else {
                if arguments.json {
                    print_json(&serde_json::json!({ "run": run, "cancel_asked": true }));
                } else {
                    anstream::eprintln!("run {run} is being cancelled");
                    anstream::eprintln!("  `flow logs -f {run}` shows how it ends");
                }
                Exit::Cancelled
            }
        }
    };
    // That it ended as it was asked to is a success.
    Ok(match exit {
        Exit::Cancelled => Exit::Success,
        other => other,
    })
}

/// Cancels a run that has not begun.
async fn dequeue(
    arguments: &Arguments,
    folders: &Folders,
    Waiting { run, .. }: Waiting,
) -> Result<Exit, Trouble> {
    let mut backend = Backend::attach(&folders.store).await?;
    let cancel = Cancel {
        run: run.clone(),
        by: BY.to_owned(),
        hard: arguments.hard,
        secrets: SecretTexts::new(),
    };
    backend.cancel(cancel).await?;
    backend.close().await;
    let reader = Store::reader(&folders.store)?.ok_or_else(|| no_store(folders))?;
    let began = reader.run(&run)?.is_some();
    if arguments.json {
        print_json(&serde_json::json!({ "run": run, "cancel_asked": true, "began": began }));
    } else if began {
        anstream::eprintln!("run {run} has just begun, and is being cancelled");
    } else {
        anstream::eprintln!("run {run} was queued, and will not start");
    }
    Ok(Exit::Success)
}
