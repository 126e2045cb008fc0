//! Filters that write text for other places: URLs, checksums.

use std::fmt::Write as _;

use super::{Call, Filter, Gives, Takes};
use crate::expr::error::Fault;
use crate::value::{Hash, Value};

pub(super) const FILTERS: &[Filter] = &[
    Filter {
        name: "urlencode",
        aliases: &[],
        about: "The text for one part of a URL: everything but letters, digits and `-._~` as `%XX`.",
        example: ("'a b/ø' | urlencode", r#""a%20b%2F%C3%B8""#),
        gives: Gives::Text,
        params: &[],
        takes: Takes::Text,
        run: urlencode,
    },
    Filter {
        name: "sha256",
        aliases: &[],
        about: "The SHA-256 of a text or a file, in hexadecimal.",
        example: (
            "'' | sha256",
            r#""e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855""#,
        ),
        gives: Gives::Text,
        params: &[],
        takes: Takes::Stored,
        run: sha256,
    },
];

fn urlencode(call: &Call<'_>) -> Result<Value, Fault> {
    let mut out = String::new();
    for byte in call.text()?.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte as char);
        } else {
            // Writing to a string never fails.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    call.made(out)
}

fn sha256(call: &Call<'_>) -> Result<Value, Fault> {
    match &call.input {
        Value::Blob(blob) if !blob.is_json() && !blob.is_json_lines() => {
            Ok(Value::from(blob.hash.to_string()))
        }
        Value::Blob(_) | Value::List(_) | Value::Map(_) | Value::Null => {
            Err(Fault::kind(&call.name(), "text or a file", &call.input)
                .help("`| to_json` makes text of any value"))
        }
        _ => Ok(Value::from(Hash::of(call.text()?.as_bytes()).to_string())),
    }
}
