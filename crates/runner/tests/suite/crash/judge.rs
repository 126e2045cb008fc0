//! What must be true at the end of a round, whatever was done to its processes.

use std::collections::{BTreeMap, BTreeSet};

use flow_engine::journal::{Event, RunEnded, RunStatus};
use flow_engine::report::StepState;
use flow_engine::run::step_of;
use flow_engine::value::Value;

use super::jobs::{BATCH, is_once, may_repeat};
use super::place::Effect;
use super::round::Round;
use crate::support::run;

/// What an undisturbed run of a job gives.
pub(super) struct Reference {
    status: RunStatus,
    outputs: Value,
    counts: BTreeMap<String, usize>,
}

impl Reference {
    pub(super) fn of(round: &mut Round) -> Reference {
        round.settle();
        let ended = ended(round);
        Reference {
            status: ended.status,
            outputs: result(round, &ended),
            counts: counts(&round.place.effects()),
        }
    }
}

fn ended(round: &Round) -> RunEnded {
    let main = &round.place.runs()[0];
    let ended = round.report(&main.run).ended;
    ended.expect("it has ended").1
}

/// What a run gave. Which tickets of a batch fail follows from its id: there all of them together count.
fn result(round: &Round, ended: &RunEnded) -> Value {
    let outputs = &ended.outputs;
    if round.place.job.name != BATCH.name {
        return outputs.clone();
    }
    let count = |name: &str| outputs.get(name).and_then(Value::as_i64);
    let all = count("sorted").zip(count("failed"));
    Value::from(all.map_or(-1, |(sorted, failed)| sorted + failed))
}

fn counts(effects: &[Effect]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for effect in effects {
        *counts.entry(effect.name.clone()).or_default() += 1;
    }
    counts
}

/// Compares a round that is over with its ledger and with an undisturbed run.
pub(super) fn judge(round: &Round, reference: &Reference) {
    let main = &round.place.runs()[0];
    if let Some(acknowledged) = &round.acknowledged {
        assert_eq!(acknowledged, &main.run, "the acknowledged run is the one");
    }
    printed_is_kept(round);
    for row in round.place.runs() {
        assert!(row.has_ended(), "{} is {}", row.workflow, row.status);
        nothing_ends_twice(round, &row.run);
    }
    let ended = ended(round);
    if round.cancel_asked {
        if round.cancelled {
            assert_eq!(ended.status, RunStatus::Cancelled);
        }
        undone(round, &main.run);
    } else {
        assert_eq!(ended.status, reference.status);
        assert_eq!(result(round, &ended), reference.outputs, "the result");
    }
    effects(round, reference);
    let (exit, stdout, stderr) = run(round.place.path(), &["doctor", "--check"]);
    assert_eq!(exit, 0, "doctor: {stdout}{stderr}");
}

/// Every event that was printed is in the journal of one of the runs, in that order.
fn printed_is_kept(round: &Round) {
    let of_run = |run: &str| -> Vec<(String, serde_json::Value)> {
        let rows = round.place.journal(run).into_iter();
        rows.map(|row| (row.kind, serde_json::from_str(&row.body).expect("JSON")))
            .collect()
    };
    let stored: Vec<_> = round
        .place
        .runs()
        .iter()
        .map(|row| of_run(&row.run))
        .collect();
    for printed in &round.printed {
        let kept = stored.iter().any(|rows| {
            let mut rest = rows.iter();
            printed.iter().all(|event| {
                rest.any(|(kind, body)| event["event"] == **kind && event["body"] == *body)
            })
        });
        assert!(kept, "printed and not stored: {printed:?}");
    }
}

/// What has ended stays so: no attempt of it begins, and it does not end again.
fn nothing_ends_twice(round: &Round, run: &str) {
    let reader = round.place.reader().expect("a store with a run");
    let mut over = BTreeSet::new();
    let mut seen = None;
    for (at, event) in reader.journal(run).expect("no gap") {
        let Some(report) = &mut seen else {
            let Event::RunStarted(started) = event else {
                panic!("a journal begins with the start of a run");
            };
            seen = Some(flow_engine::report::Report::new(started, at));
            continue;
        };
        let path = step_of(&event).map(str::to_owned);
        if let Some(path) = &path {
            let undone = matches!(event, Event::UndoStarted(_));
            assert!(
                undone || !over.contains(path),
                "`{path}` had ended: {event:?}"
            );
        }
        report.take(at, &event);
        if let Some(path) = path
            && report
                .steps
                .get(&path)
                .is_some_and(|step| step.ended_at.is_some())
        {
            over.insert(path);
        }
    }
}

/// What is counted: `once` as often as without a disturbance, anything else at most one time more for each, with one key.
fn effects(round: &Round, reference: &Reference) {
    let done = round.place.effects();
    let counts = counts(&done);
    let names: BTreeSet<&String> = counts.keys().chain(reference.counts.keys()).collect();
    for name in names {
        let found = counts.get(name).copied().unwrap_or(0);
        let wanted = reference.counts.get(name).copied().unwrap_or(0);
        let more = if may_repeat(name) { round.kills } else { 0 };
        assert!(is_once(name) || may_repeat(name), "{name} has a class");
        assert!(
            found <= wanted + more,
            "{name}: {found} times, {wanted} without a crash"
        );
        assert!(
            found >= wanted || round.cancel_asked,
            "{name}: {found} times instead of {wanted}"
        );
        let keys: BTreeSet<_> = done
            .iter()
            .filter(|effect| effect.name == *name)
            .map(|effect| effect.key.clone())
            .collect();
        assert!(keys.len() < 2, "{name} had several keys: {keys:?}");
    }
}

/// A cancelled run: what succeeded is undone, nothing else.
fn undone(round: &Round, run: &str) {
    let counts = counts(&round.place.effects());
    let report = round.report(run);
    let cancelled = ended(round).status != RunStatus::Succeeded;
    for name in ["once_book", "keyed_hold", "once_pay"] {
        let succeeded = report
            .steps
            .get(name)
            .is_some_and(|step| step.state == StepState::Succeeded);
        let undo = counts.get(&format!("{name}.undo")).copied().unwrap_or(0);
        assert_eq!(
            undo > 0,
            succeeded && cancelled,
            "{name}: undone {undo} times"
        );
    }
}
