//! One run as a state machine. Does no I/O, reads no clock, starts no task.
//!
//! Contract: build a [`Run`] with [`Run::new`] or [`Run::replay`] and [`Run::recover`], give it one or more [`Input`]s,
//! then call [`Run::poll`] until it returns [`Output::Wait`] or [`Output::Done`]. The driver commits all records of the
//! round in one transaction (with other runs' rounds), and only then performs what else the round gave. Live and in
//! recovery the same function, [`status::next`], changes the state of a step; every decision is an event.
//!
//! A run is a tree of nodes: a step, its items, their rounds, and the steps inside a group, each with a path such as
//! `each[3]/ask#2`.
//!
//! Read in this order: [`io`] (what goes in and out), [`status`] (the states), `node` (what a run is made of), `machine`
//! (the run), `apply` (what an event changes), `inputs` (what an input does), `decide` (what happens next), `attempts`,
//! `adopt` (looking for what a lost attempt made), `places` and `demands` (what may not go at once), `budget` (what may not cost more), `holds` with [`approval`] and [`callbacks`], `loops`,
//! `ranges` and `by_range` (many items in one task), `storing` (what they gave), `ending` (groups, undo, finally), [`announce`] (what others hear of), `recover`,
//! `stopped_children`, [`reuse`] (a new run that takes over what an earlier one has done);
//! then [`values`], [`evaluate`] and `items` (what expressions
//! see), [`look`] and [`poll`] (triggers).

mod adopt;
pub mod announce;
mod apply;
pub mod approval;
mod attempts;
mod budget;
mod by_range;
pub mod callbacks;
mod decide;
mod demands;
mod ending;
pub mod evaluate;
mod failure;
mod holds;
mod inputs;
pub mod io;
mod item;
mod items;
mod known;
pub mod look;
mod loops;
mod machine;
mod node;
mod path;
mod places;
pub mod poll;
mod prepared;
mod ranges;
mod recover;
pub mod retry;
pub mod reuse;
pub mod status;
mod stopped_children;
mod storing;
pub mod values;

pub use adopt::{AdoptSpec, Found};
pub use announce::Announced;
pub use budget::BUDGET_HELD;
pub use callbacks::Callbacks;
pub use failure::{Done, Failure, FailureKind};
pub use holds::Awaited;
pub use io::{
    AttemptSpec, ChildSpec, FetchSpec, Half, IllegalInput, Input, LookSpec, Output, RangeDone,
    RangeSpec, StoreSpec, Window,
};
pub use item::{Tried, item_of_range, result_of, tried};
pub use items::{Items, items_of_loop};
pub use machine::{Making, Projection, Run, key_of};
pub use node::NodeId;
pub use prepared::Prepared;
pub use recover::{ReplayError, step_of};
pub use status::{AttemptNo, StepOutcome, StepStatus};
pub use values::Values;
