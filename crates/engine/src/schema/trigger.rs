//! `on:`: one trigger, or several by name.

use serde_json::{Value as Json, json};

use super::place::Place;
use super::shape::{
    by_key, closed, described, exactly_one, map_of, map_or, message, names, refer, with, without,
    words,
};
use crate::document::keys;

pub(super) fn definitions() -> Vec<(String, Json)> {
    let mut all = vec![("on".to_owned(), on()), ("start".to_owned(), start())];
    all.extend(words_of_triggers().map(|word| (definition(word), of_word(word))));
    for name in keys::TRIGGER {
        let shape = described(Place::Trigger, name, key(name));
        all.push((format!("on.key.{name}"), shape));
    }
    all
}

/// Whether a map under `on:` is one trigger: any of the words stands in it.
pub(super) fn is_one() -> Json {
    let all = words_of_triggers().map(|word| json!({ "required": [word] }));
    json!({ "anyOf": all.collect::<Vec<Json>>() })
}

fn words_of_triggers() -> impl DoubleEndedIterator<Item = &'static str> {
    keys::TRIGGER_WORDS.iter().copied().chain(["every"])
}

fn on() -> Json {
    let several = names(&refer("start"));
    json!({
        "type": "object",
        // Only to be offered by editors: the branches decide.
        "properties": map_of(words_of_triggers().map(by_name))["properties"],
        "if": is_one(),
        "then": refer("start"),
        "else": several,
    })
}

/// One trigger: the first word in it says which keys go with it.
fn start() -> Json {
    let shapes = words_of_triggers().map(|word| (word, refer(&definition(word))));
    let all = map_of(Place::Trigger.keys().into_iter().map(by_name));
    let undecided = with(all, json!({ "oneOf": exactly_one(words_of_triggers()) }));
    with(json!({ "type": "object" }), by_key(shapes, undecided))
}

fn definition(word: &str) -> String {
    format!("on.by.{word}")
}

fn by_name(key: &'static str) -> (&'static str, Json) {
    (key, refer(&format!("on.key.{key}")))
}

fn of_word(word: &'static str) -> Json {
    let is_word = |key: &str| words_of_triggers().any(|known| known == key);
    let fitting = keys::TRIGGER.iter().copied().filter(|key| {
        let of = keys::TRIGGER_WITH.iter().find(|(of, _)| of == key);
        *key == word || of.map_or(!is_word(key), |(_, words)| words.contains(&word))
    });
    let map = map_of(fitting.map(by_name));
    match word {
        "webhook" => with(map, json!({ "required": ["webhook", "verify"] })),
        "poll" => with(map, json!({ "allOf": [refer("poll_with")] })),
        // Delivered, or looked for: not both.
        "trigger" => with(
            map,
            json!({ "allOf": [
            refer("trigger_with"),
            { "if": { "required": ["verify"] }, "then": without(keys::OF_LOOKS.iter().copied()), "else": without(keys::OF_DELIVERIES.iter().copied()) },
        ] }),
        ),
        _ => map,
    }
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
    const NAMED: &str = "@(?:yearly|annually|monthly|weekly|daily|hourly)";
    const FIELD: &str = "[0-9A-Za-z*,/?#-]+";
    let pattern = format!(r"^\s*(?:{NAMED}|{FIELD}(?:\s+{FIELD}){{4,5}})\s*$");
    message(
        json!({ "type": "string", "pattern": pattern }),
        "five fields: minute, hour, day of month, month, day of week, such as 0 2 * * *",
    )
}

fn misfire() -> Json {
    let all = closed(Place::Misfire, |_| refer("count"));
    map_or(
        &with(all, json!({ "required": ["all"] })),
        &words(&["skip", "latest"]),
    )
}

fn cursor() -> Json {
    let map = closed(Place::Cursor, |key| match key {
        "param" => json!({ "type": "string" }),
        _ => refer("expression"),
    });
    with(map, json!({ "required": ["param", "from"] }))
}

fn verify() -> Json {
    let own = closed(Place::Verify, |key| match key {
        "hmac" => map_or(&long(Place::Hmac), &text()),
        "token" => map_or(&long(Place::Token), &text()),
        _ => text(),
    });
    map_or(
        &with(
            own,
            json!({ "oneOf": exactly_one(keys::VERIFY.iter().copied()) }),
        ),
        &words(&["standard-webhooks", "github", "stripe", "slack", "none"]),
    )
}

fn text() -> Json {
    json!({ "type": "string" })
}

/// How a signature or token is sent.
fn long(place: Place) -> Json {
    let map = closed(place, |key| match key {
        "algorithm" => words(&["sha1", "sha256", "sha512"]),
        "encoding" => words(&["hex", "base64"]),
        _ => text(),
    });
    with(map, json!({ "required": ["secret"] }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_some_words_are_keys_of_triggers() {
        for (key, words) in keys::TRIGGER_WITH {
            assert!(keys::TRIGGER.contains(key), "{key}");
            assert!(
                words
                    .iter()
                    .all(|word| words_of_triggers().any(|known| known == *word))
            );
        }
        let free = ["inputs", "enabled"];
        for key in keys::TRIGGER {
            let known = free.contains(key)
                || keys::TRIGGER_WORDS.contains(key)
                || keys::TRIGGER_WITH.iter().any(|(of, _)| of == key);
            assert!(known, "which words does `{key}` go with?");
        }
    }
}
