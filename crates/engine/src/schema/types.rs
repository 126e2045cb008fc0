//! Types as schemas: the inverse of [`crate::types`]'s reading. What is written may be a template everywhere, and where
//! text is expected the written text of numbers and booleans is kept.

use serde_json::{Map, Value as Json, json};

use super::shape::refer;
use crate::types::{Record, TextType, Type};

/// What may be written where a value of the type is expected.
pub(super) fn written(ty: &Type) -> Json {
    let options = match ty {
        Type::Union(types) => types.iter().map(bare).collect(),
        one => vec![bare(one)],
    };
    let takes_all = |option: &Json| option.as_object().is_some_and(Map::is_empty);
    if options.iter().any(takes_all) {
        return json!({});
    }
    let takes_text = options.iter().any(|option| *option == refer("text"));
    match options.as_slice() {
        [one] if takes_text => one.clone(),
        _ if takes_text => json!({ "anyOf": options }),
        _ => {
            let all = options.into_iter().chain([refer("template")]);
            json!({ "anyOf": all.collect::<Vec<Json>>() })
        }
    }
}

/// The type without the template that may stand in its place.
fn bare(ty: &Type) -> Json {
    match ty {
        Type::Unknown => json!({}),
        Type::Null => json!({ "type": "null" }),
        Type::Boolean => json!({ "type": "boolean" }),
        Type::Integer => json!({ "type": "integer" }),
        Type::Number => json!({ "type": "number" }),
        Type::String(text) => words_or_text(text),
        Type::Secret => refer("text"),
        Type::List(item) => json!({ "type": "array", "items": written(item) }),
        Type::Map(value) => json!({ "type": "object", "additionalProperties": written(value) }),
        Type::Record(record) => map(record),
        Type::Union(_) => written(ty),
        // Stored values mean the same as what they hold.
        Type::Blob(item) if **item == Type::Unknown => json!({}),
        Type::Blob(item) => {
            json!({ "type": ["string", "array", "object"], "items": written(item) })
        }
    }
}

fn words_or_text(text: &TextType) -> Json {
    if text.one_of.is_empty() {
        return refer("text");
    }
    let mut words: Vec<Json> = text.one_of.iter().map(|word| json!(&**word)).collect();
    // A word that YAML takes for a number or a boolean is meant as it is written.
    let scalars = text.one_of.iter().filter_map(|word| {
        serde_json::from_str::<Json>(word)
            .ok()
            .filter(|value| value.is_number() || value.is_boolean())
    });
    words.extend(scalars);
    json!({ "enum": words })
}

fn map(record: &Record) -> Json {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (name, field) in &record.fields {
        let mut schema = written(&field.ty);
        if !field.description.is_empty() {
            schema["description"] = (&*field.description).into();
        }
        properties.insert(name.to_string(), schema);
        if field.required {
            required.push(&**name);
        }
    }
    let mut schema = json!({ "type": "object", "properties": properties });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    if !record.open {
        schema["additionalProperties"] = false.into();
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(ty: &Json, expected: &Json) {
        let ty = Type::from_schema(ty).expect("a type");
        assert_eq!(&written(&ty), expected);
    }

    #[test]
    fn types_and_the_template_in_their_place() {
        let template = json!({ "$ref": "#/$defs/template" });
        let text = json!({ "$ref": "#/$defs/text" });
        check(&json!({}), &json!({}));
        check(&json!({ "type": "string" }), &text);
        check(&json!({ "x-secret": true }), &text);
        check(&json!({ "x-blob": true }), &json!({}));
        check(
            &json!({ "type": ["string", "null"] }),
            &json!({ "anyOf": [text, { "type": "null" }] }),
        );
        check(
            &json!({ "type": "integer" }),
            &json!({ "anyOf": [{ "type": "integer" }, template] }),
        );
        check(
            &json!({ "enum": ["a", "1", "true"] }),
            &json!({ "anyOf": [{ "enum": ["a", "1", "true", 1, true] }, template] }),
        );
        check(
            &json!({ "type": "object", "required": ["a"], "properties": { "a": { "type": "boolean", "description": "Yes." } }, "additionalProperties": false }),
            &json!({ "anyOf": [
                {
                    "type": "object",
                    "properties": { "a": { "anyOf": [{ "type": "boolean" }, template], "description": "Yes." } },
                    "required": ["a"],
                    "additionalProperties": false,
                },
                template,
            ] }),
        );
    }
}
