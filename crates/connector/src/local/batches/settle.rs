//! Which results are final, and which requests are worth sending again.

use std::collections::HashSet;

use flow_engine::run::Failure;
use flow_engine::value::Value;

use super::{KeyHash, each, hash_of, key_of, push_with};
use crate::local::LocalCall;
use crate::sink::ItemSink;

/// What decides about a result.
const DECIDES: &[&[&str]] = &[
    &["custom_id"],
    &["result", "type"],
    &["result", "error", "error", "type"],
];

/// How a request ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Succeeded,
    /// The service will never take it as it is.
    Invalid,
    /// The service failed.
    Errored,
    /// It was not begun in time.
    Expired,
    /// Somebody cancelled the batch.
    Canceled,
}

impl Ending {
    fn of(result: &Value) -> Ending {
        let path = |names: &[&str]| {
            let found = names.iter().try_fold(result, |value, name| value.get(name));
            found.and_then(Value::as_str)
        };
        match path(&["result", "type"]) {
            Some("succeeded") => Ending::Succeeded,
            Some("expired") => Ending::Expired,
            Some("canceled") => Ending::Canceled,
            _ if path(&["result", "error", "error", "type"]) == Some("invalid_request_error") => {
                Ending::Invalid
            }
            _ => Ending::Errored,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Ending::Succeeded => "succeeded",
            Ending::Invalid => "invalid",
            Ending::Errored => "errored",
            Ending::Expired => "expired",
            Ending::Canceled => "canceled",
        }
    }

    /// Whether the same request may succeed another time.
    fn may_succeed(self) -> bool {
        matches!(self, Ending::Errored | Ending::Expired)
    }
}

pub(super) fn settle(call: &LocalCall) -> Result<Value, Failure> {
    let sink = || ItemSink::new(call.context.blobs.clone());
    let (mut done, mut failed, mut again) = (sink(), sink(), sink());
    let mut again_count = 0_u64;
    let parts = call.loaded("sent")?;
    for part in parts.as_list().unwrap_or_default() {
        let member = |name: &str| part.get(name).unwrap_or(&Value::Null);
        let mut known: HashSet<KeyHash> = HashSet::new();
        let mut retried: HashSet<KeyHash> = HashSet::new();
        each(member("results"), DECIDES, call, |item| {
            let key = hash_of(key_of(&item));
            // A result that is told twice counts once.
            if !known.insert(key) {
                return Ok(());
            }
            let ending = Ending::of(&item.value);
            if ending.may_succeed() {
                retried.insert(key);
                push_with(ending.as_str(), item, &mut failed)
            } else {
                push_with(ending.as_str(), item, &mut done)
            }
        })?;
        each(member("requests"), &[&["custom_id"]], call, |item| {
            let key = hash_of(key_of(&item));
            if retried.contains(&key) {
                again_count += 1;
                item.push_to(&mut again)
            } else if known.contains(&key) {
                Ok(())
            } else {
                // Nobody knows what became of it: sent again, it might be paid for twice.
                let key = item.value.get(super::KEY).cloned().unwrap_or_default();
                done.push(Value::map([
                    ("outcome", Value::from("missing")),
                    (super::KEY, key),
                ]))
            }
        })?;
    }
    Ok(Value::map([
        ("done", done.finish()?),
        ("failed", failed.finish()?),
        ("again", again.finish()?),
        ("again_count", Value::from(again_count)),
    ]))
}
