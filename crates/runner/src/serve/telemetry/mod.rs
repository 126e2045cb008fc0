//! What the daemon tells other programs of itself: numbers, and a trace of each run.
//!
//! Read in this order: `metrics` (what is counted), `process` (what the system says of this process), `spans` (a run as
//! spans), `traces` (how they are sent).

mod metrics;
mod process;
mod spans;
mod traces;

use std::sync::Arc;

use flow_engine::journal::Event;
use flow_local::driver::Hearer;

pub(super) use metrics::{MEDIA_TYPE, Metrics};
pub(super) use traces::Traces;

/// Counts what runs do, and has those that ended traced.
pub(super) fn hearer(metrics: Arc<Metrics>, traces: Option<Traces>) -> Hearer {
    Arc::new(move |run, at, event| {
        metrics.heard(run, at, event);
        if let (Some(traces), Event::RunEnded(_)) = (&traces, event) {
            traces.ended(run.id(), run.workflow());
        }
    })
}
