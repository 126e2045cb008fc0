//! How a run stands: one line a step, the failure at its line, what to type next.

use flow_engine::duration::Millis;
use flow_engine::finding::Finding;
use flow_engine::journal::{RunStatus, SkipReason};
use flow_engine::money::{Costs, usd};
use flow_engine::report::{Items, Report, StepReport, StepState};
use flow_engine::run::Failure;
use flow_engine::source::Span;
use flow_engine::time::Timestamp;
use flow_engine::workflow::Workflow;
use serde_json::json;

use super::diagnostics;
use super::style::{DIM, of_status, paint};
use super::{money, values};

/// One line about a step, without its sign and name.
pub(crate) fn step_words(step: &StepReport, now: Timestamp) -> String {
    let took = values::elapsed(step.ended_at.unwrap_or(now).since(step.started_at));
    let tries = if step.attempts > 1 {
        format!(", attempt {}", step.attempts)
    } else {
        String::new()
    };
    let rest = match &step.state {
        StepState::Succeeded => {
            let brief = step.value.as_ref().map(values::brief).unwrap_or_default();
            match step.items.map_or(0, |items| items.failed) {
                0 => brief,
                failed => format!("{brief}, {failed} failed"),
            }
        }
        StepState::Running => match &step.items {
            Some(items) => items_words(*items),
            None => "running".to_owned(),
        },
        StepState::Waiting(_, waited) => format!("waits for {}", waited.what),
        StepState::Backoff { until, next } => {
            let why = step
                .failure
                .as_ref()
                .map(|failure| failure.code.as_str())
                .unwrap_or_default();
            format!(
                "{why}: attempt {next} in {}",
                values::elapsed(until.since(now))
            )
        }
        StepState::Held {
            every: Some(every), ..
        } => format!("waits, looks up to every {every}"),
        StepState::Held { due: Some(due), .. } => format!("waits until {due}"),
        StepState::Held { arguments, .. } => super::awaited::words(arguments),
        StepState::Interrupted => "interrupted: needs a decision".to_owned(),
        StepState::Failed => step
            .failure
            .as_ref()
            .map(|failure| failure.code.clone())
            .unwrap_or_default(),
        StepState::TimedOut => "its time was up".to_owned(),
        StepState::Cancelled => "cancelled".to_owned(),
        StepState::Skipped(reason) => return skip_words(reason),
    };
    format!("{took:>7}{tries}  {rest}")
}

fn items_words(items: Items) -> String {
    let failed = match items.failed {
        0 => String::new(),
        failed => format!(", {failed} failed"),
    };
    format!("{} of {} items{failed}", items.over, items.count)
}

pub(crate) fn skip_words(reason: &SkipReason) -> String {
    match reason {
        SkipReason::Condition => "skipped: its `if` was false".to_owned(),
        SkipReason::LostNeed { need, status } => {
            format!("skipped: `{need}` is {}", status.replace('_', " "))
        }
        SkipReason::Resolved => "skipped by decision".to_owned(),
        SkipReason::NoPlace { group } => format!("skipped: {group} has no place"),
    }
}

/// A step's line with sign, name and words.
pub(crate) fn step_line(name: &str, width: usize, step: &StepReport, now: Timestamp) -> String {
    let (sign, style) = of_status(step.state.as_str());
    let words = step_words(step, now);
    let words = if matches!(step.state, StepState::Skipped(_)) {
        paint(DIM, words)
    } else {
        words
    };
    let cost = if step.costs.is_empty() {
        String::new()
    } else {
        let cost = usd(step.costs.total().nano_usd);
        paint(DIM, format!("  {cost}"))
    };
    format!("  {} {name:width$}  {words}{cost}", paint(style, sign))
}

/// How many failures are shown at their lines: the first ones tell most.
const SHOWN_MAX: usize = 10;

