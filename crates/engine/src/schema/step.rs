//! Steps: exactly one verb, and the keys that go with it.

use serde_json::{Value as Json, json};

use super::place::Place;
use super::shape::{
    NAME, any_of, closed, exactly_one, if_keys, or_template, refer, with, without, words,
};
use crate::catalog::Effect;
use crate::document::keys::{self, Verb};

/// A map of steps by id.
pub(super) fn steps() -> Json {
    json!({
        "type": "object",
        "propertyNames": { "pattern": NAME },
        "additionalProperties": refer("step"),
    })
}

/// One step.
pub(super) fn step() -> Json {
    let mut rules: Vec<Json> = Verb::ALL.into_iter().map(misplaced).collect();
    rules.extend([loops(), bounded()]);
    rules.extend(["action", "query", "trigger"].map(|verb| refer(&format!("{verb}_with"))));
    let verbs = exactly_one(Verb::ALL.map(Verb::as_str));
    with(
        closed(Place::Step, key),
        json!({ "oneOf": verbs, "allOf": rules }),
    )
}

/// `undo:` of a step: an action or a command.
pub(super) fn undo() -> Json {
    let of_commands = keys::STEP
        .iter()
        .filter(|(key, verbs)| keys::UNDO.contains(key) && !verbs.contains(&Verb::Action));
    let rules = [
        if_keys(&["action"], without(of_commands.map(|(key, _)| *key))),
        if_keys(&["run"], without(["with"])),
        refer("action_with"),
    ];
    with(
        closed(Place::Undo, key),
        json!({ "oneOf": exactly_one(["action", "run"]), "allOf": rules }),
    )
}

/// Keys that do not go with a verb are refused beside it.
fn misplaced(verb: Verb) -> Json {
    let others = keys::STEP
        .iter()
        .filter(|(_, verbs)| !verbs.contains(&verb));
    if_keys(&[verb.as_str()], without(others.map(|(key, _)| *key)))
}

/// Keys of loops need one; `where` may also stand beside `trigger`.
fn loops() -> Json {
    let loops = keys::OF_LOOPS.iter().copied();
    json!({
        "if": { "required": ["for_each"] },
        "else": {
            "if": { "required": ["trigger"] },
            "then": without(loops.clone().filter(|key| *key != "where")),
            "else": without(loops),
        },
    })
}

/// Rounds end at some time: by their number, or by the step's `timeout`.
fn bounded() -> Json {
    json!({
        "if": {
            "required": ["repeat"],
            "properties": { "repeat": { "type": "object", "not": { "required": ["max"] } } },
        },
        "then": { "required": ["timeout"] },
    })
}

fn key(key: &str) -> Json {
    let scalar = json!({ "type": ["string", "number", "boolean"] });
    match key {
        "action" | "query" | "trigger" => refer(key),
        "run" => command(),
        "workflow" => with(refer("literal"), json!({ "minLength": 1 })),
        "steps" => with(refer("steps"), json!({ "minProperties": 1 })),
        "finally" => refer("steps"),
        "needs" => any_of([
            refer("name"),
            json!({ "type": "array", "items": refer("name") }),
        ]),
        "if" | "where" => refer("condition"),
        "key" => refer("expression"),
        "for_each" | "repeat" | "tolerate" | "retry" | "on_error" | "undo" | "cache" | "env"
        | "concurrency" | "budget" => refer(key),
        "chunk" | "max_parallel" | "pages" => refer("count"),
        "timeout" | "item_timeout" => refer("duration_or_template"),
        "finally_timeout" | "every" => refer("duration"),
        "with" => refer("values"),
        "effect" => words(&Effect::ALL.map(Effect::as_str)),
        "on_interrupt" => words(&["ask", "fail", "retry"]),
        "with_response" | "detach" | "sequential" => json!({ "type": "boolean" }),
        "args" => or_template(json!({ "type": "array", "items": scalar })),
        "cwd" | "after" => refer("text"),
        "parse" => words(&["text", "json", "jsonl", "lines"]),
        "ok_codes" => json!({ "type": "array", "minItems": 1, "items": { "type": "integer" } }),
        "files" => or_template(json!({ "type": "object", "additionalProperties": scalar })),
        "place" => or_template(json!({ "type": "object" })),
        "outputs" => refer("names"),
        "queue" => refer("label"),
        // `value`, `stdin` and `output` take any tree.
        _ => json!({}),
    }
}

/// Data never becomes code: the text of a command has no template in it.
fn command() -> Json {
    let argument = json!({ "type": ["string", "number", "boolean"] });
    let list = json!({
        "type": "array",
        "minItems": 1,
        "prefixItems": [refer("literal")],
        "items": argument,
    });
    any_of([refer("literal"), list])
}
