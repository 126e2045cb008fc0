//! A backfill as people and programs see it: how its times stand, and in which state it is; `typed` has what to type so that
//! it goes on.

mod typed;

use std::fmt::Write;
use std::path::Path;

use flow_local::store::{Backfill, BackfillTime, Followed, Reader, RunRow, Stands, Store};
use serde_json::{Value, json};

use crate::exit::{Exit, Trouble};
use typed::{command, short};

/// How many times a backfill covers at most, if nobody says more.
pub(crate) const TIMES: u32 = 100;

/// Which states there are.
pub(crate) const STATES: [&str; 4] = ["running", "paused", "ended", "cancelled"];

/// A backfill as it is now.
pub(crate) struct Shown {
    pub(crate) backfill: Backfill,
    pub(crate) times: Vec<BackfillTime>,
    /// One of [`STATES`].
    pub(crate) state: &'static str,
}

/// How many of its times stand how.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) open: usize,
    pub(crate) going: usize,
    pub(crate) met: usize,
    pub(crate) succeeded: usize,
    pub(crate) failed: usize,
    pub(crate) cancelled: usize,
}

impl Counts {
    /// How many times need nothing more.
    pub(crate) fn ended(&self) -> usize {
        self.met + self.succeeded + self.failed + self.cancelled
    }
}

impl Shown {
    /// Reads how a backfill of the store in a folder stands.
    ///
    /// Its state is made of what is there: whether some process holds it, whether one drives its runs, how they ended. So
    /// it is true after any kill.
    pub(crate) fn of(reader: &Reader, store: &Path, backfill: Backfill) -> Result<Shown, Trouble> {
        // Before the times: whoever lets go of it has written all of them.
        let followed = Followed::is(store, &backfill.backfill);
        let owned = Store::is_owned(store);
        let times = reader.backfill_times(&backfill)?;
        let goes = |time: &BackfillTime| matches!(&time.stands, Stands::Run(status) if matches!(&**status, "running" | "waiting"));
        let state = if backfill.cancelled_at.is_some() {
            "cancelled"
        } else if followed || owned && times.iter().any(goes) {
            "running"
        } else if times.iter().all(|time| has_ended(&time.stands)) {
            "ended"
        } else {
            "paused"
        };
        Ok(Shown {
            backfill,
            times,
            state,
        })
    }

    /// How many of its times stand how.
    pub(crate) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for time in &self.times {
            let count = match &time.stands {
                Stands::Open => &mut counts.open,
                Stands::Met(_) => &mut counts.met,
                Stands::Run(status) | Stands::Deleted(status) => match status.as_str() {
                    "succeeded" => &mut counts.succeeded,
                    "failed" => &mut counts.failed,
                    "cancelled" => &mut counts.cancelled,
                    _ => &mut counts.going,
                },
            };
            *count += 1;
        }
        counts
    }

    /// What to type so that a paused one goes on.
    pub(crate) fn go_on(&self) -> Option<String> {
        if self.state != "paused" {
            return None;
        }
        if self.times.iter().any(|time| time.stands.is_left()) {
            return Some(command(&self.backfill, self.times.len()));
        }
        let waits = |time: &&BackfillTime| !has_ended(&time.stands);
        let run = &self.times.iter().find(waits)?.run;
        Some(format!("flow why {run}"))
    }

    /// How far it has come, such as `17 of 31, 1 failed`.
    pub(crate) fn words(&self) -> String {
        let counts = self.counts();
        let mut words = format!("{} of {}", counts.ended(), self.times.len());
        for (count, word) in [
            (counts.failed, "failed"),
            (counts.cancelled, "cancelled"),
            (counts.met, "met by the schedule"),
        ] {
            if count > 0 {
                let _ = write!(words, ", {count} {word}");
            }
        }
        words
    }

    /// The trigger with its workflow.
    pub(crate) fn trigger(&self) -> String {
        format!("{}/{}", self.backfill.workflow, self.backfill.trigger)
    }

    /// Its range, such as `2026-03-01..2026-04-01`.
    pub(crate) fn range(&self) -> String {
        let Backfill { from, to, .. } = self.backfill;
        format!("{}..{}", short(from), short(to))
    }

    /// For programs.
    pub(crate) fn to_json(&self) -> Value {
        let Backfill {
            backfill,
            workflow,
            trigger,
            ..
        } = &self.backfill;
        let inputs = self.backfill.inputs.iter();
        let inputs: serde_json::Map<String, Value> = inputs
            .map(|(name, text)| (name.clone(), text.as_str().into()))
            .collect();
        let counts = self.counts();
        json!({
            "backfill": backfill, "workflow": workflow, "trigger": trigger,
            "from": self.backfill.from.to_string(), "to": self.backfill.to.to_string(),
            "made_at": self.backfill.made_at.to_string(), "at_most_parallel": self.backfill.parallel,
            "inputs": inputs, "sandbox": self.backfill.sandbox, "state": self.state,
            "cancelled_at": self.backfill.cancelled_at.map(|at| at.to_string()),
            "times": self.times.len(), "ended": counts.ended(), "open": counts.open, "going": counts.going,
            "met": counts.met, "succeeded": counts.succeeded, "failed": counts.failed,
            "cancelled": counts.cancelled, "go_on": self.go_on(),
        })
    }
}

