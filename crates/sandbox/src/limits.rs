//! The rate-limit headers: token buckets that are shown but never refuse.
//!
//! A test that wants a 429 scripts one; a sandbox that refused by itself would make every fast test
//! a slow one.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};

use crate::ids::{now_us, rfc3339};

/// Tokens an answer used, set by the handler in the answer's extensions.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TokensUsed {
    pub(crate) input: u64,
    pub(crate) output: u64,
}

/// The buckets of the organization. Capacities are a minute's worth, and more than a test takes: clients that obey them are
/// not slowed.
#[derive(Debug)]
pub(crate) struct RateLimits {
    requests: Mutex<Bucket>,
    input: Mutex<Bucket>,
    output: Mutex<Bucket>,
}

impl Default for RateLimits {
    fn default() -> RateLimits {
        RateLimits {
            requests: Mutex::new(Bucket::new(100_000.0)),
            input: Mutex::new(Bucket::new(200_000_000.0)),
            output: Mutex::new(Bucket::new(40_000_000.0)),
        }
    }
}

impl RateLimits {
    /// Says that no request remains for so many seconds.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "microseconds of a script's few seconds"
    )]
    pub(crate) fn exhaust(headers: &mut HeaderMap, seconds: f64) {
        let reset = rfc3339(now_us() + (seconds * 1e6) as i64);
        for (field, value) in [("remaining", "0"), ("reset", reset.as_str())] {
            let name = HeaderName::try_from(format!("anthropic-ratelimit-requests-{field}"));
            if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(value)) {
                headers.insert(name, value);
            }
        }
    }

    /// Takes one request, and the tokens if there are any, and says so in `headers`.
    pub(crate) fn show(&self, headers: &mut HeaderMap, used: Option<TokensUsed>) {
        take(&self.requests, 1.0).write(headers, "requests", 1);
        let Some(used) = used else { return };
        let input = take(&self.input, count(used.input));
        let output = take(&self.output, count(used.output));
        input.write(headers, "input-tokens", 1000);
        output.write(headers, "output-tokens", 1000);
        let tightest = if input.share() <= output.share() {
            input
        } else {
            output
        };
        tightest.write(headers, "tokens", 1000);
    }
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    capacity: f64,
    level: f64,
    at: Instant,
}

impl Bucket {
    fn new(capacity: f64) -> Bucket {
        Bucket {
            capacity,
            level: capacity,
            at: Instant::now(),
        }
    }

    fn share(&self) -> f64 {
        self.level / self.capacity
    }

    /// Writes limit, remaining (rounded to `round`) and the time at which the bucket is full again.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "levels are from 0 to 200,000,000"
    )]
    fn write(&self, headers: &mut HeaderMap, name: &str, round: u64) {
        let remaining = self.level as u64 / round * round;
        let wait_us = ((self.capacity - self.level) / self.capacity * 60e6) as i64;
        for (field, value) in [
            ("limit", (self.capacity as u64).to_string()),
            ("remaining", remaining.to_string()),
            ("reset", rfc3339(now_us() + wait_us)),
        ] {
            let name = HeaderName::try_from(format!("anthropic-ratelimit-{name}-{field}"));
            if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(value)) {
                headers.insert(name, value);
            }
        }
    }
}

fn take(bucket: &Mutex<Bucket>, amount: f64) -> Bucket {
    let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
    let now = Instant::now();
    let refill = now.duration_since(bucket.at).as_secs_f64() * bucket.capacity / 60.0;
    bucket.level = ((bucket.level + refill).min(bucket.capacity) - amount).max(0.0);
    bucket.at = now;
    *bucket
}

#[expect(
    clippy::cast_precision_loss,
    reason = "token counts are far below 2^53"
)]
fn count(tokens: u64) -> f64 {
    tokens as f64
}
