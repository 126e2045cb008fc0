//! Rows of lists for programs: runs, triggers, what triggers noticed, times that are due.

use flow_engine::schedule::{Due, Timetable};
use flow_engine::time::Timestamp;
use flow_local::store::{RunRow, Seen, TriggerRow};
use serde_json::{Value, json};

use super::queued::QUEUED;

/// How runs stand that have begun.
pub(crate) const STATUSES: [&str; 7] = [
    "running",
    "waiting",
    "interrupted",
    "quarantined",
    "succeeded",
    "failed",
    "cancelled",
];

/// How runs stand, begun or not.
pub(crate) const ALL_STATUSES: [&str; 8] = [
    QUEUED,
    STATUSES[0],
    STATUSES[1],
    STATUSES[2],
    STATUSES[3],
    STATUSES[4],
    STATUSES[5],
    STATUSES[6],
];

/// A run, with the run that started it.
pub(crate) fn run(row: &RunRow, parent: Option<&str>) -> Value {
    json!({
        "run": row.run,
        "workflow": row.workflow,
        "status": row.status,
        "started_at": row.started_at.to_string(),
        "ended_at": time(row.ended_at),
        "waits_for": row.waits_for,
        "sandbox": row.sandbox,
        "parent": parent,
        "backfill": row.backfill,
    })
}

/// A trigger, as the store knows it, with when it noticed something last.
pub(crate) fn trigger(row: &TriggerRow, noticed: Option<Timestamp>) -> Value {
    json!({
        "noticed_at": time(noticed),
        "workflow": row.workflow, "trigger": row.trigger, "paused_at": time(row.paused_at),
        "looked_at": time(row.looked_at), "looked_well_at": time(row.saw_at), "found_at": time(row.found_at),
        "failures": row.failures, "error": row.error,
    })
}

/// Something that a trigger noticed.
pub(crate) fn seen(seen: &Seen) -> Value {
    json!({
        "key": seen.key, "at": seen.at.to_string(), "due": time(seen.due),
        "state": seen.state, "reason": seen.reason, "run": seen.run,
    })
}

/// A time at which a trigger is due, and why.
pub(crate) fn due(timetable: &Timetable, due: &Due) -> Value {
    let words = timetable.explain(due);
    json!({
        "due": due.at.to_string(),
        "start": due.start.to_string(),
        "clock": words.clock,
        "offset": words.offset,
        "zone": words.zone,
        "notes": words.notes,
    })
}

fn time(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}
