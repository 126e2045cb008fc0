//! What is known of a value before it exists: the types that the catalog gives for parameters and outputs.

mod schema;

use std::fmt;
use std::sync::Arc;

use crate::collections::IndexMap;

use crate::value::Value;

pub use schema::SchemaError;

/// A type. `Unknown` agrees with everything: what cannot be decided stays silent.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Type {
    /// Nothing is known.
    #[default]
    Unknown,
    /// Only null.
    Null,
    /// True or false.
    Boolean,
    /// A whole number in 64 bits.
    Integer,
    /// Any number.
    Number,
    /// Text; perhaps one of a closed set, perhaps of a format (`date-time`, `uri`, ...).
    String(TextType),
    /// A list of one type of item.
    List(Arc<Type>),
    /// A map from any key to one type of value.
    Map(Arc<Type>),
    /// A map with named members.
    Record(Arc<Record>),
    /// One of several.
    Union(Arc<Vec<Type>>),
    /// A stream or a stored value of items of a type; text and bytes have `Unknown` items.
    Blob(Arc<Type>),
    /// A secret handle.
    Secret,
}

/// What is known of a text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TextType {
    /// The only texts allowed; empty for any text.
    pub one_of: Arc<[Arc<str>]>,
    /// JSON Schema `format`.
    pub format: Option<Arc<str>>,
}

/// A map with named members.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Record {
    /// The members, in the descriptor's order.
    pub fields: IndexMap<Arc<str>, Field>,
    /// Whether members that are not named may occur.
    pub open: bool,
}

/// One member of a [`Record`].
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Its type.
    pub ty: Type,
    /// Whether it must be there.
    pub required: bool,
    /// One sentence for people.
    pub description: Arc<str>,
}

/// Why a value is not of a type: where in it, what was expected, what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// Path inside the value, such as `messages[0].role`; empty for the value itself.
    pub path: String,
    /// The type that was wanted, in words.
    pub expected: String,
    /// What stands there, in words.
    pub found: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "`{}`: ", self.path)?;
        }
        write!(f, "expected {}, found {}", self.expected, self.found)
    }
}

impl Type {
    /// Any text.
    pub fn string() -> Type {
        Type::String(TextType::default())
    }

    /// One of these texts.
    pub fn one_of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Type {
        Type::String(TextType {
            one_of: texts.into_iter().map(Arc::from).collect(),
            format: None,
        })
    }

    /// A list of items of this type.
    pub fn list(item: Type) -> Type {
        Type::List(Arc::new(item))
    }

    /// A stream of items of this type.
    pub fn blob(item: Type) -> Type {
        Type::Blob(Arc::new(item))
    }

