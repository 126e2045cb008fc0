//! `file`: files of the project folder.

use std::io::{self, BufWriter, Read, Write};

use flow_engine::run::{Done, Failure, FailureKind};
use flow_engine::value::Value;

use super::format::{self, Format};
use super::{LocalCall, unknown};
use crate::project::{Access, Project, failure};
use crate::request::{INLINE_BYTES_MAX, store};
use crate::sink::ItemSink;
use crate::transport::failure::cancelled;

/// Performs an operation.
pub(super) fn perform(call: &LocalCall) -> Result<Value, Failure> {
    let project = Project::open(&call.context)?;
    let path = call.text("path");
    match &*call.operation {
        "read" => read(&project, path, call),
        "write" => write(&project, path, call),
        "append" => append(&project, path, call),
        "list" => list(&project, call),
        "copy" => copy(&project, path, call.text("to")),
        "move" => {
            project.rename(path, call.text("to"))?;
            Ok(Value::map([("path", Value::from(call.text("to")))]))
        }
        "delete" => Ok(Value::map([(
            "deleted",
            Value::from(project.delete(path)?),
        )])),
        "exists" => Ok(Value::from(project.metadata(path)?.is_some())),
        other => Err(unknown(other)),
    }
}

fn read(project: &Project, path: &str, call: &LocalCall) -> Result<Value, Failure> {
    let format = match call.text("as") {
        "auto" | "" => Format::of_path(path),
        word => Format::named(word),
    };
    let (file, bytes) = project.read(path)?;
    let named = |failure: Failure| Failure {
        message: format!("`{path}`: {}", failure.message),
        ..failure
    };
    match format {
        None => {
            let value = text(project, path, file, bytes, call);
            value.or_else(|error| match error.code.as_str() {
                "value.not_text" => project.store(path, call.blobs()).map(Value::from),
                _ => Err(error),
            })
        }
        Some(Format::Bytes) => project.store(path, call.blobs()).map(Value::from),
        Some(Format::Text) => text(project, path, file, bytes, call),
        Some(format) => format::parse_from(file, bytes, format, call).map_err(named),
    }
}

/// The file as text: a value if it is short, else stored.
fn text(
    project: &Project,
    path: &str,
    mut file: impl Read,
    bytes: u64,
    call: &LocalCall,
) -> Result<Value, Failure> {
    let not_text = |at: usize| {
        let message = format!("`{path}` is not UTF-8 text: byte {at} is out of place");
        Failure::permanent("value.not_text", message).help("read it with `as: bytes`")
    };
    if bytes <= INLINE_BYTES_MAX {
        let whole = project.read_whole(path, INLINE_BYTES_MAX)?;
        let text =
            String::from_utf8(whole).map_err(|error| not_text(error.utf8_error().valid_up_to()))?;
        return Ok(Value::from(text.strip_prefix('\u{feff}').unwrap_or(&text)));
    }
    let mut checker = Utf8 {
        rest: Vec::new(),
        done: 0,
        bad: None,
    };
    let stored = store(call.blobs(), "text/plain; charset=utf-8", |out| {
        let mut buffer = vec![0; 1 << 16];
        loop {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                return Ok(());
            }
            checker.take(&buffer[..read]);
            out.write_all(&buffer[..read])?;
        }
    })?;
    if let Some(at) = checker.end() {
        return Err(not_text(at));
    }
    Ok(Value::from(stored))
}

/// Looks whether pieces of bytes are UTF-8, letters split between pieces too.
struct Utf8 {
    rest: Vec<u8>,
    done: usize,
    bad: Option<usize>,
}

impl Utf8 {
    fn take(&mut self, piece: &[u8]) {
        self.rest.extend_from_slice(piece);
        let valid = match std::str::from_utf8(&self.rest) {
            Ok(text) => text.len(),
            Err(error) => {
                if error.error_len().is_some() && self.bad.is_none() {
                    self.bad = Some(self.done + error.valid_up_to());
                }
                error.valid_up_to()
            }
        };
        self.done += valid;
        self.rest.drain(..valid);
        if self.bad.is_some() {
            self.rest.clear();
        }
    }

