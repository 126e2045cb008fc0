//! A request body that a descriptor writes as JSON text with holes, read once into a tree.
//!
//! A hole inside quotes is a part of that string; a hole outside quotes is a value of any type. Values are put into the
//! tree, never into the text, so quotes, newlines and braces in them mean nothing.

use std::sync::Arc;

use flow_engine::value::{Map, Secret, SecretPart, Value};

use super::template::{self, Template, TemplatePart};

/// The tree of a body template.
#[derive(Debug, Clone, PartialEq)]
pub struct BodyTemplate {
    root: Node,
}

/// Why a body template cannot be read, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BodyTemplateError(String);

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Fixed(Value),
    Hole(Arc<str>),
    Text(Template),
    List(Vec<Node>),
    Map(Vec<(Arc<str>, Node)>),
}

/// Stands for holes while the JSON is read; the text itself may not hold it.
const MARK: char = '\u{1}';

impl BodyTemplate {
    /// Reads the JSON text.
    ///
    /// # Errors
    /// [`BodyTemplateError`] if a hole is malformed or stands in a key, or if the text around the holes is not JSON.
    pub fn parse(text: &str) -> Result<BodyTemplate, BodyTemplateError> {
        if text.contains(MARK) || text.contains("\\u0001") {
            return Err(BodyTemplateError(
                "the control character U+0001 is not allowed".to_owned(),
            ));
        }
        let (json, holes) = mark_holes(text)?;
        let json: serde_json::Value = serde_json::from_str(&json).map_err(|error| {
            BodyTemplateError(format!("the text around the holes is not JSON: {error}"))
        })?;
        Ok(BodyTemplate {
            root: node(json, &holes)?,
        })
    }

    /// The names of the holes, each once, in order.
    pub fn holes(&self) -> Vec<Arc<str>> {
        let mut names = Vec::new();
        self.root.holes(&mut names);
        names
    }

    /// Whether the hole of this name stands inside quotes, where any scalar is written as text.
    pub fn is_text(&self, name: &str) -> bool {
        self.root.is_text(name)
    }

    /// The body with these values. A member or item whose hole was not given is left out; so is one whose string has
    /// only such holes.
    pub fn fill(&self, given: &Map) -> Value {
        self.root.fill(given).unwrap_or_default()
    }
}

/// Replaces each hole by a mark with its number: as a string of its own outside quotes, inside them as it is.
fn mark_holes(text: &str) -> Result<(String, Vec<Arc<str>>), BodyTemplateError> {
    let mut json = String::with_capacity(text.len());
    let mut holes = Vec::new();
    let mut in_string = false;
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        if rest.starts_with("{{") {
            let (name, after) = template::hole(rest).map_err(BodyTemplateError)?;
            let number = holes.len();
            let mark = if in_string {
                format!("\\u0001{number}\\u0001")
            } else {
                format!("\"\\u0001\\u0001{number}\"")
            };
            json.push_str(&mark);
            holes.push(name);
            rest = after;
            continue;
        }
        json.push(letter);
        rest = &rest[letter.len_utf8()..];
        match letter {
            '"' => in_string = !in_string,
            '\\' if in_string => {
                if let Some(escaped) = rest.chars().next() {
                    json.push(escaped);
                    rest = &rest[escaped.len_utf8()..];
                }
            }
            _ => {}
        }
    }
    Ok((json, holes))
}

fn node(json: serde_json::Value, holes: &[Arc<str>]) -> Result<Node, BodyTemplateError> {
    Ok(match json {
        serde_json::Value::String(text) => text_node(&text, holes),
        serde_json::Value::Array(items) => Node::List(
            items
                .into_iter()
                .map(|item| node(item, holes))
                .collect::<Result<_, _>>()?,
        ),
        serde_json::Value::Object(members) => {
            let mut map = Vec::new();
            for (key, value) in members {
                if key.contains(MARK) {
                    return Err(BodyTemplateError("a hole cannot stand in a key".to_owned()));
                }
                map.push((key.into(), node(value, holes)?));
            }
            Node::Map(map)
        }
        plain => Node::Fixed(Value::from(plain)),
    })
}

fn text_node(text: &str, holes: &[Arc<str>]) -> Node {
    let hole = |number: &str| {
        number
            .parse()
            .ok()
            .and_then(|at: usize| holes.get(at))
            .cloned()
    };
    if let Some(name) = text.strip_prefix("\u{1}\u{1}").and_then(hole) {
        return Node::Hole(name);
    }
    if !text.contains(MARK) {
        return Node::Fixed(Value::from(text));
    }
    // Texts and numbers of holes take turns, a text first.
    let parts = text.split(MARK).enumerate().filter_map(|(at, piece)| {
        if at % 2 == 1 {
            hole(piece).map(TemplatePart::Hole)
        } else {
            (!piece.is_empty()).then(|| TemplatePart::Text(piece.into()))
        }
    });
    Node::Text(Template {
        parts: parts.collect(),
    })
}

