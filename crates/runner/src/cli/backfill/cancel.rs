//! `flow backfill cancel`: no more runs of a backfill start, and those that go are cancelled.

use std::path::Path;

use flow_local::driver::Progress;
use flow_local::store::{Backfill, RunRow, Store};
use tokio::sync::mpsc::UnboundedReceiver;

use super::follow::ended;
use crate::backfills::{self, Shown, find, unended};
use crate::cli::resume::no_store;
use crate::cli::signals::Signals;
use crate::cli::{StoreArguments, print_json};
use crate::exit::{Exit, Trouble};
use crate::host::order::{Cancel, EndBackfill};
use crate::host::{Backend, Driven};
use crate::services;
use crate::show::values::plural;
use crate::stored::known;

const BY: &str = "flow backfill cancel";

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The backfill's id or its beginning.
    #[arg(value_name = "BACKFILL")]
    backfill: String,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

/// Typed again it goes on where it was killed: runs that were not reached are cancelled then.
pub(super) async fn cancel(arguments: Arguments) -> Result<Exit, Trouble> {
    let folders = arguments.store.folders()?;
    let reader = Store::reader(&folders.store)?.ok_or_else(|| no_store(&folders))?;
    let backfill = find(&reader, &arguments.backfill)?;
    let shown = Shown::of(&reader, &folders.store, backfill)?;
    if shown.state == "ended" {
        return Err(backfills::ended(&shown.backfill.backfill));
    }
    let backfill = shown.backfill;
    let mut backend = Backend::attach(&folders.store).await?;
    let told = end(&mut backend, &folders.store, &backfill).await;
    backend.close().await;
    let asked = told?;
    let reader = Store::reader(&folders.store)?.ok_or_else(|| no_store(&folders))?;
    let shown = Shown::of(&reader, &folders.store, find(&reader, &backfill.backfill)?)?;
    if arguments.json {
        print_json(&shown.to_json());
    } else {
        let (words, runs) = (shown.words(), plural(asked as u64, "run"));
        anstream::eprintln!("backfill {} is cancelled: {words}", backfill.backfill);
        if asked > 0 {
            anstream::eprintln!("{runs} of it told to end");
        }
    }
    Ok(Exit::Success)
}

/// Says it in the store, then to each run that has not ended; gives how many those were.
async fn end(backend: &mut Backend, store: &Path, backfill: &Backfill) -> Result<usize, Trouble> {
    let wish = EndBackfill {
        backfill: backfill.backfill.clone(),
        by: BY.to_owned(),
    };
    backend.end_backfill(wish).await?;
    let rows = unended(&Store::reader_of(store)?, backfill)?;
    let asked = rows.len();
    let (mut going, mut failed) = (Vec::new(), None);
    for row in rows {
        match cancel_one(backend, store, row).await {
            Ok(progress) => going.extend(progress),
            // It has ended by itself meanwhile.
            Err(trouble) if trouble.code == "run.ended" => {}
            Err(trouble) => failed = Some(trouble),
        }
    }
    if let Backend::Here(owner) = backend {
        // Nobody drove them: what has to be undone is undone here.
        let mut signals = Signals::listen();
        tokio::select! {
            all = all(going) => all?,
            _ = signals.next() => owner.stop(),
        }
    }
    failed.map_or(Ok(asked), Err)
}

async fn cancel_one(
    backend: &mut Backend,
    store: &Path,
    row: RunRow,
) -> Result<Option<UnboundedReceiver<Progress>>, Trouble> {
    let run = row.run.clone();
    let known = known(&Store::reader_of(store)?, store, row)?;
    let inputs = known.report.started.inputs.as_map().cloned();
    // What is undone may need secrets; that one is missing must not keep anybody from ending a run.
    let secrets = services::secrets_at_hand(&known.workflow, &inputs.unwrap_or_default());
    let cancel = Cancel {
        run,
        by: BY.to_owned(),
        hard: false,
        secrets: secrets.to_texts(),
    };
    Ok(match backend.cancel(cancel).await? {
        Driven::Following(following) => Some(following.progress),
        Driven::Told | Driven::Exists => None,
    })
}

/// Waits until each run has ended, or does not go on here.
async fn all(going: Vec<UnboundedReceiver<Progress>>) -> Result<(), Trouble> {
    for progress in going {
        ended(progress).await?;
    }
    Ok(())
}