    fn end(&self) -> Option<usize> {
        self.bad.or((!self.rest.is_empty()).then_some(self.done))
    }
}

fn format_of(call: &LocalCall, path: &str) -> Format {
    match call.text("format") {
        "auto" | "" => Format::of_path(path).unwrap_or(Format::Text),
        word => Format::named(word).unwrap_or(Format::Text),
    }
}

fn write(project: &Project, path: &str, call: &LocalCall) -> Result<Value, Failure> {
    let format = format_of(call, path);
    let mut bytes = 0;
    project.replace(path, |file| {
        let mut writer = Counted {
            out: BufWriter::with_capacity(1 << 16, file),
            bytes: 0,
        };
        format::write(call.argument("content"), format, call, &mut writer)?;
        writer.flush().map_err(|error| failure(path, &error))?;
        bytes = writer.bytes;
        if call.cancel().is_cancelled() {
            Err(cancelled())
        } else {
            Ok(())
        }
    })?;
    Ok(written(path, bytes))
}

/// Adds to the end, in one write if it is short, so that lines of several runs are not mixed.
fn append(project: &Project, path: &str, call: &LocalCall) -> Result<Value, Failure> {
    let format = match format_of(call, path) {
        // A list at the end of a file is made of lines.
        Format::Json => Format::JsonLines,
        other => other,
    };
    let file = project.append(path)?;
    let is_new = file
        .metadata()
        .map_err(|error| failure(path, &error))?
        .len()
        == 0;
    if format == Format::Csv && !is_new {
        let message = format!("`{path}` has a line of names already: rows cannot be added to CSV");
        return Err(Failure::permanent("data.csv", message)
            .help("append JSON Lines, or write the file as a whole"));
    }
    let mut writer = Counted {
        out: BufWriter::with_capacity(1 << 20, &file),
        bytes: 0,
    };
    // What was written stays, so a failure from here on is not undone.
    let done = |failure: Failure| Failure {
        kind: FailureKind::Permanent,
        done: Done::Unknown,
        ..failure
    };
    format::write(call.argument("content"), format, call, &mut writer).map_err(done)?;
    writer
        .flush()
        .and_then(|()| file.sync_all())
        .map_err(|error| done(failure(path, &error)))?;
    Ok(written(path, writer.bytes))
}

struct Counted<W> {
    out: W,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn written(path: &str, bytes: u64) -> Value {
    Value::map([("path", Value::from(path)), ("bytes", Value::from(bytes))])
}

fn copy(project: &Project, from: &str, to: &str) -> Result<Value, Failure> {
    let (mut source, _) = project.read(from)?;
    let mut bytes = 0;
    project.replace(to, |target| {
        bytes = io::copy(&mut source, target).map_err(|error| failure(to, &error))?;
        Ok(())
    })?;
    Ok(written(to, bytes))
}

fn list(project: &Project, call: &LocalCall) -> Result<Value, Failure> {
    let folder = call.text("folder").trim_end_matches('/');
    let folder = if folder == "." { "" } else { folder };
    if !folder.is_empty() {
        project.path(folder, Access::Read)?;
    }
    let pattern = match call.argument("glob").as_str() {
        None => None,
        Some(text) => Some(glob::Pattern::new(text).map_err(|error| {
            Failure::permanent("file.glob", format!("{text:?} is not a pattern: {error}"))
        })?),
    };
    let options = glob::MatchOptions {
        require_literal_separator: true,
        ..glob::MatchOptions::default()
    };
    let mut sink = ItemSink::new(call.context.blobs.clone());
    for path in project.files_below(folder)? {
        let below = path
            .strip_prefix(folder)
            .unwrap_or(&path)
            .trim_start_matches('/');
        if pattern
            .as_ref()
            .is_some_and(|pattern| !pattern.matches_with(below, options))
        {
            continue;
        }
        // A file that has just gone is not listed.
        if let Some(metadata) = project.metadata(&path)? {
            let name = path.rsplit('/').next().unwrap_or(&path);
            sink.push(Value::map([
                ("path", Value::from(path.as_str())),
                ("name", Value::from(name)),
                ("bytes", Value::from(metadata.len())),
            ]))?;
        }
    }
    sink.finish()
}
