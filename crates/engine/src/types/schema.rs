//! The subset of JSON Schema 2020-12 in which descriptors write types.
//!
//! Read: `type` (one or a list), `enum` and `const` of strings, `format`, `items`, `properties`, `required`,
//! `additionalProperties`, `anyOf` and `oneOf`, `$ref` to a type that has a name, `description`; ours: `x-blob: true` (a stream of `items`) and
//! `x-secret: true`. Records are open unless `additionalProperties` is `false`. Other keywords are for people.

use std::sync::Arc;

use serde_json::Value as Json;

use super::{Field, Record, TextType, Type};

/// Why a schema cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SchemaError(String);

impl SchemaError {
    /// What is wrong, in words.
    pub fn new(message: impl Into<String>) -> SchemaError {
        SchemaError(message.into())
    }
}

/// What a `$ref` means.
type Named<'a> = &'a mut dyn FnMut(&str) -> Result<Type, SchemaError>;

impl Type {
    /// Reads a type from the subset, without names.
    ///
    /// # Errors
    /// [`SchemaError`] if a keyword of the subset has a value of the wrong kind.
    pub fn from_schema(schema: &Json) -> Result<Type, SchemaError> {
        Type::from_schema_with(schema, &mut |name| {
            Err(SchemaError(format!(
                "`$ref: {name}`: no type has a name here"
            )))
        })
    }

    /// Reads a type from the subset; `resolve` says what a `$ref` means.
    ///
    /// # Errors
    /// [`SchemaError`] if a keyword of the subset has a value of the wrong kind, and what `resolve` gives.
    pub fn from_schema_with(schema: &Json, resolve: Named<'_>) -> Result<Type, SchemaError> {
        let object = match schema {
            Json::Bool(true) => return Ok(Type::Unknown),
            Json::Object(object) => object,
            other => return Err(SchemaError(format!("a schema is a map, not {other}"))),
        };
        if object.get("x-secret").and_then(Json::as_bool) == Some(true) {
            return Ok(Type::Secret);
        }
        if let Some(name) = object.get("$ref") {
            let name = name
                .as_str()
                .ok_or_else(|| SchemaError(format!("`$ref` is a text, not {name}")))?;
            return resolve(name);
        }
        if object.get("x-blob").and_then(Json::as_bool) == Some(true) {
            return Ok(Type::blob(optional(object.get("items"), resolve)?));
        }
        if let Some(options) = object.get("anyOf").or_else(|| object.get("oneOf")) {
            let options = list_of(options, "anyOf")?.iter();
            return union(options.map(|option| Type::from_schema_with(option, resolve)));
        }
        if let Some(constant) = object.get("const").and_then(Json::as_str) {
            return Ok(Type::one_of([constant]));
        }
        match object.get("type") {
            Some(Json::String(name)) => one(name, object, resolve),
            Some(Json::Array(names)) => union(
                names
                    .iter()
                    .map(|name| one(name.as_str().unwrap_or_default(), object, resolve)),
            ),
            Some(other) => Err(SchemaError(format!(
                "`type` is a name or a list of names, not {other}"
            ))),
            None if object.contains_key("enum") => one("string", object, resolve),
            None if object.contains_key("properties") => one("object", object, resolve),
            None => Ok(Type::Unknown),
        }
    }
}

fn one(
    name: &str,
    object: &serde_json::Map<String, Json>,
    resolve: Named<'_>,
) -> Result<Type, SchemaError> {
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
        "array" => Type::list(optional(object.get("items"), resolve)?),
        "object" => match (object.get("properties"), object.get("additionalProperties")) {
            (None, None | Some(Json::Bool(true))) => Type::Map(Arc::new(Type::Unknown)),
            (None, Some(values @ Json::Object(_))) => {
                Type::Map(Arc::new(Type::from_schema_with(values, resolve)?))
            }
            (fields, more) => Type::Record(Arc::new(record(object, fields, more, resolve)?)),
        },
        other => return Err(SchemaError(format!("`{other}` is not a JSON Schema type"))),
    })
}

fn record(
    object: &serde_json::Map<String, Json>,
    fields: Option<&Json>,
    more: Option<&Json>,
    resolve: Named<'_>,
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
            ty: Type::from_schema_with(schema, resolve)?,
            required: required.iter().any(|one| one == name),
            description: schema["description"].as_str().unwrap_or_default().into(),
        };
        record.fields.insert(name.as_str().into(), field);
    }
    Ok(record)
}

fn optional(schema: Option<&Json>, resolve: Named<'_>) -> Result<Type, SchemaError> {
    schema.map_or(Ok(Type::Unknown), |schema| {
        Type::from_schema_with(schema, resolve)
    })
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
