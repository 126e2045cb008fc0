//! The content of stored values: as a tree within a bound, or item by item without one.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};

use super::BlobRead;
use super::verified::{Changed, Verified};
use crate::run::Failure;
use crate::value::{Blob, Value, json};

/// How many bytes a stored value may have to be read as a tree; longer ones are only streamed.
pub const TREE_BYTES_MAX: u64 = 32 << 20;

/// How many bytes a window of items has at most, one item aside.
const WINDOW_BYTES_MAX: u64 = 1 << 20;

/// How long one line of JSON Lines may be.
pub const LINE_BYTES_MAX: u64 = 32 << 20;

/// Reads a stored value whole: JSON and JSON Lines as their values, other text as a string.
///
/// # Errors
/// `value.too_large` above [`TREE_BYTES_MAX`]; `store.blob_missing`, `store.blob_changed`; `json.*` with line and column; `value.not_text`.
pub fn load(blob: &Blob, blobs: &dyn BlobRead) -> Result<Value, Failure> {
    if blob.bytes > TREE_BYTES_MAX {
        let message = format!(
            "a stored value of {} bytes is too large to be read whole (the limit is {TREE_BYTES_MAX})",
            blob.bytes
        );
        return Err(Failure::permanent("value.too_large", message)
            .help("stream it: `data.filter` and `data.map` read it item by item"));
    }
    if blob.is_json_lines() {
        return Ok(Value::from(
            items_of(blob, blobs)?.collect::<Result<Vec<_>, _>>()?,
        ));
    }
    let mut bytes = Vec::new();
    open(blob, blobs)?
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(blob, &error))?;
    if blob.is_json() {
        let value = json::parse(&bytes).map_err(|error| json_failure(&error))?;
        return Ok(match value {
            Value::List(items) => Value::list(items.iter().map(|item| viewed(item.clone(), blob))),
            value => viewed(value, blob),
        });
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::permanent(
            "value.not_text",
            format!("the stored value is not UTF-8 text: byte {at} is out of place"),
        )
    })?;
    Ok(Value::from(text.strip_prefix('\u{feff}').unwrap_or(&text)))
}

/// The items of a list, of a stored list, or of JSON Lines, one after another. A map gives its values.
pub struct Items<'a>(Source<'a>);

enum Source<'a> {
    List(std::slice::Iter<'a, Value>),
    Owned(std::vec::IntoIter<Value>),
    Lines {
        reader: BufReader<Box<dyn Read + Send>>,
        blob: &'a Blob,
        line: u64,
        buffer: Vec<u8>,
    },
}

/// Iterates over the items of `value`.
///
/// # Errors
/// `value.not_a_list` for anything that has no items; those of [`load`].
pub fn items<'a>(value: &'a Value, blobs: &dyn BlobRead) -> Result<Items<'a>, Failure> {
    match value {
        Value::List(items) => Ok(Items(Source::List(items.iter()))),
        Value::Map(map) => Ok(Items(Source::Owned(
            map.iter()
                .map(|(_, value)| value.clone())
                .collect::<Vec<_>>()
                .into_iter(),
        ))),
        Value::Blob(blob) => items_of(blob, blobs),
        other => Err(not_a_list(other)),
    }
}

fn items_of<'a>(blob: &'a Blob, blobs: &dyn BlobRead) -> Result<Items<'a>, Failure> {
    if blob.is_json_lines() {
        let reader = BufReader::with_capacity(1 << 16, open(blob, blobs)?);
        return Ok(Items(Source::Lines {
            reader,
            blob,
            line: 0,
            buffer: Vec::new(),
        }));
    }
    match load(blob, blobs)? {
        Value::List(items) => Ok(Items(Source::Owned((*items).clone().into_iter()))),
        text @ Value::String(_) => {
            let hint = "say what the text is: `| jsonl` for one JSON value a line, `| json` for one JSON document";
            Err(not_a_list(&text).help(hint))
        }
        other => Err(not_a_list(&other)),
    }
}

/// Reads some of the items of a stored list, from a position that an earlier call gave (0 at first): up to `count` of them,
/// and no more than about a mebibyte. Each comes with its position.
///
/// # Errors
/// Those of [`items`].
pub fn window(
    blob: &Blob,
    from: u64,
    count: usize,
    blobs: &dyn BlobRead,
) -> Result<(VecDeque<(u64, Value)>, u64), Failure> {
    let mut found = VecDeque::new();
    if !blob.is_json_lines() {
        // A document is read whole, so its positions are places in the list.
        let mut at = from;
        let skipped = usize::try_from(from).unwrap_or(usize::MAX);
        for item in items_of(blob, blobs)?.skip(skipped).take(count) {
            found.push_back((at, item?));
            at += 1;
        }
        return Ok((found, at));
    }
    let mut lines = Lines::open(blob, from, blobs)?;
    while found.len() < count && lines.position() - from < WINDOW_BYTES_MAX {
        let Some(item) = lines.next() else { break };
        found.push_back(item?);
    }
    Ok((found, lines.position()))
}

/// The items of JSON Lines from a position on, each with its own.
pub struct Lines<'a> {
    reader: BufReader<Box<dyn Read + Send>>,
    blob: &'a Blob,
    at: u64,
    line: u64,
    buffer: Vec<u8>,
}

