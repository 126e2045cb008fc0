//! Filters with regular expressions, which take linear time whatever the pattern.

use super::{Call, Filter, Gives, Param, ParamKind, Prepared, Takes};
use crate::expr::error::Fault;
use crate::value::Value;

pub(super) const FILTERS: &[Filter] = &[
    Filter {
        name: "regex_replace",
        aliases: &[],
        about: "The text with every match of a regular expression replaced; `$1` is the first group.",
        example: (
            r"'2026-01-31' | regex_replace('(\\d+)-(\\d+)-(\\d+)', '$3.$2.$1')",
            r#""31.01.2026""#,
        ),
        gives: Gives::Text,
        params: &[
            Param::required("pattern").of(ParamKind::Pattern),
            Param::required("new"),
        ],
        takes: Takes::Text,
        run: regex_replace,
    },
    Filter {
        name: "regex_find",
        aliases: &["regex_search"],
        about: "The first match of a regular expression, or its first group if it has one; undefined if there is none.",
        example: (
            r"'order 4711 of 9' | regex_find('order (\\d+)')",
            r#""4711""#,
        ),
        gives: Gives::Text,
        params: &[Param::required("pattern").of(ParamKind::Pattern)],
        takes: Takes::Text,
        run: regex_find,
    },
    Filter {
        name: "regex_find_all",
        aliases: &["regex_findall"],
        about: "All matches of a regular expression, or of its first group if it has one.",
        example: (r"'a1 b22' | regex_find_all('\\d+')", r#"["1","22"]"#),
        gives: Gives::Texts,
        params: &[Param::required("pattern").of(ParamKind::Pattern)],
        takes: Takes::Text,
        run: regex_find_all,
    },
];

/// Longest regular expression, in bytes.
const PATTERN_BYTES_MAX: usize = 2_000;
/// Memory that a compiled regular expression may take, in bytes.
const COMPILED_BYTES_MAX: usize = 1 << 20;

/// Compiles a pattern within bounds.
pub(in crate::expr) fn compile(pattern: &str) -> Result<regex::Regex, Fault> {
    if pattern.len() > PATTERN_BYTES_MAX {
        let message = format!("a regular expression is longer than {PATTERN_BYTES_MAX} bytes");
        return Err(Fault::new("template.regex", message));
    }
    let built = regex::RegexBuilder::new(pattern)
        .size_limit(COMPILED_BYTES_MAX)
        .dfa_size_limit(COMPILED_BYTES_MAX)
        .nest_limit(50)
        .build();
    built.map_err(|problem| {
        let message = match problem {
            regex::Error::CompiledTooBig(_) => "the regular expression is too large".to_owned(),
            other => {
                let text = other.to_string();
                let last = text.lines().last().unwrap_or_default();
                format!(
                    "not a regular expression: {}",
                    last.trim_start_matches("error: ")
                )
            }
        };
        Fault::new("template.regex", message)
    })
}

/// The pattern, compiled at parse time if it is literal.
fn with_pattern<T>(
    call: &Call<'_>,
    use_it: impl FnOnce(&regex::Regex) -> Result<T, Fault>,
) -> Result<T, Fault> {
    match call.prepared {
        Prepared::Pattern(pattern) => use_it(pattern),
        _ => use_it(&compile(&call.arg_text(0)?.unwrap_or_default())?),
    }
}

fn regex_replace(call: &Call<'_>) -> Result<Value, Fault> {
    let text = call.text()?;
    let new = call.arg_text(1)?.unwrap_or_default();
    with_pattern(call, |pattern| {
        let mut out = String::new();
        let mut last = 0;
        for found in pattern.captures_iter(&text) {
            let Some(whole) = found.get(0) else { continue };
            out.push_str(&text[last..whole.start()]);
            found.expand(&new, &mut out);
            last = whole.end();
            if out.len() > crate::expr::limits::OUTPUT_BYTES_MAX {
                break;
            }
        }
        out.push_str(&text[last..]);
        call.made(out)
    })
}

fn piece(found: &regex::Captures<'_>) -> Option<Value> {
    found
        .get(1)
        .or_else(|| found.get(0))
        .map(|piece| Value::from(piece.as_str()))
}

fn regex_find(call: &Call<'_>) -> Result<Value, Fault> {
    let text = call.text()?;
    let found = with_pattern(call, |pattern| {
        Ok(pattern.captures(&text).as_ref().and_then(piece))
    })?;
    found.ok_or_else(|| {
        Fault::new(
            "template.undefined",
            format!("{} found nothing", call.name()),
        )
        .help("`| default(value)` says what it is then")
    })
}

fn regex_find_all(call: &Call<'_>) -> Result<Value, Fault> {
    let text = call.text()?;
    let found: Vec<Value> = with_pattern(call, |pattern| {
        Ok(pattern
            .captures_iter(&text)
            .filter_map(|found| piece(&found))
            .collect())
    })?;
    call.context.budget.steps(found.len())?;
    Ok(Value::from(found))
}
