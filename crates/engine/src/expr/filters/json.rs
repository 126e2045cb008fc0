//! Filters between values and their JSON text.

use std::sync::Arc;

use super::{Call, Filter, Gives, Param, Takes};
use crate::expr::error::Fault;
use crate::expr::text::{self, Text};
use crate::value::{Blob, Value, json};

pub(super) const FILTERS: &[Filter] = &[
    Filter {
        name: "to_json",
        aliases: &[],
        about: "The JSON text of any value: compact, or in lines with so many blanks of `indent`.",
        example: (
            "{'a': [1, none, '<']} | to_json",
            r#""{\"a\":[1,null,\"<\"]}""#,
        ),
        gives: Gives::Text,
        params: &[Param::optional("indent")],
        takes: Takes::Any,
        run: to_json,
    },
    Filter {
        name: "json",
        aliases: &["from_json"],
        about: "The value of a JSON text; a stored text becomes stored JSON without being read.",
        example: (r#"'{"a": [1, 2]}' | json"#, r#"{"a":[1,2]}"#),
        gives: Gives::Unknown,
        params: &[],
        takes: Takes::Stored,
        run: from_json,
    },
    Filter {
        name: "jsonl",
        aliases: &["ndjson"],
        about: "The list of the values of a text with one JSON value a line; a stored text becomes a stream of them.",
        example: (r#"'{"a": 1}\n{"a": 2}\n' | jsonl"#, r#"[{"a":1},{"a":2}]"#),
        gives: Gives::Stream,
        params: &[],
        takes: Takes::Stored,
        run: jsonl,
    },
    Filter {
        name: "to_jsonl",
        aliases: &["to_ndjson"],
        about: "A text with the compact JSON of one item a line.",
        example: ("[{'a': 1}, 2] | to_jsonl", r#""{\"a\":1}\n2\n""#),
        gives: Gives::Text,
        params: &[],
        takes: Takes::List,
        run: to_jsonl,
    },
];

/// Widest indent, in characters.
const INDENT_MAX: usize = 16;

fn to_json(call: &Call<'_>) -> Result<Value, Fault> {
    let indent = match call.arg_whole(0)? {
        None => return call.made(text::json(&call.input, call.context)?),
        Some(indent) => usize::try_from(indent)
            .ok()
            .filter(|indent| *indent <= INDENT_MAX),
    };
    let Some(indent) = indent else {
        let message = format!("`indent` of the filter `to_json` is from 0 to {INDENT_MAX}");
        return Err(Fault::new("template.type", message));
    };
    call.made(text::json_in_lines(&call.input, indent, call.context)?)
}

fn to_jsonl(call: &Call<'_>) -> Result<Value, Fault> {
    let mut lines = Text::default();
    for item in call.list()? {
        lines.push(&text::json(item, call.context)?)?;
        lines.push("\n")?;
    }
    lines.finish(call.context)
}

/// The same stored value, taken for another media type. Nothing is known of its items yet.
fn taken_for(blob: &Blob, media: &str) -> Value {
    Value::from(Blob {
        media: media.into(),
        count: None,
        ..blob.clone()
    })
}

fn from_json(call: &Call<'_>) -> Result<Value, Fault> {
    match &call.input {
        Value::Blob(blob) if blob.is_json() || blob.is_json_lines() => Ok(call.input.clone()),
        Value::Blob(blob) => Ok(taken_for(blob, Blob::JSON)),
        Value::String(text) => {
            call.context.budget.steps(text.len() / 64)?;
            json::parse(text.as_bytes())
                .map_err(|error| Fault::new(error.code, format!("not JSON: {error}")))
        }
        // It has been parsed before: by the connector, for example.
        Value::List(_) | Value::Map(_) => Ok(call.input.clone()),
        other => Err(Fault::kind(&call.name(), "text", other)),
    }
}

fn jsonl(call: &Call<'_>) -> Result<Value, Fault> {
    match &call.input {
        Value::Blob(blob) if blob.is_json() || blob.is_json_lines() => Ok(call.input.clone()),
        Value::Blob(blob) => Ok(taken_for(blob, Blob::JSON_LINES)),
        Value::String(text) => lines(call, text),
        Value::List(_) => Ok(call.input.clone()),
        other => Err(Fault::kind(&call.name(), "text", other)),
    }
}

fn lines(call: &Call<'_>, text: &Arc<str>) -> Result<Value, Fault> {
    call.context.budget.steps(text.len() / 64)?;
    let mut values = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        values.push(json::parse(line.as_bytes()).map_err(|error| {
            let message = format!(
                "line {}: {} at column {}",
                at + 1,
                error.message,
                error.column
            );
            Fault::new(error.code, message)
        })?);
    }
    Ok(Value::from(values))
}
