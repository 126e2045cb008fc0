//! Large parts of a value into the blob store, so that what is journaled stays small. What the value means, and the JSON
//! that is written of it, stay the same.

use std::io::{self, Write};

use flow_backend::context::Blobs;
use flow_engine::run::Failure;
use flow_engine::value::{Blob, Map, Value};

/// How long the JSON of a value may be that is kept in place.
pub(crate) const INLINE_BYTES_MAX: u64 = 64 << 10;

/// The value with its large parts stored. Parts with a secret in them stay in place: a secret is never stored.
pub(crate) fn spill(value: &Value, blobs: &dyn Blobs) -> Result<Value, Failure> {
    if size(value) <= INLINE_BYTES_MAX {
        return Ok(value.clone());
    }
    match value {
        Value::String(text) => store(blobs, "text/plain; charset=utf-8", |out| {
            out.write_all(text.as_bytes())
        })
        .map(Value::from),
        Value::List(items) if items.iter().all(is_plain) => {
            let mut blob = store(blobs, Blob::JSON_LINES, |out| {
                items.iter().try_for_each(|item| {
                    serde_json::to_writer(&mut *out, item)?;
                    out.write_all(b"\n")
                })
            })?;
            blob.count = Some(items.len() as u64);
            Ok(Value::from(blob))
        }
        Value::Map(map) if is_plain(value) => {
            let mut blob = store(blobs, Blob::JSON, |out| {
                Ok(serde_json::to_writer(out, value)?)
            })?;
            blob.item_view = map.view().cloned();
            Ok(Value::from(blob))
        }
        Value::List(items) => {
            let items = items
                .iter()
                .map(|item| spill(item, blobs))
                .collect::<Result<Vec<_>, _>>()?;
            Ok(Value::from(items))
        }
        Value::Map(map) => {
            let members = map
                .iter()
                .map(|(key, value)| Ok((key.clone(), spill(value, blobs)?)));
            Ok(Value::from(members.collect::<Result<Map, Failure>>()?))
        }
        small => Ok(small.clone()),
    }
}

/// Writes a new blob.
pub(crate) fn store(
    blobs: &dyn Blobs,
    media: &str,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<Blob, Failure> {
    let written = || {
        let mut writer = io::BufWriter::with_capacity(1 << 16, blobs.create()?);
        write(&mut writer)?;
        writer
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?
            .finish(media)
    };
    written().map_err(|error| store_failure(&error))
}

/// What to say when the blob store cannot be written.
pub(crate) fn store_failure(error: &io::Error) -> Failure {
    Failure::permanent(
        "store.io",
        format!("the blob store cannot be written: {error}"),
    )
}

/// Whether neither a secret nor a stored value stands in it.
fn is_plain(value: &Value) -> bool {
    let mut plain = true;
    value.walk(&mut |part| plain &= !matches!(part, Value::Secret(_) | Value::Blob(_)));
    plain
}

/// Length of its JSON; stored values and secrets count as a few bytes.
pub(crate) fn size(value: &Value) -> u64 {
    match value {
        Value::String(text) => text.len() as u64 + 2,
        Value::List(items) => items.iter().map(|item| size(item) + 1).sum::<u64>() + 2,
        Value::Map(map) => {
            map.iter()
                .map(|(key, value)| key.len() as u64 + 4 + size(value))
                .sum::<u64>()
                + 2
        }
        Value::Blob(_) | Value::Secret(_) => 64,
        Value::Bool(_) | Value::Null => 5,
        Value::Int(_) | Value::UInt(_) | Value::Float(_) => 20,
    }
}
