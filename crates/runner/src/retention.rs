//! How long runs are kept: what `[retention]` of `flow.toml` says, and how it is carried out.

use std::path::Path;

use flow_engine::document::{Retention, retention};
use flow_engine::source::SourceFile;
use flow_engine::time::Timestamp;
use flow_local::store::{Old, RunRow, Store, StoreError};

use crate::exit::{Exit, Trouble};
use crate::show::diagnostics;

/// How many runs are deleted in one transaction: what else is to be written waits for it.
const TOGETHER: usize = 100;
/// How runs end.
const ENDS: [&str; 3] = ["succeeded", "failed", "cancelled"];

/// What the project says, if it says something.
pub(crate) fn of_project(project: &Path) -> Result<Retention, Trouble> {
    let path = project.join("flow.toml");
    let Ok(text) = std::fs::read_to_string(&path) else {
        return Ok(Retention::default());
    };
    let source = SourceFile::new(path.display().to_string(), text);
    let (retention, findings) = retention(&source);
    if findings.is_empty() {
        return Ok(retention);
    }
    diagnostics::print(&source, &findings);
    Err(Trouble::said(Exit::Invalid))
}

/// Which runs are old by now: one rule for each way in which a run ends, if it is not kept for ever.
pub(crate) fn old(kept: &Retention, now: Timestamp) -> Vec<Old> {
    let rules = ENDS.into_iter().filter_map(|status| {
        let own = kept.keep_failed.filter(|_| status == "failed");
        let length = own.or(kept.runs)?;
        let length = i64::try_from(length.0).unwrap_or(i64::MAX);
        Some(Old {
            status: Some(status.to_owned()),
            before: Timestamp(now.0.saturating_sub(length)),
        })
    });
    rules.collect()
}

/// Since when events are kept: as long as the runs that are kept the longest. All are, where some runs are kept for ever or
/// not all were asked for.
pub(crate) fn events_before(rules: &[Old]) -> Option<Timestamp> {
    let oldest = rules.iter().map(|rule| rule.before).min();
    oldest.filter(|_| rules.len() == ENDS.len())
}

/// Deletes runs, some at a time, then the backfills from before the latest of the times that have none left. Blocking.
pub(crate) fn delete(store: &Store, runs: &[RunRow], rules: &[Old]) -> Result<(), StoreError> {
    for some in runs.chunks(TOGETHER) {
        let some: Vec<String> = some.iter().map(|row| row.run.clone()).collect();
        store.delete(&some)?;
    }
    if let Some(before) = rules.iter().map(|rule| rule.before).max() {
        store.prune_backfills(before)?;
    }
    Ok(())
}
