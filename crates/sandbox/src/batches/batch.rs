//! A batch: what is stored of it, and what it looks like at a time.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::entry::{Entry, Outcome};
use crate::auth::Version;
use crate::ids::rfc3339;
use crate::messages::Context;

const SECOND_US: i64 = 1_000_000;
/// When requests that were not processed expire, after creation.
const EXPIRY_US: i64 = 24 * 3600 * SECOND_US;
/// How long results can be read, after creation.
const ARCHIVE_US: i64 = 29 * 24 * 3600 * SECOND_US;

/// A batch as it is stored. All times are microseconds since the epoch.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Batch {
    pub(crate) id: String,
    /// What the outcomes of its requests are drawn with.
    pub(crate) seed: String,
    pub(crate) created_us: i64,
    /// When it ends, or ended.
    pub(crate) ends_us: i64,
    pub(crate) cancel: Option<Cancel>,
    /// What its requests come to at its end.
    pub(crate) counts: Counts,
    /// Its requests are checked as the version it was created with has it.
    pub(crate) version: Version,
    /// Whether the beta for very long output was on.
    pub(crate) long_output: bool,
}

/// A cancel, and how far the batch had come.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Cancel {
    pub(crate) at_us: i64,
    /// Requests whose turn is below this were done; the others are canceled.
    pub(crate) turn: u32,
}

/// How many requests end in which way.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) succeeded: u64,
    pub(crate) errored: u64,
    pub(crate) canceled: u64,
    pub(crate) expired: u64,
}

impl Counts {
    /// Counts one more request with this outcome.
    pub(crate) fn add(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Succeeded => self.succeeded += 1,
            Outcome::Invalid | Outcome::Overloaded | Outcome::Failed => self.errored += 1,
            Outcome::Canceled => self.canceled += 1,
            Outcome::Expired => self.expired += 1,
        }
    }

    fn total(self) -> u64 {
        self.succeeded + self.errored + self.canceled + self.expired
    }
}

impl Batch {
    /// Whether it has ended.
    pub(crate) fn ended(&self, now_us: i64) -> bool {
        now_us >= self.ends_us
    }

    /// Whether its results can no longer be read.
    pub(crate) fn archived(&self, now_us: i64) -> bool {
        now_us >= self.created_us + ARCHIVE_US
    }

    /// How `entry` ends in this batch.
    pub(crate) fn outcome(&self, entry: &Entry) -> Outcome {
        match self.cancel {
            Some(cancel) if entry.turn >= cancel.turn => Outcome::Canceled,
            _ => entry.outcome,
        }
    }

    /// How its requests are checked.
    pub(crate) fn context(&self) -> Context {
        Context::Batch {
            version: self.version,
            long_output: self.long_output,
        }
    }

    /// The batch canceled at `now_us`; `entries` are all of its requests.
    pub(crate) fn canceled(&self, now_us: i64, seconds: f64, entries: &[Entry]) -> Batch {
        let mut batch = self.clone();
        batch.cancel = Some(Cancel {
            at_us: now_us,
            turn: share(now_us - self.created_us, self.ends_us - self.created_us),
        });
        batch.ends_us = self.ends_us.min(now_us + microseconds(seconds));
        batch.counts = Counts::default();
        for entry in entries {
            let outcome = batch.outcome(entry);
            batch.counts.add(outcome);
        }
        batch
    }

    /// The object as the service shows it.
    pub(crate) fn object(&self, now_us: i64, base_url: &str) -> Value {
        let ended = self.ended(now_us);
        let archived = self.archived(now_us);
        let status = match (ended, self.cancel) {
            (true, _) => "ended",
            (false, Some(_)) => "canceling",
            (false, None) => "in_progress",
        };
        let counts = if ended {
            self.counts
        } else {
            Counts::default()
        };
        json!({
            "id": self.id,
            "type": "message_batch",
            "processing_status": status,
            "request_counts": {
                "processing": if ended { 0 } else { self.counts.total() },
                "succeeded": counts.succeeded,
                "errored": counts.errored,
                "canceled": counts.canceled,
                "expired": counts.expired,
            },
            "created_at": rfc3339(self.created_us),
            "expires_at": rfc3339(self.created_us + EXPIRY_US),
            "ended_at": ended.then(|| rfc3339(self.ends_us)),
            "cancel_initiated_at": self.cancel.map(|cancel| rfc3339(cancel.at_us)),
            "archived_at": archived.then(|| rfc3339(self.created_us + ARCHIVE_US)),
            "results_url": (ended && !archived).then(|| format!("{base_url}/v1/messages/batches/{}/results", self.id)),
        })
    }
}

/// Seconds of the configuration, which are at most a day, in microseconds.
#[expect(clippy::cast_possible_truncation, reason = "at most 86,400 seconds")]
pub(crate) fn microseconds(seconds: f64) -> i64 {
    (seconds * 1e6) as i64
}

/// `part` of `whole`, as a part of 2^32.
fn share(part: i64, whole: i64) -> u32 {
    let part = i128::from(part.clamp(0, whole.max(0)));
    u32::try_from((part << 32) / i128::from(whole.max(1))).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_span_the_whole_range() {
        assert_eq!(
            [
                share(0, 10),
                share(5, 10),
                share(10, 10),
                share(99, 10),
                share(-1, 10),
                share(1, 0)
            ],
            [0, 1 << 31, u32::MAX, u32::MAX, 0, 0]
        );
    }
}
