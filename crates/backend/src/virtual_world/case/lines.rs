//! Journals as lines: kind and path of each event, with or without the time since the start.

use flow_engine::duration::Millis;
use flow_engine::journal::Event;
use flow_engine::run::step_of;

use super::Outcome;
use crate::virtual_world::Journal;

/// One event of a run or of one that it started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Since the beginning.
    pub at: Millis,
    /// Its name in the journal.
    pub kind: &'static str,
    /// The path of the step it is about; empty for the run itself.
    pub path: String,
}

impl Line {
    /// `kind path`.
    pub fn plain(&self) -> String {
        format!("{} {}", self.kind, self.path).trim_end().to_owned()
    }

    /// `741ms kind path`.
    pub fn timed(&self) -> String {
        format!("{} {}", self.at, self.plain())
    }
}

/// All events: those of the run, then those of each run that it started, whose paths begin with that of the step there.
pub fn lines(outcome: &Outcome) -> Vec<Line> {
    let mut all = of(outcome, "", &outcome.journal);
    for child in &outcome.children {
        all.extend(of(outcome, &child.step, &child.journal));
    }
    all
}

fn of(outcome: &Outcome, prefix: &str, journal: &Journal) -> Vec<Line> {
    let lines = journal.iter().map(|(at, event)| Line {
        at: at.since(outcome.began),
        kind: event.kind(),
        path: join(prefix, path_of(event)),
    });
    lines.collect()
}

fn path_of(event: &Event) -> &str {
    match event {
        Event::UndoStarted(started) => &started.step,
        Event::RunStopped(stopped) => &stopped.step,
        other => step_of(other).unwrap_or_default(),
    }
}

/// The path of a step in a run that the step `prefix` started.
pub(super) fn join(prefix: &str, path: &str) -> String {
    match (prefix, path) {
        ("", path) => path.to_owned(),
        (prefix, "") => prefix.to_owned(),
        (prefix, path) => format!("{prefix}/{path}"),
    }
}
