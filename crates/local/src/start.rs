//! A new run, and a run taken up again.

use std::sync::Arc;

use flow_engine::bundle::Bundle;
use flow_engine::journal::{Event, Reused, RunStarted, StartedBy};
use flow_engine::money::Budget;
use flow_engine::run::{Callbacks, Input, ReplayError, Run};
use flow_engine::time::Timestamp;
use flow_engine::value::{Hash, Value};
use flow_engine::workflow::Workflow;

use crate::clock::now;
use crate::driver::Taken;
use crate::faults;
use crate::store::{Reader, RunHead, RunRow, Store, StoreError};

/// What a new run is made of.
pub struct NewRun {
    /// Its id; see [`new_id`].
    pub run: String,
    /// The checked workflow.
    pub workflow: Arc<Workflow>,
    /// Everything that it was checked from; see [`pin`].
    pub bundle: Pinned,
    /// Typed and checked inputs.
    pub inputs: Value,
    /// What started it.
    pub started_by: StartedBy,
    /// Payload of its trigger.
    pub trigger: Value,
    /// Whether it runs against the sandbox.
    pub sandbox: bool,
    /// The project folder.
    pub project: Option<String>,
    /// The run that it tries again, and what it takes over from it.
    pub retry: Option<Retry>,
    /// What is left of the budgets of the run that starts it.
    pub budget: Option<Budget>,
}

/// What a run takes over from the one that it tries again.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct Retry {
    /// That run.
    pub of: String,
    /// Values of its steps.
    pub reused: Vec<Reused>,
}

/// An id that no other run has: it begins with the time, so that ids sort as their runs started.
pub fn new_id() -> String {
    ulid::Ulid::generate().to_string().to_lowercase()
}

/// The id of the run of a workflow for a key: the same key is the same run.
pub fn id_of_key(workflow: &str, key: &str) -> String {
    let hash = Hash::of(format!("{workflow}\n{key}").as_bytes());
    hash.to_string()[..26].to_owned()
}

/// A bundle that is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinned(Hash);

/// Puts a bundle on disk: what runs of it mean is fixed from here on. Blocking.
///
/// # Errors
/// If it cannot be stored.
pub fn pin(store: &Store, bundle: &Bundle) -> Result<Pinned, StoreError> {
    faults::point("run.bundle.before");
    let blob = store
        .blobs()
        .put(bundle.to_json().as_bytes(), "application/json")
        .map_err(|error| StoreError::io(store.folder(), &error))?;
    faults::point("run.bundle.after");
    Ok(Pinned(blob.hash))
}

/// Makes a run; its first event is on disk when the driver has saved it. `callbacks` says where its steps are called back.
pub fn start(new: NewRun, callbacks: Option<Arc<Callbacks>>) -> Taken {
    let at = now();
    let head = RunHead {
        workflow: new.workflow.name.to_string(),
        started_at: at.0,
        bundle: new.bundle.0.to_string(),
        sandbox: new.sandbox,
        backfill: new.started_by.backfill.clone(),
    };
    let started = RunStarted {
        seed: seed(&new.run),
        run: new.run,
        workflow: head.workflow.clone(),
        bundle: head.bundle.clone(),
        inputs: new.inputs,
        started_by: new.started_by,
        trigger: new.trigger,
        sandbox: new.sandbox,
        project: new.project,
        budget: new.budget,
        retry_of: new.retry.as_ref().map(|retry| retry.of.clone()),
    };
    let reused = new.retry.map(|retry| retry.reused).unwrap_or_default();
    Taken {
        run: Run::again(new.workflow, started, reused, callbacks, at),
        saved: 0,
        head: Some(head),
        quiet: false,
    }
}

/// Seeds the jitter of a run's waits.
fn seed(run: &str) -> u64 {
    let hash = Hash::of(run.as_bytes()).to_string();
    u64::from_str_radix(&hash[..16], 16).unwrap_or_default()
}

/// A run of the store, as far as its journal tells.
pub struct Stored {
    /// Its row in the list of runs.
    pub row: RunRow,
    /// What it pinned.
    pub bundle: Bundle,
    /// Its events.
    pub events: Vec<(Timestamp, Event)>,
}

/// Why a stored run cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The store's own trouble.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its bundle is gone or not readable.
    #[error("the pinned definition of run {run} cannot be read: {message}")]
    Bundle {
        /// The run.
        run: String,
        /// Why.
        message: String,
    },
}

/// Reads a run with what it pinned. Blocking.
///
/// # Errors
/// [`LoadError`]; nothing is changed.
pub fn load(reader: &Reader, folder: &std::path::Path, row: RunRow) -> Result<Stored, LoadError> {
    let events = reader.journal(&row.run)?;
    let bundle = read_bundle(folder, &row.bundle).map_err(|message| LoadError::Bundle {
        run: row.run.clone(),
        message,
    })?;
    Ok(Stored {
        row,
        bundle,
        events,
    })
}

pub(crate) fn read_bundle(folder: &std::path::Path, bundle: &str) -> Result<Bundle, String> {
    let hash = Hash::parse(bundle).ok_or("its hash is not readable")?;
    let name = hash.to_string();
    let path = folder.join("blobs").join(&name[..2]).join(&name[2..]);
    let bytes = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    if Hash::of(&bytes) != hash {
        return Err(format!("{} was changed", path.display()));
    }
    Bundle::from_json(&bytes)
}

/// Takes up a stored run: the workflow must be the one of its bundle, and [`Store::take_up`] must have let it go.
///
/// # Errors
/// [`ReplayError`] if the journal is not that of a run of this workflow.
pub fn take_up(
    workflow: Arc<Workflow>,
    events: Vec<(Timestamp, Event)>,
    callbacks: Option<Arc<Callbacks>>,
) -> Result<Taken, ReplayError> {
    let saved = events.len() as u64;
    let mut run = Run::replay(workflow, events)?;
    run.set_callbacks(callbacks);
    run.recover(now());
    Ok(Taken {
        run,
        saved,
        head: None,
        quiet: false,
    })
}

/// Takes up a stored run only to cancel it hard: nothing of it is done. For one that [`Store::take_up`] does not let go.
///
/// # Errors
/// As [`take_up`].
pub fn take_up_to_end(
    workflow: Arc<Workflow>,
    events: Vec<(Timestamp, Event)>,
    by: String,
) -> Result<Taken, ReplayError> {
    let mut taken = take_up(workflow, events, None)?;
    let cancel = Input::Cancel { by, hard: true };
    let asked = taken.run.handle(now(), cancel);
    asked.expect("a cancel is never refused");
    taken.quiet = true;
    Ok(taken)
}
