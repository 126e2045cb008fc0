//! Large values become blobs, so that journals stay small and clones cheap.

use std::io::{BufWriter, Write};

use flow_engine::run::Failure;
use flow_engine::value::{Blob, INLINE_BYTES_MAX, Value};

use crate::context::Blobs;

/// The value itself if it is small, or holds secrets or blobs; else a blob: a list as JSON Lines with its count, text as
/// it is, anything else as JSON.
///
/// # Errors
/// `store.io` if the blob cannot be written.
pub fn spill(value: Value, blobs: &dyn Blobs) -> Result<Value, Failure> {
    if !value.is_longer_than(INLINE_BYTES_MAX) {
        return Ok(value);
    }
    let mut plain = true;
    value.walk(&mut |value| plain &= !matches!(value, Value::Blob(_) | Value::Secret(_)));
    if !plain {
        return Ok(value);
    }
    write(&value, blobs).map(Value::from).map_err(|error| {
        Failure::permanent(
            "store.io",
            format!("a large value cannot be stored: {error}"),
        )
    })
}

fn write(value: &Value, blobs: &dyn Blobs) -> std::io::Result<Blob> {
    let mut writer = BufWriter::with_capacity(1 << 16, blobs.create()?);
    let (media, view, count) = match value {
        Value::List(items) => {
            for item in items.iter() {
                serde_json::to_writer(&mut writer, item)?;
                writer.write_all(b"\n")?;
            }
            let view = items
                .first()
                .and_then(Value::as_map)
                .and_then(|map| map.view().cloned());
            (Blob::JSON_LINES, view, Some(items.len() as u64))
        }
        Value::String(text) => {
            writer.write_all(text.as_bytes())?;
            ("text/plain", None, None)
        }
        other => {
            serde_json::to_writer(&mut writer, other)?;
            (
                Blob::JSON,
                other.as_map().and_then(|map| map.view().cloned()),
                None,
            )
        }
    };
    let mut blob = writer
        .into_inner()
        .map_err(std::io::IntoInnerError::into_error)?
        .finish(media)?;
    blob.count = count;
    blob.item_view = view;
    Ok(blob)
}
