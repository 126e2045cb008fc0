//! One time at which a trigger is due.

use jiff::civil::DateTime;

use crate::time::Timestamp;

/// One time at which a trigger is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The instant that the run stands for: `run.due`. With workflow and trigger it names one run, for ever.
    pub at: Timestamp,
    /// When the run starts: later than `at` by the jitter, which is the same each time it is asked for.
    pub start: Timestamp,
    pub(super) shown: Shown,
}

/// How the clock of the zone shows the instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// The one time that it shows this reading.
    Once,
    /// The first of two times.
    First,
    /// The second of two times.
    Second,
    /// It never showed the reading that this stands for.
    Never(DateTime),
    /// No clock is asked: it is a point of a grid.
    Grid,
}
