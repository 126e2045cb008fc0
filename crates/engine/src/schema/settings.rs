//! Keys with small forms of their own, on steps and on the workflow.

use serde_json::{Value as Json, json};

use super::place::Place;
use super::shape::{any_of, closed, map_or, message, or_template, refer, with, words};
use crate::run::retry::RetryOn;

pub(super) fn definitions() -> Vec<(&'static str, Json)> {
    vec![
        ("for_each", for_each()),
        ("repeat", repeat()),
        ("retry", retry()),
        ("tolerate", tolerate()),
        ("on_error", on_error()),
        ("concurrency", concurrency()),
        ("budget", budget()),
        ("cache", cache()),
        ("defaults", defaults()),
        ("limits", limits()),
        ("env", env()),
    ]
}

fn for_each() -> Json {
    let long = closed(Place::ForEach, |key| match key {
        // An expression, or the items themselves.
        "in" => json!({ "type": ["string", "array", "object"] }),
        _ => refer("name"),
    });
    map_or(
        &with(long, json!({ "required": ["in"] })),
        &json!({ "type": ["string", "array"] }),
    )
}

fn repeat() -> Json {
    closed(Place::Repeat, |key| match key {
        "until" => refer("condition"),
        "every" => refer("duration"),
        "max" => refer("count"),
        "on_max" => words(&["fail", "continue"]),
        _ => json!({}),
    })
}

fn retry() -> Json {
    let attempts = json!({ "type": "integer", "minimum": 1, "maximum": 100 });
    let class = any_of([
        words(RetryOn::WORDS),
        json!({ "type": "integer", "minimum": 100, "maximum": 599 }),
        json!({ "type": "string", "pattern": "^[1-5][0-9]{2}$" }),
    ]);
    let classes = any_of([class.clone(), json!({ "type": "array", "items": class })]);
    let long = closed(Place::Retry, |key| match key {
        "attempts" => attempts.clone(),
        "factor" => json!({ "type": "number", "minimum": 1, "maximum": 10 }),
        "jitter" => json!({ "type": "boolean" }),
        "on" => classes.clone(),
        _ => refer("duration"),
    });
    map_or(&long, &attempts)
}

fn tolerate() -> Json {
    let share =
        json!({ "type": "string", "pattern": r"^(?:100(?:\.0+)?|[0-9]{1,2}(?:\.[0-9]+)?)%$" });
    any_of([
        json!({ "type": "integer", "minimum": 0 }),
        message(
            share,
            "a share is a number from 0 to 100 with %, such as 2%",
        ),
    ])
}

fn on_error() -> Json {
    let value = with(
        closed(Place::OnError, |_| json!({})),
        json!({ "required": ["value"] }),
    );
    map_or(&value, &words(&["fail", "continue"]))
}

fn concurrency() -> Json {
    let map = closed(Place::Concurrency, |key| match key {
        "max" => refer("count"),
        "when_full" => words(&["queue", "skip", "replace"]),
        _ => refer("text"),
    });
    with(map, json!({ "minProperties": 1 }))
}

fn budget() -> Json {
    let map = closed(Place::Budget, |key| match key {
        "usd" => json!({ "type": "number", "exclusiveMinimum": 0 }),
        "tokens" => refer("count"),
        _ => words(&["hold", "fail"]),
    });
    let one = any_of([
        json!({ "required": ["usd"] }),
        json!({ "required": ["tokens"] }),
    ]);
    with(map, one)
}

fn cache() -> Json {
    let map = closed(Place::Cache, |key| match key {
        "for" => refer("duration"),
        _ => refer("expression"),
    });
    with(map, json!({ "required": ["for"] }))
}

fn defaults() -> Json {
    closed(Place::Defaults, |key| match key {
        "retry" => refer("retry"),
        "timeout" => refer("duration_or_template"),
        "run" => closed(Place::DefaultsRun, |key| match key {
            "env" => refer("env"),
            _ => refer("text"),
        }),
        _ => refer("label"),
    })
}

fn limits() -> Json {
    let map = closed(Place::Limits, |key| match key {
        "parallel" => refer("count"),
        _ => json!({ "type": "number", "exclusiveMinimum": 0 }),
    });
    with(map, json!({ "minProperties": 1 }))
}

/// Environment variables: scalars, secrets among them.
fn env() -> Json {
    let scalar = json!({ "type": ["string", "number", "boolean", "null"] });
    or_template(json!({ "type": "object", "additionalProperties": scalar }))
}