    /// A record of these members, all required.
    pub fn record<'a>(fields: impl IntoIterator<Item = (&'a str, Type)>, open: bool) -> Type {
        let field = |ty| Field {
            ty,
            required: true,
            description: "".into(),
        };
        let fields = fields
            .into_iter()
            .map(|(name, ty)| (Arc::from(name), field(ty)))
            .collect();
        Type::Record(Arc::new(Record { fields, open }))
    }

    /// Either of two types; `Unknown` absorbs.
    #[must_use]
    pub fn or(self, other: Type) -> Type {
        if self == Type::Unknown || other == Type::Unknown {
            return Type::Unknown;
        }
        if self == other {
            return self;
        }
        let options = |ty| match ty {
            Type::Union(options) => Arc::unwrap_or_clone(options),
            one => vec![one],
        };
        let mut all = options(self);
        for option in options(other) {
            if !all.contains(&option) {
                all.push(option);
            }
        }
        if all.len() == 1 {
            return all.remove(0);
        }
        Type::Union(Arc::new(all))
    }

    /// Whether its values are of a closed set, or of a form that has no room for what somebody else would like to say:
    /// numbers, booleans, words of a list, dates, times, ids.
    pub fn is_closed(&self) -> bool {
        const FORMATS: [&str; 5] = ["date", "date-time", "time", "duration", "uuid"];
        match self {
            Type::Null | Type::Boolean | Type::Integer | Type::Number | Type::Secret => true,
            Type::String(text) => {
                let format = text.format.as_deref();
                !text.one_of.is_empty() || format.is_some_and(|format| FORMATS.contains(&format))
            }
            Type::List(item) => item.is_closed(),
            Type::Union(options) => options.iter().all(Type::is_closed),
            Type::Record(record) => {
                !record.open && record.fields.values().all(|field| field.ty.is_closed())
            }
            Type::Unknown | Type::Map(_) | Type::Blob(_) => false,
        }
    }

    /// Whether a value of type `found` may be used where this type is expected: false only if it never can.
    pub fn may_accept(&self, found: &Type) -> bool {
        match (self, found) {
            // A secret may stand only where one is declared, and a declared secret may also be written out. Streams and
            // stored values mean the same as what they hold; which it is shows at run time.
            (Type::Unknown, _)
            | (_, Type::Unknown)
            | (Type::Number, Type::Integer | Type::Number)
            | (Type::Secret | Type::Blob(_), Type::String(_))
            | (Type::Secret | Type::String(_) | Type::Map(_) | Type::Record(_), Type::Blob(_))
            | (Type::Record(_), Type::Map(_)) => true,
            (Type::Union(options), found) => options.iter().any(|option| option.may_accept(found)),
            (wanted, Type::Union(options)) => {
                options.iter().any(|option| wanted.may_accept(option))
            }
            (Type::String(wanted), Type::String(found)) => {
                wanted.one_of.is_empty()
                    || found.one_of.is_empty()
                    || found.one_of.iter().any(|text| wanted.one_of.contains(text))
            }
            (Type::List(wanted) | Type::Blob(wanted), Type::List(found) | Type::Blob(found))
            | (Type::Map(wanted), Type::Map(found)) => wanted.may_accept(found),
            (Type::Map(wanted), Type::Record(found)) => found
                .fields
                .values()
                .all(|field| wanted.may_accept(&field.ty)),
            (Type::Record(wanted), Type::Record(found)) => {
                wanted.fields.iter().all(|(name, field)| {
                    found
                        .fields
                        .get(name)
                        .map_or(!field.required || found.open, |has| {
                            field.ty.may_accept(&has.ty)
                        })
                })
            }
            (wanted, found) => std::mem::discriminant(wanted) == std::mem::discriminant(found),
        }
    }

    /// Checks a value against the type, also inside lists and maps.
    ///
    /// # Errors
    /// The first [`Mismatch`], depth first in source order.
    pub fn check(&self, value: &Value) -> Result<(), Mismatch> {
        self.check_at(value, &mut String::new())
    }

    fn check_at(&self, value: &Value, path: &mut String) -> Result<(), Mismatch> {
        let fits = match (self, value) {
            (Type::Unknown, _)
            | (Type::Null, Value::Null)
            | (Type::Boolean, Value::Bool(_))
            | (Type::Integer, Value::Int(_) | Value::UInt(_))
            | (Type::Number, Value::Int(_) | Value::UInt(_) | Value::Float(_))
            | (Type::Secret, Value::Secret(_) | Value::String(_) | Value::Blob(_))
            | (Type::Blob(_) | Type::List(_) | Type::Map(_) | Type::Record(_), Value::Blob(_))
            | (Type::Blob(_), Value::String(_) | Value::List(_) | Value::Map(_)) => true,
            (Type::String(text), Value::String(found)) => {
                text.one_of.is_empty() || text.one_of.iter().any(|one| one == found)
            }
            (Type::String(text), Value::Blob(_)) => text.one_of.is_empty(),
            (Type::List(item), Value::List(items)) => return check_items(item, items, path),
            (Type::Map(item), Value::Map(map)) => {
                return map.iter().try_for_each(|(key, value)| {
                    nested(path, &format!(".{key}"), |path| item.check_at(value, path))
                });
            }
            (Type::Record(record), Value::Map(map)) => return record.check_at(map, path),
            (Type::Union(options), value) => {
                options.iter().any(|option| option.check(value).is_ok())
            }
            _ => false,
        };
        if fits {
            return Ok(());
        }
        let found = match value {
            Value::String(text) if text.chars().count() <= 40 => {
                format!("the string {:?}", &**text)
            }
            Value::Bool(_) | Value::Int(_) | Value::UInt(_) | Value::Float(_) => {
                format!(
                    "the {} {}",
                    value.kind(),
                    value.to_json().unwrap_or_default()
                )
            }
            other => other.described().to_owned(),
        };
        Err(Mismatch {
            path: path.trim_start_matches('.').to_owned(),
            expected: self.to_string(),
            found,
        })
    }
}

fn check_items(item: &Type, items: &[Value], path: &mut String) -> Result<(), Mismatch> {
    if *item == Type::Unknown {
        return Ok(());
    }
    items.iter().enumerate().try_for_each(|(at, value)| {
        nested(path, &format!("[{at}]"), |path| item.check_at(value, path))
    })
}

