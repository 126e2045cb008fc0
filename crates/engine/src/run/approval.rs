//! Approvals: what a person's answer must be, and what becomes of it.

use std::sync::Arc;

use super::io::IllegalInput;
use crate::source::Span;
use crate::time::Timestamp;
use crate::value::{Map, Value};
use crate::workflow::input::{Input, InputKind};

/// What may be chosen where the workflow does not say.
const CHOICES: [&str; 2] = ["approve", "reject"];

/// What may be chosen.
pub fn choices(arguments: &Value) -> Vec<Value> {
    match arguments.get("choices").and_then(Value::as_list) {
        Some(choices) => choices.to_vec(),
        None => CHOICES.into_iter().map(Value::from).collect(),
    }
}

/// What else is asked for: each name with its type, or with a map of `type`, `required`, `default`, `enum`, `min`, `max`
/// and `description`.
///
/// # Errors
/// What is wrong with the declaration, in words.
pub fn fields(arguments: &Value) -> Result<Vec<Input>, String> {
    let declared = arguments.get("fields").and_then(Value::as_map);
    let mut fields = Vec::new();
    for (name, written) in declared.into_iter().flat_map(Map::iter) {
        fields.push(field(name, written)?);
    }
    Ok(fields)
}

fn field(name: &Arc<str>, written: &Value) -> Result<Input, String> {
    let kind = match written {
        Value::String(text) => Some(&**text),
        Value::Map(map) => match map.get("type") {
            Some(Value::String(text)) => Some(&**text),
            Some(_) => None,
            None => Some("string"),
        },
        _ => None,
    };
    let kind = kind.and_then(InputKind::parse);
    let kind = kind.filter(|kind| !matches!(kind, InputKind::File | InputKind::Secret));
    let Some(kind) = kind else {
        return Err(format!(
            "the field `{name}` has no type that can be asked for: string, integer, number, boolean, date, datetime, duration, list or object"
        ));
    };
    let number = |key: &str| written.get(key).and_then(Value::as_f64);
    let default = written.get("default").cloned();
    let required = written.get("required").and_then(Value::as_bool);
    Ok(Input {
        name: name.clone(),
        span: Span::default(),
        kind,
        required: required.unwrap_or(default.is_none()),
        default,
        description: written
            .get("description")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .into(),
        one_of: written
            .get("enum")
            .and_then(Value::as_list)
            .map(<[Value]>::to_vec)
            .unwrap_or_default(),
        min: number("min"),
        max: number("max"),
        pattern: None,
    })
}

/// The value of an approval: `{choice, by, at, comment, fields}`, of what somebody answered. Fields may come as text.
///
/// # Errors
/// [`IllegalInput`] if the choice is none, whoever answers may not, or a field is missing, unknown or of another type.
pub(super) fn decided(
    arguments: &Value,
    given: &Value,
    at: Timestamp,
) -> Result<Value, IllegalInput> {
    let choices = choices(arguments);
    let known: Vec<&str> = choices.iter().filter_map(Value::as_str).collect();
    let known = known.join(", ");
    let Some(choice) = given.get("choice").filter(|choice| !choice.is_null()) else {
        return Err(IllegalInput(format!("say which: the choices are {known}")));
    };
    if !choices.contains(choice) {
        let said = choice.as_str().unwrap_or("that");
        return Err(IllegalInput(format!(
            "`{said}` is none of the choices, which are {known}"
        )));
    }
    let by = given.get("by").cloned().unwrap_or_default();
    let to = arguments.get("to").and_then(Value::as_list);
    if let Some(to) = to.filter(|to| !by.is_null() && !to.contains(&by)) {
        let names: Vec<&str> = to.iter().filter_map(Value::as_str).collect();
        return Err(IllegalInput(format!(
            "{} may not decide it: {} may",
            by.as_str().unwrap_or("that"),
            names.join(", ")
        )));
    }
    let fields = accepted(arguments, given.get("fields")).map_err(IllegalInput)?;
    Ok(Value::map([
        ("choice", choice.clone()),
        ("by", by),
        ("at", Value::from(at.to_string())),
        ("comment", given.get("comment").cloned().unwrap_or_default()),
        ("fields", fields),
    ]))
}

