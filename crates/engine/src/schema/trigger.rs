//! `on:`: one trigger, or several by name.

use serde_json::{Value as Json, json};

use super::place::Place;
use super::shape::{
    any_of, closed, exactly_one, if_keys, message, names, refer, with, without, words,
};
use crate::document::keys;

/// The keys that go with some words only. `every` is a word of its own where none of the others stands.
const OF_WORDS: &[(&str, &[&str])] = &[
    ("every", &["trigger", "poll"]),
    ("with", &["trigger", "poll"]),
    ("timezone", &["schedule"]),
    ("misfire", &["schedule", "every"]),
    ("dst_gap", &["schedule"]),
    ("dst_overlap", &["schedule"]),
    ("items", &["poll"]),
    ("key", &["poll"]),
    ("cursor", &["poll"]),
    ("changed", &["poll"]),
    ("batch", &["poll"]),
    ("backfill", &["poll"]),
    ("verify", &["webhook", "trigger"]),
    ("dedupe", &["webhook", "trigger"]),
    ("respond", &["webhook", "trigger"]),
];

pub(super) fn definitions() -> Vec<(&'static str, Json)> {
    vec![("on", on()), ("start", start())]
}

/// Whether a map under `on:` is one trigger: any of the words stands in it.
pub(super) fn is_one() -> Json {
    let all = words_of_triggers().map(|word| json!({ "required": [word] }));
    json!({ "anyOf": all.collect::<Vec<Json>>() })
}

fn words_of_triggers() -> impl Iterator<Item = &'static str> {
    keys::TRIGGER_WORDS.iter().copied().chain(["every"])
}

fn on() -> Json {
    let mut offered = closed(Place::Trigger, |_| json!({}));
    let words: Vec<&str> = words_of_triggers().collect();
    // Only to be offered by editors: the branches below decide.
    if let Some(properties) = offered["properties"].as_object_mut() {
        properties.retain(|key, _| words.contains(&key.as_str()));
    }
    json!({
        "type": "object",
        "properties": offered["properties"],
        "if": is_one(),
        "then": refer("start"),
        "else": names(refer("start")),
    })
}

/// One trigger.
fn start() -> Json {
    let none: Vec<Json> = keys::TRIGGER_WORDS
        .iter()
        .map(|word| json!({ "required": [word] }))
        .collect();
    let mut one = exactly_one(keys::TRIGGER_WORDS.iter().copied());
    if let Json::Array(options) = &mut one {
        options.push(json!({ "required": ["every"], "not": { "anyOf": none } }));
    }
    let mut rules: Vec<Json> = keys::TRIGGER_WORDS
        .iter()
        .map(|word| goes_with(word))
        .collect();
    rules.push(json!({
        "if": { "not": { "anyOf": none } },
        "then": without(others("every").filter(|key| *key != "every")),
    }));
    rules.push(if_keys(&["webhook"], json!({ "required": ["verify"] })));
    // Delivered, or looked for: not both.
    rules.push(if_keys(&["trigger", "verify"], without(["every"])));
    rules.push(json!({
        "if": { "required": ["trigger"], "not": { "required": ["verify"] } },
        "then": without(["dedupe", "respond"]),
    }));
    rules.extend([refer("trigger_with"), refer("poll_with")]);
    with(
        closed(Place::Trigger, key),
        json!({ "oneOf": one, "allOf": rules }),
    )
}

fn others(word: &str) -> impl Iterator<Item = &'static str> {
    OF_WORDS
        .iter()
        .filter(move |(_, words)| !words.contains(&word))
        .map(|(key, _)| *key)
}

fn goes_with(word: &str) -> Json {
    if_keys(&[word], without(others(word)))
}

fn key(key: &str) -> Json {
    match key {
        "schedule" => cron(),
        "every" | "jitter" => refer("duration"),
        "webhook" => message(
            json!({ "type": "string", "pattern": "^[A-Za-z0-9_.~-]+(?:/[A-Za-z0-9_.~-]+)*$" }),
            "a path of names with / between them, such as shop/orders",
        ),
        "trigger" => refer("trigger"),
        "poll" => refer("query"),
        "event" | "file" => with(refer("literal"), json!({ "minLength": 1 })),
        "inputs" => refer("names"),
        "where" => refer("condition"),
        "enabled" | "changed" | "backfill" => json!({ "type": "boolean" }),
        "with" => refer("values"),
        "timezone" => {
            json!({ "type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*$" })
        }
        "misfire" => misfire(),
        "dst_gap" => words(&["run_after", "skip"]),
        "dst_overlap" => words(&["first", "both"]),
        "items" => json!({ "type": "string" }),
        "key" | "dedupe" => refer("expression"),
        "cursor" => cursor(),
        "batch" => refer("count"),
        "verify" => verify(),
        "respond" => with(
            closed(Place::Respond, |_| refer("duration")),
            json!({ "required": ["wait"] }),
        ),
        _ => json!({}),
    }
}

/// Five fields, six with seconds in front, or one of the names for common times.
fn cron() -> Json {
    const NAMED: &str = "@(?:yearly|annually|monthly|weekly|daily|midnight|hourly)";
    const FIELD: &str = "[0-9A-Za-z*,/?#-]+";
    let pattern = format!(r"^\s*(?:{NAMED}|{FIELD}(?:\s+{FIELD}){{4,5}})\s*$");
    message(
        json!({ "type": "string", "pattern": pattern }),
        "five fields: minute, hour, day of month, month, day of week, such as 0 2 * * *",
    )
}

fn misfire() -> Json {
    let all = closed(Place::Misfire, |_| refer("count"));
    any_of([
        words(&["skip", "latest"]),
        with(all, json!({ "required": ["all"] })),
    ])
}

fn cursor() -> Json {
    let map = closed(Place::Cursor, |key| match key {
        "param" => json!({ "type": "string" }),
        _ => refer("expression"),
    });
    with(map, json!({ "required": ["param", "from"] }))
}

fn verify() -> Json {
    let own = closed(Place::Verify, |_| json!({ "type": ["string", "object"] }));
    any_of([
        words(&["standard-webhooks", "github", "stripe", "slack", "none"]),
        with(own, json!({ "oneOf": exactly_one(["hmac", "token"]) })),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_some_words_are_keys_of_triggers() {
        for (key, words) in OF_WORDS {
            assert!(keys::TRIGGER.contains(key), "{key}");
            assert!(
                words
                    .iter()
                    .all(|word| words_of_triggers().any(|known| known == *word))
            );
        }
        let free = ["inputs", "where", "enabled", "jitter"];
        for key in keys::TRIGGER {
            let known = free.contains(key)
                || keys::TRIGGER_WORDS.contains(key)
                || OF_WORDS.iter().any(|(of, _)| of == key);
            assert!(known, "which words does `{key}` go with?");
        }
    }
}