fn nested(
    path: &mut String,
    part: &str,
    check: impl FnOnce(&mut String) -> Result<(), Mismatch>,
) -> Result<(), Mismatch> {
    let length = path.len();
    path.push_str(part);
    let result = check(path);
    path.truncate(length);
    result
}

impl Record {
    fn check_at(&self, map: &crate::value::Map, path: &mut String) -> Result<(), Mismatch> {
        for (name, field) in &self.fields {
            match map.get(name) {
                Some(value) => nested(path, &format!(".{name}"), |path| {
                    field.ty.check_at(value, path)
                })?,
                None if field.required => {
                    return Err(Mismatch {
                        path: path.trim_start_matches('.').to_owned(),
                        expected: format!("a member `{name}`"),
                        found: "none".to_owned(),
                    });
                }
                None => {}
            }
        }
        let unknown = map
            .keys()
            .find(|key| !self.open && !self.fields.contains_key(*key));
        unknown.map_or(Ok(()), |key| {
            let known: Vec<_> = self.fields.keys().map(|name| format!("`{name}`")).collect();
            Err(Mismatch {
                path: path.trim_start_matches('.').to_owned(),
                expected: format!("only {}", known.join(", ")),
                found: format!("`{key}`"),
            })
        })
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Unknown => f.write_str("any value"),
            Type::Null => f.write_str("null"),
            Type::Boolean => f.write_str("boolean"),
            Type::Integer => f.write_str("integer"),
            Type::Number => f.write_str("number"),
            Type::String(text) if !text.one_of.is_empty() => {
                let texts: Vec<_> = text.one_of.iter().map(|one| format!("`{one}`")).collect();
                write!(f, "one of {}", texts.join(", "))
            }
            Type::String(text) => match &text.format {
                Some(format) => write!(f, "string ({format})"),
                None => f.write_str("string"),
            },
            Type::List(item) if **item == Type::Unknown => f.write_str("list"),
            Type::List(item) => write!(f, "list of {item}"),
            Type::Map(item) if **item == Type::Unknown => f.write_str("map"),
            Type::Map(item) => write!(f, "map of {item}"),
            Type::Record(_) => f.write_str("map"),
            Type::Union(options) => {
                // Where a secret may stand it may also be written out.
                let is_text = |option: &Type| matches!(option, Type::String(_));
                if options.contains(&Type::Secret) && !options.iter().any(is_text) {
                    f.write_str("string or ")?;
                }
                let texts: Vec<_> = options.iter().map(Type::to_string).collect();
                f.write_str(&texts.join(" or "))
            }
            Type::Blob(item) if **item == Type::Unknown => f.write_str("bytes"),
            Type::Blob(item) => write!(f, "stream of {item}"),
            Type::Secret => f.write_str("secret"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::json::parse;

    #[track_caller]
    fn check(schema: &str, value: &str, expected: &str) {
        let ty = Type::from_schema(&serde_json::from_str(schema).expect("schema")).expect("schema");
        let found = ty.check(&parse(value.as_bytes()).expect("value"));
        assert_eq!(
            found.map_or_else(|mismatch| mismatch.to_string(), |()| "fits".to_owned()),
            expected
        );
    }

    #[test]
    fn values_are_checked_with_their_place() {
        let message = r#"{"type":"object","required":["role","content"],"properties":{"role":{"enum":["user","assistant"]},"content":{"type":["string","array"]}}}"#;
        let list = format!(r#"{{"type":"array","items":{message}}}"#);
        check(&list, r#"[{"role":"user","content":"hi"}]"#, "fits");
        check(
            &list,
            r#"[{"role":"user","content":["hi"],"more":1}]"#,
            "fits",
        );
        check(
            &list,
            r#"[{"role":"usr","content":"hi"}]"#,
            "`[0].role`: expected one of `user`, `assistant`, found the string \"usr\"",
        );
        check(
            &list,
            r#"[{"role":"user"}]"#,
            "`[0]`: expected a member `content`, found none",
        );
        check(
            r#"{"type":"integer"}"#,
            "1.5",
            "expected integer, found the number 1.5",
        );
        check(
            r#"{"type":"object","additionalProperties":false,"properties":{"a":{}}}"#,
            r#"{"b":1}"#,
            "expected only `a`, found `b`",
        );
    }
}
