//! Files in a message: a source `{ file: ... }` becomes base64 with its media type, or text.

use std::io::{self, Write};
use std::sync::Arc;

use base64::engine::general_purpose::STANDARD;
use base64::write::EncoderWriter;
use flow_backend::context::{Blobs, StepContext};
use flow_engine::eval;
use flow_engine::run::Failure;
use flow_engine::value::{Map, Value};

use super::{multipart, store};

/// Images that a message may hold.
const IMAGES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];
const PDF: &str = "application/pdf";
const TEXT: &str = "text/plain";

/// The value with each `source: { file: ... }` in it as the service takes it. A file is a path in the project, a stored
/// value, or a map of `name`, `content` and perhaps `media`; it goes through the store piece by piece, and the request
/// holds nothing but its hash.
///
/// # Errors
/// `call.source` for a file that a message cannot hold; whatever reading the file gives. Blocks.
pub(crate) fn with_files(value: &Value, context: &StepContext) -> Result<Value, Failure> {
    match value {
        Value::List(items) => {
            let items = items.iter().map(|item| with_files(item, context));
            Ok(Value::from(items.collect::<Result<Vec<_>, _>>()?))
        }
        Value::Map(map) => {
            let members = map.iter().map(|(name, member)| {
                let file = (&**name == "source").then(|| file_of(member)).flatten();
                let member = match file {
                    Some(file) => source(map, file, context)?,
                    None => with_files(member, context)?,
                };
                Ok((name.clone(), member))
            });
            Ok(Value::from(members.collect::<Result<Map, Failure>>()?))
        }
        other => Ok(other.clone()),
    }
}

/// Whether a source in it is written as a file.
pub(crate) fn has_files(value: &Value) -> bool {
    match value {
        Value::List(items) => items.iter().any(has_files),
        Value::Map(map) => map.iter().any(|(name, member)| {
            &**name == "source" && file_of(member).is_some() || has_files(member)
        }),
        _ => false,
    }
}

/// What is to be sent, if a source is written as a file.
fn file_of(source: &Value) -> Option<&Value> {
    let map = source.as_map()?;
    map.get("file").filter(|_| map.get("type").is_none())
}

fn source(block: &Map, file: &Value, context: &StepContext) -> Result<Value, Failure> {
    let file = multipart::file(file, context)?;
    let media = file.media.split(';').next().unwrap_or_default().trim();
    let kind = block.get("type").and_then(Value::as_str);
    let is_text = media.starts_with("text/")
        || matches!(
            media,
            "application/json" | "application/x-ndjson" | "application/yaml" | "application/xml"
        );
    let fits = match kind {
        Some("image") => IMAGES.contains(&media),
        _ => media == PDF || is_text,
    };
    if !fits {
        let (block, holds) = match kind {
            Some("image") => ("an image block", "PNG, JPEG, GIF and WebP"),
            _ => ("a document block", "PDF and text"),
        };
        let message = format!("`{}` is `{media}`, and {block} holds {holds}", file.name);
        return Err(Failure::permanent("call.source", message)
            .help("upload other files with `files.upload`, and name them as `source: { type: file, file_id: ... }`"));
    }
    let (kind, media, data) = if is_text {
        ("text", TEXT, text(file.content))
    } else {
        let data = encoded(&file.content, &*context.blobs)?;
        ("base64", media, data)
    };
    Ok(Value::map([
        ("type", Value::from(kind)),
        ("media_type", Value::from(media)),
        ("data", data),
    ]))
}

/// Stored JSON is text here like any other.
fn text(content: Value) -> Value {
    match content {
        Value::Blob(blob) => {
            let mut blob = Arc::unwrap_or_clone(blob);
            blob.media = TEXT.into();
            Value::from(blob)
        }
        Value::String(_) => content,
        other => Value::from(other.to_json().unwrap_or_default()),
    }
}

/// The content in base64, stored.
fn encoded(content: &Value, blobs: &dyn Blobs) -> Result<Value, Failure> {
    let blob = store(blobs, TEXT, |out| {
        let mut encoder = EncoderWriter::new(out, &STANDARD);
        match content {
            Value::Blob(blob) => {
                let mut input =
                    eval::open(blob, blobs).map_err(|failure| io::Error::other(failure.message))?;
                io::copy(&mut input, &mut encoder)?;
            }
            Value::String(text) => encoder.write_all(text.as_bytes())?,
            other => encoder.write_all(other.to_json().unwrap_or_default().as_bytes())?,
        }
        encoder.finish().map(|_| ())
    })?;
    Ok(Value::from(blob))
}
