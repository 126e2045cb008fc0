//! Filters on text.

use super::{Call, Filter, Gives, Param, Takes};
use crate::expr::error::Fault;
use crate::value::Value;

pub(super) const FILTERS: &[Filter] = &[
    Filter {
        name: "upper",
        aliases: &[],
        about: "The text in capital letters.",
        example: ("'straße' | upper", r#""STRASSE""#),
        gives: Gives::Text,
        params: &[],
        takes: Takes::Text,
        run: |call| call.made(call.text()?.to_uppercase()),
    },
    Filter {
        name: "lower",
        aliases: &[],
        about: "The text in small letters.",
        example: ("'ÆØÅ' | lower", r#""æøå""#),
        gives: Gives::Text,
        params: &[],
        takes: Takes::Text,
        run: |call| call.made(call.text()?.to_lowercase()),
    },
    Filter {
        name: "trim",
        aliases: &[],
        about: "The text without white space at both ends, or without the characters given.",
        example: ("'  a b ' | trim", r#""a b""#),
        gives: Gives::Text,
        params: &[Param::optional("characters")],
        takes: Takes::Text,
        run: trim,
    },
    Filter {
        name: "title",
        aliases: &[],
        about: "Each word with a capital first letter, the rest small.",
        example: ("'the old MAN' | title", r#""The Old Man""#),
        gives: Gives::Text,
        params: &[],
        takes: Takes::Text,
        run: title,
    },
    Filter {
        name: "capitalize",
        aliases: &[],
        about: "The text with a capital first letter, the rest small.",
        example: ("'the old MAN' | capitalize", r#""The old man""#),
        gives: Gives::Text,
        params: &[],
        takes: Takes::Text,
        run: capitalize,
    },
    Filter {
        name: "replace",
        aliases: &[],
        about: "The text with every occurrence of one piece replaced by another.",
        example: ("'a-b-c' | replace('-', '+')", r#""a+b+c""#),
        gives: Gives::Text,
        params: &[Param::required("old"), Param::required("new")],
        takes: Takes::Text,
        run: replace,
    },
    Filter {
        name: "split",
        aliases: &[],
        about: "The pieces between occurrences of a separator (white space, if none is given), at most `max` splits.",
        example: ("'a,b,c' | split(',')", r#"["a","b","c"]"#),
        gives: Gives::Texts,
        params: &[Param::optional("separator"), Param::optional("max")],
        takes: Takes::Text,
        run: split,
    },
    Filter {
        name: "lines",
        aliases: &[],
        about: "The lines of a text, without line ends.",
        example: (r"'a\nb\n' | lines", r#"["a","b"]"#),
        gives: Gives::Texts,
        params: &[],
        takes: Takes::Text,
        run: lines,
    },
    Filter {
        name: "truncate",
        aliases: &[],
        about: "The text cut to so many characters, `end` (`...`) included.",
        example: ("'a long sentence' | truncate(9)", r#""a long...""#),
        gives: Gives::Text,
        params: &[Param::optional("length"), Param::optional("end")],
        takes: Takes::Text,
        run: truncate,
    },
];

fn trim(call: &Call<'_>) -> Result<Value, Fault> {
    let text = call.text()?;
    call.made(match call.arg_text(0)? {
        None => text.trim().to_owned(),
        Some(letters) => text.trim_matches(|c| letters.contains(c)).to_owned(),
    })
}

fn title(call: &Call<'_>) -> Result<Value, Fault> {
    let mut out = String::new();
    let mut inside = false;
    for letter in call.text()?.chars() {
        if inside {
            out.extend(letter.to_lowercase());
        } else {
            out.extend(letter.to_uppercase());
        }
        inside = letter.is_alphanumeric() || letter == '\'';
    }
    call.made(out)
}

fn capitalize(call: &Call<'_>) -> Result<Value, Fault> {
    let text = call.text()?;
    let mut letters = text.chars();
    let first: String = letters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    call.made(first + &letters.as_str().to_lowercase())
}

fn replace(call: &Call<'_>) -> Result<Value, Fault> {
    let text = call.text()?;
    let old = call.arg_text(0)?.unwrap_or_default();
    let new = call.arg_text(1)?.unwrap_or_default();
    if old.is_empty() {
        return Err(Fault::new(
            "template.type",
            "`old` of the filter `replace` is empty",
        ));
    }
    let found = text.matches(&*old).count();
    let length = text.len() + found.saturating_mul(new.len());
    call.context.budget.text_bytes(length)?;
    Ok(Value::from(text.replace(&*old, &new)))
}

fn split(call: &Call<'_>) -> Result<Value, Fault> {
    let text = call.text()?;
    let max = call.arg_whole(1)?.and_then(|max| usize::try_from(max).ok());
    match (call.arg_text(0)?, max) {
        (None, None) => call.gather(text.split_whitespace().map(Value::from)),
        (None, Some(max)) => {
            let pieces = text
                .trim()
                .splitn(max.saturating_add(1), char::is_whitespace);
            call.gather(pieces.map(|piece| Value::from(piece.trim_start())))
        }
        (Some(separator), _) if separator.is_empty() => Err(Fault::new(
            "template.type",
            "`separator` of the filter `split` is empty",
        )
        .help("`| list` gives the characters")),
        (Some(separator), None) => call.gather(text.split(&*separator).map(Value::from)),
        (Some(separator), Some(max)) => {
            let pieces = text.splitn(max.saturating_add(1), &*separator);
            call.gather(pieces.map(Value::from))
        }
    }
}

fn lines(call: &Call<'_>) -> Result<Value, Fault> {
    call.gather(call.text()?.lines().map(Value::from))
}

fn truncate(call: &Call<'_>) -> Result<Value, Fault> {
    let text = call.text()?;
    let length = call.arg_whole(0)?.unwrap_or(255);
    let length = usize::try_from(length).unwrap_or(0);
    if text.chars().count() <= length {
        return Ok(Value::String(text));
    }
    let end = call.arg_text(1)?.unwrap_or_else(|| "...".into());
    let kept = length.saturating_sub(end.chars().count());
    let mut out: String = text.chars().take(kept).collect();
    out.extend(end.chars().take(length - kept));
    call.made(out)
}
