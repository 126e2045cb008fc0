//! Filters that make checksums. None of them is a signature: a secret is refused, and an HMAC belongs to the connector that
//! sends it.

use std::fmt::Write as _;

use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use super::{Call, Filter, Gives, Takes};
use crate::expr::error::Fault;
use crate::value::Value;

pub(super) const FILTERS: &[Filter] = &[
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
        run: |call| match &call.input {
            // It is the name under which the content is stored.
            Value::Blob(blob) if !blob.is_json() && !blob.is_json_lines() => {
                Ok(Value::from(blob.hash.to_string()))
            }
            _ => digest::<Sha256>(call),
        },
    },
    Filter {
        name: "sha512",
        aliases: &[],
        about: "The SHA-512 of a text or a file, in hexadecimal.",
        example: ("('a' | sha512)[:16]", r#""1f40fc92da241694""#),
        gives: Gives::Text,
        params: &[],
        takes: Takes::Stored,
        run: digest::<Sha512>,
    },
    Filter {
        name: "sha1",
        aliases: &[],
        about: "The SHA-1 of a text or a file, in hexadecimal: for services that ask for it, not for safety.",
        example: (
            "'a' | sha1",
            r#""86f7e437faa5a7fce15d1ddcb9eaeaea377667b8""#,
        ),
        gives: Gives::Text,
        params: &[],
        takes: Takes::Stored,
        run: digest::<Sha1>,
    },
    Filter {
        name: "md5",
        aliases: &[],
        about: "The MD5 of a text or a file, in hexadecimal: for services that ask for it, not for safety.",
        example: ("'a' | md5", r#""0cc175b9c0f1b6a831c399e269772661""#),
        gives: Gives::Text,
        params: &[],
        takes: Takes::Stored,
        run: digest::<md5::Md5>,
    },
];

fn digest<D: Digest>(call: &Call<'_>) -> Result<Value, Fault> {
    let digest = match &call.input {
        Value::Blob(blob) if !blob.is_json() && !blob.is_json_lines() => {
            D::digest(call.context.bytes(blob)?)
        }
        Value::Blob(_) | Value::List(_) | Value::Map(_) | Value::Null => {
            return Err(Fault::kind(&call.name(), "text or a file", &call.input)
                .help("`| to_json` makes text of any value"));
        }
        _ => D::digest(call.text()?.as_bytes()),
    };
    let mut out = String::new();
    for byte in digest.as_slice() {
        // Writing to a string never fails.
        let _ = write!(out, "{byte:02x}");
    }
    call.made(out)
}
