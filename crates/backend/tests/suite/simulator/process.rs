//! What dies in a crash: the runs in memory, and who waits for what.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use flow_engine::journal::{Event, RunStarted, StartedBy};
use flow_engine::run::{NodeId, Output, Run};
use flow_engine::time::Timestamp;
use flow_engine::value::Value;
use flow_engine::workflow::Workflow;

use super::check::Watch;
use super::happening::Id;
use super::store::Events;

/// The process.
#[derive(Default)]
pub(super) struct Process {
    pub(super) runs: BTreeMap<Id, Live>,
    /// Who waits for the end of a run.
    pub(super) waiting: BTreeMap<Id, Vec<(Id, NodeId)>>,
    /// Rounds on their way to the disk: the number of their transaction, and what follows.
    pub(super) rounds: VecDeque<(usize, Id, Vec<Output>)>,
    /// Whether it is up.
    pub(super) up: bool,
}

/// A run in memory.
pub(super) struct Live {
    pub(super) run: Run,
    pub(super) journal: Events,
    pub(super) watch: Watch,
    pub(super) due: Option<Timestamp>,
    /// Whether it gave `Done`.
    pub(super) ended: bool,
    /// How many rounds it had.
    pub(super) rounds: u64,
    /// How much it gave the driver to do.
    pub(super) gave: usize,
}

impl Live {
    pub(super) fn new(run: Run) -> Live {
        Live {
            watch: Watch::new(run.workflow().clone()),
            run,
            journal: Vec::new(),
            due: None,
            ended: false,
            rounds: 0,
            gave: 0,
        }
    }

    /// A run that was replayed.
    pub(super) fn replayed(run: Run, journal: Events) -> Result<Live, String> {
        let mut live = Live::new(run);
        for (_, event) in &journal {
            live.watch.take(event)?;
        }
        live.journal = journal;
        Ok(live)
    }

    pub(super) fn has_ended(&self) -> bool {
        matches!(self.journal.last(), Some((_, Event::RunEnded(_))))
    }
}

/// The first event of a run.
pub(super) fn started(id: &str, workflow: &Arc<Workflow>, inputs: Value, seed: u64) -> RunStarted {
    RunStarted {
        run: id.to_owned(),
        workflow: workflow.name.to_string(),
        bundle: "pinned".to_owned(),
        inputs,
        started_by: StartedBy::manual(),
        trigger: Value::map::<&str>([]),
        sandbox: false,
        seed,
        project: None,
        retry_of: None,
        budget: None,
    }
}
