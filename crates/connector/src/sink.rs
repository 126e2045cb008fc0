//! Where the items of a result go: a list in place while it is small, JSON Lines in the store once it is not.

use std::io::{BufWriter, Write};
use std::sync::Arc;

use flow_backend::context::{BlobWriter, Blobs};
use flow_engine::eval::{self, BlobRead};
use flow_engine::run::Failure;
use flow_engine::value::{Blob, Value, View};

use crate::request::{INLINE_BYTES_MAX, json, size, store_failure};

/// Collects items. Blocks once they go to the store.
pub(crate) struct ItemSink {
    blobs: Arc<dyn Blobs>,
    state: State,
    count: u64,
    view: Seen,
}

/// The view of the items so far.
enum Seen {
    /// There are none.
    Nothing,
    /// All have this one, or none has one.
    Same(Option<Arc<View>>),
    /// They differ.
    Different,
}

enum State {
    Inline { items: Vec<Value>, bytes: u64 },
    Stored(BufWriter<Box<dyn BlobWriter>>),
}

impl ItemSink {
    pub(crate) fn new(blobs: Arc<dyn Blobs>) -> ItemSink {
        ItemSink {
            blobs,
            state: State::Inline {
                items: Vec::new(),
                bytes: 2,
            },
            count: 0,
            view: Seen::Nothing,
        }
    }

    /// Adds an item.
    pub(crate) fn push(&mut self, item: Value) -> Result<(), Failure> {
        self.note(&item);
        match &mut self.state {
            State::Inline { items, bytes } => {
                *bytes += size(&item) + 1;
                items.push(item);
                if *bytes > INLINE_BYTES_MAX {
                    self.move_to_store()?;
                }
                Ok(())
            }
            State::Stored(writer) => write_line(writer, &item, &*self.blobs),
        }
    }

    /// Adds an item that stands in a stored list as this line: what is written is the line.
    pub(crate) fn push_line(&mut self, item: Value, line: &[u8]) -> Result<(), Failure> {
        if matches!(self.state, State::Inline { .. }) {
            return self.push(item);
        }
        self.note(&item);
        let State::Stored(writer) = &mut self.state else {
            return Ok(());
        };
        writer
            .write_all(line)
            .and_then(|()| writer.write_all(b"\n"))
            .map_err(|error| store_failure(&error))
    }

    /// Whether its items go to the store: then a line is all that it needs of them.
    pub(crate) fn is_stored(&self) -> bool {
        matches!(self.state, State::Stored(_))
    }

    fn note(&mut self, item: &Value) {
        self.count += 1;
        let view = item.as_map().and_then(|map| map.view());
        match &self.view {
            Seen::Nothing => self.view = Seen::Same(view.cloned()),
            Seen::Same(known) if known.as_ref() != view => self.view = Seen::Different,
            Seen::Same(_) | Seen::Different => {}
        }
    }

    fn move_to_store(&mut self) -> Result<(), Failure> {
        let State::Inline { items, .. } = &mut self.state else {
            return Ok(());
        };
        let items = std::mem::take(items);
        let writer = self.blobs.create().map_err(|error| store_failure(&error))?;
        let mut writer = BufWriter::with_capacity(1 << 16, writer);
        for item in &items {
            write_line(&mut writer, item, &*self.blobs)?;
        }
        self.state = State::Stored(writer);
        Ok(())
    }

    /// The list, or the stored one.
    pub(crate) fn finish(self) -> Result<Value, Failure> {
        match self.state {
            State::Inline { items, .. } => Ok(Value::from(items)),
            State::Stored(writer) => {
                let writer = writer
                    .into_inner()
                    .map_err(|error| store_failure(error.error()))?;
                let mut blob = writer
                    .finish(Blob::JSON_LINES)
                    .map_err(|error| store_failure(&error))?;
                blob.count = Some(self.count);
                if let Seen::Same(view) = self.view {
                    blob.item_view = view;
                }
                Ok(Value::from(blob))
            }
        }
    }
}

fn write_line(writer: &mut dyn Write, item: &Value, blobs: &dyn Blobs) -> Result<(), Failure> {
    json(item, blobs, writer)?;
    writer
        .write_all(b"\n")
        .map_err(|error| store_failure(&error))
}

/// How many items a list or a stored list has; reads it only if nobody counted.
pub(crate) fn count(list: &Value, blobs: &dyn BlobRead) -> Result<u64, Failure> {
    match list {
        Value::List(items) => Ok(items.len() as u64),
        Value::Blob(blob) if blob.count.is_some() => Ok(blob.count.unwrap_or_default()),
        other => eval::items(other, blobs)?.try_fold(0, |count, item| item.map(|_| count + 1)),
    }
}
