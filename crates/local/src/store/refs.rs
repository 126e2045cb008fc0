//! Which blobs a journal refers to.

use std::collections::BTreeSet;

use flow_engine::journal::Row;
use flow_engine::value::Hash;
use serde_json::Value;

/// The blobs that the values of a row are stored in, and the bundle that it pins.
///
/// In the journal's form a stored value is a map with the key `$blob`; a key of the user's own never looks like it.
pub(super) fn of_row(row: &Row, found: &mut BTreeSet<Hash>) {
    let is_start = row.kind == "run_started";
    if !is_start && !row.body.contains("$blob") {
        return;
    }
    let Ok(body) = serde_json::from_str::<Value>(&row.body) else {
        return;
    };
    if is_start {
        found.extend(body["bundle"].as_str().and_then(Hash::parse));
    }
    of_json(&body, found);
}

/// The blobs of a value in the journal's form.
pub(super) fn of_text(text: &str, found: &mut BTreeSet<Hash>) {
    if text.contains("$blob")
        && let Ok(value) = serde_json::from_str::<Value>(text)
    {
        of_json(&value, found);
    }
}

fn of_json(value: &Value, found: &mut BTreeSet<Hash>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| of_json(item, found)),
        Value::Object(members) => {
            if let Some(blob) = members.get("$blob") {
                found.extend(blob["hash"].as_str().and_then(Hash::parse));
            }
            members.values().for_each(|member| of_json(member, found));
        }
        _ => {}
    }
}
