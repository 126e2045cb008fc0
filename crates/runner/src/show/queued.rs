//! Runs that have not begun, as they are shown.

use flow_local::store::Waiting;
use serde_json::{Value, json};

use super::style::{DIM, of_status, paint};

/// How such a run stands.
pub(crate) const QUEUED: &str = "queued";

/// For people: what it is, and behind what it waits.
pub(crate) fn text(waiting: &Waiting, is_served: bool) -> String {
    let (sign, style) = of_status(QUEUED);
    let head = format!("(run {}, {})", waiting.run, waiting.at);
    format!(
        "{} {} {QUEUED} {}\n  {}\n",
        paint(style, sign),
        waiting.workflow,
        paint(DIM, head),
        reason(waiting, is_served)
    )
}

/// Why it has not begun.
pub(crate) fn reason(waiting: &Waiting, is_served: bool) -> String {
    let Waiting {
        workflow, trigger, ..
    } = waiting;
    let behind = match waiting.behind {
        0 => "it is the next of its workflow".to_owned(),
        1 => "one run of its workflow starts before it".to_owned(),
        many => format!("{many} runs of its workflow start before it"),
    };
    let served = if is_served {
        ""
    } else {
        ", once `flow serve` runs"
    };
    format!("`{workflow}/{trigger}` is to start it: {behind}{served}")
}

/// For programs.
pub(crate) fn to_json(waiting: &Waiting) -> Value {
    json!({
        "run": waiting.run, "workflow": waiting.workflow, "status": QUEUED,
        "trigger_name": waiting.trigger, "queued_at": waiting.at.to_string(), "behind": waiting.behind,
    })
}
