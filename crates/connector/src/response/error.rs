//! What an answer without success means.

use std::time::Duration;

use flow_engine::run::{Done, Failure, FailureKind};
use flow_engine::value::{Value, json};
use jiff::Timestamp;
use reqwest::header::HeaderMap;

use super::retry_after::{RetryAfter, retry_after};
use crate::descriptor::service::{ErrorRules, Path};

/// How much of an error's body is read.
pub(crate) const ERROR_BYTES_MAX: usize = 64 << 10;
/// How much foreign text a message shows.
const SHOWN_CHARS_MAX: usize = 500;

/// The failure of an answer whose status is not a success.
pub(crate) fn failure(
    rules: &ErrorRules,
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
    retry_limit: Duration,
) -> Failure {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let parsed = json::parse(body).ok();
    let at = |path: &Option<Path>| {
        let found = path.as_ref()?.read(parsed.as_ref()?)?.as_str()?;
        (!found.is_empty()).then(|| shown(found))
    };
    let (kind_text, code) = (at(&rules.kind), at(&rules.code));
    let sentence = at(&rules.message).unwrap_or_else(|| excerpt(parsed.as_ref(), body));
    let request_id = at(&rules.request_id).or_else(|| {
        rules
            .request_id_header
            .as_deref()
            .and_then(header)
            .map(shown)
    });

    let tags: Vec<String> = [("code", &code), ("request", &request_id)]
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name} {}", value.as_ref()?)))
        .collect();
    let tags = match tags.as_slice() {
        [] => String::new(),
        some => format!(" ({})", some.join(", ")),
    };
    let kind_shown = kind_text
        .as_ref()
        .map_or_else(String::new, |kind| format!(" {kind}"));
    let separator = if sentence.is_empty() { "" } else { ": " };
    let message = format!("the service answered {status}{kind_shown}{separator}{sentence}{tags}");

    let (mut kind, done) = class(rules, status);
    let is_final = |text: &Option<String>| {
        text.as_deref()
            .is_some_and(|text| rules.never_retry.iter().any(|known| &**known == text))
    };
    match rules.should_retry_header.as_deref().and_then(header) {
        Some("true") if !kind.is_transient() => kind = FailureKind::Transient,
        Some("false") => kind = FailureKind::Permanent,
        _ => {}
    }
    if is_final(&code) || is_final(&kind_text) {
        kind = FailureKind::Permanent;
    }
    let mut failure = Failure::of(kind, done, format!("http.{status}"), message);
    failure.status = Some(status);
    match retry_after(
        header("retry-after-ms"),
        header("retry-after"),
        now,
        retry_limit,
    ) {
        RetryAfter::Unsaid => {}
        _ if !kind.is_transient() => {}
        RetryAfter::Wait(wait) => failure.retry_after = Some(wait),
        RetryAfter::TooLong(wait) => {
            let (asked, limit) = (wait.0 / 1000, retry_limit.as_secs());
            failure = Failure {
                code: "http.retry_after_too_long".to_owned(),
                kind: FailureKind::Permanent,
                message: format!(
                    "{}; it asks to wait {asked} s, more than the {limit} s that are obeyed",
                    failure.message
                ),
                ..failure
            };
        }
    }
    failure
}

/// Kind and effect by status: what the service says of itself, else what statuses mean.
fn class(rules: &ErrorRules, status: u16) -> (FailureKind, Done) {
    if let Some((_, kind, done)) = rules.statuses.iter().find(|(known, _, _)| *known == status) {
        return (*kind, *done);
    }
    match status {
        408 | 425 => (FailureKind::Transient, Done::NotDone),
        429 => (FailureKind::RateLimited, Done::NotDone),
        503 => (FailureKind::Overloaded, Done::Unknown),
        529 => (FailureKind::Overloaded, Done::NotDone),
        501 | 505 => (FailureKind::Permanent, Done::NotDone),
        500..=599 => (FailureKind::Transient, Done::Unknown),
        _ => (FailureKind::Permanent, Done::NotDone),
    }
}

/// What the body says, if the descriptor does not know where: a usual member, or its beginning.
fn excerpt(parsed: Option<&Value>, body: &[u8]) -> String {
    let usual = parsed.and_then(|value| {
        let error = value.get("error").unwrap_or(value);
        let text = ["message", "detail", "title", "error_description"]
            .iter()
            .find_map(|name| error.get(name)?.as_str());
        text.or_else(|| error.as_str())
    });
    match usual {
        Some(text) => shown(text),
        None => shown(&String::from_utf8_lossy(body)),
    }
}

/// Foreign text for a message: cut, in one line, without control characters.
pub(crate) fn shown(text: &str) -> String {
    let mut clean = String::new();
    let mut count = 0;
    for word in text
        .split(|letter: char| letter.is_whitespace() || letter.is_control())
        .filter(|word| !word.is_empty())
    {
        count += word.chars().count() + 1;
        if count > SHOWN_CHARS_MAX {
            if clean.is_empty() {
                clean.extend(word.chars().take(SHOWN_CHARS_MAX));
            }
            clean.push('…');
            break;
        }
        if !clean.is_empty() {
            clean.push(' ');
        }
        clean.push_str(word);
    }
    clean
}
