//! The parts that all shapes are made of. Only keywords that editors know are used, and `$ref` never stands beside
//! other keywords that check something: some editors read one and skip the other.

use serde_json::{Map, Value as Json, json};

use super::place::Place;

/// Text that has a template in it, as a whole or mixed.
pub(super) const TEMPLATE: &str = r"\{[{%]";
/// Text without any.
const NO_TEMPLATE: &str = r"^(?![\s\S]*\{\{)";
/// Numbers with units, largest first.
const DURATION: &str = "(?=[0-9])(?:[0-9]+d)?(?:[0-9]+h)?(?:[0-9]+m)?(?:[0-9]+s)?(?:[0-9]+ms)?";

/// A name that expressions can use.
const NAME: &str = "^[a-z][a-z0-9_]{0,63}$";

/// A reference to a definition.
pub(super) fn refer(name: &str) -> Json {
    json!({ "$ref": format!("#/$defs/{name}") })
}

/// The definitions that everything uses.
pub(super) fn definitions() -> Vec<(&'static str, Json)> {
    vec![
        ("template", json!({ "type": "string", "pattern": TEMPLATE })),
        // Where text is expected the written text is kept, also of what YAML takes for a number.
        ("text", json!({ "type": ["string", "number", "boolean"] })),
        (
            "literal",
            message(
                json!({ "type": ["string", "number", "boolean"], "pattern": NO_TEMPLATE }),
                "a template is not possible here",
            ),
        ),
        (
            "name",
            message(
                json!({ "type": "string", "pattern": NAME }),
                "a name is lower-case letters, digits and _, begins with a letter, and has at most 64 of them",
            ),
        ),
        (
            "label",
            message(
                json!({ "type": "string", "pattern": "^[a-z][a-z0-9_-]{0,63}$" }),
                "a name is lower-case letters, digits, _ and -, begins with a letter, and has at most 64 of them",
            ),
        ),
        (
            "duration",
            message(
                json!({ "type": "string", "pattern": format!("^{DURATION}$") }),
                "a duration is numbers with units, largest first: 500ms 10s 5m 25h 7d 1h30m",
            ),
        ),
        (
            "duration_or_template",
            message(
                json!({ "type": "string", "pattern": format!(r"^{DURATION}$|\{{\{{") }),
                "a duration is numbers with units, largest first: 500ms 10s 5m 25h 7d 1h30m",
            ),
        ),
        (
            "expression",
            json!({ "type": ["string", "number", "boolean"] }),
        ),
        ("condition", json!({ "type": ["string", "boolean"] })),
        ("count", json!({ "type": "integer", "minimum": 1 })),
        ("values", any_values()),
        ("names", names(&json!(true))),
    ]
}

/// What editors say where a pattern does not match, in place of the pattern.
pub(super) fn message(mut schema: Json, text: &str) -> Json {
    schema["patternErrorMessage"] = text.into();
    schema
}

/// One of several shapes.
pub(super) fn any_of<const N: usize>(options: [Json; N]) -> Json {
    json!({ "anyOf": Vec::from(options) })
}

/// Two forms of one key, a map or something else. What is wrong in the map is said where it is, and editors offer the
/// words of the other form.
pub(super) fn map_or(map: &Json, other: &Json) -> Json {
    json!({
        "anyOf": [other, { "type": "object" }],
        "if": { "type": "object" },
        "then": map,
    })
}

/// This shape, or a template in its place.
pub(super) fn or_template(schema: Json) -> Json {
    any_of([schema, refer("template")])
}

/// One of a few words.
pub(super) fn words(words: &[&str]) -> Json {
    json!({ "type": "string", "enum": words })
}

/// A map from any key to any value; nothing at all is an empty one.
fn any_values() -> Json {
    json!({ "type": ["object", "null"] })
}

/// A map from names to values of one shape; nothing at all is an empty one.
pub(super) fn names(value: &Json) -> Json {
    json!({
        "type": ["object", "null"],
        "propertyNames": refer("name"),
        "additionalProperties": value,
    })
}

/// A map of the keys of one place and no others, each with its sentence.
pub(super) fn closed(place: Place, shape: impl Fn(&str) -> Json) -> Json {
    let keys = place.keys().into_iter();
    map_of(keys.map(|key| (key, described(place, key, shape(key)))))
}

/// A map of these keys and no others.
pub(super) fn map_of<'a>(keys: impl Iterator<Item = (&'a str, Json)>) -> Json {
    let properties: Map<String, Json> = keys.map(|(key, shape)| (key.to_owned(), shape)).collect();
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

/// The first of these keys that stands in the map says which shape it has; `otherwise` if there is none.
pub(super) fn by_key(
    shapes: impl DoubleEndedIterator<Item = (&'static str, Json)>,
    otherwise: Json,
) -> Json {
    shapes.rev().fold(
        otherwise,
        |rest, (key, shape)| json!({ "if": { "required": [key] }, "then": shape, "else": rest }),
    )
}

/// The shape with what [`super::about`] says of the key.
pub(super) fn described(place: Place, key: &str, shape: Json) -> Json {
    let mut all = Map::new();
    if let Some(about) = place.about(key) {
        all.insert("description".into(), about.text.into());
        if !about.examples.is_empty() {
            all.insert("examples".into(), json!(about.examples));
        }
    }
    if let Json::Object(shape) = shape {
        all.extend(shape);
    }
    Json::Object(all)
}

/// A map in which these keys must not stand.
pub(super) fn without<'a>(keys: impl IntoIterator<Item = &'a str>) -> Json {
    let refused: Map<String, Json> = keys
        .into_iter()
        .map(|key| (key.to_owned(), Json::Bool(false)))
        .collect();
    json!({ "properties": refused })
}

/// Exactly one of these keys stands in the map.
pub(super) fn exactly_one<'a>(keys: impl IntoIterator<Item = &'a str>) -> Json {
    keys.into_iter()
        .map(|key| json!({ "required": [key] }))
        .collect()
}

/// The same schema with more keywords.
pub(super) fn with(mut schema: Json, more: Json) -> Json {
    if let (Json::Object(all), Json::Object(more)) = (&mut schema, more) {
        all.extend(more);
    }
    schema
}
