//! Which steps of a workflow its cases ran, and which ways they took.
//!
//! What counts as a way is listed in `docs/testing.md`: a step that runs, both sides of each `if`, `on_error`, a second try
//! where `retry:` says something of its own, `undo`, both sides of each `until`, the time of a trigger that is up, a failed
//! item of a loop that tolerates some.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use flow_engine::journal::{Event, Outcome as Ended, SkipReason};
use flow_engine::run::retry::RetryPolicy;
use flow_engine::run::step_of;
use flow_engine::workflow::{Does, OnError, Step, Tolerate, Workflow};

use super::Outcome;
use crate::virtual_world::Journal;

/// What the cases of a workflow covered, and those of the workflows that it starts.
#[derive(Debug, Clone)]
pub struct Coverage {
    workflows: Vec<(Arc<str>, Vec<Row>)>,
}

/// One step.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its name.
    pub step: Arc<str>,
    /// How often it began, in all cases, items and rounds.
    pub ran: u64,
    /// How often it was skipped.
    pub skipped: u64,
    /// How often it failed, timed out or was cancelled.
    pub failed: u64,
    /// The ways through it.
    pub ways: Vec<Way>,
}

/// One way through a step.
#[derive(Debug, Clone)]
pub struct Way {
    /// What it is, such as `if: false`.
    pub what: &'static str,
    /// Whether a case took it.
    pub taken: bool,
}

const RUNS: &str = "runs";
const IF_TRUE: &str = "if: true";
const IF_FALSE: &str = "if: false";
const ON_ERROR: &str = "on_error";
const RETRY: &str = "retry";
const UNTIL_TRUE: &str = "until: true";
const UNTIL_FALSE: &str = "until: false";
const TIME_UP: &str = "timeout";
const TOLERATED: &str = "tolerate";

impl Coverage {
    /// Nothing was run yet.
    pub fn new(workflow: &Workflow) -> Coverage {
        let mut workflows: Vec<(Arc<str>, Vec<Row>)> = Vec::new();
        for workflow in workflow.with_children() {
            if !workflows.iter().any(|(name, _)| *name == workflow.name) {
                let rows = workflow.steps.iter().map(row).collect();
                workflows.push((workflow.name.clone(), rows));
            }
        }
        Coverage { workflows }
    }

    /// Takes in what became of a case.
    pub fn take(&mut self, workflow: &Workflow, outcome: &Outcome) {
        let workflows = workflow.with_children();
        let children = outcome.children.iter().map(|child| &child.journal);
        for journal in std::iter::once(&outcome.journal).chain(children) {
            let Some((_, Event::RunStarted(started))) = journal.first() else {
                continue;
            };
            let name = &*started.workflow;
            let workflow = workflows.iter().find(|workflow| &*workflow.name == name);
            let rows = self.workflows.iter_mut().find(|(own, _)| &**own == name);
            if let (Some(workflow), Some((_, rows))) = (workflow, rows) {
                take_journal(workflow, rows, journal);
            }
        }
    }

    /// The steps of each workflow, in source order.
    pub fn workflows(&self) -> impl Iterator<Item = (&str, &[Row])> {
        self.workflows
            .iter()
            .map(|(name, rows)| (&**name, rows.as_slice()))
    }

    /// How many ways were taken, of how many.
    pub fn sum(&self) -> (usize, usize) {
        let rows = self.workflows.iter().flat_map(|(_, rows)| rows);
        let ways: Vec<&Way> = rows.flat_map(|row| &row.ways).collect();
        (ways.iter().filter(|way| way.taken).count(), ways.len())
    }
}

/// The share of ways that were taken, in per cent, cut to a whole number.
pub fn percent((taken, all): (usize, usize)) -> usize {
    (taken * 100).checked_div(all).unwrap_or(100)
}

