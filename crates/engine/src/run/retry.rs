//! Which failures are tried again, how often, and after how long.

use crate::catalog::Effect;
use crate::duration::Millis;
use crate::run::{Done, Failure, FailureKind};

/// How long a service may ask us to wait before the step fails instead.
pub const RETRY_AFTER_MAX: Millis = Millis::seconds(3600);

/// `retry:` of a step, defaults filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryPolicy {
    /// Tries in all, the first included; at least 1.
    pub attempts: u32,
    /// Wait before the second try.
    pub initial: Millis,
    /// Each further wait is this many times the one before.
    pub factor: f64,
    /// No wait is longer.
    pub max: Millis,
    /// Whether waits are spread: between half and the whole of what they would be.
    pub jitter: bool,
    /// What is tried again; `None` is the default of the effect.
    pub on: Option<Vec<RetryOn>>,
    /// Bounds one attempt.
    pub attempt_timeout: Option<Millis>,
}

/// A class of failures that `retry.on` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryOn {
    /// One HTTP status.
    Status(u16),
    /// `4xx` or `5xx`: the hundreds.
    Hundreds(u16),
    /// One kind of failure.
    Kind(FailureKind),
    /// `transient`: whatever may pass.
    Transient,
    /// `any`.
    Any,
}

impl RetryOn {
    /// Reads a word or number of `retry.on`.
    pub fn parse(text: &str) -> Option<RetryOn> {
        Some(match text {
            "any" => RetryOn::Any,
            "transient" => RetryOn::Transient,
            "connect" => RetryOn::Kind(FailureKind::Connect),
            "reset" => RetryOn::Kind(FailureKind::Reset),
            "timeout" => RetryOn::Kind(FailureKind::Timeout),
            "rate_limited" => RetryOn::Kind(FailureKind::RateLimited),
            "overloaded" => RetryOn::Kind(FailureKind::Overloaded),
            "4xx" => RetryOn::Hundreds(4),
            "5xx" => RetryOn::Hundreds(5),
            number => RetryOn::Status(
                number
                    .parse()
                    .ok()
                    .filter(|status| (100..600).contains(status))?,
            ),
        })
    }

    /// The words it knows, for messages.
    pub const WORDS: &[&str] = &[
        "any",
        "transient",
        "connect",
        "reset",
        "timeout",
        "rate_limited",
        "overloaded",
        "4xx",
        "5xx",
    ];

    fn matches(self, failure: &Failure) -> bool {
        match self {
            RetryOn::Any => true,
            RetryOn::Transient => failure.kind.is_transient(),
            RetryOn::Kind(kind) => failure.kind == kind,
            RetryOn::Status(status) => failure.status == Some(status),
            RetryOn::Hundreds(hundreds) => failure
                .status
                .is_some_and(|status| status / 100 == hundreds),
        }
    }
}

impl RetryPolicy {
    /// What holds for an effect if the workflow says nothing: 5 tries over about half a minute, then a minute apart.
    /// A step that only computes or runs a command is tried once.
    pub fn of(tries: u32) -> RetryPolicy {
        RetryPolicy {
            attempts: tries,
            initial: Millis::seconds(1),
            factor: 2.0,
            max: Millis::seconds(60),
            jitter: true,
            on: None,
            attempt_timeout: None,
        }
    }

    /// Whether a failed attempt with this number is followed by another.
    ///
    /// An unknown outcome of a `once` effect is never repeated, whatever `on` says: it might happen twice.
    pub fn again(&self, effect: Effect, attempt: u32, failure: &Failure) -> bool {
        let may_repeat = effect != Effect::Once || failure.done == Done::NotDone;
        let wanted = match &self.on {
            None => failure.kind.is_transient(),
            Some(classes) => classes.iter().any(|class| class.matches(failure)),
        };
        let patient = failure
            .retry_after
            .is_none_or(|asked| asked <= RETRY_AFTER_MAX);
        attempt < self.attempts && may_repeat && wanted && patient
    }

    /// How long to wait after the attempt with this number failed. `seed` is a hash of run, step path and attempt, so
    /// the same run waits the same time wherever it is driven.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "milliseconds far below 2^53"
    )]
    pub fn wait(&self, attempt: u32, failure: &Failure, seed: u64) -> Millis {
        let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        let full = (self.initial.0 as f64 * self.factor.powi(exponent)).min(self.max.0 as f64);
        let share = if self.jitter {
            0.5 + (seed % 1024) as f64 / 2048.0
        } else {
            1.0
        };
        let own = Millis((full * share) as u64);
        failure.retry_after.map_or(own, |asked| own.max(asked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_is_repeated_only_if_nothing_happened() {
        let policy = RetryPolicy {
            on: Some(vec![RetryOn::Any]),
            ..RetryPolicy::of(3)
        };
        let unknown = Failure::of(FailureKind::Timeout, Done::Unknown, "http.timeout", "");
        let refused = Failure::of(FailureKind::Connect, Done::NotDone, "http.connect", "");
        assert!(!policy.again(Effect::Once, 1, &unknown));
        assert!(policy.again(Effect::Once, 1, &refused));
        assert!(policy.again(Effect::Keyed, 2, &unknown));
        assert!(!policy.again(Effect::Keyed, 3, &unknown));
    }

    #[test]
    fn waits_grow_to_a_bound_and_obey_the_service() {
        let policy = RetryPolicy {
            jitter: false,
            ..RetryPolicy::of(9)
        };
        let mut failure = Failure::of(FailureKind::RateLimited, Done::NotDone, "http.429", "");
        let waits: Vec<_> = (1..9)
            .map(|attempt| policy.wait(attempt, &failure, 0).0 / 1000)
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        failure.retry_after = Some(Millis::seconds(20));
        assert_eq!(policy.wait(1, &failure, 0), Millis::seconds(20));
        failure.retry_after = Some(Millis::seconds(7200));
        assert!(!policy.again(Effect::Read, 1, &failure));
    }
}
