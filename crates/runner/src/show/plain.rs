//! Progress where nobody watches: one line an event, when it happens.

use flow_engine::journal::Event;
use flow_engine::report::{Report, StepState};
use flow_engine::run::step_of;
use flow_engine::time::Timestamp;

use super::summary::step_words;
use super::values;

/// A line, if what happened to a step is worth one.
pub(crate) fn line(report: &Report, event: &Event, now: Timestamp) -> Option<String> {
    let (name, step) = step_of(event).and_then(|name| report.steps.get_key_value(name))?;
    let words = match (&step.state, event) {
        (StepState::Running, Event::AttemptStarted(started)) if started.attempt == 1 => {
            "started".to_owned()
        }
        (StepState::Running, _) | (_, Event::HoldBaseline(_)) => return None,
        (StepState::Skipped(_), _) => step_words(step, now),
        (state, _) => format!("{} {}", state.as_str(), step_words(step, now).trim_start()),
    };
    let clock = values::elapsed(now.since(report.started_at));
    Some(format!("{clock:>8}  {name}: {words}"))
}
