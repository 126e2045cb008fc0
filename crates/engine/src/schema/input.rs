//! `inputs:`: the name of a type, or a map with the keys that go with it.

use serde_json::{Value as Json, json};

use super::place::Place;
use super::shape::{any_of, closed, map_or, names, refer, with, without, words};
use crate::document::keys;

/// Keys of some types only.
const OF_TYPES: &[(&str, &[&str])] = &[
    ("items", &["list"]),
    ("fields", &["object"]),
    ("pattern", &["string", "secret"]),
    ("min", &["string", "integer", "number", "list"]),
    ("max", &["string", "integer", "number", "list"]),
];

pub(super) fn definitions() -> Vec<(&'static str, Json)> {
    let short = any_of([refer("input_type"), json!({ "type": "null" })]);
    vec![
        ("input_type", words(keys::INPUT_TYPES)),
        ("input", map_or(&refer("input_map"), &short)),
        ("input_map", map()),
    ]
}

fn map() -> Json {
    let of_types: Vec<Json> = keys::INPUT_TYPES.iter().map(|ty| of_type(ty)).collect();
    with(closed(Place::Input, key), json!({ "allOf": of_types }))
}

fn key(key: &str) -> Json {
    match key {
        "type" | "items" => refer("input_type"),
        "description" | "pattern" => refer("literal"),
        "required" => json!({ "type": "boolean" }),
        "enum" => json!({ "type": "array", "minItems": 1 }),
        "min" | "max" => json!({ "type": "number" }),
        "fields" => names(&refer("input_type")),
        // Its shape follows from the type.
        _ => json!({}),
    }
}

/// What goes with one type. A map without `type` is one of `string`.
fn of_type(name: &str) -> Json {
    let others = OF_TYPES
        .iter()
        .filter(|(_, types)| !types.contains(&name))
        .map(|(key, _)| *key);
    let mut then = without(others);
    if let Some(value) = value(name) {
        then["properties"]["default"] = any_of([value.clone(), json!({ "type": "null" })]);
        then["properties"]["enum"] = json!({ "items": value });
    }
    let written = json!({ "properties": { "type": { "const": name } } });
    let is_default = name == "string";
    let condition = if is_default {
        written
    } else {
        with(written, json!({ "required": ["type"] }))
    };
    json!({ "if": condition, "then": then })
}

/// What a value of the type is as it is written in the file.
fn value(name: &str) -> Option<Json> {
    Some(match name {
        "integer" | "number" | "boolean" => json!({ "type": name }),
        "list" => json!({ "type": "array" }),
        "object" => json!({ "type": "object" }),
        "duration" => refer("duration"),
        "date" => json!({ "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" }),
        "datetime" => {
            json!({ "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:" })
        }
        "string" | "file" => refer("literal"),
        _ => return None,
    })
}
