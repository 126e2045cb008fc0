//! Large values become blobs, so that journals stay small and clones cheap.

use std::io::{BufWriter, Write};

use flow_engine::run::Failure;
use flow_engine::value::{Blob, Value};

use crate::context::Blobs;

/// Values whose JSON is longer than this are stored.
pub const INLINE_BYTES_MAX: usize = 64 << 10;

/// The value itself if it is small, or holds secrets or blobs; else a blob: a list as JSON Lines with its count, text as
/// it is, anything else as JSON.
///
/// # Errors
/// `store.io` if the blob cannot be written.
pub fn spill(value: Value, blobs: &dyn Blobs) -> Result<Value, Failure> {
    let mut left = INLINE_BYTES_MAX;
    if fits(&value, &mut left) {
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

/// Whether its JSON is surely not longer than what is left.
fn fits(value: &Value, left: &mut usize) -> bool {
    let mut take = |bytes: usize| match left.checked_sub(bytes) {
        Some(rest) => {
            *left = rest;
            true
        }
        None => false,
    };
    match value {
        Value::String(text) => take(text.len() + 2),
        Value::List(items) => take(2) && items.iter().all(|item| fits(item, left)),
        Value::Map(map) => {
            take(2)
                && map
                    .iter()
                    .all(|(key, value)| match left.checked_sub(key.len() + 4) {
                        Some(rest) => {
                            *left = rest;
                            fits(value, left)
                        }
                        None => false,
                    })
        }
        _ => take(8),
    }
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
