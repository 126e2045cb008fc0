//! Filters that write text for other places: addresses, pages.

use std::fmt::Write as _;

use super::{Call, Filter, Gives, Takes};
use crate::expr::error::Fault;
use crate::expr::text::text_of;
use crate::value::Value;

pub(super) const FILTERS: &[Filter] = &[
    Filter {
        name: "urlencode",
        aliases: &[],
        about: "The text for one part of a URL: everything but letters, digits and `-._~` as `%XX`.",
        example: ("'a b/ø' | urlencode", r#""a%20b%2F%C3%B8""#),
        gives: Gives::Text,
        params: &[],
        takes: Takes::Text,
        run: |call| {
            let mut out = String::new();
            percent(&call.text()?, &mut out);
            call.made(out)
        },
    },
    Filter {
        name: "urldecode",
        aliases: &[],
        about: "The text that a part of a URL means: `%XX` are bytes of UTF-8, `+` is a blank.",
        example: ("'a%20b%2F%C3%B8+c' | urldecode", r#""a b/ø c""#),
        gives: Gives::Text,
        params: &[],
        takes: Takes::Text,
        run: urldecode,
    },
    Filter {
        name: "url_query",
        aliases: &[],
        about: "A map as the query of a URL; a list repeats its name, null is left out.",
        example: (
            "{'q': 'a b', 'tag': ['x', 'y'], 'none': none} | url_query",
            r#""q=a%20b&tag=x&tag=y""#,
        ),
        gives: Gives::Text,
        params: &[],
        takes: Takes::Map,
        run: url_query,
    },
    Filter {
        name: "escape_html",
        aliases: &["escape", "e"],
        about: "The text for HTML and XML: `&`, `<`, `>` and quotes as entities.",
        example: (
            "'<b>\"A\" & B</b>' | escape_html",
            r#""&lt;b&gt;&quot;A&quot; &amp; B&lt;/b&gt;""#,
        ),
        gives: Gives::Text,
        params: &[],
        takes: Takes::Text,
        run: escape_html,
    },
];

fn percent(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte as char);
        } else {
            // Writing to a string never fails.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

fn urldecode(call: &Call<'_>) -> Result<Value, Fault> {
    let text = call.text()?;
    let fault = |message: &str| Fault::new("template.type", format!("{}: {message}", call.name()));
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let (high, low) = (digit(rest.next()), digit(rest.next()));
                let value = high
                    .zip(low)
                    .and_then(|(a, b)| u8::try_from(a * 16 + b).ok());
                value.ok_or_else(|| fault("`%` stands without two hexadecimal digits"))?
            }
            other => other,
        });
    }
    call.made(String::from_utf8(bytes).map_err(|_| fault("the content is not UTF-8 text"))?)
}

fn url_query(call: &Call<'_>) -> Result<Value, Fault> {
    let mut out = String::new();
    let mut add = |name: &str, value: &Value| -> Result<(), Fault> {
        let text = match value {
            Value::Null => return Ok(()),
            Value::List(_) | Value::Map(_) => {
                let message = format!("{}: `{name}` holds {}", call.name(), value.described());
                return Err(Fault::new("template.type", message)
                    .help("a query holds text, numbers, booleans, and lists of them"));
            }
            value => text_of(value, call.context)?,
        };
        call.context.budget.scan(text.len())?;
        if !out.is_empty() {
            out.push('&');
        }
        percent(name, &mut out);
        out.push('=');
        percent(&text, &mut out);
        Ok(())
    };
    for (name, value) in call.map()?.iter() {
        match call.context.content(value.clone())? {
            Value::List(items) => {
                call.context.budget.steps(items.len())?;
                items.iter().try_for_each(|item| add(name, item))?;
            }
            value => add(name, &value)?,
        }
    }
    call.made(out)
}

fn escape_html(call: &Call<'_>) -> Result<Value, Fault> {
    let text = call.text()?;
    let mut out = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    call.made(out)
}
