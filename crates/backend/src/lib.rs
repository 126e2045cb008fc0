//! How a run of `flow` is driven, whatever drives it: read [`step`] (what performs operations), then [`context`] (all that
//! a step sees of the world), [`attempt`] (one attempt, one evaluation: the same on every backend), [`look`] (one look of a trigger), [`adopt`] (what a lost attempt made), then
//! [`range`] (many items of a loop in one task), [`segment`] (what they gave) and [`spill`] (large values become blobs),
//! [`virtual_world`] (the in-memory driver),
//! [`conformance`] (what every driver must do).

pub mod adopt;
pub mod attempt;
mod bound;
pub mod conformance;
pub mod context;
pub mod log_look;
pub mod look;
pub mod meter;
mod picked;
pub mod range;
pub mod segment;
pub mod spill;
pub mod step;
pub mod virtual_world;
