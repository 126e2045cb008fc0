//! From text to data.

use std::io::{BufReader, Read};

use flow_engine::eval::{TREE_BYTES_MAX, open};
use flow_engine::run::{Done, Failure};
use flow_engine::value::{Value, json};

use super::{Format, csv_text};
use crate::local::LocalCall;
use crate::request::spill;
use crate::response::lines;
use crate::sink::ItemSink;

/// Reads a text, in place or stored, as data.
pub(in crate::local) fn parse(
    text: &Value,
    format: Format,
    call: &LocalCall,
) -> Result<Value, Failure> {
    match text {
        Value::String(text) => parse_from(text.as_bytes(), text.len() as u64, format, call),
        Value::Blob(blob) => parse_from(open(blob, call.blobs())?, blob.bytes, format, call),
        other => {
            let message = format!("only a text can be read as data, not {}", other.described());
            Err(Failure::permanent("call.type", message))
        }
    }
}

/// Reads `bytes` bytes as data.
pub(in crate::local) fn parse_from(
    input: impl Read,
    bytes: u64,
    format: Format,
    call: &LocalCall,
) -> Result<Value, Failure> {
    match format {
        Format::JsonLines => json_lines(input, bytes, call),
        Format::Csv => {
            let mut sink = ItemSink::new(call.context.blobs.clone());
            csv_text::read(BufReader::new(input), call.cancel(), |item| sink.push(item))?;
            sink.finish()
        }
        Format::Json => {
            let text = whole(input)?;
            let value = json::parse(&text)
                .map_err(|error| Failure::permanent(error.code, error.to_string()))?;
            spill(&value, call.blobs())
        }
        Format::Yaml => {
            let text = utf8(whole(input)?)?;
            let value: serde_json::Value = serde_yaml::from_str(&text).map_err(|error| {
                Failure::permanent("data.yaml", format!("not YAML that can be read: {error}"))
            })?;
            spill(&Value::from(value), call.blobs())
        }
        Format::Text | Format::Bytes => {
            let text = utf8(whole(input)?)?;
            spill(&Value::from(text), call.blobs())
        }
    }
}

/// JSON Lines: in place if they are few, else stored as they are.
fn json_lines(input: impl Read, bytes: u64, call: &LocalCall) -> Result<Value, Failure> {
    if bytes > crate::request::INLINE_BYTES_MAX {
        let stored = lines::store(input, call.blobs(), None, Done::NotDone, |_| ());
        return stored.map(Value::from).map_err(|failure| Failure {
            code: match failure.code.as_str() {
                "http.bad_jsonl" | "http.truncated" => "json.syntax".to_owned(),
                "http.too_large" => "value.too_large".to_owned(),
                "http.reset" => "file.io".to_owned(),
                _ => failure.code,
            },
            message: failure
                .message
                .replace(" of the answer", "")
                .replace("the answer is cut", "the text is cut"),
            kind: flow_engine::run::FailureKind::Permanent,
            ..failure
        });
    }
    let text = whole(input)?;
    let mut items = Vec::new();
    for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
        let line = line.trim_ascii();
        if line.is_empty() || line == b"\xEF\xBB\xBF" {
            continue;
        }
        let item = json::parse(line).map_err(|error| {
            let message = format!(
                "line {number}: {} at column {}",
                error.message, error.column
            );
            Failure::permanent(error.code, message)
        })?;
        items.push(item);
    }
    Ok(Value::from(items))
}

/// Everything, within the bound for trees.
fn whole(input: impl Read) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    input
        .take(TREE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| {
            Failure::permanent("file.io", format!("the text cannot be read: {error}"))
        })?;
    if bytes.len() as u64 > TREE_BYTES_MAX {
        let message = format!(
            "a text of more than {TREE_BYTES_MAX} bytes can only be read as JSON Lines or CSV"
        );
        return Err(Failure::permanent("value.too_large", message));
    }
    Ok(bytes)
}

fn utf8(bytes: Vec<u8>) -> Result<String, Failure> {
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::permanent(
            "value.not_text",
            format!("not UTF-8 text: byte {at} is out of place"),
        )
    })?;
    Ok(text
        .strip_prefix('\u{feff}')
        .map(str::to_owned)
        .unwrap_or(text))
}