impl<'a> Lines<'a> {
    /// Begins at a position: 0, or what an earlier reader gave.
    ///
    /// # Errors
    /// `store.io`.
    pub fn open(blob: &'a Blob, from: u64, blobs: &dyn BlobRead) -> Result<Lines<'a>, Failure> {
        let opened = blobs
            .open_at(blob.hash, from)
            .map_err(|error| unreadable(blob, &error))?;
        Ok(Lines {
            reader: BufReader::with_capacity(1 << 16, opened),
            blob,
            at: from,
            line: 0,
            buffer: Vec::new(),
        })
    }

    /// Where the item after the last one stands.
    pub fn position(&self) -> u64 {
        self.at + self.buffer.len() as u64
    }

    /// Passes over items without looking at them; false if there are not so many.
    ///
    /// # Errors
    /// `value.too_large`, `store.io`.
    pub fn skip_items(&mut self, count: u64) -> Result<bool, Failure> {
        for _ in 0..count {
            if !self.advance()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn advance(&mut self) -> Result<bool, Failure> {
        next_line(
            &mut self.reader,
            self.blob,
            &mut self.line,
            &mut self.buffer,
            &mut self.at,
        )
    }
}

impl Iterator for Lines<'_> {
    type Item = Result<(u64, Value), Failure>;

    fn next(&mut self) -> Option<Result<(u64, Value), Failure>> {
        match self.advance() {
            Ok(false) => None,
            Ok(true) => {
                let value = line_value(&self.buffer, self.blob, self.line);
                Some(value.map(|value| (self.at, value)))
            }
            Err(failure) => Some(Err(failure)),
        }
    }
}

fn not_a_list(value: &Value) -> Failure {
    Failure::permanent(
        "value.not_a_list",
        format!(
            "expected a list or a stream of items, found {}",
            value.described()
        ),
    )
}

impl Iterator for Items<'_> {
    type Item = Result<Value, Failure>;

    fn next(&mut self) -> Option<Result<Value, Failure>> {
        match &mut self.0 {
            Source::List(items) => items.next().cloned().map(Ok),
            Source::Owned(items) => items.next().map(Ok),
            Source::Lines {
                reader,
                blob,
                line,
                buffer,
            } => match next_line(reader, blob, line, buffer, &mut 0) {
                Ok(false) => None,
                Ok(true) => Some(line_value(buffer, blob, *line)),
                Err(failure) => Some(Err(failure)),
            },
        }
    }
}

/// What a line says: without a byte-order mark and the white space around it.
pub fn text_of(line: &[u8]) -> &[u8] {
    line.strip_prefix(b"\xEF\xBB\xBF")
        .unwrap_or(line)
        .trim_ascii()
}

/// Reads the next line of a stored value that is not empty into `buffer`, and counts `line` on to its number, from 1; false at
/// the end. `position` is where it begins, if that was the place of the line before it.
///
/// # Errors
/// `value.too_large` for a line of [`LINE_BYTES_MAX`]; as [`unreadable`] says.
pub fn next_line(
    reader: &mut impl BufRead,
    blob: &Blob,
    line: &mut u64,
    buffer: &mut Vec<u8>,
    position: &mut u64,
) -> Result<bool, Failure> {
    loop {
        *position += buffer.len() as u64;
        buffer.clear();
        *line += 1;
        match reader
            .by_ref()
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', buffer)
        {
            Ok(0) => return Ok(false),
            Ok(_) if buffer.len() as u64 == LINE_BYTES_MAX => {
                let message = format!("line {line} is longer than {LINE_BYTES_MAX} bytes");
                return Err(Failure::permanent("value.too_large", message));
            }
            Ok(_) if text_of(buffer).is_empty() => {}
            Ok(_) => return Ok(true),
            Err(error) => return Err(unreadable(blob, &error)),
        }
    }
}

fn line_value(line: &[u8], blob: &Blob, number: u64) -> Result<Value, Failure> {
    let value = json::parse(line).map_err(|error| {
        let message = format!(
            "line {number}: {} at column {}",
            error.message, error.column
        );
        Failure::permanent(error.code, message)
    })?;
    Ok(viewed(value, blob))
}

/// A map of the blob's, with the members that reading adds.
fn viewed(value: Value, blob: &Blob) -> Value {
    match (value, &blob.item_view) {
        (Value::Map(map), Some(view)) => {
            Value::from(std::sync::Arc::unwrap_or_clone(map).with_view(Some(view.clone())))
        }
        (value, _) => value,
    }
}

/// Opens a stored value, to stream its content. The read that meets its end fails if the content is not what was stored:
/// [`unreadable`] says so.
///
/// # Errors
/// `store.blob_missing`, `store.io`.
pub fn open(blob: &Blob, blobs: &dyn BlobRead) -> Result<Box<dyn Read + Send>, Failure> {
    let content = blobs.open(blob.hash).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            let message = format!("the stored value {} is not in the blob store", blob.hash);
            Failure::permanent("store.blob_missing", message).help(
                "the store was changed by something else: copy its folder before you try anything",
            )
        }
        _ => unreadable(blob, &error),
    })?;
    Ok(Box::new(Verified::new(content, blob.hash)))
}

/// The failure of a stored value whose content cannot be read: `store.blob_changed`, else `store.io`.
pub fn unreadable(blob: &Blob, error: &io::Error) -> Failure {
    if Changed::is(error) {
        let message = format!(
            "the content of the stored value {} is another one",
            blob.hash
        );
        return Failure::permanent("store.blob_changed", message).help(
            "the store was changed by something else: copy its folder before you try anything",
        );
    }
    Failure::permanent(
        "store.io",
        format!("the stored value {} cannot be read: {error}", blob.hash),
    )
}

fn json_failure(error: &json::JsonError) -> Failure {
    Failure::permanent(error.code, format!("{error}"))
}
