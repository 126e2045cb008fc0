//! The whole document: the keys of a workflow, and all definitions that they refer to.

use serde_json::{Map, Value as Json, json};

use super::place::Place;
use super::shape::{any_of, closed, names, refer, with};
use super::{connection, input, known, operation, settings, shape, step, trigger};
use crate::catalog::Catalog;

/// The JSON Schema of workflow files, with the operations of these connectors.
pub fn workflow(catalog: &Catalog) -> Json {
    let mut definitions = Map::new();
    for (name, schema) in shape::definitions()
        .into_iter()
        .chain(settings::definitions())
        .chain(input::definitions())
        .chain([("steps", step::steps())])
    {
        definitions.insert(name.to_owned(), schema);
    }
    definitions.extend(step::definitions());
    definitions.extend(trigger::definitions());
    definitions.extend(connection::definitions(catalog));
    definitions.extend(operation::definitions(catalog));
    let (judged, rules) = known::rules(catalog);
    definitions.extend(judged);
    let mut document = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:flow:workflow:1",
        "title": "Workflow of flow, version 1",
        "description": "What runs, in which order, and what starts it.",
    });
    document = with(document, closed(Place::Workflow, key));
    document = with(document, json!({ "required": ["steps"], "allOf": rules }));
    document["$defs"] = definitions.into();
    document
}

fn key(key: &str) -> Json {
    match key {
        "flow" => json!({ "enum": [1, "1"] }),
        "name" => refer("label"),
        "description" => refer("text"),
        "inputs" => names(&refer("input")),
        "vars" | "outputs" => refer("names"),
        "connections" => refer("connections"),
        "defaults" => refer("defaults"),
        "on" => refer("on"),
        "concurrency" => refer("concurrency"),
        "priority" => json!({ "type": "integer" }),
        "budget" => refer("budget"),
        "risk" => json!({ "const": "accepted" }),
        "sequential" => json!({ "type": "boolean" }),
        "steps" => with(refer("steps"), json!({ "minProperties": 1 })),
        "finally" => any_of([refer("steps"), json!({ "type": "null" })]),
        "finally_timeout" => refer("duration"),
        _ => json!({}),
    }
}
