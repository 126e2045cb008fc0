//! A stored run: found by its id, and read with what it pinned.

use std::path::Path;
use std::sync::Arc;

use flow_engine::report::{Report, report};
use flow_engine::workflow::Workflow;
use flow_local::start::load;
use flow_local::store::{Reader, RunRow, Waiting};

use crate::exit::{Exit, Trouble};
use crate::host::Ready;
use crate::host::owner::checked;
use crate::host::troubles::{load_trouble, queued};

/// How many runs are named by an id that several begin with.
const SEVERAL_MAX: u32 = 20;

/// A run that is known by its id.
pub(crate) enum Found {
    Run(RunRow),
    /// It has not begun.
    Queued(Waiting),
}

/// The one run whose id begins like this, begun or not.
pub(crate) fn look_up(reader: &Reader, prefix: &str) -> Result<Found, Trouble> {
    let wanted = prefix.to_lowercase();
    let begun = reader.find(&wanted)?;
    let queued = reader.find_waiting(&wanted, SEVERAL_MAX)?;
    let found = begun.into_iter().map(Found::Run);
    let mut found: Vec<Found> = found.chain(queued.into_iter().map(Found::Queued)).collect();
    if let Some(at) = found.iter().position(|found| found.run() == wanted) {
        return Ok(found.swap_remove(at));
    }
    match found.len() {
        0 => Err(unknown(reader, prefix, &wanted)?),
        1 => Ok(found.remove(0)),
        several => {
            let several = if several < SEVERAL_MAX as usize {
                several.to_string()
            } else {
                format!("at least {SEVERAL_MAX}")
            };
            let message = format!("{several} runs begin with `{prefix}`");
            let trouble = Trouble::new(Exit::Usage, "run.ambiguous", message);
            Err(trouble.help("type more of the id; `flow runs` lists them"))
        }
    }
}

/// The one run whose id begins like this; it must have begun.
pub(crate) fn find(reader: &Reader, prefix: &str) -> Result<RunRow, Trouble> {
    match look_up(reader, prefix)? {
        Found::Run(row) => Ok(row),
        Found::Queued(waiting) => Err(queued(&waiting)),
    }
}

impl Found {
    fn run(&self) -> &str {
        match self {
            Found::Run(row) => &row.run,
            Found::Queued(waiting) => &waiting.run,
        }
    }
}

/// There is no such run; one that was to start and did not has its reason.
fn unknown(reader: &Reader, prefix: &str, run: &str) -> Result<Trouble, Trouble> {
    let (message, help) = match reader.never_started(run)? {
        Some(reason) => (
            format!("run {run} never started: {reason}"),
            "what is to start anew has to happen anew",
        ),
        None => (
            format!("there is no run `{prefix}`"),
            "`flow runs` lists them",
        ),
    };
    Ok(Trouble::new(Exit::Usage, "run.unknown", message).help(help))
}

/// A stored run as people see it.
pub(crate) struct Known {
    pub(crate) workflow: Arc<Workflow>,
    pub(crate) report: Report,
}

/// Reads a run with the workflow that it pinned.
pub(crate) fn known(reader: &Reader, store: &Path, row: RunRow) -> Result<Known, Trouble> {
    let stored = load(reader, store, row).map_err(|error| load_trouble(&error))?;
    let Ready { workflow, .. } = checked(&stored.bundle)?;
    let report = report(stored.events.iter().map(|(at, event)| (*at, event)));
    let report = report.ok_or_else(|| {
        let message = format!("the journal of run {} has no start", stored.row.run);
        Trouble::new(Exit::Unavailable, "store.corrupt", message)
    })?;
    Ok(Known { workflow, report })
}
