//! Filters that ask about a list as a whole, or put one together.

use super::{Call, Filter, Gives, Param, Takes};
use crate::expr::error::Fault;
use crate::expr::text::Text;
use crate::value::Value;

pub(super) const FILTERS: &[Filter] = &[
    Filter {
        name: "length",
        aliases: &["count"],
        about: "How many items a list or stream, members a map, or characters a text has.",
        example: ("[1, 2, 3] | length", "3"),
        gives: Gives::Integer,
        params: &[],
        takes: Takes::Stored,
        run: length,
    },
    Filter {
        name: "first",
        aliases: &[],
        about: "The first item of a list or stream, or the first character; undefined if there is none.",
        example: ("['a', 'b'] | first", r#""a""#),
        gives: Gives::Item,
        params: &[],
        takes: Takes::Stored,
        run: first,
    },
    Filter {
        name: "last",
        aliases: &[],
        about: "The last item of a list, or the last character; undefined if there is none.",
        example: ("['a', 'b'] | last", r#""b""#),
        gives: Gives::Item,
        params: &[],
        takes: Takes::Any,
        run: last,
    },
    Filter {
        name: "join",
        aliases: &[],
        about: "One text of all items, with a separator between them; `attribute` takes a member of each.",
        example: ("['a', 1, true] | join(', ')", r#""a, 1, true""#),
        gives: Gives::Text,
        params: &[Param::optional("separator"), Param::optional("attribute")],
        takes: Takes::List,
        run: join,
    },
    Filter {
        name: "reverse",
        aliases: &[],
        about: "A list or a text backwards.",
        example: ("[1, 2, 3] | reverse", "[3,2,1]"),
        gives: Gives::Same,
        params: &[],
        takes: Takes::Any,
        run: reverse,
    },
    Filter {
        name: "list",
        aliases: &[],
        about: "A list of the items of a list or stream, the keys of a map, or the characters of a text.",
        example: ("'abc' | list", r#"["a","b","c"]"#),
        gives: Gives::Items,
        params: &[],
        takes: Takes::Any,
        run: list,
    },
    Filter {
        name: "zip",
        aliases: &[],
        about: "Pairs of the items of two lists, as long as the shorter one.",
        example: ("['a', 'b'] | zip([1, 2, 3])", r#"[["a",1],["b",2]]"#),
        gives: Gives::Pairs,
        params: &[Param::required("other")],
        takes: Takes::List,
        run: zip,
    },
    Filter {
        name: "chunk",
        aliases: &["batch"],
        about: "The list cut into lists of at most so many items.",
        example: ("[1, 2, 3] | chunk(2)", "[[1,2],[3]]"),
        gives: Gives::Chunks,
        params: &[Param::required("size")],
        takes: Takes::List,
        run: chunk,
    },
];

fn length(call: &Call<'_>) -> Result<Value, Fault> {
    let content;
    let input = match &call.input {
        Value::Blob(blob) if blob.count.is_some() || blob.is_json_lines() => {
            return call.context.count(blob).map(Value::from);
        }
        Value::Blob(blob) => {
            content = call.context.load(blob)?;
            &content
        }
        other => other,
    };
    match input {
        Value::List(items) => Ok(Value::from(items.len())),
        Value::Map(map) => Ok(Value::from(map.len())),
        Value::String(text) => {
            call.context.budget.scan(text.len())?;
            Ok(Value::from(text.chars().count()))
        }
        Value::Null => Err(Fault::new("template.null", "null has no length")
            .help("`x | default([], true) | length` counts null as nothing")),
        other => Err(Fault::kind(&call.name(), "a list, a map or text", other)),
    }
}

fn none(call: &Call<'_>) -> Fault {
    let message = format!("{} was given something empty", call.name());
    Fault::new("template.undefined", message).help("`| default(value)` says what it is then")
}

fn first(call: &Call<'_>) -> Result<Value, Fault> {
    let found = match &call.input {
        Value::Blob(blob) if blob.is_json_lines() => call.context.first(blob)?,
        Value::Blob(blob) => end(call, &call.context.load(blob)?, true)?,
        other => end(call, other, true)?,
    };
    found.ok_or_else(|| none(call))
}

fn last(call: &Call<'_>) -> Result<Value, Fault> {
    end(call, &call.input, false)?.ok_or_else(|| none(call))
}

fn end(call: &Call<'_>, value: &Value, front: bool) -> Result<Option<Value>, Fault> {
    match value {
        Value::List(items) if front => Ok(items.first().cloned()),
        Value::List(items) => Ok(items.last().cloned()),
        Value::String(text) => {
            let letter = if front {
                text.chars().next()
            } else {
                text.chars().next_back()
            };
            Ok(letter.map(|letter| Value::from(letter.to_string())))
        }
        other => Err(Fault::kind(&call.name(), "a list or text", other)),
    }
}

fn join(call: &Call<'_>) -> Result<Value, Fault> {
    let separator = call.arg_text(0)?.unwrap_or_default();
    let attribute = call.arg_text(1)?;
    let mut text = Text::default();
    for (at, item) in call.list()?.iter().enumerate() {
        if at > 0 {
            text.push(&separator)?;
        }
        match &attribute {
            Some(attribute) => text.push_value(&call.member(item, attribute)?, call.context)?,
            None => text.push_value(item, call.context)?,
        }
    }
    match text.finish(call.context)? {
        Value::Secret(_) => Err(crate::expr::operators::secret_used(&call.name())),
        text => Ok(text),
    }
}

fn reverse(call: &Call<'_>) -> Result<Value, Fault> {
    match &call.input {
        Value::String(text) => call.made(text.chars().rev().collect()),
        _ => Ok(Value::list(call.list()?.iter().rev().cloned())),
    }
}

fn list(call: &Call<'_>) -> Result<Value, Fault> {
    match &call.input {
        Value::List(_) => Ok(call.input.clone()),
        Value::Map(map) => Ok(Value::list(map.keys().map(Value::from))),
        Value::String(text) => {
            call.context.budget.steps(text.len())?;
            Ok(Value::list(
                text.chars().map(|letter| Value::from(letter.to_string())),
            ))
        }
        other => Err(Fault::kind(&call.name(), "a list, a map or text", other)),
    }
}

fn zip(call: &Call<'_>) -> Result<Value, Fault> {
    let other = call.arg_content(0)?;
    let Some(others) = other.as_list() else {
        return Err(Fault::kind(&call.name(), "two lists", &other));
    };
    let pairs = call.list()?.iter().zip(others);
    Ok(Value::list(
        pairs.map(|(a, b)| Value::list([a.clone(), b.clone()])),
    ))
}

fn chunk(call: &Call<'_>) -> Result<Value, Fault> {
    let size = call
        .arg_whole(0)?
        .and_then(|size| usize::try_from(size).ok());
    match size {
        Some(size) if size > 0 => Ok(Value::list(
            call.list()?
                .chunks(size)
                .map(|chunk| Value::from(chunk.to_vec())),
        )),
        _ => Err(Fault::new(
            "template.type",
            "`size` of the filter `chunk` is at least 1",
        )),
    }
}