fn row(step: &Step) -> Row {
    let mut ways = vec![RUNS];
    if step.condition.is_some() {
        ways.extend([IF_TRUE, IF_FALSE]);
    }
    if !matches!(step.on_error, OnError::Fail) {
        ways.push(ON_ERROR);
    }
    let usual = [RetryPolicy::of(1), RetryPolicy::of(5)];
    let own = matches!(step.does, Does::Call(_)) && !usual.contains(&step.retry);
    if own && step.retry.attempts > 1 {
        ways.push(RETRY);
    }
    let until = step
        .repeat
        .as_ref()
        .and_then(|repeat| repeat.until.as_ref());
    if until.is_some() {
        ways.extend([UNTIL_TRUE, UNTIL_FALSE]);
    }
    if step.timeout.is_some() && matches!(step.does, Does::Hold(_)) && !only_waits(step) {
        ways.push(TIME_UP);
    }
    if let Some(each) = &step.each
        && !matches!(each.tolerate, Tolerate::Count(0))
    {
        ways.push(TOLERATED);
    }
    let way = |what| Way { what, taken: false };
    Row {
        step: step.name.clone(),
        ran: 0,
        skipped: 0,
        failed: 0,
        ways: ways.into_iter().map(way).collect(),
    }
}

/// A trigger of the clock always fires.
fn only_waits(step: &Step) -> bool {
    matches!(&step.does, Does::Hold(watch) if &*watch.call.connector == "time")
}

fn take_journal(workflow: &Workflow, rows: &mut [Row], journal: &Journal) {
    let mut begun: BTreeSet<&str> = BTreeSet::new();
    let mut rounds: HashMap<&str, u64> = HashMap::new();
    let mut lost: Vec<&str> = Vec::new();
    for (_, event) in journal {
        let Some(path) = step_of(event) else {
            continue;
        };
        let found = workflow.step_of_path(path);
        let Some((step, row)) = found.and_then(|step| {
            let row = rows.iter_mut().find(|row| row.step == step.name)?;
            Some((step, row))
        }) else {
            continue;
        };
        // The last segment without an item or a round: what is said of the step itself.
        let whole = !path.ends_with(']') && !last(path).contains('#');
        let mut take = |what: &str| {
            if let Some(way) = row.ways.iter_mut().find(|way| way.what == what) {
                way.taken = true;
            }
        };
        match event {
            Event::StepSkipped(skipped) => {
                if skipped.reason == SkipReason::Condition {
                    take(IF_FALSE);
                }
                row.skipped += 1;
                continue;
            }
            Event::RoundStarted(started) => {
                let count = rounds.entry(path).or_default();
                *count += 1;
                if started.round > 0 {
                    take(UNTIL_FALSE);
                }
            }
            Event::AttemptStarted(started) if started.attempt > 1 => take(RETRY),
            Event::StepSucceeded(_) => {
                let max = step.repeat.as_ref().and_then(|repeat| repeat.max);
                let count = rounds.get(path).copied().unwrap_or(0);
                if count > 0 && max.is_none_or(|max| count < u64::from(max)) {
                    take(UNTIL_TRUE);
                }
                if whole && lost.iter().any(|lost| inside(lost, path)) {
                    take(TOLERATED);
                    take(ON_ERROR);
                }
            }
            Event::AttemptEnded(ended) if matches!(ended.outcome, Ended::Failed(_)) => {
                lost.push(path);
            }
            Event::StepFailed(_) | Event::StepTimedOut(_) | Event::StepCancelled(_) => {
                row.failed += 1;
                lost.push(path);
                if !matches!(event, Event::StepCancelled(_)) {
                    take(ON_ERROR);
                }
                if matches!(event, Event::StepTimedOut(_)) {
                    take(TIME_UP);
                }
            }
            _ => {}
        }
        // A step that is cancelled before anything happened to it did not run.
        let ends = matches!(event, Event::StepCancelled(_) | Event::StopAsked(_));
        if whole && !ends && begun.insert(path) {
            row.ran += 1;
            take_begun(row);
        }
    }
}

fn take_begun(row: &mut Row) {
    let begun = [RUNS, IF_TRUE];
    for way in row.ways.iter_mut().filter(|way| begun.contains(&way.what)) {
        way.taken = true;
    }
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Whether a path is that of a step, or of something in it.
fn inside(path: &str, step: &str) -> bool {
    path.strip_prefix(step)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '[', '#']))
}
