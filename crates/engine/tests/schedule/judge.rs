//! The judge: walks a stretch of time step by step, looks at the clock, and writes down what is due. It knows the tables
//! of `docs/scheduling.md` and nothing of how the engine finds its times.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::pattern::{Pattern, Reading};

/// How long a clock that was changed may show readings that it showed before, and how much it may leave out: a day.
const CHANGE_MAX: i64 = 24 * 3600;

/// A stretch of time, and what the clock of a zone shows at each of its steps.
pub(crate) struct Stretch {
    /// Seconds from one step to the next.
    step: i64,
    first: i64,
    readings: Vec<Reading>,
    changes: Vec<Change>,
    from: i64,
    to: i64,
}

/// A step at which the clock does not go on as it went.
struct Change {
    /// The number of the step.
    index: usize,
    /// What it leaves out.
    left_out: Vec<Reading>,
    /// Until which step it shows again what it showed before.
    repeats_until: usize,
}

/// What becomes of readings that are left out or repeated.
#[derive(Clone, Copy)]
pub(crate) struct Policy {
    pub(crate) skips_gaps: bool,
    pub(crate) counts_both: bool,
}

impl Stretch {
    /// The stretch from one second to another, with as much before it as a change can reach.
    pub(crate) fn new(zone: &TimeZone, from: i64, to: i64, step: i64) -> Stretch {
        let first = (from - CHANGE_MAX - step).div_euclid(step) * step;
        let steps = usize::try_from((to + CHANGE_MAX - first) / step).expect("it ends later");
        let second = |index: usize| first + i64::try_from(index).expect("few steps") * step;
        let mut readings: Vec<Reading> = Vec::with_capacity(steps);
        let mut changes: Vec<Change> = Vec::new();
        let mut ahead: Option<i64> = None;
        for index in 0..steps {
            let instant = Timestamp::from_second(second(index)).expect("in range");
            let now = i64::from(zone.to_offset(instant).seconds());
            if let Some(before) = ahead.filter(|before| *before != now) {
                let left_out = (0..(now - before) / step)
                    .map(|missing| reading(second(index) + before + missing * step))
                    .collect();
                let repeats = usize::try_from((before - now).max(0) / step).expect("at most a day");
                changes.push(Change {
                    index,
                    left_out,
                    repeats_until: index + repeats,
                });
            }
            ahead = Some(now);
            readings.push(reading(second(index) + now));
        }
        Stretch {
            step,
            first,
            readings,
            changes,
            from,
            to,
        }
    }

    fn second(&self, index: usize) -> i64 {
        self.first + i64::try_from(index).expect("few steps") * self.step
    }

    /// The seconds from `from` up to `to` at which a pattern is due, by the tables.
    pub(crate) fn due(&self, pattern: &Pattern, policy: Policy) -> Vec<i64> {
        let matching: Vec<usize> = (0..self.readings.len())
            .filter(|index| pattern.matches(self.readings[*index]))
            .collect();
        let is_second = |index: usize| {
            self.changes
                .iter()
                .any(|change| (change.index..change.repeats_until).contains(&index))
        };
        let both = pattern.is_interval || policy.counts_both;
        let mut due: Vec<usize> = matching
            .iter()
            .copied()
            .filter(|index| both || !is_second(*index))
            .collect();
        for change in &self.changes {
            let missed = (0..change.left_out.len())
                .filter(|missing| !policy.skips_gaps && pattern.matches(change.left_out[*missing]));
            let shown = matching
                .iter()
                .copied()
                .find(|index| *index >= change.index);
            for missing in missed {
                let by_real_time = change.index + missing;
                if !pattern.is_interval {
                    due.push(change.index);
                } else if shown.is_none_or(|shown| by_real_time < shown) {
                    due.push(by_real_time);
                }
            }
        }
        due.sort_unstable();
        due.dedup();
        due.into_iter()
            .map(|index| self.second(index))
            .filter(|second| (self.from..self.to).contains(second))
            .collect()
    }
}

/// The reading of a clock that is so many seconds after the beginning of 1970.
fn reading(second: i64) -> Reading {
    let instant = Timestamp::from_second(second).expect("in range");
    let shown = instant.to_zoned(TimeZone::UTC).datetime();
    Reading {
        year: shown.year(),
        month: shown.month(),
        day: shown.day(),
        hour: shown.hour(),
        minute: shown.minute(),
        second: shown.second(),
    }
}
