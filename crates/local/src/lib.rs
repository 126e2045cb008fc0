//! The embedded driver of `flow`: tokio and `SQLite` in one process.
//!
//! Read in this order: [`store`] (the journal, its projections, the blobs), [`start`] (a new run, a run taken up again),
//! [`driver`] (the loop that drives runs), [`watch`] (waiting for the trigger of a workflow), [`faults`] (where tests kill it).

pub mod clock;
pub mod driver;
pub mod faults;
pub mod start;
pub mod store;
pub mod watch;
