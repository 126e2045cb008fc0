//! Changes of a zone's clock.

use std::ops::Range;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

/// One change of a zone's clock. Instants are seconds since 1970; a *reading* is what the clock shows, as the seconds that
/// a clock in UTC would show it at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) at: i64,
    /// Seconds by which the clock is ahead of UTC before it.
    pub(super) before: i64,
    /// The same from it on.
    pub(super) after: i64,
}

impl Change {
    /// The latest change at an instant or before it.
    pub(super) fn latest(zone: &TimeZone, instant: i64) -> Option<Change> {
        let later = Timestamp::from_second(instant.checked_add(1)?).ok()?;
        let mut transitions = zone.preceding(later).map(|it| it.timestamp());
        transitions.find_map(|at| Change::at(zone, at))
    }

    /// The first change after an instant.
    pub(super) fn following(zone: &TimeZone, instant: i64) -> Option<Change> {
        let instant = Timestamp::from_second(instant).ok()?;
        let mut transitions = zone.following(instant).map(|it| it.timestamp());
        transitions.find_map(|at| Change::at(zone, at))
    }

    /// What changes at a transition; nothing if only the zone's abbreviation does.
    fn at(zone: &TimeZone, at: Timestamp) -> Option<Change> {
        let at = at.as_second();
        let (before, after) = (offset(zone, at.checked_sub(1)?)?, offset(zone, at)?);
        (before != after).then_some(Change { at, before, after })
    }

    /// The readings that the clock leaves out; empty if it goes back.
    pub(super) fn left_out(self) -> Range<i64> {
        self.at + self.before..self.at + self.after
    }

    /// The readings that the clock shows twice; empty if it goes on.
    pub(super) fn repeated(self) -> Range<i64> {
        self.at + self.after..self.at + self.before
    }
}

/// Seconds by which a zone's clock is ahead of UTC.
pub(super) fn offset(zone: &TimeZone, instant: i64) -> Option<i64> {
    let instant = Timestamp::from_second(instant).ok()?;
    Some(i64::from(zone.to_offset(instant).seconds()))
}

/// A reading as a date and a time.
pub(super) fn civil(reading: i64) -> Option<DateTime> {
    let instant = Timestamp::from_second(reading).ok()?;
    Some(Offset::UTC.to_datetime(instant))
}

/// The reading that a date and a time are.
pub(super) fn reading(civil: DateTime) -> Option<i64> {
    Some(Offset::UTC.to_timestamp(civil).ok()?.as_second())
}
