//! How many runs, steps and calls go at once.

use super::Tree;
use crate::admission::WhenFull;

/// `concurrency:` of a workflow or a step.
#[derive(Debug, Clone)]
pub struct Concurrency {
    /// Those whose text is the same share the places; without, the workflow or the step is a group of its own.
    pub group: Option<Tree>,
    /// How many places there are.
    pub max: u32,
    /// What becomes of one that finds no place.
    pub when_full: WhenFull,
}

/// `limits:` of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Limits {
    /// Calls at a time.
    pub parallel: Option<u32>,
    /// Calls that begin within a second.
    pub per_second: Option<f64>,
    /// Calls that begin within a minute.
    pub per_minute: Option<f64>,
}
