//! When triggers made of times are due: arithmetic on time, and nothing else. No clock is read here, nothing is written down.
//!
//! A [`Timetable`] is made of a checked trigger (`schedule:` or `every:`) and says when it is due next. [`owed`] says what
//! becomes of the times that passed since somebody looked, [`turn`] whether a run may start while others of its trigger
//! still go, [`backfill`] which due times a range of the past has. What each of them promises stands in numbered tables in
//! `docs/scheduling.md`.
//!
//! The crate `croner` knows which readings of a clock a pattern means. Which instants they are (zones, readings that a
//! change of the clock leaves out or repeats) is decided here.
//!
//! Read in this order: [`due`], `change`, `calendar`, [`timetable`], [`misfire`], [`waiting`], [`backfill`](mod@backfill),
//! [`explain`], `words`.

pub mod backfill;
mod calendar;
mod change;
pub mod due;
pub mod explain;
pub mod misfire;
pub mod timetable;
pub mod waiting;
mod words;

pub use backfill::{Backfill, Refused, backfill};
pub use due::Due;
pub use explain::Explained;
pub use misfire::{Owed, Skipped, owed};
pub use timetable::Timetable;
pub use waiting::{Going, Turn, turn};
