//! How long a service asks to wait.

use std::time::Duration;

use flow_engine::duration::Millis;
use jiff::{SignedDuration, Timestamp};

/// What the headers of an answer ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RetryAfter {
    /// Nothing that can be read: the step's own delay counts.
    Unsaid,
    /// At least this long.
    Wait(Millis),
    /// Longer than the limit.
    TooLong(Millis),
}

/// Reads `retry-after-ms` (milliseconds, perhaps with a fraction), else `retry-after`: seconds, perhaps with a fraction,
/// or an HTTP date, which is taken relative to `now`. Zero, negative, past and malformed values say nothing; so the
/// result is never zero.
///
/// Source: RFC 9110, section 10.2.3; `retry-after-ms` and fractions as services and their clients use them.
pub(crate) fn retry_after(
    millis: Option<&str>,
    value: Option<&str>,
    now: Timestamp,
    limit: Duration,
) -> RetryAfter {
    let from_millis = millis.and_then(|text| number(text, 1.0));
    let asked = from_millis.or_else(|| {
        let text = value?;
        number(text, 1000.0).or_else(|| date(text, now))
    });
    match asked {
        None => RetryAfter::Unsaid,
        Some(wait) if u128::from(wait.0) > limit.as_millis() => RetryAfter::TooLong(wait),
        Some(wait) => RetryAfter::Wait(wait),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is positive and was cut to the range"
)]
fn number(text: &str, factor: f64) -> Option<Millis> {
    let text = text.trim();
    let plain = !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number: f64 = plain.then(|| text.parse().ok()).flatten()?;
    let millis = (number * factor).ceil().min(1e18);
    (millis > 0.0).then_some(Millis(millis as u64))
}

fn date(text: &str, now: Timestamp) -> Option<Millis> {
    let at = jiff::fmt::rfc2822::parse(text.trim()).ok()?.timestamp();
    let wait: SignedDuration = at.duration_since(now);
    let millis = u64::try_from(wait.as_millis()).ok()?;
    (millis > 0).then_some(Millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(millis: Option<&str>, value: Option<&str>, expected: RetryAfter) {
        let now: Timestamp = "1994-11-06T08:49:37Z".parse().expect("a time");
        assert_eq!(
            retry_after(millis, value, now, Duration::from_secs(3600)),
            expected
        );
    }

    #[test]
    fn every_form_is_read() {
        use RetryAfter::{TooLong, Unsaid, Wait};
        check(None, None, Unsaid);
        for nothing in [
            "0",
            "-5",
            "soon",
            "",
            "1e3",
            "inf",
            "NaN",
            ".",
            "Sun, 06 Nov 1994 08:49:00 GMT",
        ] {
            check(None, Some(nothing), Unsaid);
        }
        check(None, Some("120 "), Wait(Millis(120_000)));
        check(None, Some("1.5"), Wait(Millis(1500)));
        check(
            None,
            Some("Sun, 06 Nov 1994 08:49:39 GMT"),
            Wait(Millis(2000)),
        );
        check(
            None,
            Some("99999999999"),
            TooLong(Millis(99_999_999_999_000)),
        );
        check(Some("250.5"), Some("9"), Wait(Millis(251)));
        check(Some("x"), Some("9"), Wait(Millis(9000)));
    }
}