impl Node {
    fn holes(&self, names: &mut Vec<Arc<str>>) {
        let mut add = |name: &Arc<str>| {
            if !names.contains(name) {
                names.push(name.clone());
            }
        };
        match self {
            Node::Fixed(_) => {}
            Node::Hole(name) => add(name),
            Node::Text(template) => template.holes().for_each(add),
            Node::List(items) => items.iter().for_each(|item| item.holes(names)),
            Node::Map(members) => members.iter().for_each(|(_, value)| value.holes(names)),
        }
    }

    fn is_text(&self, name: &str) -> bool {
        match self {
            Node::Fixed(_) | Node::Hole(_) => false,
            Node::Text(template) => template.holes().any(|hole| &**hole == name),
            Node::List(items) => items.iter().any(|item| item.is_text(name)),
            Node::Map(members) => members.iter().any(|(_, value)| value.is_text(name)),
        }
    }

    fn fill(&self, given: &Map) -> Option<Value> {
        match self {
            Node::Fixed(value) => Some(value.clone()),
            Node::Hole(name) => given.get(name).cloned(),
            Node::Text(template) => fill_text(template, given),
            Node::List(items) => Some(Value::list(
                items.iter().filter_map(|item| item.fill(given)),
            )),
            Node::Map(members) => {
                let filled = members
                    .iter()
                    .filter_map(|(key, value)| Some((key.clone(), value.fill(given)?)));
                Some(Value::from(filled.collect::<Map>()))
            }
        }
    }
}

fn fill_text(template: &Template, given: &Map) -> Option<Value> {
    let value_of = |name: &str| given.get(name).filter(|value| !value.is_null());
    if let [TemplatePart::Hole(name)] = template.parts.as_slice() {
        return value_of(name).map(as_text);
    }
    if template.holes().all(|name| value_of(name).is_none()) {
        return None;
    }
    let mut parts = Vec::new();
    let mut has_secret = false;
    for part in &template.parts {
        match part {
            TemplatePart::Text(text) => parts.push(SecretPart::Text(text.clone())),
            TemplatePart::Hole(name) => match value_of(name).map(as_text) {
                Some(Value::Secret(secret)) => {
                    has_secret = true;
                    parts.extend(secret.parts().iter().cloned());
                }
                Some(value) => {
                    parts.push(SecretPart::Text(value.as_str().unwrap_or_default().into()));
                }
                None => {}
            },
        }
    }
    if has_secret {
        return Some(Value::from(Secret::mixed(parts)));
    }
    let text = parts.iter().map(|part| match part {
        SecretPart::Text(text) | SecretPart::Name(text) => &**text,
    });
    Some(Value::from(text.collect::<String>()))
}

/// The value as the text of a JSON string. Stored texts and secrets stay what they are.
fn as_text(value: &Value) -> Value {
    match value {
        Value::String(_) | Value::Blob(_) | Value::Secret(_) => value.clone(),
        other => Value::from(other.to_json().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEND: &str = r#"{"model": "{{model}}", "max_tokens": {{max_tokens}}, "messages": [{"role": "user", "content": "{{content}}"}]}"#;

    #[track_caller]
    fn check(template: &str, given: &[(&str, Value)], expected: &str) {
        let template = BodyTemplate::parse(template).expect("the template is well formed");
        let given = given
            .iter()
            .map(|(name, value)| (Arc::from(*name), value.clone()))
            .collect();
        assert_eq!(template.fill(&given).to_json().expect("no blobs"), expected);
    }

    #[test]
    fn hostile_text_gives_exactly_the_json_meant() {
        let hostile = "\"quotes\" \\ newline\n {{braces}} {%x%} {#c#} 🦀 \u{1} {{model}}";
        check(
            SEND,
            &[
                ("model", Value::from("m\"1")),
                ("max_tokens", Value::from(5_i64)),
                ("content", Value::from(hostile)),
            ],
            &format!(
                r#"{{"model":"m\"1","max_tokens":5,"messages":[{{"role":"user","content":{}}}]}}"#,
                serde_json::to_string(hostile).expect("text")
            ),
        );
    }

    #[test]
    fn holes_keep_types_outside_quotes_and_are_text_inside() {
        check(
            r#"{"a": {{x}}, "b": "{{x}}", "c": "n={{x}}!", "d": [{{y}}, 1], "e": "\"{{x}}"}"#,
            &[("x", Value::from(7_i64))],
            r#"{"a":7,"b":"7","c":"n=7!","d":[1],"e":"\"7"}"#,
        );
    }

    #[test]
    fn malformed_templates_are_refused() {
        for text in [
            r#"{"a": {{x}"#,
            r#"{"a" {{x}}}"#,
            r#"{"{{x}}": 1}"#,
            r#"{"a": {{1x}}}"#,
        ] {
            assert!(BodyTemplate::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_secret_inside_text_stays_a_handle() {
        let template = BodyTemplate::parse(r#"{"auth": "Bearer {{key}}"}"#).expect("well formed");
        let given = [(Arc::from("key"), Value::from(Secret::named("KEY")))];
        assert!(template.fill(&given.into_iter().collect()).has_secret());
    }
}
