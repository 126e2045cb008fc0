//! The items of a loop that `where`, `key` or `chunk` make: a list while they are few, then a stream into the store.

use std::io::{BufWriter, Write};
use std::sync::Arc;

use flow_engine::run::{Failure, Items, Values, items_of_loop};
use flow_engine::value::{Blob, INLINE_BYTES_MAX, Value, View};
use flow_engine::workflow::{Stop, Workflow};

use crate::context::{BlobWriter, Blobs};
use crate::segment::{is_held, not_stored};
use crate::spill::spill;

/// `{source, keyed, count}` of the loop of a step; blocking.
///
/// # Errors
/// As the expressions of the loop fail; `store.io`.
pub(crate) fn picked(
    workflow: &Workflow,
    step: usize,
    values: &Values,
    blobs: &dyn Blobs,
) -> Result<Value, Failure> {
    let reading = values.reading(blobs);
    let mut sink = Sink::new(blobs, INLINE_BYTES_MAX);
    let mut items = items_of_loop(workflow, step, &reading, &mut |item| sink.push(item));
    if sink.refused {
        // A stored value or a secret came late: lines cannot hold it, a list can.
        sink = Sink::new(blobs, usize::MAX);
        items = items_of_loop(workflow, step, &reading, &mut |item| sink.push(item));
    }
    match items.map_err(Stop::into_failure)? {
        Items::Given { source, count } => {
            let source = spill(source, blobs)?;
            Ok(Items::Given { source, count }.into_value(Value::Null))
        }
        items @ Items::Picked { .. } => Ok(items.into_value(sink.finish()?)),
    }
}

struct Sink<'a> {
    blobs: &'a dyn Blobs,
    /// How many bytes may still be kept in the list; without a bound all are.
    left: usize,
    listed: Vec<Value>,
    stored: Option<BufWriter<Box<dyn BlobWriter>>>,
    view: Option<Arc<View>>,
    count: u64,
    /// Something came that cannot be stored as a line, after others were.
    refused: bool,
}

impl<'a> Sink<'a> {
    fn new(blobs: &'a dyn Blobs, left: usize) -> Sink<'a> {
        Sink {
            blobs,
            left,
            listed: Vec::new(),
            stored: None,
            view: None,
            count: 0,
            refused: false,
        }
    }

    fn push(&mut self, item: Value) -> Result<(), Failure> {
        if self.count == 0 {
            self.view = item.as_map().and_then(|map| map.view().cloned());
        }
        self.count += 1;
        if self.stored.is_some() {
            return self.line(&item);
        }
        let fits = self.left == usize::MAX || item.fits_into(&mut self.left);
        self.listed.push(item);
        if fits {
            return Ok(());
        }
        if self.listed.iter().any(is_held) {
            self.left = usize::MAX;
            return Ok(());
        }
        let created = self.blobs.create().map_err(|error| not_stored(&error))?;
        self.stored = Some(BufWriter::with_capacity(1 << 16, created));
        let listed = std::mem::take(&mut self.listed);
        listed.iter().try_for_each(|item| self.line(item))
    }

    fn line(&mut self, item: &Value) -> Result<(), Failure> {
        if is_held(item) {
            self.refused = true;
            let message = "a stored value or a secret cannot stand in a stored list";
            return Err(Failure::permanent("store.io", message));
        }
        let Some(writer) = &mut self.stored else {
            return Ok(());
        };
        serde_json::to_writer(&mut *writer, item)
            .map_err(std::io::Error::from)
            .and_then(|()| writer.write_all(b"\n"))
            .map_err(|error| not_stored(&error))
    }

    fn finish(self) -> Result<Value, Failure> {
        let Some(writer) = self.stored else {
            return spill(Value::from(self.listed), self.blobs);
        };
        let writer = writer
            .into_inner()
            .map_err(|error| not_stored(error.error()))?;
        let mut blob = writer
            .finish(Blob::JSON_LINES)
            .map_err(|error| not_stored(&error))?;
        blob.count = Some(self.count);
        blob.item_view = self.view;
        Ok(Value::from(blob))
    }
}

#[cfg(test)]
mod tests {
    use flow_engine::value::Hash;

    use super::*;
    use crate::virtual_world::memory::MemoryBlobs;

    fn blob() -> Value {
        Value::from(Blob::new(Hash::of(b"x"), 1, "text/plain"))
    }

    #[test]
    fn few_items_are_a_list_and_many_are_lines() {
        let blobs = MemoryBlobs::default();
        let mut sink = Sink::new(&blobs, 20);
        (0..2_u64).for_each(|n| sink.push(Value::from(n)).expect("room"));
        assert_eq!(
            sink.finish(),
            Ok(Value::list([Value::from(0_u64), Value::from(1_u64)]))
        );
        let mut sink = Sink::new(&blobs, 20);
        (0..5_u64).for_each(|n| sink.push(Value::from(n)).expect("room"));
        let stored = sink.finish();
        assert!(
            matches!(&stored, Ok(Value::Blob(blob)) if blob.count == Some(5) && blob.bytes == 10),
            "{stored:?}"
        );
    }

    #[test]
    fn what_lines_cannot_hold_stays_in_a_list() {
        let blobs = MemoryBlobs::default();
        let mut early = Sink::new(&blobs, 16);
        early.push(blob()).expect("room");
        (0..5_u64).for_each(|n| early.push(Value::from(n)).expect("room"));
        assert_eq!(
            early
                .finish()
                .map(|list| list.as_list().map(<[Value]>::len)),
            Ok(Some(6))
        );
        let mut late = Sink::new(&blobs, 8);
        (0..2_u64).for_each(|n| late.push(Value::from(n)).expect("room"));
        assert!(late.push(blob()).is_err() && late.refused);
    }
}
