//! Times in words: what the clock of the zone shows, and why that is so.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::calendar::Calendar;
use super::change::{Change, civil};
use super::due::{Due, Shown};
use super::timetable::{Times, Timetable};
use super::words::words;

/// One time in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// What the clock of the zone shows then, such as `2026-03-08 03:00`.
    pub clock: String,
    /// By how much that clock is ahead of UTC, such as `-04:00`.
    pub offset: String,
    /// The zone: `America/New_York`.
    pub zone: String,
    /// Why it is this time and starts when it starts, where that is not plain.
    pub notes: Vec<String>,
}

impl Timetable {
    /// A time of this timetable in words.
    pub fn explain(&self, due: &Due) -> Explained {
        let at = due.at.0.div_euclid(1000);
        let (zone, name) = match &self.times {
            Times::Calendar(calendar) => (calendar.zone.clone(), calendar.zone_name.to_string()),
            Times::Grid(_) => (TimeZone::UTC, "UTC".to_owned()),
        };
        let shown = jiff::Timestamp::from_second(at).map(|at| at.to_zoned(zone));
        let mut notes = Vec::new();
        if let Times::Calendar(calendar) = &self.times {
            notes.extend(why(calendar, at, due.shown));
        }
        if due.start > due.at
            && let Some(jitter) = self.jitter
        {
            notes.push(format!(
                "it starts {} later: `jitter: {jitter}`",
                due.start.since(due.at)
            ));
        }
        Explained {
            clock: shown
                .as_ref()
                .map_or_else(|_| due.at.to_string(), |it| clock(it.datetime())),
            offset: shown.map_or_else(|_| "+00:00".to_owned(), |it| it.strftime("%:z").to_string()),
            zone: name,
            notes,
        }
    }

    /// What it says, in words: `at 02:00, in Europe/Oslo`.
    pub fn words(&self) -> String {
        match &self.times {
            Times::Grid(every) => {
                format!("every {every}, counted from the beginning of 1970 in UTC")
            }
            Times::Calendar(calendar) => {
                let pattern = words(&calendar.pattern);
                let kind = if calendar.is_interval {
                    "; an interval of real time, as its hour is `*` or `*/n`"
                } else {
                    ""
                };
                format!("{pattern}, in {}{kind}", calendar.zone_name)
            }
        }
    }
}

/// Why a time is due when the clock was changed around it.
fn why(calendar: &Calendar, at: i64, shown: Shown) -> Option<String> {
    let change = match shown {
        Shown::First => Change::following(&calendar.zone, at)?,
        Shown::Second | Shown::Never(_) => Change::latest(&calendar.zone, at)?,
        Shown::Once | Shown::Grid => return None,
    };
    let from = clock(civil(change.at + change.before)?);
    let to = civil(change.at + change.after)?.time();
    let to = to.strftime("%H:%M");
    let reading = civil(
        at + if shown == Shown::First {
            change.before
        } else {
            change.after
        },
    )?;
    let reading = reading.time().strftime("%H:%M");
    Some(match shown {
        Shown::Never(left_out) if calendar.is_interval => format!(
            "the clock goes on from {from} to {to} and never shows {}: the interval goes on by real time",
            clock(left_out)
        ),
        Shown::Never(left_out) => format!(
            "the clock goes on from {from} to {to} and never shows {}: `dst_gap: run_after` makes it due then",
            clock(left_out)
        ),
        Shown::First if calendar.is_interval => format!(
            "the clock goes back from {from} to {to} and shows {reading} twice: an interval is due both times, this is the first"
        ),
        Shown::Second if calendar.is_interval => format!(
            "the clock went back from {from} to {to} and shows {reading} twice: an interval is due both times, this is the second"
        ),
        Shown::First => format!(
            "the clock goes back from {from} to {to} and shows {reading} twice: this is the first time"
        ),
        _ => format!(
            "the clock went back from {from} to {to} and shows {reading} twice: `dst_overlap: both` makes it due the second time too"
        ),
    })
}

/// A date and a time of day; seconds only where there are any.
fn clock(time: DateTime) -> String {
    let form = if time.second() == 0 {
        "%Y-%m-%d %H:%M"
    } else {
        "%Y-%m-%d %H:%M:%S"
    };
    time.strftime(form).to_string()
}
