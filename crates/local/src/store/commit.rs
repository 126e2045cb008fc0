//! What is handed to the writer.

use flow_engine::journal::Row;
use flow_engine::run::Projection;

use super::{NewEvent, StoreError};

/// What one round of a run makes durable.
pub struct Commit {
    /// The run.
    pub run: String,
    /// What is known of it from its start; with its first commit.
    pub head: Option<RunHead>,
    /// New rows of its journal.
    pub rows: Vec<Row>,
    /// Its projection after them.
    pub projection: Projection,
    /// What others may hear of it.
    pub announced: Vec<NewEvent>,
    /// Called by the writer's thread after the transaction; must not block.
    pub done: Box<dyn FnOnce(Result<(), StoreError>) + Send>,
}

/// The part of a run's projection that never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunHead {
    /// The workflow's name.
    pub workflow: String,
    /// Milliseconds since 1970.
    pub started_at: i64,
    /// Hash of its bundle.
    pub bundle: String,
    /// Whether it runs against the sandbox.
    pub sandbox: bool,
    /// The backfill that it was started for.
    pub backfill: Option<String>,
}
