//! Declared inputs: what a run must be given, in which type (LANGUAGE rule 42). The same rules for every caller.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use regex::Regex;

use crate::duration::Millis;
use crate::source::Span;
use crate::types::Type;
use crate::value::{Secret, Value, json};

/// One declared input.
#[derive(Debug, Clone)]
pub struct Input {
    /// Its name.
    pub name: Arc<str>,
    /// Where it is declared.
    pub span: Span,
    /// Its type.
    pub kind: InputKind,
    /// Whether a run without it is refused.
    pub required: bool,
    /// Used when it is not given.
    pub default: Option<Value>,
    /// One sentence.
    pub description: Arc<str>,
    /// The only values allowed; empty for all.
    pub one_of: Vec<Value>,
    /// Least number, length of text or of list.
    pub min: Option<f64>,
    /// Greatest number, length of text or of list.
    pub max: Option<f64>,
    /// A regular expression that the whole text must match.
    pub pattern: Option<Regex>,
}

/// The types of inputs.
#[derive(Debug, Clone, PartialEq)]
pub enum InputKind {
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// True or false.
    Boolean,
    /// `2026-11-21`.
    Date,
    /// `2026-11-21T09:30:00Z`.
    Datetime,
    /// `1h30m`.
    Duration,
    /// A file, copied into the store when the run starts.
    File,
    /// The name of a secret.
    Secret,
    /// A list of items of a type.
    List(Box<InputKind>),
    /// A map, of these fields if any are declared.
    Object(Vec<(Arc<str>, InputKind)>),
    /// Anything: items of a list without `items`.
    Any,
}

/// Why an input is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("input `{name}`: {message}")]
pub struct InputError {
    /// `input.missing`, `input.unknown`, `input.type`, `input.range`, `input.enum`, `input.pattern` or `input.secret`.
    pub code: &'static str,
    /// The input.
    pub name: Arc<str>,
    /// What is wrong.
    pub message: String,
    /// What to type next.
    pub help: Option<String>,
}

impl InputKind {
    /// Reads the name of a type that has no parameters.
    pub fn parse(name: &str) -> Option<InputKind> {
        Some(match name {
            "string" => InputKind::String,
            "integer" => InputKind::Integer,
            "number" => InputKind::Number,
            "boolean" => InputKind::Boolean,
            "date" => InputKind::Date,
            "datetime" => InputKind::Datetime,
            "duration" => InputKind::Duration,
            "file" => InputKind::File,
            "secret" => InputKind::Secret,
            "list" => InputKind::List(Box::new(InputKind::Any)),
            "object" => InputKind::Object(Vec::new()),
            _ => return None,
        })
    }

    /// Its name.
    pub fn as_str(&self) -> &'static str {
        match self {
            InputKind::String => "string",
            InputKind::Integer => "integer",
            InputKind::Number => "number",
            InputKind::Boolean => "boolean",
            InputKind::Date => "date",
            InputKind::Datetime => "datetime",
            InputKind::Duration => "duration",
            InputKind::File => "file",
            InputKind::Secret => "secret",
            InputKind::List(_) => "list",
            InputKind::Object(_) => "object",
            InputKind::Any => "any value",
        }
    }

    /// What expressions may expect of it.
    pub fn ty(&self) -> Type {
        match self {
            InputKind::String | InputKind::Date | InputKind::Datetime | InputKind::Duration => {
                Type::string()
            }
            InputKind::Integer => Type::Integer,
            InputKind::Number => Type::Number,
            InputKind::Boolean => Type::Boolean,
            InputKind::File => Type::blob(Type::Unknown),
            InputKind::Secret => Type::Secret,
            InputKind::List(item) => Type::list(item.ty()),
            InputKind::Object(fields) if fields.is_empty() => Type::Map(Arc::new(Type::Unknown)),
            InputKind::Object(fields) => Type::record(
                fields.iter().map(|(name, kind)| (&**name, kind.ty())),
                false,
            ),
            InputKind::Any => Type::Unknown,
        }
    }

    /// What a value looks like, in words.
    pub fn described_example(&self) -> String {
        match self {
            InputKind::String | InputKind::File | InputKind::Any => {
                "a value that the input may have".to_owned()
            }
            InputKind::Secret => "the name of a secret".to_owned(),
            kind => format!(
                "{}, such as {}",
                with_article(kind.as_str()),
                kind.example()
            ),
        }
    }

    fn example(&self) -> &'static str {
        match self {
            InputKind::Integer => "42",
            InputKind::Number => "0.5",
            InputKind::Boolean => "true or false",
            InputKind::Date => "2026-11-21",
            InputKind::Datetime => "2026-11-21T09:30:00Z",
            InputKind::Duration => "1h30m",
            InputKind::List(_) => "[\"a\", \"b\"]",
            InputKind::Object(_) => "{\"a\": 1}",
            _ => "text",
        }
    }

    fn fits(&self, value: &Value) -> bool {
        match (self, value) {
            (InputKind::Any, _)
            | (InputKind::String, Value::String(_))
            | (InputKind::Integer, Value::Int(_) | Value::UInt(_))
            | (InputKind::Number, Value::Int(_) | Value::UInt(_) | Value::Float(_))
            | (InputKind::Boolean, Value::Bool(_))
            | (InputKind::File, Value::Blob(_) | Value::String(_))
            | (InputKind::Secret, Value::Secret(_)) => true,
            (InputKind::Date, Value::String(text)) => text.parse::<Date>().is_ok(),
            (InputKind::Datetime, Value::String(text)) => text.parse::<Timestamp>().is_ok(),
            (InputKind::Duration, Value::String(text)) => Millis::parse(text).is_some(),
            (InputKind::List(item), Value::List(items)) => {
                items.iter().all(|value| item.fits(value))
            }
            // A long list is stored as lines. What its items are is not read here.
            (InputKind::List(item), Value::Blob(blob)) => {
                **item == InputKind::Any && blob.is_json_lines()
            }
            (InputKind::Object(fields), Value::Map(map)) => fields
                .iter()
                .all(|(name, kind)| map.get(name).is_some_and(|value| kind.fits(value))),
            _ => false,
        }
    }
}

