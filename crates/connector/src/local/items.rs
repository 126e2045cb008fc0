//! The items of lists, maps and streams, one after another, with their keys and, for streams, the lines as they were
//! written.

use std::io::{BufRead, BufReader, Read};

use flow_backend::context::Blobs;
use flow_engine::eval::{self, LINE_BYTES_MAX, open};
use flow_engine::run::Failure;
use flow_engine::value::{Blob, Value, json};
use tokio_util::sync::CancellationToken;

use crate::sink::ItemSink;
use crate::transport::failure::cancelled;

/// How often is looked whether to stop.
const ITEMS_BETWEEN_LOOKS: u64 = 64;

/// One item.
pub(super) struct Item<'a> {
    pub(super) value: Value,
    pub(super) index: u64,
    /// The map key, or the index.
    pub(super) key: Value,
    /// The line it was read from.
    line: Option<&'a [u8]>,
}

impl Item<'_> {
    /// Adds it to a sink, as it was written.
    pub(super) fn push_to(self, sink: &mut ItemSink) -> Result<(), Failure> {
        match self.line {
            Some(line) => sink.push_line(self.value, line),
            None => sink.push(self.value),
        }
    }
}

/// Hands each item to `take`, until it says `false`.
pub(super) fn each(
    items: &Value,
    blobs: &dyn Blobs,
    cancel: &CancellationToken,
    mut take: impl FnMut(Item<'_>) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    let look = |index: u64| {
        let stop = index.is_multiple_of(ITEMS_BETWEEN_LOOKS) && cancel.is_cancelled();
        if stop { Err(cancelled()) } else { Ok(()) }
    };
    match items {
        Value::Map(map) => {
            for (index, (key, value)) in (0..).zip(map.iter()) {
                look(index)?;
                let item = Item {
                    value: value.clone(),
                    index,
                    key: Value::from(key.clone()),
                    line: None,
                };
                if !take(item)? {
                    return Ok(());
                }
            }
            Ok(())
        }
        Value::Blob(blob) if blob.is_json_lines() => lines(blob, blobs, look, take),
        other => {
            for (index, value) in (0..).zip(eval::items(other, blobs)?) {
                look(index)?;
                if !take(Item {
                    value: value?,
                    index,
                    key: Value::from(index),
                    line: None,
                })? {
                    return Ok(());
                }
            }
            Ok(())
        }
    }
}

fn lines(
    blob: &Blob,
    blobs: &dyn Blobs,
    look: impl Fn(u64) -> Result<(), Failure>,
    mut take: impl FnMut(Item<'_>) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    let mut reader = BufReader::with_capacity(1 << 16, open(blob, blobs)?);
    let mut line = Vec::new();
    let (mut number, mut index) = (0_u64, 0_u64);
    loop {
        line.clear();
        number += 1;
        let read = reader
            .by_ref()
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', &mut line);
        let read = read.map_err(|error| {
            Failure::permanent(
                "store.io",
                format!("the stored value cannot be read: {error}"),
            )
        })?;
        if read == 0 {
            return Ok(());
        }
        if line.len() as u64 == LINE_BYTES_MAX {
            let message = format!("line {number} is longer than {LINE_BYTES_MAX} bytes");
            return Err(Failure::permanent("value.too_large", message));
        }
        let text = line
            .strip_prefix(b"\xEF\xBB\xBF")
            .unwrap_or(&line)
            .trim_ascii();
        if text.is_empty() {
            continue;
        }
        look(index)?;
        let value = json::parse(text).map_err(|error| {
            let message = format!(
                "line {number}: {} at column {}",
                error.message, error.column
            );
            Failure::permanent(error.code, message)
        })?;
        let value = match (value, &blob.item_view) {
            (Value::Map(map), Some(view)) => {
                Value::from(std::sync::Arc::unwrap_or_clone(map).with_view(Some(view.clone())))
            }
            (value, _) => value,
        };
        if !take(Item {
            value,
            index,
            key: Value::from(index),
            line: Some(text),
        })? {
            return Ok(());
        }
        index += 1;
    }
}
