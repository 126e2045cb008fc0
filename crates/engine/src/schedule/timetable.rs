//! When one trigger is due.

use std::sync::Arc;

use super::calendar::Calendar;
use super::due::{Due, Shown};
use crate::duration::Millis;
use crate::time::Timestamp;
use crate::value::Hash;
use crate::workflow::trigger::{Misfire, Starts, Trigger};

/// When one trigger is due: a checked `schedule:` or `every:`.
///
/// It is a function of what the workflow says: the same at each start, on every machine. Whether the trigger is enabled is
/// not its affair.
#[derive(Debug, Clone)]
pub struct Timetable {
    pub(super) workflow: Arc<str>,
    pub(super) trigger: Arc<str>,
    pub(super) times: Times,
    pub(super) jitter: Option<Millis>,
    misfire: Misfire,
}

/// What the times are made of.
#[derive(Debug, Clone)]
pub(super) enum Times {
    Calendar(Box<Calendar>),
    /// Every so often, counted from the beginning of 1970.
    Grid(Millis),
}

impl Timetable {
    /// The timetable of a trigger; `None` if it is made of something other than times.
    ///
    /// Workflow and trigger are the names by which its runs are known: the jitter depends on them.
    pub fn of(workflow: &str, trigger: &Trigger) -> Option<Timetable> {
        let (times, misfire) = match &trigger.starts {
            Starts::Schedule(schedule) => {
                let calendar = Calendar::of(schedule).expect("a checked schedule");
                (Times::Calendar(Box::new(calendar)), schedule.misfire)
            }
            Starts::Every(every, misfire) => (Times::Grid(*every), *misfire),
            _ => return None,
        };
        Some(Timetable {
            workflow: workflow.into(),
            trigger: trigger.name.clone(),
            times,
            jitter: trigger.jitter,
            misfire,
        })
    }

    /// The name of its trigger.
    pub fn trigger(&self) -> &str {
        &self.trigger
    }

    /// What becomes of times that passed.
    pub fn misfire(&self) -> Misfire {
        self.misfire
    }

    /// The first time after an instant; `None` if there is none before the year 5000.
    ///
    /// Takes about a microsecond, and some more for patterns that are seldom due.
    pub fn next_after(&self, instant: Timestamp) -> Option<Due> {
        let (at, shown) = match &self.times {
            Times::Calendar(calendar) => {
                let (at, shown) = calendar.next_after(instant.0.div_euclid(1000))?;
                (at.checked_mul(1000)?, shown)
            }
            Times::Grid(every) => {
                let every = i64::try_from(every.0).ok().filter(|every| *every > 0)?;
                let at = instant.0.div_euclid(every).checked_add(1)?;
                (at.checked_mul(every)?, Shown::Grid)
            }
        };
        let at = Timestamp(at);
        Some(Due {
            at,
            start: at.plus(self.delay(at)),
            shown,
        })
    }

    /// The times after an instant, in order.
    pub fn after(&self, instant: Timestamp) -> impl Iterator<Item = Due> + '_ {
        std::iter::successors(self.next_after(instant), |due| self.next_after(due.at))
    }

    /// The last time after `since` and not after `until`. Takes some dozens of times as long as one step, however many
    /// times lie between the two.
    pub fn latest(&self, since: Timestamp, until: Timestamp) -> Option<Due> {
        const FIRST_LEAP: i64 = 60_000;
        let next = |after: i64| {
            self.next_after(Timestamp(after))
                .filter(|due| due.at <= until)
        };
        // Nothing is due after `high`, up to `until`.
        let (mut high, mut leap) = (until.0, FIRST_LEAP);
        let mut latest = loop {
            let from = until.0.saturating_sub(leap).max(since.0);
            match next(from) {
                Some(due) => break due,
                None if from == since.0 => return None,
                None => (high, leap) = (from, leap.saturating_mul(2)),
            }
        };
        while latest.at.0 < high {
            match next(latest.at.0) {
                Some(due) => latest = due,
                None => break,
            }
            let middle = latest.at.0 + (high - latest.at.0) / 2;
            match next(middle) {
                Some(due) => latest = due,
                None => high = middle,
            }
        }
        Some(latest)
    }

    /// The jitter of a time: a hash of workflow, trigger and instant, so that it is the same at each start.
    fn delay(&self, at: Timestamp) -> Millis {
        let Some(jitter) = self.jitter else {
            return Millis(0);
        };
        let text = format!("{}/{}/{}", self.workflow, self.trigger, at.0);
        let hash = Hash::of(text.as_bytes());
        let first = hash.as_bytes()[..8]
            .try_into()
            .expect("a hash has 32 bytes");
        Millis(u64::from_be_bytes(first) % jitter.0.saturating_add(1))
    }
}
