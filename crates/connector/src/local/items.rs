//! The items of lists, maps and streams, one after another, with their keys and, for streams, the lines as they were
//! written.

use std::sync::Arc;

use flow_backend::context::Blobs;
use flow_engine::eval::{self, ItemFunction, next_line, open, text_of};
use flow_engine::run::Failure;
use flow_engine::value::{Blob, PathPart, Projection, Value, json};
use tokio_util::sync::CancellationToken;

use super::read_ahead::read_ahead;
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
    /// How it was read, if members were left out.
    partial: Option<&'a Lines<'a>>,
    /// The number of its line, from 1.
    number: u64,
}

impl Item<'_> {
    /// The line it was read from, if it stands in a stream.
    pub(super) fn line(&self) -> Option<&[u8]> {
        self.line
    }

    /// All of it, if `value` is only what an expression uses.
    pub(super) fn whole(&self) -> Option<Result<Value, Failure>> {
        let (lines, line) = (self.partial?, self.line?);
        Some(lines.value(line, self.number, None))
    }

    /// Adds it to a sink, as it was written.
    pub(super) fn push_to(self, sink: &mut ItemSink) -> Result<(), Failure> {
        let whole = if sink.is_stored() { None } else { self.whole() };
        if let Some(whole) = whole {
            return sink.push(whole?);
        }
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
    take: impl FnMut(Item<'_>) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    each_read_by(None, items, blobs, cancel, take)
}

/// The same; of the items of a stream only what the function uses is read, if it says what that is.
pub(super) fn each_read_by(
    function: Option<&dyn ItemFunction>,
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
                    partial: None,
                    number: 0,
                };
                if !take(item)? {
                    return Ok(());
                }
            }
            Ok(())
        }
        Value::Blob(blob) if blob.is_json_lines() => {
            let projection = function.and_then(|function| projection(function, blob));
            let lines = Lines { blob, projection };
            lines.each(blobs, look, take)
        }
        other => {
            for (index, value) in (0..).zip(eval::items(other, blobs)?) {
                look(index)?;
                if !take(Item {
                    value: value?,
                    index,
                    key: Value::from(index),
                    line: None,
                    partial: None,
                    number: 0,
                })? {
                    return Ok(());
                }
            }
            Ok(())
        }
    }
}

/// What of the items of a stream a function uses, with what its view makes members of.
fn projection(function: &dyn ItemFunction, blob: &Blob) -> Option<Projection> {
    let mut paths = function.reads()?;
    for member in blob.item_view.iter().flat_map(|view| &view.members) {
        if paths.iter().any(|path| path.first() == Some(&member.name)) {
            let names = member.path.iter().map_while(|part| match part {
                PathPart::Key(name) => Some(name.clone()),
                PathPart::Index(_) => None,
            });
            paths.push(names.collect());
        }
    }
    Projection::of(paths.iter().map(Vec::as_slice))
}

/// A stream of items, and how much of them is read.
struct Lines<'b> {
    blob: &'b Blob,
    projection: Option<Projection>,
}

/// Hands each line of a stored list to `take` as it was written, without looking at what is in it.
pub(super) fn each_line(
    blob: &Blob,
    blobs: &dyn Blobs,
    cancel: &CancellationToken,
    mut take: impl FnMut(&[u8]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut index = 0_u64;
    lines_of(blob, blobs, |line, _| {
        index += 1;
        if index.is_multiple_of(ITEMS_BETWEEN_LOOKS) && cancel.is_cancelled() {
            return Err(cancelled());
        }
        take(line).map(|()| true)
    })
}

/// Hands each line that is not empty to `take` with its number, from 1, until it says `false`.
fn lines_of(
    blob: &Blob,
    blobs: &dyn Blobs,
    mut take: impl FnMut(&[u8], u64) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    let mut reader = read_ahead(open(blob, blobs)?, blob.bytes);
    let (mut line, mut number) = (Vec::new(), 0_u64);
    while next_line(&mut reader, blob, &mut number, &mut line, &mut 0)? {
        if !take(text_of(&line), number)? {
            break;
        }
    }
    Ok(())
}

impl Lines<'_> {
    fn each(
        &self,
        blobs: &dyn Blobs,
        look: impl Fn(u64) -> Result<(), Failure>,
        mut take: impl FnMut(Item<'_>) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let mut index = 0_u64;
        lines_of(self.blob, blobs, |text, number| {
            look(index)?;
            let more = take(Item {
                value: self.value(text, number, self.projection.as_ref())?,
                index,
                key: Value::from(index),
                line: Some(text),
                partial: self.projection.as_ref().map(|_| self),
                number,
            })?;
            index += 1;
            Ok(more)
        })
    }

    fn value(
        &self,
        line: &[u8],
        number: u64,
        projection: Option<&Projection>,
    ) -> Result<Value, Failure> {
        let value = match projection {
            Some(projection) => json::parse_projected(line, projection),
            None => json::parse(line),
        };
        let value = value.map_err(|error| {
            let message = format!(
                "line {number}: {} at column {}",
                error.message, error.column
            );
            Failure::permanent(error.code, message)
        })?;
        Ok(match (value, &self.blob.item_view) {
            (Value::Map(map), Some(view)) => {
                Value::from(Arc::unwrap_or_clone(map).with_view(Some(view.clone())))
            }
            (value, _) => value,
        })
    }
}
