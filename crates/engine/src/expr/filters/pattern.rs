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
    Filter {
        name: "regex_groups",
        aliases: &[],
        about: "The groups of the first match as a map: by name for `(?<name>...)`, else by number, null where a group took no part; undefined if there is no match.",
        example: (
            r"'v1.24' | regex_groups('v(?<major>\\d+)\\.(?<minor>\\d+)')",
            r#"{"major":"1","minor":"24"}"#,
        ),
        gives: Gives::TextMap,
        params: &[Param::required("pattern").of(ParamKind::Pattern)],
        takes: Takes::Text,
        run: regex_groups,
    },
    Filter {
        name: "regex_match",
        aliases: &["regex_test"],
        about: "Whether a regular expression matches somewhere in the text; `^` and `$` tie it to the ends.",
        example: (r"'order 4711' | regex_match('^order \\d+$')", "true"),
        gives: Gives::Boolean,
        params: &[Param::required("pattern").of(ParamKind::Pattern)],
        takes: Takes::Text,
        run: |call| {
            let text = call.text()?;
            with_pattern(call, |pattern| Ok(Value::Bool(pattern.is_match(&text))))
        },
    },
    Filter {
        name: "regex_split",
        aliases: &[],
        about: "The pieces of the text between the matches of a regular expression.",
        example: (r"'a, b;c' | regex_split('[,;]\\s*')", r#"["a","b","c"]"#),
        gives: Gives::Texts,
        params: &[Param::required("pattern").of(ParamKind::Pattern)],
        takes: Takes::Text,
        run: regex_split,
    },
    Filter {
        name: "regex_escape",
        aliases: &[],
        about: "A regular expression that matches exactly this text.",
        example: ("'a.b*' | regex_escape", r#""a\\.b\\*""#),
        gives: Gives::Text,
        params: &[],
        takes: Takes::Text,
        run: |call| call.made(regex::escape(&call.text()?)),
    },
];

/// Longest regular expression, in bytes.
pub(in crate::expr) const PATTERN_BYTES_MAX: usize = 2_000;
/// Memory that a compiled regular expression may take, in bytes.
pub(in crate::expr) const COMPILED_BYTES_MAX: usize = 1 << 20;

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

/// The fault of a text in which the pattern is not.
fn nothing(call: &Call<'_>) -> Fault {
    let message = format!("{} found nothing", call.name());
    Fault::new("template.undefined", message).help("`| default(value)` says what it is then")
}

fn regex_find(call: &Call<'_>) -> Result<Value, Fault> {
    let text = call.text()?;
    let found = with_pattern(call, |pattern| {
        Ok(pattern.captures(&text).as_ref().and_then(piece))
    })?;
    found.ok_or_else(|| nothing(call))
}

fn regex_groups(call: &Call<'_>) -> Result<Value, Fault> {
    let text = call.text()?;
    let found = with_pattern(call, |pattern| {
        let Some(found) = pattern.captures(&text) else {
            return Ok(None);
        };
        let names = pattern.capture_names().enumerate().skip(1);
        Ok(Some(Value::map(names.map(|(at, name)| {
            let group = found.get(at).map(|group| group.as_str());
            (
                name.map_or_else(|| at.to_string(), str::to_owned),
                Value::from(group),
            )
        }))))
    })?;
    found.ok_or_else(|| nothing(call))
}

fn regex_split(call: &Call<'_>) -> Result<Value, Fault> {
    let text = call.text()?;
    with_pattern(call, |pattern| {
        call.gather(pattern.split(&text).map(Value::from))
    })
}

fn regex_find_all(call: &Call<'_>) -> Result<Value, Fault> {
    let text = call.text()?;
    with_pattern(call, |pattern| {
        call.gather(
            pattern
                .captures_iter(&text)
                .filter_map(|found| piece(&found)),
        )
    })
}
