//! A stored run: found by its id, and read with what it pinned.

use std::path::Path;
use std::sync::Arc;

use flow_engine::report::{Report, report};
use flow_engine::workflow::Workflow;
use flow_local::start::load;
use flow_local::store::{Reader, RunRow};

use crate::exit::{Exit, Trouble};
use crate::host::Ready;
use crate::host::owner::{checked, load_trouble};

/// The one run whose id begins like this.
pub(crate) fn find(reader: &Reader, prefix: &str) -> Result<RunRow, Trouble> {
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
