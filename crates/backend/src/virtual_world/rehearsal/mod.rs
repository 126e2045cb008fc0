//! `flow plan`: a run that calls nothing. What only computes and reads files is done, so that the same machine decides which
//! steps go, with which items; every other call is prepared, counted and not made. What depends on its answer is not guessed.
//!
//! Read in this order: `open` (what cannot be known before the calls are made), `inert` (the workflow without that),
//! `performer` (what is done and what is only prepared), `tell` (what came of it).

mod inert;
mod open;
mod performer;
mod tell;

use std::path::PathBuf;
use std::sync::Arc;

use flow_engine::money::Estimate;
use flow_engine::run::Failure;
use flow_engine::time::Timestamp;
use flow_engine::value::Value;
use flow_engine::workflow::Workflow;

use super::memory::MemoryBlobs;
use super::script::Script;
use super::{Clock, World};
use crate::step::StepRunner;
use performer::Performer;

/// Says whether an operation of a connector only computes, or reads what is at hand.
pub type Harmless = Arc<dyn Fn(&str, &str) -> bool + Send + Sync>;

/// What would happen to a step.
#[derive(Debug, Clone)]
pub struct Planned {
    /// Its path, without items and rounds.
    pub path: String,
    /// How deep it stands in groups and other workflows.
    pub depth: usize,
    /// The step, in the workflow that it stands in.
    pub workflow: Arc<Workflow>,
    /// Its index there.
    pub step: usize,
    /// How many items its loop has, as far as that is known.
    pub items: Option<u64>,
    /// What would happen.
    pub will: Will,
}

/// What would happen to a step, in all items and rounds.
#[derive(Debug, Clone)]
pub enum Will {
    /// It was done: it only computes, or reads what is at hand. Its value, if it has but one.
    Done(Option<Value>),
    /// Calls would be made.
    Call(Calls),
    /// It waits for something outside.
    Wait,
    /// That depends on what this step gives.
    Depends(Arc<str>),
    /// It runs at the end in any case.
    Finally,
    /// It would not run, for this reason.
    Skip(flow_engine::journal::SkipReason),
    /// It would fail, before anything is called.
    Fail(Failure),
    /// It has steps of its own.
    Inside,
    /// Nothing leads to it: what is around it has no items, or failed.
    Nothing,
}

/// Calls that would be made.
#[derive(Debug, Clone, Default)]
pub struct Calls {
    /// How many.
    pub count: u64,
    /// Whether there may be more: rounds go on until an answer says so.
    pub at_least: bool,
    /// What they would cost, if they cost something that is known.
    pub estimate: Option<Estimate>,
    /// How many requests they hold, where the connector counts them.
    pub requests: Option<u64>,
    /// Why one of them could not even be prepared.
    pub failure: Option<Failure>,
}

/// Rehearses a run, in the project folder.
pub struct Rehearsal {
    /// Performs what is harmless, and prepares the rest.
    pub others: Arc<dyn StepRunner>,
    /// What is harmless.
    pub harmless: Harmless,
    /// Where relative paths begin.
    pub folder: PathBuf,
    /// When it is.
    pub now: Timestamp,
    /// Large values, those of the inputs among them.
    pub blobs: Arc<MemoryBlobs>,
}

impl Rehearsal {
    /// What a run of the workflow would do: its steps in an order in which they can run.
    pub async fn plan(
        &self,
        workflow: &Arc<Workflow>,
        inputs: Value,
        trigger: Value,
    ) -> Vec<Planned> {
        let marked = open::mark(workflow, &self.harmless);
        let rehearsed = Arc::new(inert::inert(workflow, &marked));
        let performer = Arc::new(Performer::new(self.others.clone(), self.harmless.clone()));
        let mut world = World::new(Script::default(), performer.clone())
            .beginning_at(self.now, Clock::default())
            .in_folder(self.folder.clone())
            .with_blobs(self.blobs.clone());
        let (journal, _) = world.run(rehearsed, inputs, trigger).await;
        let told = tell::Told::new(&journal, world.children(), performer.calls());
        told.steps(workflow, &marked)
    }
}
