//! Whether an answer is of the type that a descriptor declares.

use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;

use flow_engine::eval::BlobRead;
use flow_engine::types::Type;
use flow_engine::value::{Map, Value, json};
use flow_local::store::BlobFolder;

/// How much of a stored answer is looked at.
const BYTES_MAX: u64 = 64 << 20;

/// What was found.
pub(super) enum Fit {
    /// It is of the type.
    Fits,
    /// The type says nothing.
    Unknown,
    /// The first difference: where, what was expected, what was found.
    Differs(String),
}

/// The value, and what was added about the answer.
pub(super) fn apart(value: Value) -> (Value, Value) {
    let Value::Map(map) = value else {
        return (value, Value::Null);
    };
    let response = map.get("response").cloned().unwrap_or_default();
    if map.len() == 2
        && let Some(inner) = map.get("value")
    {
        return (inner.clone(), response);
    }
    let members = map.iter().filter(|(name, _)| &***name != "response");
    let rest: Map = members
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    (Value::Map(Arc::new(rest)), response)
}

/// Compares a value with a type; a stored one by its content.
pub(super) fn fit(ty: &Type, value: &Value, blobs: &BlobFolder) -> Fit {
    if *ty == Type::Unknown || *ty == Type::list(Type::Unknown) || *ty == Type::blob(Type::Unknown)
    {
        return Fit::Unknown;
    }
    let Value::Blob(blob) = value else {
        return difference(ty, value, "");
    };
    let Ok(content) = blobs.open(blob.hash) else {
        return Fit::Unknown;
    };
    let mut content = BufReader::new(content.take(BYTES_MAX));
    if blob.is_json_lines() {
        let (Type::List(item) | Type::Blob(item)) = ty else {
            return Fit::Differs(format!("expected {ty}, found a list"));
        };
        for (at, line) in content.lines().map_while(Result::ok).enumerate() {
            let Ok(value) = json::parse(line.as_bytes()) else {
                break;
            };
            if let Fit::Differs(difference) = difference(item, &value, &format!("[{at}]")) {
                return Fit::Differs(difference);
            }
        }
        return Fit::Fits;
    }
    let mut bytes = Vec::new();
    let whole = blob.is_json() && content.read_to_end(&mut bytes).is_ok();
    match json::parse(&bytes) {
        Ok(value) if whole => difference(ty, &value, ""),
        _ => Fit::Unknown,
    }
}

fn difference(ty: &Type, value: &Value, at: &str) -> Fit {
    match ty.check(value) {
        Ok(()) => Fit::Fits,
        Err(mut mismatch) => {
            let dot = if at.is_empty() || mismatch.path.is_empty() || mismatch.path.starts_with('[')
            {
                ""
            } else {
                "."
            };
            mismatch.path = format!("{at}{dot}{}", mismatch.path);
            Fit::Differs(mismatch.to_string())
        }
    }
}
