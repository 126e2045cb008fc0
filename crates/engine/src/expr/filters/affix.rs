//! Filters on the beginning and the end of a text.

use super::{Call, Filter, Gives, Param, Takes};
use crate::expr::error::Fault;
use crate::value::Value;

pub(super) const FILTERS: &[Filter] = &[
    Filter {
        name: "starts_with",
        aliases: &["startswith"],
        about: "Whether the text begins with a piece.",
        example: ("'invoice-7.pdf' | starts_with('invoice')", "true"),
        gives: Gives::Boolean,
        params: &[Param::required("piece")],
        takes: Takes::Text,
        run: |call| with(call, |text, piece| Value::Bool(text.starts_with(piece))),
    },
    Filter {
        name: "ends_with",
        aliases: &["endswith"],
        about: "Whether the text ends with a piece.",
        example: ("'invoice-7.pdf' | ends_with('.pdf')", "true"),
        gives: Gives::Boolean,
        params: &[Param::required("piece")],
        takes: Takes::Text,
        run: |call| with(call, |text, piece| Value::Bool(text.ends_with(piece))),
    },
    Filter {
        name: "remove_prefix",
        aliases: &["removeprefix"],
        about: "The text without a piece in front, if it begins with it.",
        example: (
            "'refs/heads/main' | remove_prefix('refs/heads/')",
            r#""main""#,
        ),
        gives: Gives::Text,
        params: &[Param::required("piece")],
        takes: Takes::Text,
        run: |call| {
            with(call, |text, piece| {
                Value::from(text.strip_prefix(piece).unwrap_or(text))
            })
        },
    },
    Filter {
        name: "remove_suffix",
        aliases: &["removesuffix"],
        about: "The text without a piece at its end, if it ends with it.",
        example: ("'report.csv' | remove_suffix('.csv')", r#""report""#),
        gives: Gives::Text,
        params: &[Param::required("piece")],
        takes: Takes::Text,
        run: |call| {
            with(call, |text, piece| {
                Value::from(text.strip_suffix(piece).unwrap_or(text))
            })
        },
    },
];

fn with(call: &Call<'_>, make: impl FnOnce(&str, &str) -> Value) -> Result<Value, Fault> {
    let text = call.text()?;
    let piece = call.arg_text(0)?.unwrap_or_default();
    call.context.budget.text_bytes(text.len())?;
    Ok(make(&text, &piece))
}
