//! The subset of JSON Schema 2020-12 in which descriptors write types.
//!
//! Read: `type` (one or a list), `enum` and `const` of strings, `format`, `items`, `properties`, `required`,
//! `additionalProperties`, `anyOf` and `oneOf`, `description`; ours: `x-blob: true` (a stream of `items`) and
//! `x-secret: true`. Records are open unless `additionalProperties` is `false`. Other keywords are for people.

use std::sync::Arc;

use serde_json::Value as Json;

use super::{Field, Record, TextType, Type};

/// Why a schema cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SchemaError(String);

impl Type {
    /// Reads a type from the subset.
    ///
    /// # Errors
    /// [`SchemaError`] if a keyword of the subset has a value of the wrong kind.
    pub fn from_schema(schema: &Json) -> Result<Type, SchemaError> {
        let object = match schema {
            Json::Bool(true) => return Ok(Type::Unknown),
            Json::Object(object) => object,
            other => return Err(SchemaError(format!("a schema is a map, not {other}"))),
        };
        if object.get("x-secret").and_then(Json::as_bool) == Some(true) {
            return Ok(Type::Secret);
        }
        if object.get("x-blob").and_then(Json::as_bool) == Some(true) {
            return Ok(Type::blob(optional(object.get("items"))?));
        }
        if let Some(options) = object.get("anyOf").or_else(|| object.get("oneOf")) {
            return union(list_of(options, "anyOf")?.iter().map(Type::from_schema));
        }
        if let Some(constant) = object.get("const").and_then(Json::as_str) {
            return Ok(Type::one_of([constant]));
        }
        match object.get("type") {
            Some(Json::String(name)) => one(name, object),
            Some(Json::Array(names)) => union(
                names
                    .iter()
                    .map(|name| one(name.as_str().unwrap_or_default(), object)),
            ),
            Some(other) => Err(SchemaError(format!(
                "`type` is a name or a list of names, not {other}"
            ))),
            None if object.contains_key("enum") => one("string", object),
            None if object.contains_key("properties") => one("object", object),
            None => Ok(Type::Unknown),
        }
    }
}

fn one(name: &str, object: &serde_json::Map<String, Json>) -> Result<Type, SchemaError> {
    Ok(match name {
        "null" => Type::Null,
        "boolean" => Type::Boolean,
        "integer" => Type::Integer,
        "number" => Type::Number,
        "string" => {
            let texts = object
                .get("enum")
                .map_or(Ok(&[][..]), |texts| list_of(texts, "enum"))?;
            Type::String(TextType {
                one_of: texts
                    .iter()
                    .filter_map(Json::as_str)
                    .map(Arc::from)
                    .collect(),
                format: object.get("format").and_then(Json::as_str).map(Arc::from),
            })
        }
        "array" => Type::list(optional(object.get("items"))?),
        "object" => match (object.get("properties"), object.get("additionalProperties")) {
            (None, None | Some(Json::Bool(true))) => Type::Map(Arc::new(Type::Unknown)),
            (None, Some(values @ Json::Object(_))) => {
                Type::Map(Arc::new(Type::from_schema(values)?))
            }
            (fields, more) => Type::Record(Arc::new(record(object, fields, more)?)),
        },
        other => return Err(SchemaError(format!("`{other}` is not a JSON Schema type"))),
    })
}

fn record(
    object: &serde_json::Map<String, Json>,
    fields: Option<&Json>,
    more: Option<&Json>,
) -> Result<Record, SchemaError> {
    let required = object
        .get("required")
        .map_or(Ok(&[][..]), |names| list_of(names, "required"))?;
    let mut record = Record {
        open: more != Some(&Json::Bool(false)),
        ..Record::default()
    };
    for (name, schema) in fields.and_then(Json::as_object).into_iter().flatten() {
        let field = Field {
            ty: Type::from_schema(schema)?,
            required: required.iter().any(|one| one == name),
            description: schema["description"].as_str().unwrap_or_default().into(),
        };
        record.fields.insert(name.as_str().into(), field);
    }
    Ok(record)
}

fn optional(schema: Option<&Json>) -> Result<Type, SchemaError> {
    schema.map_or(Ok(Type::Unknown), Type::from_schema)
}

fn union(types: impl Iterator<Item = Result<Type, SchemaError>>) -> Result<Type, SchemaError> {
    let mut types = types.collect::<Result<Vec<_>, _>>()?.into_iter();
    let first = types
        .next()
        .ok_or_else(|| SchemaError("an empty choice of types".to_owned()))?;
    Ok(types.fold(first, Type::or))
}

fn list_of<'a>(value: &'a Json, keyword: &str) -> Result<&'a [Json], SchemaError> {
    value
        .as_array()
        .map(Vec::as_slice)
        .ok_or_else(|| SchemaError(format!("`{keyword}` is a list, not {value}")))
}
