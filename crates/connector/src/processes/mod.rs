//! Child processes: found, ended with everything they started, and noted down so that a killed `flow` leaves none behind.
//!
//! Read in this order: `table` (what the system tells of processes), `family` (one command with all that it started),
//! `running` (the commands of this process), `ledger` (what is written down of them, and what is done about it at the next
//! start).
//!
//! Every command gets a process group of its own, and a marker in its environment ([`MARKER`]), which everything inherits
//! that it starts. This process adopts what loses its parent (`PR_SET_CHILD_SUBREAPER`), so that a daemon that left group
//! and session is still found among its children. A signal at the death of the parent (`PR_SET_PDEATHSIG`) would not do:
//! it reaches the first process only, is lost with the next `fork` or a set-user-id program, and comes when the *thread*
//! that started the command ends.

mod family;
mod ledger;
mod running;
mod table;

pub use ledger::{Ledger, LeftOver};
pub use running::end_all;
pub(crate) use running::{GRACE, Running, Starting, reap};

/// The variable that marks everything that a command starts.
pub(crate) const MARKER: &str = "FLOW_ATTEMPT";
