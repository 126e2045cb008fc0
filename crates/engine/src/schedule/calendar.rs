//! A pattern of calendar times in a zone: which instants it means.

use std::str::FromStr;
use std::sync::Arc;

use croner::Cron;
use jiff::tz::TimeZone;

use super::change::{Change, civil, offset, reading};
use super::due::Shown;
use crate::expr::zones;
use crate::workflow::trigger::{Gap, Overlap, Schedule};

/// A pattern of calendar times in a zone.
#[derive(Debug, Clone)]
pub(super) struct Calendar {
    pub(super) pattern: Arc<str>,
    cron: Cron,
    pub(super) zone: TimeZone,
    /// The zone as it is written.
    pub(super) zone_name: Arc<str>,
    /// Whether it is an interval of real time: its hour is `*` or `*/n`.
    pub(super) is_interval: bool,
    gap: Gap,
    overlap: Overlap,
}

impl Calendar {
    /// `None` if the pattern or the zone cannot be read, which a checked schedule never is.
    pub(super) fn of(schedule: &Schedule) -> Option<Calendar> {
        let name = schedule.timezone.clone().unwrap_or_else(|| "UTC".into());
        Some(Calendar {
            pattern: schedule.pattern.clone(),
            cron: Cron::from_str(&schedule.pattern).ok()?,
            zone: zones().get(&name).ok()?,
            zone_name: name,
            is_interval: is_interval(&schedule.pattern),
            gap: schedule.gap,
            overlap: schedule.overlap,
        })
    }

    /// The first due instant after another, in seconds since 1970.
    ///
    /// Goes from one change of the clock to the next: between them a reading is one instant.
    pub(super) fn next_after(&self, instant: i64) -> Option<(i64, Shown)> {
        let mut from = instant.checked_add(1)?;
        let mut change = Change::latest(&self.zone, from);
        // Where the last search for a reading began, and what it found.
        let mut searched: Option<(i64, i64)> = None;
        loop {
            let following = Change::following(&self.zone, from);
            let ahead = change.map_or_else(|| offset(&self.zone, from), |it| Some(it.after))?;
            let begin = self.first_reading(from + ahead, change);
            let found = match searched {
                // A search that began before this place and ended behind it would end there again.
                Some((since, found)) if since <= begin && begin <= found => found,
                _ => self.matching(begin)?,
            };
            searched = Some((begin, found));
            let shown = Some(found - ahead)
                .filter(|at| following.is_none_or(|it| *at < it.at))
                .map(|at| (at, how(found, change, following)));
            let left_out = change.and_then(|it| self.left_out(it, from));
            // Where both are the same instant, the clock does show it.
            let first = shown.into_iter().chain(left_out).min_by_key(|(at, _)| *at);
            if first.is_some() {
                return first;
            }
            change = Some(following?);
            from = following?.at;
        }
    }

    /// The first reading that counts: the second showing of a reading does not, unless it is asked for.
    fn first_reading(&self, begin: i64, change: Option<Change>) -> i64 {
        let repeated = change
            .filter(|_| !self.is_interval && self.overlap == Overlap::First)
            .map(Change::repeated);
        match repeated {
            Some(repeated) if repeated.contains(&begin) => repeated.end,
            _ => begin,
        }
    }

    /// What is due from an instant on because the change before it left its reading out.
    fn left_out(&self, change: Change, from: i64) -> Option<(i64, Shown)> {
        let left_out = change.left_out();
        if left_out.is_empty() || self.gap == Gap::Skip {
            return None;
        }
        let due = |found: i64, at: i64| Some((at, Shown::Never(civil(found)?)));
        if !self.is_interval {
            // However many there are, they are due together.
            let found = (from <= change.at).then(|| self.matching(left_out.start))??;
            return due(found, change.at).filter(|_| found < left_out.end);
        }
        // As many seconds after the change as if there had been none, until the clock shows a time of its own.
        let begin = from + change.before;
        if begin >= left_out.end {
            return None;
        }
        let found = self.matching(begin)?;
        let at = found - change.before;
        let shown = self.matching(left_out.end)? - change.after;
        due(found, at).filter(|_| found < left_out.end && at < shown)
    }

    /// The first reading of the pattern, this one or a later one. The search ends before the year 5000.
    fn matching(&self, begin: i64) -> Option<i64> {
        let found = self.cron.find_next_occurrence(&civil(begin)?, true).ok()?;
        reading(found)
    }
}

/// Whether the hour of a pattern is `*` or `*/n`.
fn is_interval(pattern: &str) -> bool {
    let fields: Vec<&str> = pattern.split_ascii_whitespace().collect();
    let hour = match fields.as_slice() {
        [name] => return name.eq_ignore_ascii_case("@hourly"),
        [.., hour, _, _, _] => *hour,
        _ => return false,
    };
    let every = hour.strip_prefix("*/");
    hour == "*" || every.is_some_and(|hours| hours.bytes().all(|byte| byte.is_ascii_digit()))
}

/// How the clock shows a reading between two changes.
fn how(reading: i64, change: Option<Change>, following: Option<Change>) -> Shown {
    let in_repeated =
        |change: Option<Change>| change.is_some_and(|it| it.repeated().contains(&reading));
    if in_repeated(change) {
        Shown::Second
    } else if in_repeated(following) {
        Shown::First
    } else {
        Shown::Once
    }
}
