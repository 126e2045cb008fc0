//! JSON as services see it: reading with our limits, writing as compact text.
//!
//! Limits: depth [`DEPTH_MAX`]; whole numbers within 64 bits (others are an error with their place, never a float).
//! Repeated keys: the last one wins. A byte-order mark in front is accepted.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::ser::{Error as _, SerializeMap};
use serde::{Deserializer, Serialize, Serializer};

use super::project::{Projected, Projection};
use super::{Map, Value};

/// How deep lists and maps may nest.
pub const DEPTH_MAX: usize = 100;

/// Why a text is not JSON that we take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} at line {line} column {column}")]
pub struct JsonError {
    /// `json.syntax`, `json.depth`, `json.integer` or `json.surrogate`.
    pub code: &'static str,
    /// What is wrong, without the place.
    pub message: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in bytes, from 1.
    pub column: usize,
}

/// Reads one JSON value; nothing but white space may follow it.
///
/// # Errors
/// [`JsonError`] with the place of the first offence.
pub fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    read(bytes, |seed, deserializer| seed.deserialize(deserializer))
}

/// Reads one JSON value without the members that are not wanted: what is skipped need only end where it should.
///
/// # Errors
/// Those of [`parse`], for what is read.
pub fn parse_projected(bytes: &[u8], projection: &Projection) -> Result<Value, JsonError> {
    read(bytes, |seed, deserializer| {
        Projected { seed, projection }.deserialize(deserializer)
    })
}

type Slice<'b> = serde_json::Deserializer<serde_json::de::SliceRead<'b>>;

fn read<'b>(
    bytes: &'b [u8],
    value: impl FnOnce(Seed<'_>, &mut Slice<'b>) -> Result<Value, serde_json::Error>,
) -> Result<Value, JsonError> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let suspect = Cell::new(false);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let seed = Seed {
        depth: 0,
        suspect: &suspect,
    };
    let value = value(seed, &mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| JsonError::from_serde(&error))?;
    if suspect.get()
        && let Some(at) = integer_out_of_range(bytes)
    {
        return Err(JsonError::at(
            bytes,
            at,
            "json.integer",
            "a whole number outside 64 bits",
        ));
    }
    Ok(value)
}

impl JsonError {
    fn from_serde(error: &serde_json::Error) -> JsonError {
        let whole = error.to_string();
        let message = whole.split(" at line ").next().unwrap_or(&whole).to_owned();
        let code = if message.contains("nested deeper") || message.contains("recursion limit") {
            "json.depth"
        } else if message.contains("surrogate") || message.contains("hex escape") {
            "json.surrogate"
        } else {
            "json.syntax"
        };
        JsonError {
            code,
            message,
            line: error.line(),
            column: error.column(),
        }
    }

    fn at(bytes: &[u8], offset: usize, code: &'static str, message: &str) -> JsonError {
        let before = &bytes[..offset];
        let line = before.split(|byte| *byte == b'\n').count();
        let column = offset
            - before
                .iter()
                .rposition(|byte| *byte == b'\n')
                .map_or(0, |at| at + 1)
            + 1;
        JsonError {
            code,
            message: message.to_owned(),
            line,
            column,
        }
    }
}

/// Finds a whole number that was read as a float because it does not fit: called only if a float that large was seen.
fn integer_out_of_range(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                at += 1;
                while at < bytes.len() && bytes[at] != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                at += 1;
            }
            b'-' | b'0'..=b'9' => {
                let start = at;
                while at < bytes.len()
                    && matches!(bytes[at], b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')
                {
                    at += 1;
                }
                let text = std::str::from_utf8(&bytes[start..at]).unwrap_or("");
                let whole = !text.contains(['.', 'e', 'E']);
                if whole
                    && text.parse::<i64>().is_err()
                    && text.parse::<u64>().is_err()
                    && text != "-0"
                {
                    return Some(start);
                }
            }
            _ => at += 1,
        }
    }
    None
}

