//! Scripted faults: which requests they hit, and what happens to those.
//!
//! `rule` is the script as written; `script` keeps count of it while it plays; `shape` bends answers.

mod rule;
mod script;
mod shape;

pub use rule::{Action, Drip, Faults, FaultsError, Match, ResetAt, RetryAfter, Rule, StatusFault};
pub(crate) use script::Script;
pub(crate) use shape::shape;
