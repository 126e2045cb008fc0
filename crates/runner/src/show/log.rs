//! One line an event, for `flow logs`.

use flow_engine::journal::{Event, Outcome, Resolution, StartedBy};
use flow_engine::money::{Amount, usd};
use flow_engine::report::Report;
use flow_engine::run::Failure;

use super::style::{DIM, GREEN, RED, Style, YELLOW, paint};
use super::summary::skip_words;
use super::values;

/// What is said of an event, and its colour.
pub(crate) struct Words {
    style: Style,
    text: String,
}

impl Words {
    /// Without a colour, and without anything that drives a terminal.
    pub(crate) fn plain(&self) -> String {
        let letters = self.text.chars();
        letters.filter(|letter| !letter.is_control()).collect()
    }
}

/// Whether an event is about this step, its items and rounds included.
pub(crate) fn is_about(event: &Event, wanted: &str) -> bool {
    let about = flow_engine::run::step_of(event).and_then(|step| step.strip_prefix(wanted));
    about.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '[', '#']))
}

/// A line about a step, or about the run.
pub(crate) fn line(step: Option<&str>, words: &Words) -> String {
    let text = paint(words.style, &words.text);
    step.map_or_else(|| text.clone(), |step| format!("{step}: {text}"))
}

/// What an event means to a person; nothing for those that only the machine needs.
pub(crate) fn words(report: &Report, event: &Event) -> Option<Words> {
    let plain = |text: String| Some((Style::new(), text));
    let (style, text) = match event {
        Event::RunStarted(started) => plain(format!(
            "run {} of {} started by {}",
            started.run,
            started.workflow,
            match &started.retry_of {
                Some(run) => format!("`flow retry` of {run}"),
                None => starter(&started.started_by),
            }
        )),
        Event::AttemptStarted(started) if started.attempt == 1 => plain("started".to_owned()),
        Event::AttemptStarted(started) => plain(format!("attempt {} started", started.attempt)),
        Event::AttemptEnded(ended) => match &ended.outcome {
            Outcome::Succeeded(value) => Some(good(&values::brief(value))),
            Outcome::Failed(failure) => Some((
                RED,
                format!("attempt {} failed: {}", ended.attempt, told(failure)),
            )),
            Outcome::Lost => Some((YELLOW, format!("attempt {} was lost", ended.attempt))),
        },
        Event::AttemptAdopted(adopted) => Some((
            GREEN,
            format!(
                "found what attempt {} made: {}",
                adopted.attempt, adopted.made.id
            ),
        )),
        Event::BackoffStarted(backoff) => Some((
            YELLOW,
            format!("attempt {} at {}", backoff.next, backoff.until),
        )),
        Event::StepSucceeded(succeeded) if report.reused.contains(&succeeded.step) => {
            plain(format!("reused: {}", values::brief(&succeeded.value)))
        }
        Event::StepSucceeded(succeeded) => Some(good(&values::brief(&succeeded.value))),
        Event::AdmissionWaited(waited) => plain(format!("waits for a place in {}", waited.what)),
        Event::HoldStarted(started) => match (started.every, started.due) {
            (Some(every), _) => plain(format!("waits, looks up to every {every}")),
            (None, Some(due)) => plain(format!("waits until {due}")),
            (None, None) => plain(super::awaited::words(&started.arguments)),
        },
        Event::HoldBaseline(baseline) => {
            let passed = baseline.passed.as_ref()?;
            Some((
                YELLOW,
                format!("passed over, `where` cannot be judged: {passed}"),
            ))
        }
        Event::HoldEnded(ended) => Some(good(&values::brief(&ended.value))),
        Event::StepSkipped(skipped) => Some((DIM, skip_words(&skipped.reason))),
        Event::StepFailed(failed) => Some((RED, format!("failed: {}", told(&failed.failure)))),
        Event::StepTimedOut(_) => Some((RED, "its time was up".to_owned())),
        Event::StepCancelled(_) => Some((DIM, "cancelled".to_owned())),
        Event::StepInterrupted(interrupted) => Some((
            YELLOW,
            format!("interrupted: {}", told(&interrupted.failure)),
        )),
        Event::InterruptionResolved(resolved) => plain(match &resolved.resolution {
            Resolution::Retry => "decided: again".to_owned(),
            Resolution::Skip => "decided: skipped".to_owned(),
            Resolution::Set(value) => format!("decided: its value is {}", values::brief(value)),
        }),
        Event::LoopStarted(started) => plain(values::plural(started.count, "item")),
        Event::GroupStarted(_) | Event::RoundsStarted(_) => plain("started".to_owned()),
        Event::ChildStarted(started) => plain(format!("run {} started", started.run)),
        Event::ChildSpent(child) => plain(format!("it cost {}", usd(child.spent.nano_usd))),
        Event::BudgetRaised(raised) => {
            let Amount { nano_usd, tokens } = raised.by;
            let money = (nano_usd > 0).then(|| usd(nano_usd));
            let tokens = (tokens > 0).then(|| format!("{tokens} tokens"));
            let more: Vec<String> = money.into_iter().chain(tokens).collect();
            plain(format!("may spend {} more", more.join(" and ")))
        }
        Event::Emitted(emitted) => plain(format!("emitted {}", emitted.event)),
        Event::FinallyStarted(_) => plain("finally".to_owned()),
        Event::RunStopped(_) => plain("ends the run, well".to_owned()),
        Event::CancelAsked(asked) => {
            let hard = if asked.hard { ", at once" } else { "" };
            Some((YELLOW, format!("cancelled by {}{hard}", asked.by)))
        }
        Event::RunEnded(ended) => {
            let style = super::style::of_status(ended.status.as_str()).1;
            let took = values::elapsed(super::summary::took(report, report.started_at));
            Some((style, format!("run {} in {took}", ended.status.as_str())))
        }
        _ => None,
    }?;
    Some(Words { style, text })
}

fn good(brief: &str) -> (Style, String) {
    let text = if brief.is_empty() {
        "succeeded".to_owned()
    } else {
        format!("succeeded: {brief}")
    };
    (GREEN, text)
}

fn told(failure: &Failure) -> String {
    format!("{} {}", failure.code, failure.message)
}

fn starter(by: &StartedBy) -> String {
    match (&by.name, &by.key) {
        (Some(name), _) => format!("{} ({name})", by.kind),
        (None, Some(key)) if by.kind == "workflow" => format!("run {key}"),
        (None, _) => by.kind.clone(),
    }
}
