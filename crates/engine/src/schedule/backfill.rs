//! Runs made on purpose for times of the past.

use super::due::Due;
use super::timetable::Timetable;
use crate::time::Timestamp;

/// The most runs of one backfill.
pub const RUNS_MAX: u32 = 10_000;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backfill {
    /// The first instant of the range.
    pub from: Timestamp,
    /// The end of the range, itself outside.
    pub to: Timestamp,
    /// How many runs it may be: from 1 to [`RUNS_MAX`].
    pub most: u32,
}

/// Why a backfill is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The range has no time in it.
    #[error("the range from {from} to {to} is empty: it must end after it begins")]
    Empty {
        /// Where it begins.
        from: Timestamp,
        /// Where it ends.
        to: Timestamp,
    },
    /// The range is not over.
    #[error("the range ends at {to}, and it is {now}: a backfill is for times that have passed")]
    Future {
        /// Where it ends.
        to: Timestamp,
        /// The time.
        now: Timestamp,
    },
    /// The bound is no bound.
    #[error("a backfill is bounded by a number of runs from 1 to {RUNS_MAX}, found {most}")]
    Bound {
        /// What was given.
        most: u32,
    },
    /// There are more times than runs are allowed.
    #[error("more than {most} times are due in the range: the {most} first end before {next}")]
    TooMany {
        /// How many are allowed.
        most: u32,
        /// The first time that is one too many: a range that ends here is allowed.
        next: Timestamp,
    },
}

/// The times that a backfill makes runs for, in order; only those after `done`, if it was begun already.
///
/// What is refused does not depend on `done`, so a backfill that was allowed once can always be gone on with. A time that
/// has had its run is among them: that the store knows each time once decides whether it gets another.
///
/// # Errors
/// [`Refused`], with what to ask for instead.
pub fn backfill(
    timetable: &Timetable,
    asked: Backfill,
    done: Option<Timestamp>,
    now: Timestamp,
) -> Result<Vec<Due>, Refused> {
    let Backfill { from, to, most } = asked;
    if !(1..=RUNS_MAX).contains(&most) {
        return Err(Refused::Bound { most });
    }
    if from >= to {
        return Err(Refused::Empty { from, to });
    }
    if to > now {
        return Err(Refused::Future { to, now });
    }
    let before = Timestamp(from.0.saturating_sub(1));
    let times = timetable.after(before).take_while(|due| due.at < to);
    let mut times: Vec<Due> = times.take(most as usize + 1).collect();
    if let Some(next) = times.get(most as usize) {
        return Err(Refused::TooMany {
            most,
            next: next.at,
        });
    }
    times.retain(|due| done.is_none_or(|done| due.at > done));
    Ok(times)
}
