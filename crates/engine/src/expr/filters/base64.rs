//! Base64 (RFC 4648, section 4), in both directions.

use super::{Call, Filter, Gives, Param, Takes};
use crate::expr::error::Fault;
use crate::value::Value;

pub(super) const FILTERS: &[Filter] = &[
    Filter {
        name: "b64encode",
        aliases: &[],
        about: "A text or a file in Base64; with `url` in the alphabet for addresses, without `=`.",
        example: ("'hello' | b64encode", r#""aGVsbG8=""#),
        gives: Gives::Text,
        params: &[Param::optional("url")],
        takes: Takes::Stored,
        run: encode,
    },
    Filter {
        name: "b64decode",
        aliases: &[],
        about: "The text that a Base64 text holds; both alphabets, with or without `=`.",
        example: ("'aGVsbG8=' | b64decode", r#""hello""#),
        gives: Gives::Text,
        params: &[],
        takes: Takes::Text,
        run: decode,
    },
];

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn encode(call: &Call<'_>) -> Result<Value, Fault> {
    let text = match &call.input {
        Value::Blob(blob) => encoded(&call.context.bytes(blob)?),
        _ => encoded(call.text()?.as_bytes()),
    };
    if call.arg_flag(0)? {
        let text = text.trim_end_matches('=');
        return call.made(text.replace('+', "-").replace('/', "_"));
    }
    call.made(text)
}

fn encoded(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            if place <= group.len() {
                let letter = LETTERS[(bits >> (18 - 6 * place) & 63) as usize];
                out.push(letter as char);
            } else {
                out.push('=');
            }
        }
    }
    out
}

fn decode(call: &Call<'_>) -> Result<Value, Fault> {
    let text = call.text()?;
    let fault = |message: &str| Fault::new("template.type", format!("{}: {message}", call.name()));
    let bytes = decoded(&text).ok_or_else(|| fault("this is not Base64"))?;
    let text = String::from_utf8(bytes).map_err(|_| fault("the content is not UTF-8 text"))?;
    call.made(text)
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    let letters = text.trim().trim_end_matches('=');
    let mut out = Vec::with_capacity(letters.len() / 4 * 3 + 2);
    let mut bits = 0_u32;
    let mut held = 0;
    for letter in letters.bytes().filter(|byte| !byte.is_ascii_whitespace()) {
        let value = match letter {
            b'-' => 62,
            b'_' => 63,
            _ => LETTERS.iter().position(|known| *known == letter)?,
        };
        bits = bits << 6 | u32::try_from(value).ok()?;
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push(u8::try_from(bits >> held & 0xFF).ok()?);
            bits &= (1 << held) - 1;
        }
    }
    (held < 6 && bits == 0).then_some(out)
}

#[cfg(test)]
mod tests {
    use crate::expr::testing::shown;

    #[test]
    fn both_alphabets_go_both_ways() {
        assert_eq!(shown("'>>>???' | b64encode"), r#""Pj4+Pz8/""#);
        assert_eq!(shown("'>>>???' | b64encode(url=true)"), r#""Pj4-Pz8_""#);
        assert_eq!(shown("'a' | b64encode(true)"), r#""YQ""#);
        assert_eq!(shown("'Pj4-Pz8_' | b64decode"), r#"">>>???""#);
    }
}
