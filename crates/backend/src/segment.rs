//! Segments: what items of a loop gave, one line an item, and how they are put together when the loop is over.

use std::io::{BufRead, BufReader, BufWriter, Write};

use flow_engine::eval::open;
use flow_engine::run::{Failure, Input, StoreSpec};
use flow_engine::value::{Blob, Value, journal};

use crate::attempt::blocking;
use crate::context::{BlobWriter, Blobs, StepContext};
use crate::spill::spill;

/// Media type of a segment whose lines are in the journal's form: it holds stored values, handles of secrets, or what plain
/// JSON would lose. The others are JSON Lines.
const JOURNAL_LINES: &str = "application/x-flow-results";

/// Segments of at most so many bytes in all become a tree, which is stored if it is large; above, they are streamed.
const TREE_BYTES_MAX: u64 = 512 << 10;

/// A segment that is being written.
#[derive(Default)]
pub(crate) struct SegmentWriter {
    writer: Option<BufWriter<Box<dyn BlobWriter>>>,
    count: u64,
    special: bool,
}

impl SegmentWriter {
    pub(crate) fn push(&mut self, result: &Value, blobs: &dyn Blobs) -> Result<(), Failure> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => {
                let created = blobs.create().map_err(|error| not_stored(&error))?;
                none.insert(BufWriter::with_capacity(1 << 16, created))
            }
        };
        let special = is_special(result);
        self.special |= special;
        self.count += 1;
        let written = if special {
            writer.write_all(journal::to_string(result).as_bytes())
        } else {
            serde_json::to_writer(&mut *writer, result).map_err(std::io::Error::from)
        };
        written
            .and_then(|()| writer.write_all(b"\n"))
            .map_err(|error| not_stored(&error))
    }

    /// The stored segment; blocking.
    pub(crate) fn finish(self) -> Result<Value, Failure> {
        let Some(writer) = self.writer else {
            return Ok(Value::Null);
        };
        let media = if self.special {
            JOURNAL_LINES
        } else {
            Blob::JSON_LINES
        };
        let inner = writer
            .into_inner()
            .map_err(|error| not_stored(error.error()))?;
        let mut blob = inner.finish(media).map_err(|error| not_stored(&error))?;
        blob.count = Some(self.count);
        Ok(Value::from(blob))
    }
}

/// Puts what items gave into a segment.
pub async fn store_results(spec: StoreSpec, context: StepContext) -> Input {
    let (node, first, count) = (spec.node, spec.first, spec.results.len() as u64);
    let result = blocking(move || {
        let mut segment = SegmentWriter::default();
        for result in &spec.results {
            segment.push(result, &*context.blobs)?;
        }
        segment.finish()
    });
    Input::Stored {
        node,
        first,
        count,
        result: result.await,
    }
}

/// The value of a loop from its segments and the lists of results between them: a list if it is small or holds what only
/// lists can hold, else JSON Lines, written as a stream.
pub(crate) fn joined(parts: &[Value], blobs: &dyn Blobs) -> Result<Value, Failure> {
    let bytes = parts.iter().map(|part| match part {
        Value::Blob(blob) => blob.bytes,
        list => journal::to_string(list).len() as u64,
    });
    if bytes.sum::<u64>() > TREE_BYTES_MAX
        && let Some(stored) = streamed(parts, blobs)?
    {
        return Ok(stored);
    }
    let mut results = Vec::new();
    for part in parts {
        each_result(part, blobs, &mut |result| {
            results.push(result);
            Ok(true)
        })?;
    }
    spill(Value::from(results), blobs)
}

/// `None` if something in it has no form as plain JSON.
fn streamed(parts: &[Value], blobs: &dyn Blobs) -> Result<Option<Value>, Failure> {
    let created = blobs.create().map_err(|error| not_stored(&error))?;
    let mut writer = BufWriter::with_capacity(1 << 16, created);
    let mut count = 0;
    for part in parts {
        if let Value::Blob(blob) = part
            && blob.is_json_lines()
        {
            let mut content = open(blob, blobs)?;
            std::io::copy(&mut content, &mut writer)
                .map_err(|error| flow_engine::eval::unreadable(blob, &error))?;
            count += blob.count.unwrap_or_default();
            continue;
        }
        let plain = each_result(part, blobs, &mut |result| {
            count += 1;
            if is_held(&result) {
                return Ok(false);
            }
            serde_json::to_writer(&mut writer, &result)
                .map_err(std::io::Error::from)
                .and_then(|()| writer.write_all(b"\n"))
                .map_err(|error| not_stored(&error))?;
            Ok(true)
        })?;
        if !plain {
            return Ok(None);
        }
    }
    let inner = writer
        .into_inner()
        .map_err(|error| not_stored(error.error()))?;
    let mut blob = inner
        .finish(Blob::JSON_LINES)
        .map_err(|error| not_stored(&error))?;
    blob.count = Some(count);
    Ok(Some(Value::from(blob)))
}

/// Hands on each result of a part until one is refused; whether none was.
fn each_result(
    part: &Value,
    blobs: &dyn Blobs,
    take: &mut dyn FnMut(Value) -> Result<bool, Failure>,
) -> Result<bool, Failure> {
    let Value::Blob(blob) = part else {
        for result in part.as_list().unwrap_or_default() {
            if !take(result.clone())? {
                return Ok(false);
            }
        }
        return Ok(true);
    };
    for line in BufReader::with_capacity(1 << 16, open(blob, blobs)?).lines() {
        let line = line.map_err(|error| flow_engine::eval::unreadable(blob, &error))?;
        let result = journal::from_str(&line).map_err(|error| {
            let message = format!("a segment of a loop is not as it was written: {error}");
            Failure::permanent("store.blob_changed", message)
        })?;
        if !take(result)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether plain JSON would not give the value back as it is.
fn is_special(value: &Value) -> bool {
    let mut special = false;
    value.walk(&mut |value| {
        special |= match value {
            Value::Blob(_) | Value::Secret(_) => true,
            Value::Map(map) => {
                map.view().is_some() || map.iter().any(|(key, _)| key.starts_with('$'))
            }
            _ => false,
        }
    });
    special
}

/// Whether plain JSON cannot hold the value.
pub(crate) fn is_held(value: &Value) -> bool {
    let mut held = false;
    value.walk(&mut |value| held |= matches!(value, Value::Blob(_) | Value::Secret(_)));
    held
}

pub(crate) fn not_stored(error: &std::io::Error) -> Failure {
    Failure::permanent(
        "store.io",
        format!("what items of a loop gave cannot be stored: {error}"),
    )
}
