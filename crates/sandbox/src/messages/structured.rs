//! The part of JSON Schema that structured outputs take.
//!
//! Every object must close itself with `additionalProperties: false`, and bounds on numbers, texts
//! and lists are refused. Source: Claude API, Structured outputs, JSON Schema limitations.

use serde_json::Value;

use crate::error::ApiError;

/// How deep a schema may nest.
const DEPTH_MAX: usize = 64;

/// Checks a schema; `path` names the field that holds it in errors.
///
/// # Errors
/// 400 with the first rule that is broken.
pub(crate) fn check(schema: &Value, path: &str) -> Result<(), ApiError> {
    walk(schema, path, 0)
}

fn walk(schema: &Value, path: &str, depth: usize) -> Result<(), ApiError> {
    if depth > DEPTH_MAX {
        return Err(ApiError::invalid(format!(
            "{path}: Schema is too deeply nested"
        )));
    }
    let Some(fields) = schema.as_object() else {
        return Ok(());
    };
    let is = |kind: &str| match &schema["type"] {
        Value::String(name) => name == kind,
        Value::Array(names) => names.iter().any(|name| name == kind),
        _ => false,
    };
    if is("object") && schema["additionalProperties"] != false {
        let message = format!(
            "{path}: For 'object' type, 'additionalProperties' must be explicitly set to false"
        );
        return Err(ApiError::invalid(message));
    }
    for (kind, refused) in [
        (
            "integer",
            &[
                "minimum",
                "maximum",
                "exclusiveMinimum",
                "exclusiveMaximum",
                "multipleOf",
            ][..],
        ),
        (
            "number",
            &[
                "minimum",
                "maximum",
                "exclusiveMinimum",
                "exclusiveMaximum",
                "multipleOf",
            ],
        ),
        ("string", &["minLength", "maxLength"]),
        ("array", &["maxItems", "uniqueItems"]),
    ] {
        let mut found: Vec<&str> = refused
            .iter()
            .copied()
            .filter(|name| is(kind) && fields.contains_key(*name))
            .collect();
        found.sort_unstable();
        match found.len() {
            0 => {}
            1 => {
                return Err(ApiError::invalid(format!(
                    "{path}: For '{kind}' type, property '{}' is not supported",
                    found[0]
                )));
            }
            _ => {
                return Err(ApiError::invalid(format!(
                    "{path}: For '{kind}' type, properties {} are not supported",
                    found.join(", ")
                )));
            }
        }
    }
    if is("array")
        && fields
            .get("minItems")
            .is_some_and(|least| !matches!(least.as_u64(), Some(0 | 1)))
    {
        return Err(ApiError::invalid(format!(
            "{path}: For 'array' type, 'minItems' values other than 0 or 1 are not supported"
        )));
    }
    for name in ["properties", "$defs", "definitions"] {
        let inner = fields.get(name).and_then(Value::as_object);
        inner
            .into_iter()
            .flat_map(|map| map.values())
            .try_for_each(|schema| walk(schema, path, depth + 1))?;
    }
    for name in ["anyOf", "allOf", "oneOf"] {
        let inner = fields.get(name).and_then(Value::as_array);
        inner
            .into_iter()
            .flatten()
            .try_for_each(|schema| walk(schema, path, depth + 1))?;
    }
    fields
        .get("items")
        .map_or(Ok(()), |schema| walk(schema, path, depth + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn outcome(schema: &Value) -> String {
        check(schema, "schema").map_or_else(|error| error.message, |()| "ok".to_owned())
    }

    #[test]
    fn the_subset_is_held() {
        assert_eq!(
            outcome(
                &json!({"type": "object", "additionalProperties": false, "properties": {"a": {"type": "string"}}})
            ),
            "ok"
        );
        assert_eq!(
            outcome(&json!({"type": "array", "items": {"type": "object"}})),
            "schema: For 'object' type, 'additionalProperties' must be explicitly set to false"
        );
        assert_eq!(
            outcome(&json!({"type": ["integer", "null"], "minimum": 1, "maximum": 2})),
            "schema: For 'integer' type, properties maximum, minimum are not supported"
        );
        assert_eq!(
            outcome(&json!({"type": "number", "minimum": 1})),
            "schema: For 'number' type, property 'minimum' is not supported"
        );
        assert_eq!(
            outcome(&json!({"type": "array", "minItems": 2})),
            "schema: For 'array' type, 'minItems' values other than 0 or 1 are not supported"
        );
    }
}
