//! `flow backup` and `flow restore`.

use std::path::PathBuf;

use flow_local::store::{self, Store};
use serde_json::json;

use super::doctor::complaint_json;
use super::resume::no_store;
use super::{StoreArguments, print_json};
use crate::exit::{Exit, Trouble};
use crate::show::values::bytes;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The folder to make; it must not be there yet.
    #[arg(value_name = "DIR")]
    target: PathBuf,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(clap::Args)]
pub(super) struct RestoreArguments {
    /// The folder that `flow backup` made.
    #[arg(value_name = "DIR")]
    backup: PathBuf,
    /// Move a store that has runs aside.
    #[arg(long)]
    force: bool,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

pub(super) fn backup(arguments: &Arguments) -> Result<Exit, Trouble> {
    let folders = arguments.store.folders()?;
    if arguments.target.exists() {
        let message = format!("{} is there already", arguments.target.display());
        return Err(Trouble::new(Exit::Usage, "store.backup_exists", message)
            .help("name a folder that is not there yet, such as `flow backup backups/monday`"));
    }
    let reader = Store::reader(&folders.store)?.ok_or_else(|| no_store(&folders))?;
    let copied = reader.backup(&folders.store, &arguments.target)?;
    if arguments.json {
        print_json(&json!({
            "runs": copied.runs,
            "blobs": copied.blobs,
            "bytes": copied.bytes,
            "lost": copied.lost.iter().map(complaint_json).collect::<Vec<_>>(),
        }));
    } else {
        anstream::eprintln!(
            "{}: {} runs, {} stored values, {}",
            arguments.target.display(),
            copied.runs,
            copied.blobs,
            bytes(copied.bytes)
        );
        for lost in &copied.lost {
            anstream::eprintln!("not in it: [{}] {}", lost.code, lost.message);
        }
    }
    Ok(if copied.lost.is_empty() {
        Exit::Success
    } else {
        Exit::Unavailable
    })
}

pub(super) fn restore(arguments: &RestoreArguments) -> Result<Exit, Trouble> {
    let folders = arguments.store.folders()?;
    let aside = store::restore(&arguments.backup, &folders.store, arguments.force)?;
    if arguments.json {
        print_json(&json!({
            "store": folders.store.display().to_string(),
            "aside": aside.map(|aside| aside.display().to_string()),
        }));
        return Ok(Exit::Success);
    }
    anstream::eprintln!("{} is restored", folders.store.display());
    if let Some(aside) = aside {
        anstream::eprintln!("what was there is in {}", aside.display());
    }
    Ok(Exit::Success)
}
