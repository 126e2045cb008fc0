//! The values that travel through a run: read in this order: `Value`, [`Map`], [`Blob`], [`Secret`], [`View`],
//! then the two written forms, [`json`] (what services see) and [`journal`] (what the journal keeps).

mod blob;
pub mod journal;
pub mod json;
mod map;
mod number;
mod project;
mod secret;
mod size;
mod view;

use std::sync::Arc;

pub use blob::{Blob, Hash};
pub use map::Map;
pub use project::Projection;
pub use secret::{Secret, SecretPart};
pub use size::INLINE_BYTES_MAX;
pub use view::{PathPart, View, ViewMember};

/// A value. Cloning costs at most one reference count, whatever its size.
///
/// `UInt` holds only what `Int` cannot (above `i64::MAX`), so equal numbers have one form.
#[derive(Debug, Clone, Default)]
pub enum Value {
    /// Nothing, on purpose.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number in 64 bits.
    Int(i64),
    /// A whole number above `i64::MAX`.
    UInt(u64),
    /// A finite number with a fraction or an exponent.
    Float(f64),
    /// Text.
    String(Arc<str>),
    /// A list.
    List(Arc<Vec<Value>>),
    /// A map in source order.
    Map(Arc<Map>),
    /// A large value, or a stream, kept in the blob store.
    Blob(Arc<Blob>),
    /// A secret, or a text that holds one: opened only by the transport or process starter.
    Secret(Arc<Secret>),
}

impl Value {
    /// The value's kind, as messages name it.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Int(_) | Value::UInt(_) => "integer",
            Value::Float(_) => "number",
            Value::String(_) => "string",
            Value::List(_) => "list",
            Value::Map(_) => "map",
            Value::Blob(_) => "stored value",
            Value::Secret(_) => "secret",
        }
    }

    /// The value's kind with its article: `an integer`, `a list`, `null`.
    pub fn described(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Int(_) | Value::UInt(_) => "an integer",
            Value::Float(_) => "a number",
            Value::String(_) => "a string",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
            Value::Blob(_) => "a stored value",
            Value::Secret(_) => "a secret",
        }
    }

    /// The text, if it is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The boolean, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The whole number, if it is one that fits.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The whole number, if it is one and not negative.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Value::Int(value) => u64::try_from(*value).ok(),
            Value::UInt(value) => Some(*value),
            _ => None,
        }
    }

    /// The number as a float, if it is a number; may lose digits above 2^53.
    pub fn as_f64(&self) -> Option<f64> {
        number::as_f64(self)
    }

    /// The items, if it is a list.
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// The map, if it is one.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The blob, if it is one.
    pub fn as_blob(&self) -> Option<&Arc<Blob>> {
        match self {
            Value::Blob(blob) => Some(blob),
            _ => None,
        }
    }

    /// The member of a map by its own key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_map()?.get(key)
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// Walks the value and everything in it, depth first, the value itself first.
    pub fn walk<'a>(&'a self, visit: &mut impl FnMut(&'a Value)) {
        visit(self);
        match self {
            Value::List(items) => items.iter().for_each(|item| item.walk(visit)),
            Value::Map(map) => map.iter().for_each(|(_, value)| value.walk(visit)),
            _ => {}
        }
    }

    /// Whether a secret stands anywhere in it.
    pub fn has_secret(&self) -> bool {
        let mut found = false;
        self.walk(&mut |value| found |= matches!(value, Value::Secret(_)));
        found
    }

    /// A list of these values.
    pub fn list(items: impl IntoIterator<Item = Value>) -> Value {
        Value::List(Arc::new(items.into_iter().collect()))
    }

    /// A map of these members, in this order; a repeated key keeps its place and takes the last value.
    pub fn map<K: Into<Arc<str>>>(members: impl IntoIterator<Item = (K, Value)>) -> Value {
        Value::from(
            members
                .into_iter()
                .map(|(key, value)| (key.into(), value))
                .collect::<Map>(),
        )
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::String(a), Value::String(b)) => a == b,
            (Value::List(a), Value::List(b)) => Arc::ptr_eq(a, b) || a == b,
            (Value::Map(a), Value::Map(b)) => Arc::ptr_eq(a, b) || a == b,
            (Value::Blob(a), Value::Blob(b)) => a == b,
            (Value::Secret(a), Value::Secret(b)) => a == b,
            _ => number::compare(self, other) == Some(std::cmp::Ordering::Equal),
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Value {
        Value::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Value {
        Value::Int(value)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Value {
        Value::Int(i64::from(value))
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Value {
        i64::try_from(value).map_or(Value::UInt(value), Value::Int)
    }
}

impl From<usize> for Value {
    fn from(value: usize) -> Value {
        Value::from(value as u64)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Value {
        Value::Float(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Value {
        Value::String(value.into())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Value {
        Value::String(value.into())
    }
}

impl From<Arc<str>> for Value {
    fn from(value: Arc<str>) -> Value {
        Value::String(value)
    }
}

impl From<Vec<Value>> for Value {
    fn from(value: Vec<Value>) -> Value {
        Value::List(Arc::new(value))
    }
}

impl From<Map> for Value {
    fn from(value: Map) -> Value {
        Value::Map(Arc::new(value))
    }
}

impl From<Blob> for Value {
    fn from(value: Blob) -> Value {
        Value::Blob(Arc::new(value))
    }
}

impl From<Secret> for Value {
    fn from(value: Secret) -> Value {
        Value::Secret(Arc::new(value))
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Null, Into::into)
    }
}
