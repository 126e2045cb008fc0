//! Progress where nobody watches: one line an event, when it happens.

use flow_engine::report::{Report, StepState};
use flow_engine::time::Timestamp;

use super::summary::step_words;
use super::values;

/// Prints a line if something about a step is worth one.
pub(crate) fn update(report: &Report, changed: Option<&str>, now: Timestamp) {
    let Some((name, step)) = changed.and_then(|name| report.steps.get_key_value(name)) else {
        return;
    };
    let worth = match &step.state {
        StepState::Running => step.attempts == 1,
        _ => true,
    };
    if !worth {
        return;
    }
    let clock = values::elapsed(now.since(report.started_at));
    let words = match step.state {
        StepState::Running => "started".to_owned(),
        _ => format!(
            "{} {}",
            step.state.as_str(),
            step_words(step, now).trim_start()
        ),
    };
    anstream::eprintln!("{clock:>8}  {name}: {words}");
}