/// A time for programs.
pub(crate) fn time_json(time: &BackfillTime) -> Value {
    json!({ "due": time.due.to_string(), "status": time.stands.as_str(), "run": run_of(time) })
}

/// The run of a time, if the store has one.
pub(crate) fn run_of(time: &BackfillTime) -> Option<&str> {
    match &time.stands {
        Stands::Open | Stands::Deleted(_) => None,
        Stands::Met(run) => Some(run),
        Stands::Run(_) => Some(&time.run),
    }
}

/// The backfill whose id begins like this.
pub(crate) fn find(reader: &Reader, prefix: &str) -> Result<Backfill, Trouble> {
    let mut found = reader.find_backfills(&prefix.to_lowercase())?;
    match found.len() {
        0 => Err(unknown(prefix)),
        1 => Ok(found.remove(0)),
        several => {
            let message = format!("{several} backfills begin with `{prefix}`");
            let trouble = Trouble::new(Exit::Usage, "backfill.unknown", message);
            Err(trouble.help("type more of the id; `flow backfill list` lists them"))
        }
    }
}

/// The backfill of this very id.
pub(crate) fn known(reader: &Reader, backfill: &str) -> Result<Backfill, Trouble> {
    reader.backfill(backfill)?.ok_or_else(|| unknown(backfill))
}

/// The runs of a backfill that have not ended, those included that began before backfills were known as such.
pub(crate) fn unended(reader: &Reader, backfill: &Backfill) -> Result<Vec<RunRow>, Trouble> {
    let mut found = Vec::new();
    for time in reader.planned(&backfill.backfill)? {
        let row = reader.run(&time.run)?.filter(|row| {
            let of = row.backfill.as_ref();
            !row.has_ended() && of.is_none_or(|of| *of == backfill.backfill)
        });
        found.extend(row);
    }
    Ok(found)
}

/// There is no such backfill.
pub(crate) fn unknown(backfill: &str) -> Trouble {
    let shown: String = backfill.chars().take(40).collect();
    let message = format!("there is no backfill `{shown}`");
    let trouble = Trouble::new(Exit::Usage, "backfill.unknown", message);
    trouble.help("`flow backfill list` lists them")
}

/// No more runs of it start.
pub(crate) fn cancelled(backfill: &str) -> Trouble {
    let message = format!("backfill {backfill} was cancelled: no more of its runs start");
    let trouble = Trouble::new(Exit::Usage, "backfill.cancelled", message);
    trouble.help(format!(
        "`flow backfill show {backfill}` shows how far it came; another range is another backfill"
    ))
}

/// Nothing of it is left to cancel.
pub(crate) fn ended(backfill: &str) -> Trouble {
    let message = format!("backfill {backfill} has ended");
    let trouble = Trouble::new(Exit::Usage, "backfill.ended", message);
    trouble.help(format!("`flow backfill show {backfill}` shows how"))
}

/// Another process sees to it.
pub(crate) fn followed(backfill: &str) -> Trouble {
    let message = format!("another process follows backfill {backfill} already");
    let trouble = Trouble::new(Exit::Usage, "backfill.followed", message);
    trouble.help(format!(
        "`flow backfill show {backfill}` shows how far it has come"
    ))
}

fn has_ended(stands: &Stands) -> bool {
    match stands {
        Stands::Open => false,
        Stands::Met(_) | Stands::Deleted(_) => true,
        Stands::Run(status) => matches!(&**status, "succeeded" | "failed" | "cancelled"),
    }
}
