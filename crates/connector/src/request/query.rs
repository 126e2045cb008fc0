//! Queries and paths: values as texts, encoded.

use std::fmt::Write;
use std::sync::Arc;

use flow_engine::run::Failure;
use flow_engine::value::Value;

use super::secrets::Opener;
use crate::descriptor::document::ArrayStyle;
use secrecy::ExposeSecret;

/// Adds a parameter: a list in its style (its lists and maps by number, `name[0][key]`), a map as `name[key]`, null not at
/// all.
pub(crate) fn add(
    query: &mut Vec<(Arc<str>, Value)>,
    name: &Arc<str>,
    arrays: ArrayStyle,
    value: &Value,
) -> Result<(), Failure> {
    match value {
        Value::Null => {}
        Value::List(items) => match arrays {
            ArrayStyle::Comma => {
                let texts = items
                    .iter()
                    .map(|item| scalar(name, item))
                    .collect::<Result<Vec<_>, _>>()?;
                let texts: Vec<&str> = texts.iter().filter_map(Value::as_str).collect();
                query.push((name.clone(), Value::from(texts.join(","))));
            }
            ArrayStyle::Repeat | ArrayStyle::Brackets => {
                let name: Arc<str> = match arrays {
                    ArrayStyle::Brackets => format!("{name}[]").into(),
                    _ => name.clone(),
                };
                for (at, item) in items.iter().enumerate() {
                    if matches!(item, Value::List(_) | Value::Map(_)) {
                        let base = name.trim_end_matches("[]");
                        add(query, &format!("{base}[{at}]").into(), arrays, item)?;
                    } else {
                        query.push((name.clone(), scalar(&name, item)?));
                    }
                }
            }
        },
        Value::Map(members) => {
            for (key, value) in members.iter() {
                add(query, &format!("{name}[{key}]").into(), arrays, value)?;
            }
        }
        value => query.push((name.clone(), scalar(name, value)?)),
    }
    Ok(())
}

/// A scalar as text; a secret stays a handle.
pub(crate) fn scalar(name: &str, value: &Value) -> Result<Value, Failure> {
    match value {
        Value::String(_) | Value::Secret(_) => Ok(value.clone()),
        Value::Bool(_) | Value::Int(_) | Value::UInt(_) | Value::Float(_) => {
            Ok(Value::from(value.to_json().unwrap_or_default()))
        }
        other => {
            let message = format!(
                "`{name}` must be a text, a number or a boolean here, not {}",
                other.described()
            );
            Err(Failure::permanent("call.type", message))
        }
    }
}

/// The value of a hole in a path, encoded. Never empty, `.` or `..`: those would be other paths.
pub(crate) fn path_part(name: &str, value: &Value) -> Result<String, Failure> {
    let text = scalar(name, value)?;
    let Some(text) = text.as_str() else {
        return Err(Failure::permanent(
            "call.path_value",
            format!("`{name}` is a part of the path and cannot be a secret"),
        ));
    };
    if text.is_empty() || text == "." || text == ".." {
        let message = format!("`{name}` is a part of the path and cannot be {text:?}");
        return Err(Failure::permanent("call.path_value", message));
    }
    Ok(encode(text))
}

/// Percent-encodes all but letters, digits and `-._~`.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// Names and texts as `a=1&b=2`.
pub(crate) fn joined(fields: &[(Arc<str>, Value)], opener: &Opener) -> Result<String, Failure> {
    let mut text = String::new();
    for (name, value) in fields {
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(&encode(name));
        text.push('=');
        match value {
            Value::Secret(secret) => text.push_str(&encode(opener.text(secret)?.expose_secret())),
            value => text.push_str(&encode(value.as_str().unwrap_or_default())),
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &Value, arrays: ArrayStyle, expected: &str) {
        let mut query = Vec::new();
        add(&mut query, &"ids".into(), arrays, value).expect("scalars");
        assert_eq!(
            joined(&query, &Opener::Named).expect("no secrets"),
            expected
        );
    }

    #[test]
    fn lists_maps_and_scalars_are_written() {
        let list = Value::list([Value::from("a b"), Value::from(2_i64)]);
        check(&list, ArrayStyle::Brackets, "ids%5B%5D=a%20b&ids%5B%5D=2");
        check(&list, ArrayStyle::Repeat, "ids=a%20b&ids=2");
        check(&list, ArrayStyle::Comma, "ids=a%20b%2C2");
        check(
            &Value::map([("gt", Value::from("é"))]),
            ArrayStyle::Repeat,
            "ids%5Bgt%5D=%C3%A9",
        );
        let maps = Value::list([Value::map([("a", Value::from(1_i64))])]);
        check(&maps, ArrayStyle::Brackets, "ids%5B0%5D%5Ba%5D=1");
        check(&Value::Null, ArrayStyle::Repeat, "");
        check(&Value::from(true), ArrayStyle::Repeat, "ids=true");
    }

    #[test]
    fn path_parts_cannot_leave_their_place() {
        let part = |text: &str| path_part("id", &Value::from(text)).map_err(|failure| failure.code);
        assert_eq!(part("a/b?c#d%2e").as_deref(), Ok("a%2Fb%3Fc%23d%252e"));
        for text in ["", ".", ".."] {
            assert_eq!(part(text), Err("call.path_value".to_owned()));
        }
    }
}
