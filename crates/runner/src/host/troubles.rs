//! What owners answer to wishes that they cannot fulfil.

use flow_local::start::LoadError;
use flow_local::store::{RunRow, Waiting};

use super::order::Start;
use crate::exit::{Exit, Trouble};

/// That a run has not begun, and why not yet.
pub(crate) fn queued(waiting: &Waiting) -> Trouble {
    let message = format!("run {} is queued: it has not begun", waiting.run);
    let trouble = Trouble::new(Exit::Usage, "run.queued", message);
    trouble.help(format!("`flow why {}` says behind what", waiting.run))
}

pub(crate) fn ended(row: &RunRow) -> Trouble {
    let trouble = Trouble::new(
        Exit::Usage,
        "run.ended",
        format!("run {} has {}", row.run, row.status),
    );
    trouble.help(format!("`flow show {}` shows how", row.run))
}

pub(crate) fn other_request(start: &Start) -> Trouble {
    let key = start.started_by.key.as_deref().unwrap_or_default();
    let message = format!(
        "run {} was started under the key `{key}`, with other inputs or another event",
        start.run
    );
    let trouble = Trouble::new(Exit::Usage, "run.key_conflict", message);
    trouble.help("give each run that you want a key of its own")
}

pub(crate) fn other_event(event: &str) -> Trouble {
    let message = format!("an event `{event}` of this key is in the log already, with other data");
    let trouble = Trouble::new(Exit::Usage, "flow.key_conflict", message);
    trouble.help("give each event that happened a key of its own")
}

pub(crate) fn goes_on(run: &str) -> Trouble {
    let trouble = Trouble::new(
        Exit::Usage,
        "run.driven",
        format!("run {run} goes on already"),
    );
    trouble.help(format!("`flow logs -f {run}` follows it"))
}

pub(crate) fn stopping(run: &str) -> Trouble {
    let message = format!("run {run} is just being stopped");
    Trouble::new(Exit::Unavailable, "run.driven", message).help("try again in a moment")
}

pub(crate) fn damaged(run: &str, error: &impl std::fmt::Display) -> Trouble {
    let message = format!("run {run}: {error}");
    Trouble::new(Exit::Unavailable, "store.corrupt", message)
}

pub(crate) fn load_trouble(error: &LoadError) -> Trouble {
    match error {
        LoadError::Store(error) => error.clone().into(),
        error @ LoadError::Bundle { .. } => {
            Trouble::new(Exit::Unavailable, "store.blob_missing", error.to_string())
        }
    }
}
