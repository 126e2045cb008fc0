//! Why a run, or one of its steps, stands where it stands.

use std::fmt::Write;

use flow_engine::journal::{AdmissionWaited, SkipReason};
use flow_engine::report::{Report, StepReport, StepState};
use flow_engine::run::BUDGET_HELD;
use flow_engine::run::retry::RetryPolicy;
use flow_engine::time::Timestamp;
use flow_engine::workflow::{Does, Step, Workflow};
use serde::Serialize;

use super::summary::skip_words;
use super::values;

/// One step, how it stands, and the reasons.
#[derive(Serialize)]
pub(crate) struct Why {
    pub(crate) step: String,
    pub(crate) status: &'static str,
    pub(crate) reasons: Vec<String>,
}

/// The reasons of the steps that a person may wonder about: all but those that simply succeeded. Of one step if it is
/// named, whatever it did.
pub(crate) fn why(
    workflow: &Workflow,
    report: &Report,
    only: Option<&str>,
    now: Timestamp,
) -> Vec<Why> {
    let own = workflow.bodies[0].steps.iter();
    let own = own.map(|step| workflow.steps[*step].name.to_string());
    let begun = report
        .steps
        .keys()
        .filter(|path| path.contains(['/', '[', '#', '.']));
    let mut paths: Vec<String> = own.chain(begun.cloned()).collect();
    match only {
        Some(only) => {
            let inside = |path: &String| {
                let rest = path.strip_prefix(only);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '[', '#', '.']))
            };
            paths.retain(inside);
        }
        None => paths.retain(|path| {
            report
                .steps
                .get(path)
                .is_none_or(|step| is_worth_a_word(report, path, step))
        }),
    }
    let reasons = |path: String| {
        let step = workflow.step_of_path(&path)?;
        let known = report.steps.get(&path);
        Some(Why {
            status: known.map_or("not begun", |known| known.state.as_str()),
            reasons: match known {
                Some(known) => of_begun(workflow, report, step, &path, known, now),
                None => of_waiting(workflow, report, step, now),
            },
            step: path,
        })
    };
    paths.into_iter().filter_map(reasons).collect()
}

fn is_worth_a_word(report: &Report, path: &str, step: &StepReport) -> bool {
    step.state != StepState::Succeeded
        || step.attempts > 1
        || step.failure.is_some()
        || report.reused.contains(path)
}

/// A step that nothing has happened to.
fn of_waiting(workflow: &Workflow, report: &Report, step: &Step, now: Timestamp) -> Vec<String> {
    if report.ended.is_some() {
        return vec!["the run ended before its turn came".to_owned()];
    }
    if let Some((since, waited)) = &report.waits_for {
        return vec![format!(
            "the run {}",
            place_since(*since, waited, now).trim_start_matches("it ")
        )];
    }
    let index = workflow.step_index(&step.name).unwrap_or_default();
    let needs = workflow.plan.needs(index).into_iter().map(|(need, _)| need);
    let names = needs.map(|need| workflow.steps[need].name.to_string());
    let open = names.filter(|name| {
        let known = report.steps.get(name);
        known.is_none_or(|known| known.ended_at.is_none())
    });
    let open: Vec<String> = open
        .map(|name| {
            let state = report
                .steps
                .get(&name)
                .map_or("not begun", |known| known.state.as_str());
            format!("it needs `{name}`, which is {}", state.replace('_', " "))
        })
        .collect();
    if open.is_empty() {
        vec!["it is about to begin".to_owned()]
    } else {
        open
    }
}

fn of_begun(
    workflow: &Workflow,
    report: &Report,
    step: &Step,
    path: &str,
    known: &StepReport,
    now: Timestamp,
) -> Vec<String> {
    let mut reasons = Vec::new();
    if known.attempts > 1 {
        reasons.push(attempts(step, known));
    }
    match &known.state {
        StepState::Running => {
            reasons.push(running(step, known, now));
        }
        StepState::Waiting(since, waited) => reasons.push(place_since(*since, waited, now)),
        StepState::Backoff { until, next } => {
            let why = known.failure.as_ref().map_or(String::new(), |failure| {
                format!(
                    ", because attempt {} failed: {} {}",
                    next - 1,
                    failure.code,
                    failure.message
                )
            });
            reasons.push(format!(
                "attempt {next} of {} comes in {}{why}",
                step.retry.attempts,
                values::elapsed(until.since(now))
            ));
        }
        StepState::Held {
            every,
            due,
            arguments,
            passed,
        } => {
            reasons.push(match (every, due) {
                (Some(every), _) => {
                    format!("its trigger has not fired yet; it looks up to every {every}")
                }
                (None, Some(due)) => format!(
                    "it waits until {due}, {} more",
                    values::elapsed(due.since(now))
                ),
                (None, None) => {
                    let words = super::awaited::words(arguments);
                    let run = &report.started.run;
                    match super::awaited::remedy(step, run, path, arguments) {
                        Some(remedy) => format!("it {words}; {remedy}"),
                        None => format!("it {words}"),
                    }
                }
            });
            if let Some(passed) = passed {
                reasons.push(format!(
                    "the last event that `where` could not judge was passed over: {passed}"
                ));
            }
        }
        StepState::Interrupted if is_held(known) => reasons.extend(failure_words(known)),
        StepState::Interrupted => {
            let run = &report.started.run;
            reasons.extend(failure_words(known));
            reasons.push(format!(
                "its effect must not happen twice, so a person decides: `flow resume {run} --retry {path}`, `--skip {path}` or `--set {path}=VALUE`"
            ));
        }
        StepState::Skipped(reason) => reasons.push(match (reason, &step.condition) {
            (SkipReason::Condition, Some(condition)) => {
                format!(
                    "its `if` was false: {}",
                    workflow.source.slice(condition.span).trim()
                )
            }
            _ => skip_words(reason),
        }),
        StepState::Failed => {
            reasons.extend(failure_words(known));
            if let Some(failure) = &known.failure {
                reasons.push(not_again(&step.retry, known, failure.kind.is_transient()));
            }
        }
        StepState::TimedOut => reasons.push(format!(
            "its time was up after {}",
            values::elapsed(known.ended_at.unwrap_or(now).since(known.started_at))
        )),
        StepState::Cancelled => reasons.push(if report.cancel_asked {
            "the run was cancelled".to_owned()
        } else {
            "what it belongs to failed or was over".to_owned()
        }),
        StepState::Succeeded => {
            reasons.push(success(report, path, known));
        }
    }
    reasons
}