pub(super) struct Seed<'a> {
    depth: usize,
    suspect: &'a Cell<bool>,
}

impl Seed<'_> {
    pub(super) fn deeper<E: serde::de::Error>(&self) -> Result<Seed<'_>, E> {
        if self.depth == DEPTH_MAX {
            return Err(E::custom(format!("nested deeper than {DEPTH_MAX}")));
        }
        Ok(Seed {
            depth: self.depth + 1,
            suspect: self.suspect,
        })
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        if value.abs() >= 9.2e18 {
            self.suspect.set(true);
        }
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(self.deeper::<A::Error>()?)? {
            items.push(item);
        }
        Ok(Value::from(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = access.next_key_seed(Key)? {
            map.insert(key, access.next_value_seed(self.deeper::<A::Error>()?)?);
        }
        Ok(Value::from(map))
    }
}

struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Arc<str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Arc<str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = Arc<str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_str<E>(self, value: &str) -> Result<Arc<str>, E> {
        Ok(value.into())
    }
}

impl Serialize for Value {
    /// Writes JSON as services see it. A blob or a secret has no such form and is an error: they are streamed or opened
    /// by whoever may.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Int(value) => serializer.serialize_i64(*value),
            Value::UInt(value) => serializer.serialize_u64(*value),
            Value::Float(value) => serializer.serialize_f64(*value),
            Value::String(value) => serializer.serialize_str(value),
            Value::List(items) => serializer.collect_seq(items.iter()),
            Value::Map(map) => {
                let mut members = serializer.serialize_map(Some(map.len()))?;
                for (key, value) in map.iter() {
                    members.serialize_entry(&**key, value)?;
                }
                members.end()
            }
            Value::Blob(_) => Err(S::Error::custom("a stored value has no inline JSON form")),
            Value::Secret(_) => Err(S::Error::custom("a secret has no JSON form")),
        }
    }
}

impl Value {
    /// Compact JSON.
    ///
    /// # Errors
    /// If a blob or a secret stands anywhere in it.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}

impl From<serde_json::Value> for Value {
    fn from(value: serde_json::Value) -> Value {
        match value {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(value) => Value::Bool(value),
            serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(value), _) => Value::Int(value),
                (None, Some(value)) => Value::UInt(value),
                (None, None) => Value::Float(number.as_f64().unwrap_or_default()),
            },
            serde_json::Value::String(value) => Value::from(value),
            serde_json::Value::Array(items) => Value::list(items.into_iter().map(Value::from)),
            serde_json::Value::Object(members) => Value::map(
                members
                    .into_iter()
                    .map(|(key, value)| (key, Value::from(value))),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let shown = match parse(text.as_bytes()) {
            Ok(value) => value.to_json().expect("no blobs in it"),
            Err(error) => format!("{} {error}", error.code),
        };
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn reads_and_writes_without_change() {
        check(
            r#"{"b":1,"a":[true,null,1.5,"x"]}"#,
            r#"{"b":1,"a":[true,null,1.5,"x"]}"#,
        );
        check("9007199254740993", "9007199254740993");
        check("18446744073709551615", "18446744073709551615");
        check("1.0", "1.0");
        check("\u{feff}[]", "[]");
        check(r#"{"a":1,"a":2}"#, r#"{"a":2}"#);
    }

    #[test]
    fn refuses_what_it_cannot_keep() {
        check(
            "[1,\n 18446744073709551616]",
            "json.integer a whole number outside 64 bits at line 2 column 2",
        );
        check(
            "1e400",
            "json.syntax number out of range at line 1 column 5",
        );
        check("[1,]", "json.syntax trailing comma at line 1 column 4");
        check(
            r#""\ud800""#,
            "json.surrogate unexpected end of hex escape at line 1 column 8",
        );
    }

    #[test]
    fn depth_100_works_and_101_does_not() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(parse(nested(100).as_bytes()).is_ok());
        assert_eq!(
            parse(nested(101).as_bytes()).expect_err("too deep").code,
            "json.depth"
        );
    }
}