fn accepted(arguments: &Value, given: Option<&Value>) -> Result<Value, String> {
    let declared = fields(arguments)?;
    let empty = Map::new();
    let given = given.and_then(Value::as_map).unwrap_or(&empty);
    if let Some((name, _)) = given
        .iter()
        .find(|(name, _)| !declared.iter().any(|field| field.name == **name))
    {
        let known: Vec<&str> = declared.iter().map(|field| &*field.name).collect();
        return Err(match known.as_slice() {
            [] => format!("no field is asked for, `{name}` neither"),
            known => format!(
                "`{name}` is not asked for; the fields are {}",
                known.join(", ")
            ),
        });
    }
    let mut fields = Map::new();
    for field in &declared {
        let value = match given.get(&field.name) {
            Some(Value::String(text)) => field.from_text(text),
            Some(value) => field.accept(value.clone()),
            None => match &field.default {
                Some(default) => Ok(default.clone()),
                None if field.required => {
                    return Err(format!(
                        "the field `{}` is missing: {}",
                        field.name,
                        field.kind.described_example()
                    ));
                }
                None => continue,
            },
        };
        let value =
            value.map_err(|error| format!("the field `{}`: {}", field.name, error.message))?;
        fields.insert(field.name.clone(), value);
    }
    Ok(Value::from(fields))
}

/// The value of an approval that nobody answered in time, if the workflow says what is then chosen.
pub(super) fn by_default(arguments: &Value, at: Timestamp) -> Option<Value> {
    let choice = arguments
        .get("default_choice")
        .filter(|choice| !choice.is_null())?;
    Some(Value::map([
        ("choice", choice.clone()),
        ("by", Value::Null),
        ("at", Value::from(at.to_string())),
        ("comment", Value::Null),
        ("fields", Value::map::<&str>([])),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::json;

    fn value(text: &str) -> Value {
        json::parse(text.as_bytes()).expect("JSON")
    }

    /// What is made of an answer, or why it is refused.
    fn check(arguments: &str, answer: &str, expected: &str) {
        let found = match decided(&value(arguments), &value(answer), Timestamp(0)) {
            Ok(value) => value
                .get("fields")
                .map(|fields| fields.to_json().expect("JSON")),
            Err(error) => Some(error.0),
        };
        assert_eq!(found.as_deref(), Some(expected), "{arguments} {answer}");
    }

    #[test]
    fn answers() {
        check("{}", r#"{"choice":"approve"}"#, "{}");
        check("{}", "{}", "say which: the choices are approve, reject");
        check(
            r#"{"choices":["send","wait"]}"#,
            r#"{"choice":"approve"}"#,
            "`approve` is none of the choices, which are send, wait",
        );
        let to = r#"{"to":["ada","bo"]}"#;
        check(to, r#"{"choice":"approve","by":"ada"}"#, "{}");
        check(
            to,
            r#"{"choice":"approve","by":"cy"}"#,
            "cy may not decide it: ada, bo may",
        );
        let fields = r#"{"fields":{"amount":{"type":"integer","max":10},"why":{"required":false},"fast":"boolean"}}"#;
        check(
            fields,
            r#"{"choice":"approve","fields":{"amount":"7","fast":true}}"#,
            r#"{"amount":7,"fast":true}"#,
        );
        check(
            fields,
            r#"{"choice":"approve","fields":{"amount":"70","fast":true}}"#,
            "the field `amount`: it must be at most 10, found 70",
        );
        check(
            fields,
            r#"{"choice":"approve","fields":{"amount":7}}"#,
            "the field `fast` is missing: a boolean, such as true or false",
        );
        check(
            fields,
            r#"{"choice":"approve","fields":{"amount":"many","fast":true}}"#,
            "the field `amount`: expected integer, found \"many\"",
        );
        check(
            fields,
            r#"{"choice":"reject","fields":{"size":1}}"#,
            "`size` is not asked for; the fields are amount, why, fast",
        );
    }
}
