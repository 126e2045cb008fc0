//! An answer that should be one JSON value.

use flow_engine::run::{Done, Failure, FailureKind};
use flow_engine::value::{Value, json};

use super::error::shown;

/// Reads a body as JSON; an empty one is null.
pub(crate) fn read(bytes: &[u8], content_type: Option<&str>, done: Done) -> Result<Value, Failure> {
    if bytes.trim_ascii().is_empty() {
        return Ok(Value::Null);
    }
    let media = media(content_type);
    if media == "text/html" {
        return Err(wrong_type(&media, bytes, done));
    }
    json::parse(bytes).map_err(|error| {
        if !media.is_empty() && !is_json(&media) && error.code == "json.syntax" {
            return wrong_type(&media, bytes, done);
        }
        let excerpt = shown(&String::from_utf8_lossy(&bytes[..bytes.len().min(200)]));
        let message =
            format!("the answer is not JSON that can be read: {error}; it begins `{excerpt}`");
        Failure::of(FailureKind::Permanent, done, "http.bad_json", message)
    })
}

/// Media type without parameters, in small letters.
pub(crate) fn media(content_type: Option<&str>) -> String {
    content_type
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase()
}

/// Whether a media type is JSON.
pub(crate) fn is_json(media: &str) -> bool {
    media == "application/json" || media == "text/json" || media.ends_with("+json")
}

fn wrong_type(media: &str, bytes: &[u8], done: Done) -> Failure {
    let excerpt = shown(&String::from_utf8_lossy(&bytes[..bytes.len().min(200)]));
    let message = format!("the answer should be JSON and is `{media}`; it begins `{excerpt}`");
    Failure::of(FailureKind::Permanent, done, "http.content_type", message)
}
