//! What parameters, bodies and answers look like: one description, from which what comes is checked and the document is made.

use flow_engine::time::Timestamp;
use flow_engine::value::{Hash, Value};
use serde_json::{Value as Json, json};

/// How long the id of a run is.
const RUN_LETTERS: usize = 26;

/// The form of a value.
pub(super) enum Shape {
    /// Anything.
    Any,
    /// Any text.
    String,
    /// A text of at least one character and at most so many.
    Text(usize),
    /// True or false.
    Boolean,
    /// A whole number from here to there.
    Count(u64, u64),
    /// A number above zero.
    Positive,
    /// RFC 3339.
    Time,
    /// The id of a run.
    Run,
    /// The hash of a stored value.
    Hash,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list.
    List(&'static Shape),
    /// A map of any keys.
    Map(&'static Shape),
    /// A map of these members and no others.
    Object(&'static [Member]),
    /// A map of the members of that one, of these, and of no others.
    With(&'static Shape, &'static [Member]),
    /// Null, or this.
    Nullable(&'static Shape),
    /// A shape that has a name in the document.
    Named(&'static str, &'static Shape),
}

/// A member of a map.
pub(super) struct Member {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) required: bool,
    pub(super) shape: Shape,
}

/// A member that is always there.
pub(super) const fn has(name: &'static str, shape: Shape, about: &'static str) -> Member {
    Member {
        name,
        about,
        required: true,
        shape,
    }
}

/// A member that may be left out.
pub(super) const fn may(name: &'static str, shape: Shape, about: &'static str) -> Member {
    Member {
        required: false,
        ..has(name, shape, about)
    }
}

impl Shape {
    /// What is wrong with a value: where in it, and what is expected there.
    pub(super) fn check(&self, value: &Value) -> Result<(), (String, String)> {
        let wrong = || Err((String::new(), self.expected()));
        let inside = |place: &str, result: Result<(), (String, String)>| {
            result.map_err(|(path, expected)| (format!("/{place}{path}"), expected))
        };
        match (self, value) {
            (Shape::Any, _)
            | (Shape::Boolean, Value::Bool(_))
            | (Shape::Nullable(_), Value::Null) => Ok(()),
            (Shape::Nullable(shape) | Shape::Named(_, shape), value) => shape.check(value),
            (Shape::Count(least, most), Value::Int(number))
                if u64::try_from(*number)
                    .is_ok_and(|number| (*least..=*most).contains(&number)) =>
            {
                Ok(())
            }
            (Shape::Positive, Value::Int(number)) if *number > 0 => Ok(()),
            (Shape::Positive, Value::Float(number)) if *number > 0.0 => Ok(()),
            (
                Shape::String
                | Shape::Text(_)
                | Shape::Time
                | Shape::Run
                | Shape::Hash
                | Shape::Word(_),
                Value::String(text),
            ) if self.takes(text) => Ok(()),
            (Shape::List(shape), Value::List(items)) => {
                let mut items = items.iter().enumerate();
                items.try_for_each(|(at, item)| inside(&at.to_string(), shape.check(item)))
            }
            (Shape::Map(shape), Value::Map(map)) => {
                let mut members = map.iter();
                members.try_for_each(|(key, value)| inside(key, shape.check(value)))
            }
            (Shape::Object(_) | Shape::With(..), Value::Map(map)) => {
                let members = self.members();
                for (key, value) in map.iter() {
                    let known = members.iter().find(|member| member.name == &**key);
                    let known = known.ok_or_else(|| (format!("/{key}"), names(&members)))?;
                    inside(key, known.shape.check(value))?;
                }
                let lacks = |member: &&&Member| member.required && map.get(member.name).is_none();
                match members.iter().find(lacks) {
                    Some(member) => {
                        inside(member.name, Err((String::new(), member.shape.expected())))
                    }
                    None => Ok(()),
                }
            }
            _ => wrong(),
        }
    }

    /// Whether a text is of this form, as it stands in an address.
    pub(super) fn takes(&self, text: &str) -> bool {
        match self {
            Shape::Any | Shape::String => true,
            Shape::Text(most) => !text.is_empty() && text.chars().count() <= *most,
            Shape::Boolean => matches!(text, "true" | "false"),
            Shape::Count(least, most) => {
                let digits = text.bytes().all(|byte| byte.is_ascii_digit());
                let number = text.parse().ok().filter(|_| digits && !text.is_empty());
                number.is_some_and(|number| (*least..=*most).contains(&number))
            }
            Shape::Time => Timestamp::parse(text).is_some(),
            Shape::Run => {
                let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
                text.len() == RUN_LETTERS && text.bytes().all(fits)
            }
            Shape::Hash => Hash::parse(text).is_some(),
            Shape::Word(words) => words.contains(&text),
            Shape::Nullable(shape) | Shape::Named(_, shape) => shape.takes(text),
            Shape::Positive
            | Shape::List(_)
            | Shape::Map(_)
            | Shape::Object(_)
            | Shape::With(..) => false,
        }
    }

    /// The members of a map that has no others.
    fn members(&self) -> Vec<&'static Member> {
        match self {
            Shape::Object(members) => members.iter().collect(),
            Shape::With(shape, members) => {
                let mut all = shape.members();
                all.extend(members.iter());
                all
            }
            Shape::Named(_, shape) => shape.members(),
            _ => Vec::new(),
        }
    }

    /// What is expected, in words.
    pub(super) fn expected(&self) -> String {
        match self {
            Shape::Any => "anything".to_owned(),
            Shape::String => "a text".to_owned(),
            Shape::Text(most) => format!("a text of 1 to {most} characters"),
            Shape::Boolean => "true or false".to_owned(),
            Shape::Count(least, most) => format!("a whole number from {least} to {most}"),
            Shape::Positive => "a number above 0".to_owned(),
            Shape::Time => "a time such as 2026-11-22T08:00:00Z".to_owned(),
            Shape::Run => format!("the id of a run: {RUN_LETTERS} letters and digits"),
            Shape::Hash => "the hash of a stored value: 64 hexadecimal digits".to_owned(),
            Shape::Word(words) => format!("one of `{}`", words.join("`, `")),
            Shape::List(_) => "a list".to_owned(),
            Shape::Map(_) => "a map".to_owned(),
            Shape::Object(_) | Shape::With(..) => names(&self.members()),
            Shape::Nullable(shape) => format!("{}, or null", shape.expected()),
            Shape::Named(_, shape) => shape.expected(),
        }
    }

    /// As a JSON Schema; those that have a name are put into `named`.
    pub(super) fn schema(&self, named: &mut serde_json::Map<String, Json>) -> Json {
        match self {
            Shape::Any => json!({}),
            Shape::String => json!({ "type": "string" }),
            Shape::Text(most) => json!({ "type": "string", "minLength": 1, "maxLength": most }),
            Shape::Boolean => json!({ "type": "boolean" }),
            Shape::Count(least, most) => {
                json!({ "type": "integer", "minimum": least, "maximum": most })
            }
            Shape::Positive => json!({ "type": "number", "exclusiveMinimum": 0 }),
            Shape::Time => json!({ "type": "string", "format": "date-time" }),
            Shape::Run => {
                json!({ "type": "string", "pattern": format!("^[0-9a-z]{{{RUN_LETTERS}}}$") })
            }
            Shape::Hash => json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" }),
            Shape::Word(words) => json!({ "type": "string", "enum": words }),
            Shape::List(shape) => json!({ "type": "array", "items": shape.schema(named) }),
            Shape::Map(shape) => {
                json!({ "type": "object", "additionalProperties": shape.schema(named) })
            }
            Shape::Object(_) | Shape::With(..) => object(&self.members(), named),
            Shape::Nullable(shape) => match shape.schema(named) {
                // A schema of one type can say it by a second one.
                Json::Object(mut schema)
                    if schema["type"].is_string() && !schema.contains_key("enum") =>
                {
                    schema["type"] = json!([schema["type"], "null"]);
                    schema.into()
                }
                schema => json!({ "anyOf": [schema, { "type": "null" }] }),
            },
            Shape::Named(name, shape) => {
                if !named.contains_key(*name) {
                    named.insert((*name).to_owned(), Json::Null);
                    let schema = shape.schema(named);
                    named.insert((*name).to_owned(), schema);
                }
                json!({ "$ref": format!("#/components/schemas/{name}") })
            }
        }
    }
}

fn object(members: &[&Member], named: &mut serde_json::Map<String, Json>) -> Json {
    let mut properties = serde_json::Map::new();
    for member in members {
        let mut schema = member.shape.schema(named);
        if !member.about.is_empty() {
            schema["description"] = member.about.into();
        }
        properties.insert(member.name.to_owned(), schema);
    }
    let required = members.iter().filter(|member| member.required);
    let required: Vec<&str> = required.map(|member| member.name).collect();
    let mut schema =
        json!({ "type": "object", "additionalProperties": false, "properties": properties });
    if !required.is_empty() {
        schema["required"] = required.into();
    }
    schema
}

fn names(members: &[&Member]) -> String {
    if members.is_empty() {
        return "an empty map".to_owned();
    }
    let names: Vec<&str> = members.iter().map(|member| member.name).collect();
    format!("a map of `{}`", names.join("`, `"))
}