/// A pattern as its author wrote it: it must match the whole text.
fn written(pattern: &Regex) -> &str {
    let text = pattern.as_str();
    text.strip_prefix("^(?:")
        .and_then(|text| text.strip_suffix(")$"))
        .unwrap_or(text)
}

/// A value as it is typed: a secret by its name.
fn shown(value: &Value) -> String {
    match value {
        Value::Secret(secret) => secret.names().collect(),
        value => value.to_json().unwrap_or_default(),
    }
}

fn with_article(word: &str) -> String {
    let article = if word.starts_with(['a', 'e', 'i', 'o']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {word}")
}

/// Checks what a step gives the workflow that it starts, and fills in defaults. An integer where a text is declared is
/// taken as it is written.
///
/// # Errors
/// The first [`InputError`], in the order of the declared inputs. Files are checked by whoever reads them.
pub fn of_child(workflow: &super::Workflow, given: &Value) -> Result<Value, InputError> {
    let mut inputs = crate::value::Map::new();
    for input in workflow.inputs.values() {
        match given
            .get(&input.name)
            .cloned()
            .or_else(|| input.default.clone())
        {
            Some(value) => {
                let value = match (&input.kind, &value) {
                    (InputKind::String, Value::Int(_) | Value::UInt(_)) => {
                        Value::from(value.to_json().unwrap_or_default())
                    }
                    _ => value,
                };
                let value = input.accept(value).map_err(|error| InputError {
                    help: None,
                    ..error
                })?;
                inputs.insert(input.name.clone(), value);
            }
            None if input.required => {
                let message = "it is required, and was not given".to_owned();
                return Err(input.error("input.missing", message));
            }
            None => {}
        }
    }
    Ok(Value::from(inputs))
}

impl Input {
    /// Reads what was typed on a command line, then accepts it.
    ///
    /// # Errors
    /// [`InputError`] as for [`Input::accept`].
    pub fn from_text(&self, text: &str) -> Result<Value, InputError> {
        let value = match &self.kind {
            InputKind::Integer
            | InputKind::Number
            | InputKind::Boolean
            | InputKind::List(_)
            | InputKind::Object(_) => {
                json::parse(text.as_bytes()).map_err(|_| self.wrong_type(&format!("{text:?}")))?
            }
            InputKind::Secret => Value::from(Secret::named(text)),
            _ => Value::from(text),
        };
        self.accept(value)
    }

    /// Checks a value against type, `enum`, `min`, `max` and `pattern`. A whole float is taken as the integer it is.
    ///
    /// # Errors
    /// [`InputError`] with what was expected.
    pub fn accept(&self, value: Value) -> Result<Value, InputError> {
        if !self.kind.fits(&value) {
            let found = value
                .to_json()
                .unwrap_or_else(|_| value.described().to_owned());
            return Err(self.wrong_type(&found.chars().take(60).collect::<String>()));
        }
        if !self.one_of.is_empty() && !self.one_of.contains(&value) {
            let allowed = self.one_of.iter().map(shown).collect::<Vec<_>>().join(", ");
            return Err(self.error(
                "input.enum",
                format!("{} is not one of {allowed}", shown(&value)),
            ));
        }
        self.range(&value)?;
        if let (Some(pattern), Some(text)) = (&self.pattern, value.as_str())
            && !pattern.is_match(text)
        {
            return Err(self.error(
                "input.pattern",
                format!("{text:?} does not match `{}`", written(pattern)),
            ));
        }
        Ok(value)
    }

    #[expect(clippy::cast_precision_loss, reason = "lengths are far below 2^53")]
    fn range(&self, value: &Value) -> Result<(), InputError> {
        let (size, what) = match value {
            Value::String(text) => (text.chars().count() as f64, "its length"),
            Value::List(items) => (items.len() as f64, "its length"),
            other => match other.as_f64() {
                Some(number) => (number, "it"),
                None => return Ok(()),
            },
        };
        if let Some(min) = self.min.filter(|min| size < *min) {
            return Err(self.error(
                "input.range",
                format!("{what} must be at least {min}, found {size}"),
            ));
        }
        if let Some(max) = self.max.filter(|max| size > *max) {
            return Err(self.error(
                "input.range",
                format!("{what} must be at most {max}, found {size}"),
            ));
        }
        Ok(())
    }

    fn wrong_type(&self, found: &str) -> InputError {
        let message = format!("expected {}, found {found}", self.kind.as_str());
        let help = format!("give it as `--input {}={}`", self.name, self.kind.example());
        InputError {
            help: Some(help),
            ..self.error("input.type", message)
        }
    }

    fn error(&self, code: &'static str, message: String) -> InputError {
        InputError {
            code,
            name: self.name.clone(),
            message,
            help: None,
        }
    }
}
