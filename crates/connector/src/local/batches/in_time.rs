//! Whether the results of a batch can still be read.

use flow_engine::run::Failure;
use flow_engine::value::Value;
use jiff::{SignedDuration, Timestamp};

use crate::local::LocalCall;

/// How long after a batch was made its results can be read.
///
/// Source: the Message Batches reference of the Claude API, 2026-10.
const READABLE: SignedDuration = SignedDuration::from_hours(29 * 24);

/// Gives the time until which the results can be read, or fails if that is over.
pub(super) fn in_time(call: &LocalCall) -> Result<Value, Failure> {
    let batch = call.argument("batch");
    let time = |name: &str, value: Option<&Value>| {
        let text = value.and_then(Value::as_str).unwrap_or_default();
        text.parse::<Timestamp>().map_err(|_| {
            let message =
                format!("`{name}`: `{text}` is not a time such as `2026-01-31T08:00:00Z`");
            Failure::permanent("call.type", message)
        })
    };
    let made = time("batch.created_at", batch.get("created_at"))?;
    let until = made.saturating_add(READABLE).unwrap_or(Timestamp::MAX);
    if time("now", Some(call.argument("now")))? < until {
        return Ok(Value::map([("until", Value::from(until.to_string()))]));
    }
    let id = batch.get("id").and_then(Value::as_str).unwrap_or("?");
    let message = format!(
        "the results of the batch `{id}` could be read until {until}, 29 days after it was made"
    );
    Err(Failure::permanent("batches.results_gone", message)
        .help("its requests were done and paid for; to have answers, start the workflow anew"))
}
