//! What happens, one thing at a time.

use std::sync::Arc;

use flow_engine::journal::Event;
use flow_engine::run::{AttemptSpec, LookSpec};
use flow_engine::run::{Input, Output, RangeSpec};

use super::plan::Word;

/// A run's id.
pub(super) type Id = Arc<str>;

/// One thing.
#[derive(Debug)]
pub(super) enum Happening {
    /// Someone wants this run of the plan, and asks again until it is acknowledged.
    Ask(usize),
    /// What is written is synced.
    Sync,
    /// The driver performs an output of a run.
    Perform(Id, Output),
    /// Work reaches the world outside; its end comes at a time.
    Reach(Id, Work, u64),
    /// Work of a process that is dead reaches the world outside.
    Linger(Id, Work),
    /// An input comes to a run.
    Give(Id, Input),
    /// A tick comes to a run when it likes.
    Tick(Id),
    /// The process starts again.
    Restart,
    /// A run is taken up.
    TakeUp(Id),
    Say(usize, Word),
    Jump(i64),
}

/// What is done outside.
#[derive(Debug, Clone)]
pub(super) enum Work {
    Attempt(AttemptSpec),
    /// Of the step of this path.
    Look(LookSpec, String),
    Range(RangeSpec),
}

impl Happening {
    /// Whether it belongs to the process, and ends with it.
    pub(super) fn is_of_process(&self) -> bool {
        !matches!(
            self,
            Happening::Ask(_)
                | Happening::Say(..)
                | Happening::Jump(_)
                | Happening::Restart
                | Happening::Linger(..)
        )
    }

    /// As the trace has it.
    pub(super) fn told(&self) -> String {
        match self {
            Happening::Ask(run) => format!("run{run}: is asked for"),
            Happening::Sync => "the store syncs".to_owned(),
            Happening::Perform(run, output) => format!("{run}: do {}", output_told(output)),
            Happening::Reach(run, work, _) => format!("{run}: outside, {}", work.told()),
            Happening::Linger(run, work) => format!("{run}: late outside, {}", work.told()),
            Happening::Give(run, input) => format!("{run}: gets {}", input_told(input)),
            Happening::Tick(run) => format!("{run}: gets a tick"),
            Happening::Restart => "the process starts".to_owned(),
            Happening::TakeUp(run) => format!("{run}: is taken up"),
            Happening::Say(run, word) => format!("run{run}: hears {word:?}"),
            Happening::Jump(by) => format!("the clock jumps by {by} ms"),
        }
    }
}

impl Work {
    pub(super) fn told(&self) -> String {
        match self {
            Work::Attempt(spec) => {
                let half = match spec.half {
                    flow_engine::run::Half::Whole => "perform",
                    flow_engine::run::Half::Prepare => "prepare",
                    flow_engine::run::Half::Send(_) => "send",
                };
                format!("{half} {} attempt {}", spec.path, spec.attempt)
            }
            Work::Look(_, path) => format!("look for {path}"),
            Work::Range(spec) => format!("{} from {}, {}", spec.path, spec.first, spec.count),
        }
    }
}

fn output_told(output: &Output) -> String {
    match output {
        Output::Start(spec) | Output::Send(spec) => Work::Attempt(spec.clone()).told(),
        Output::Range(spec) => Work::Range(spec.clone()).told(),
        Output::Look(_) => "look".to_owned(),
        Output::StartChild(spec) => format!("start child {}", spec.run),
        Output::Evaluate { control, .. } => format!("evaluate {control:?}"),
        Output::Fetch(spec) => format!("fetch at {}", spec.at),
        Output::Store(spec) => format!("store {} from {}", spec.results.len(), spec.first),
        Output::Done(ended) => format!("done: {}", ended.status.as_str()),
        other => short(&format!("{other:?}")),
    }
}

pub(super) fn input_told(input: &Input) -> String {
    match input {
        Input::Fetched { at, result, .. } => {
            let found = result.as_ref().map_or(0, |window| window.items.len());
            format!("{found} items from {at}")
        }
        other => short(&format!("{other:?}")),
    }
}

pub(super) fn event_told(event: &Event) -> String {
    let body = event.to_body();
    short(&format!("{} {body}", event.kind()))
}

fn short(text: &str) -> String {
    text.chars().take(180).collect()
}