/// Why there is no place: how it stood when the wait began.
pub(crate) fn place(waited: &AdmissionWaited, now: Timestamp) -> String {
    let mut text = format!("it waits for a place in {}", waited.what);
    if let Some(until) = waited.until {
        let _ = write!(
            text,
            "; there is one in {}",
            values::elapsed(until.since(now))
        );
        return text;
    }
    let _ = write!(text, "; when it began to wait, {} taken", waited.taken);
    if !waited.taken_by.is_empty() {
        let more = waited.taken.saturating_sub(waited.taken_by.len() as u64);
        let more = match more {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let _ = write!(text, " by {}{more}", waited.taken_by.join(", "));
    }
    let _ = write!(text, ", {} before it", waited.before);
    text
}

/// The same, with how long it waits already.
fn place_since(since: Timestamp, waited: &AdmissionWaited, now: Timestamp) -> String {
    let waits = values::elapsed(now.since(since));
    format!("{}; it waits since {waits}", place(waited, now))
}

fn running(step: &Step, known: &StepReport, now: Timestamp) -> String {
    let since = values::elapsed(now.since(known.started_at));
    match (&known.items, &step.does) {
        (Some(items), _) => {
            let parallel = step.each.as_ref().and_then(|each| each.max_parallel);
            let parallel = parallel.map_or(String::new(), |slots| format!(", {slots} at a time"));
            format!(
                "{} of {} items are over after {since}{parallel}; {} failed",
                items.over, items.count, items.failed
            )
        }
        (None, Does::Child(child)) => format!(
            "the workflow {} that it started goes on since {since}",
            child.workflow
        ),
        (None, _) => format!("it runs since {since}"),
    }
}

fn success(report: &Report, path: &str, known: &StepReport) -> String {
    let earlier = report.started.retry_of.as_deref();
    match &known.failure {
        _ if report.reused.contains(path) => {
            format!(
                "its value is that of run {}",
                earlier.unwrap_or("an earlier one")
            )
        }
        Some(failure) if known.attempts <= 1 => {
            format!("it failed ({}), and `on_error` says to go on", failure.code)
        }
        _ => format!(
            "it succeeded: {}",
            known.value.as_ref().map(values::brief).unwrap_or_default()
        ),
    }
}

fn attempts(step: &Step, known: &StepReport) -> String {
    let last = known.failure.as_ref().map_or(String::new(), |failure| {
        format!(
            "; the last failure was {} {}",
            failure.code, failure.message
        )
    });
    format!(
        "it was tried {} times of {}{last}",
        known.attempts, step.retry.attempts
    )
}

fn failure_words(known: &StepReport) -> Option<String> {
    let failure = known.failure.as_ref()?;
    let help = failure
        .help
        .as_ref()
        .map_or(String::new(), |help| format!(" ({help})"));
    Some(format!("{}: {}{help}", failure.code, failure.message))
}

fn not_again(policy: &RetryPolicy, known: &StepReport, transient: bool) -> String {
    if known.attempts >= policy.attempts && policy.attempts > 1 {
        format!("all {} attempts were used up", policy.attempts)
    } else if policy.attempts <= 1 {
        "it is tried once: give it `retry:` to try again".to_owned()
    } else if transient {
        "it was not tried again: it may have happened, and must not happen twice".to_owned()
    } else {
        "it was not tried again: this kind of failure does not pass by itself".to_owned()
    }
}

/// Whether a step waits for more money.
pub(crate) fn is_held(step: &StepReport) -> bool {
    let failure = step.failure.as_ref();
    step.state == StepState::Interrupted
        && failure.is_some_and(|failure| failure.code == BUDGET_HELD)
}
