//! What becomes of times that passed: while nothing ran, while the machine slept, while the clock was wrong.

use std::fmt;

use super::due::Due;
use super::timetable::Timetable;
use crate::duration::Millis;
use crate::time::Timestamp;
use crate::workflow::trigger::Misfire;

/// How late the last time may be that passed and still count as met: nobody missed it.
pub const ON_TIME: Millis = Millis::seconds(60);

/// How far the clock may go back for times to wait until it has caught up. If it goes back further, it was wrong before.
pub const STEP_BACK_MAX: Millis = Millis::seconds(24 * 3600);

/// How many skipped times are counted; of more it is only known that they are more.
pub const COUNTED_MAX: u64 = 1_000;

/// What is owed for the times since somebody looked last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owed {
    /// Times that get a run, in order. Under `{ all: N }` at most N, else at most one.
    pub due: Vec<Due>,
    /// Times that get none.
    pub skipped: Option<Skipped>,
    /// What to hand in next time: everything up to here is settled. It is written down in the transaction that writes down
    /// the runs; where nothing was due it is the one that was handed in, and nothing needs to be written.
    pub mark: Timestamp,
}

/// Times that passed and get no run: one summary, however many they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skipped {
    /// The first of them.
    pub first: Timestamp,
    /// The last of them.
    pub last: Timestamp,
    /// How many, counted up to [`COUNTED_MAX`].
    pub count: u64,
    /// Whether they are more than were counted.
    pub more: bool,
    /// The policy that skipped them.
    pub policy: Misfire,
}

/// What is owed at `now` for the times after `mark`.
///
/// A trigger that is new begins with the mark of the moment in which it was seen first. When its schedule is changed, what
/// the old one owes is settled first, and the new one begins with the mark of that moment: a time belongs to the one or
/// to the other. The same with `enabled: false`.
///
/// Called with the mark that the last call gave, it gives no time twice, wherever calls are cut, unless the clock goes
/// back by more than [`STEP_BACK_MAX`]: then it goes on from `now`, and that the store knows each time (workflow, trigger,
/// instant) once keeps one that ran already from running again.
///
/// Costs as little for 100,000 times as for one.
pub fn owed(timetable: &Timetable, mark: Timestamp, now: Timestamp) -> Owed {
    let nothing = |mark| Owed {
        due: Vec::new(),
        skipped: None,
        mark,
    };
    if mark > now {
        let was_wrong = mark.since(now) > STEP_BACK_MAX;
        return nothing(if was_wrong { now } else { mark });
    }
    let Some(latest) = timetable.latest(mark, now) else {
        return nothing(mark);
    };
    let policy = timetable.misfire();
    let due = match policy {
        Misfire::Skip if now.since(latest.at) > ON_TIME => Vec::new(),
        Misfire::Skip | Misfire::Latest => vec![latest],
        Misfire::All(most) => newest(timetable, mark, latest, most),
    };
    let kept = due.first().map(|due| due.at);
    Owed {
        skipped: skipped(timetable, mark, latest.at, kept, policy),
        due,
        mark: latest.at,
    }
}

/// The newest times up to the latest one, in order.
fn newest(timetable: &Timetable, mark: Timestamp, latest: Due, most: u32) -> Vec<Due> {
    let before = |due: &Due| timetable.latest(mark, Timestamp(due.at.0 - 1));
    let newest = std::iter::successors(Some(latest), before);
    let mut newest: Vec<Due> = newest.take(most as usize).collect();
    newest.reverse();
    newest
}

/// A summary of the times after the mark and before the first one that is kept, if any is.
fn skipped(
    timetable: &Timetable,
    mark: Timestamp,
    latest: Timestamp,
    kept: Option<Timestamp>,
    policy: Misfire,
) -> Option<Skipped> {
    let until = kept.map_or(latest, |kept| Timestamp(kept.0 - 1));
    let first = timetable
        .next_after(mark)
        .filter(|first| first.at <= until)?;
    let last = timetable.latest(mark, until)?;
    let passed = timetable.after(mark).take_while(|due| due.at <= last.at);
    let counted = passed.take(usize::try_from(COUNTED_MAX).ok()? + 1).count() as u64;
    Some(Skipped {
        first: first.at,
        last: last.at,
        count: counted.min(COUNTED_MAX),
        more: counted > COUNTED_MAX,
        policy,
    })
}

impl fmt::Display for Skipped {
    /// One sentence for people, with its reason.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Skipped { first, last, .. } = self;
        match (self.count, self.more) {
            (1, false) => write!(f, "the time {first} passed without a run")?,
            (count, false) => {
                write!(
                    f,
                    "{count} times from {first} to {last} passed without a run"
                )?;
            }
            (count, true) => write!(
                f,
                "more than {count} times from {first} to {last} passed without a run"
            )?,
        }
        match self.policy {
            Misfire::Skip => write!(f, ": `misfire: skip` makes up for none"),
            Misfire::Latest => write!(f, ": `misfire: latest` makes up for the last one alone"),
            Misfire::All(most) => {
                write!(
                    f,
                    ": `misfire: {{ all: {most} }}` makes up for the last {most}"
                )
            }
        }
    }
}
