//! An answer of one JSON value a line, into the store.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::Arc;

use flow_backend::context::Blobs;
use flow_engine::eval::{LINE_BYTES_MAX, text_of};
use flow_engine::run::{Done, Failure, FailureKind};
use flow_engine::value::{Blob, View};
use serde::de::IgnoredAny;

use crate::request::store_failure;

/// Copies the lines that hold a value, each checked to be JSON, and counts them. The last one needs no newline; lines may
/// end in `\n`, `\r\n`, or be blank. Nothing is kept if one is bad or cut: the failure names it. `seen` sees each line that holds a value.
pub(crate) fn store(
    input: impl Read,
    blobs: &dyn Blobs,
    view: Option<Arc<View>>,
    done: Done,
    mut seen: impl FnMut(&[u8]),
) -> Result<Blob, Failure> {
    let mut reader = BufReader::with_capacity(1 << 16, input);
    let writer = blobs.create().map_err(|error| store_failure(&error))?;
    let mut writer = io::BufWriter::with_capacity(1 << 16, writer);
    let mut line = Vec::new();
    let (mut number, mut count) = (0_u64, 0_u64);
    loop {
        line.clear();
        number += 1;
        let read = reader
            .by_ref()
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', &mut line);
        // What broke is known to whoever hands the bytes over.
        if read.map_err(|error| {
            Failure::of(FailureKind::Reset, done, "http.reset", error.to_string())
        })? == 0
        {
            break;
        }
        let ended = line.ends_with(b"\n");
        if !ended && line.len() as u64 == LINE_BYTES_MAX {
            let message =
                format!("line {number} of the answer is longer than {LINE_BYTES_MAX} bytes");
            return Err(Failure::of(
                FailureKind::Permanent,
                done,
                "http.too_large",
                message,
            ));
        }
        let text = text_of(&line);
        if text.is_empty() {
            continue;
        }
        serde_json::from_slice::<IgnoredAny>(text)
            .map_err(|error| bad(number, ended, &error, done))?;
        seen(text);
        count += 1;
        writer
            .write_all(text)
            .and_then(|()| writer.write_all(b"\n"))
            .map_err(|error| store_failure(&error))?;
    }
    let writer = writer
        .into_inner()
        .map_err(|error| store_failure(error.error()))?;
    let mut blob = writer
        .finish(Blob::JSON_LINES)
        .map_err(|error| store_failure(&error))?;
    blob.count = Some(count);
    blob.item_view = view;
    Ok(blob)
}

fn bad(number: u64, ended: bool, error: &serde_json::Error, done: Done) -> Failure {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    if ended || !error.is_eof() {
        let message = format!(
            "line {number} of the answer is not JSON: {text} at column {}",
            error.column()
        );
        return Failure::of(FailureKind::Permanent, done, "http.bad_jsonl", message);
    }
    let message = format!("the answer is cut: its last line, {number}, is not whole");
    Failure::of(FailureKind::Reset, done, "http.truncated", message)
}
