//! Steps: exactly one verb, and the keys that go with it.

use serde_json::{Value as Json, json};

use super::place::Place;
use super::shape::{
    any_of, by_key, described, exactly_one, map_of, or_template, refer, with, without, words,
};
use crate::catalog::Effect;
use crate::document::keys::{self, Verb};

/// A map of steps by id.
pub(super) fn steps() -> Json {
    json!({
        "type": "object",
        "propertyNames": refer("name"),
        "additionalProperties": refer("step"),
    })
}

/// The definitions of one step: by its verb it is one of seven maps, each with the keys that go with the verb. Editors
/// then offer these and no others.
pub(super) fn definitions() -> Vec<(String, Json)> {
    let all = Place::Step.keys();
    let mut definitions = vec![("step".to_owned(), step()), ("undo".to_owned(), undo())];
    for verb in Verb::ALL {
        definitions.push((definition(verb), of_verb(verb)));
    }
    let shapes = all.iter().map(|name| {
        (
            format!("key.{name}"),
            described(Place::Step, name, key(name)),
        )
    });
    definitions.extend(shapes);
    definitions
}

fn definition(verb: Verb) -> String {
    format!("step.{}", verb.as_str())
}

fn step() -> Json {
    let verbs = Verb::ALL.iter();
    let shapes = verbs.map(|verb| (verb.as_str(), refer(&definition(*verb))));
    let all = map_of(Place::Step.keys().into_iter().map(by_name));
    // None is written yet: all keys are offered, and one of the verbs is missing.
    let undecided = with(
        all,
        json!({ "oneOf": exactly_one(Verb::ALL.map(Verb::as_str)) }),
    );
    with(json!({ "type": "object" }), by_key(shapes, undecided))
}

fn of_verb(verb: Verb) -> Json {
    let fitting = keys::STEP
        .iter()
        .filter(|(_, verbs)| verbs.contains(&verb))
        .map(|(key, _)| *key);
    let map = map_of(std::iter::once(verb.as_str()).chain(fitting).map(by_name));
    let mut rules = vec![loops(verb), bounded()];
    if matches!(verb, Verb::Action | Verb::Query | Verb::Trigger) {
        rules.push(refer(&format!("{}_with", verb.as_str())));
    }
    with(map, json!({ "allOf": rules }))
}

fn by_name(key: &str) -> (&str, Json) {
    (key, refer(&format!("key.{key}")))
}

/// `undo:` of a step: an action or a command.
fn undo() -> Json {
    let of = |verb: Verb| {
        let fitting = keys::UNDO.iter().copied().filter(move |key| {
            *key == verb.as_str()
                || keys::STEP
                    .iter()
                    .any(|(name, verbs)| name == key && verbs.contains(&verb))
        });
        map_of(fitting.map(by_name))
    };
    let action = with(of(Verb::Action), json!({ "allOf": [refer("action_with")] }));
    let all = map_of(keys::UNDO.iter().copied().map(by_name));
    let undecided = with(all, json!({ "oneOf": exactly_one(["action", "run"]) }));
    let shapes = [("action", action), ("run", of(Verb::Run))];
    with(
        json!({ "type": "object" }),
        by_key(shapes.into_iter(), undecided),
    )
}

/// Keys of loops need one; `where` may also stand beside `trigger`.
fn loops(verb: Verb) -> Json {
    let loops = keys::OF_LOOPS.iter().copied();
    let refused = loops.filter(|key| verb != Verb::Trigger || *key != "where");
    json!({ "if": { "required": ["for_each"] }, "else": without(refused) })
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
        "action" | "query" | "trigger" | "for_each" | "repeat" | "tolerate" | "retry"
        | "on_error" | "undo" | "cache" | "env" | "concurrency" | "budget" => refer(key),
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