/// Every failure of a run in the shape of a finding, at the line of its step.
pub(crate) fn failures(workflow: &Workflow, report: &Report) -> Vec<Finding> {
    let mut findings = Vec::new();
    // What failed because of something inside it is told by that.
    let failed = |state: &StepState| {
        matches!(
            state,
            StepState::Failed | StepState::Interrupted | StepState::TimedOut
        )
    };
    let inner: Vec<&str> = report
        .steps
        .iter()
        .filter(|(name, step)| failed(&step.state) && name.contains(['/', '[', '#']))
        .map(|(name, _)| name.as_str())
        .collect();
    let explained = |name: &str| {
        let inside = |other: &&str| {
            let rest = other.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with(['/', '[', '#']))
        };
        inner.iter().any(inside)
    };
    for (name, step) in &report.steps {
        if explained(name) && step.state == StepState::Failed {
            continue;
        }
        if findings.len() >= SHOWN_MAX {
            break;
        }
        let Some(shape) = workflow.step_of_path(name) else {
            continue;
        };
        match (&step.state, &step.failure) {
            (StepState::Failed | StepState::Interrupted, Some(failure)) => {
                findings.push(finding(
                    &format!("step `{name}`"),
                    shape.span,
                    failure,
                    step.attempts,
                ));
            }
            (StepState::TimedOut, _) => {
                let span = shape
                    .timeout
                    .as_ref()
                    .map_or(shape.span, |timeout| timeout.span);
                let finding = Finding::error(
                    "step.timeout",
                    span,
                    format!("step `{name}`: its time was up"),
                );
                findings.push(finding.help("raise `timeout:`, or find out why it takes so long"));
            }
            _ => {}
        }
    }
    if let Some((_, ended)) = &report.ended
        && let Some(failure) = &ended.failure
    {
        findings.push(finding("the run", Span::default(), failure, 1));
    }
    findings
}

fn finding(what: &str, step: Span, failure: &Failure, attempts: u32) -> Finding {
    let span = failure
        .span
        .map_or(step, |(start, end)| Span { start, end });
    // Codes of services carry the status; the page of the docs is one.
    let code: &'static str = Box::leak(failure.code.clone().into_boxed_str());
    let tries = if attempts > 1 {
        format!(" (attempt {attempts})")
    } else {
        String::new()
    };
    let finding = Finding::error(code, span, format!("{what}{tries}: {}", failure.message));
    match &failure.help {
        Some(help) => finding.help(help.clone()),
        None => finding,
    }
}

/// Prints the failures of a run.
/// Prints the failures at their lines. Those of a run that succeeded were allowed for: they are counted, and told by
/// `flow why`.
pub(crate) fn print_failures(workflow: &Workflow, report: &Report) {
    let failures = failures(workflow, report);
    let succeeded = report
        .ended
        .as_ref()
        .is_some_and(|(_, ended)| ended.status == RunStatus::Succeeded);
    if !succeeded {
        diagnostics::print(&workflow.source, &failures);
    } else if !failures.is_empty() {
        let run = &report.started.run;
        let count = values::plural(failures.len() as u64, "failure");
        let line = format!("{count} did not keep it from succeeding: `flow why {run}` tells more");
        anstream::eprintln!("{}", paint(DIM, line));
    }
}

/// How long a run took, or goes on already.
pub(crate) fn took(report: &Report, now: Timestamp) -> Millis {
    report
        .ended
        .as_ref()
        .map_or(now, |(at, _)| *at)
        .since(report.started_at)
}

/// A report for programs, with what is known of costs.
pub(crate) fn to_json(report: &Report, status: &str, costs: &Costs) -> serde_json::Value {
    let form = |(name, step): (&String, &StepReport)| (name.clone(), step_json(step));
    let steps: serde_json::Map<String, serde_json::Value> = report.steps.iter().map(form).collect();
    let mut run = run_json(report, status, costs);
    run["steps"] = steps.into();
    run
}

/// The same without its steps.
pub(crate) fn run_json(report: &Report, status: &str, costs: &Costs) -> serde_json::Value {
    let outputs = report
        .ended
        .as_ref()
        .map(|(_, ended)| values::to_json(&ended.outputs));
    json!({
        "run": report.started.run,
        "workflow": report.started.workflow,
        "status": status,
        "sandbox": report.started.sandbox,
        "started_at": report.started_at.to_string(),
        "ended_at": report.ended.as_ref().map(|(at, _)| at.to_string()),
        "inputs": values::to_json(&report.started.inputs),
        "trigger": values::to_json(&report.started.trigger),
        "outputs": outputs,
        "costs": money::to_json(costs),
    })
}

/// A step for programs.
pub(crate) fn step_json(step: &StepReport) -> serde_json::Value {
    json!({
        "status": step.state.as_str(),
        "attempts": step.attempts,
        "started_at": step.started_at.to_string(),
        "ended_at": step.ended_at.map(|at| at.to_string()),
        "value": step.value.as_ref().map(values::to_json),
        "costs": (!step.costs.is_empty()).then(|| money::to_json(&step.costs)),
        "error": step.failure.as_ref().filter(|_| step.value.is_none()),
    })
}
