//! Headers that say how much more a service takes.

use std::sync::Arc;
use std::time::Duration;

use flow_engine::collections::IndexMap;
use flow_engine::duration::Millis;
use jiff::Timestamp;
use reqwest::header::HeaderMap;

/// Above this, a number is a time since 1970 and not a wait: more than a hundred days.
const SECONDS_MAX: f64 = 1e7;

/// For how long a service takes no more, if its answer says so: a group of headers whose `remaining` is 0, until its `reset`.
/// `groups` are the names of headers, with `*` for those two words. The longest wait counts, cut to `limit`.
///
/// `reset` is an RFC 3339 time, seconds from now, or seconds since 1970; what is none of these says nothing.
pub(crate) fn rest(
    groups: &IndexMap<Arc<str>, Arc<str>>,
    headers: &HeaderMap,
    now: Timestamp,
    limit: Duration,
) -> Option<Millis> {
    let text = |group: &str, word: &str| {
        let value = headers.get(group.replace('*', word))?;
        value.to_str().ok().map(str::trim)
    };
    let of = |group: &Arc<str>| {
        let left: f64 = text(group, "remaining")?.parse().ok()?;
        (left <= 0.0).then(|| wait(text(group, "reset")?, now))?
    };
    let longest = groups.values().filter_map(of).max()?;
    Some(longest.min(Millis(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX))))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "milliseconds, cut to the range"
)]
fn wait(reset: &str, now: Timestamp) -> Option<Millis> {
    let millis = match reset.parse::<f64>() {
        Ok(seconds) if seconds > SECONDS_MAX => seconds * 1e3 - now.as_millisecond() as f64,
        Ok(seconds) => seconds * 1e3,
        Err(_) => {
            let at: Timestamp = reset.parse().ok()?;
            (at.as_millisecond() - now.as_millisecond()) as f64
        }
    };
    (millis > 0.0).then_some(Millis(millis.min(1e15).ceil() as u64))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[track_caller]
    fn check(headers: &[(&'static str, &'static str)], expected: Option<u64>) {
        let groups = [("requests", "x-requests-*"), ("tokens", "x-tokens-*")];
        let groups = groups.map(|(name, header)| (Arc::from(name), Arc::from(header)));
        let headers = headers.iter().map(|(name, value)| {
            let name = reqwest::header::HeaderName::from_static(name);
            (name, HeaderValue::from_static(value))
        });
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
        let groups = groups.into_iter().collect();
        let found = rest(&groups, &headers.collect(), now, Duration::from_secs(3600));
        assert_eq!(found.map(|wait| wait.0), expected);
    }

    #[test]
    fn nothing_left_is_a_rest_until_the_reset() {
        let none = ("x-requests-remaining", "0");
        check(&[], None);
        check(&[none], None);
        check(
            &[("x-requests-remaining", "1"), ("x-requests-reset", "5")],
            None,
        );
        check(
            &[none, ("x-requests-reset", "2026-01-01T00:00:02.5Z")],
            Some(2500),
        );
        check(&[none, ("x-requests-reset", "1.5")], Some(1500));
        check(&[none, ("x-requests-reset", "1767225607")], Some(7000));
        check(&[none, ("x-requests-reset", "2025-12-31T23:59:59Z")], None);
        check(&[none, ("x-requests-reset", "soon")], None);
        check(&[none, ("x-requests-reset", "7200")], Some(3_600_000));
        check(
            &[
                none,
                ("x-requests-reset", "1"),
                ("x-tokens-remaining", "0"),
                ("x-tokens-reset", "3"),
            ],
            Some(3000),
        );
    }
}
