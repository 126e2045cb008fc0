//! One run as a state machine. Does no I/O, reads no clock, starts no task.
//!
//! Contract: build a [`Run`] with [`Run::new`] or [`Run::replay`] and [`Run::recover`], give it one or more [`Input`]s,
//! then call [`Run::poll`] until it returns [`Output::Wait`] or [`Output::Done`]. The driver commits all records of the
//! round in one transaction (with other runs' rounds), and only then performs what else the round gave. Live and in
//! recovery the same function, [`status::next`], changes the state of a step; every decision is an event.
//!
//! Read in this order: [`io`] (what goes in and out), [`status`] (the states), `machine` (the run), `inputs` (what an
//! input does), `decide` (what happens next), `attempts`, `holds`, `recover`; then [`values`] and [`evaluate`] (what expressions see), [`look`] (triggers).

mod attempts;
mod decide;
pub mod evaluate;
mod failure;
mod holds;
mod inputs;
pub mod io;
pub mod look;
mod machine;
mod prepared;
mod recover;
pub mod retry;
pub mod status;
pub mod values;

pub use failure::{Done, Failure, FailureKind};
pub use io::{AttemptSpec, Half, IllegalInput, Input, LookSpec, Output};
pub use machine::step_of;
pub use machine::{Projection, Run};
pub use prepared::Prepared;
pub use recover::ReplayError;
pub use status::{AttemptNo, StepOutcome, StepStatus};
pub use values::Values;
