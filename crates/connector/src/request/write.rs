//! Bodies as bytes: trees with stored values in them, written piece by piece.

use std::io::{self, BufReader, Read, Write};

use flow_engine::eval::{BlobRead, next_line, open, text_of, unreadable};
use flow_engine::run::Failure;
use flow_engine::value::{Blob, Hash, Value};
use secrecy::ExposeSecret;
use serde::de::IgnoredAny;
use sha2::{Digest, Sha256};

use super::secrets::Opener;
use super::{Body, Part, query};

/// Why a body could not be written.
#[derive(Debug)]
pub(crate) enum WriteError {
    /// The body itself is at fault.
    Failed(Failure),
    /// Whoever takes the bytes has gone.
    Closed,
}

impl From<Failure> for WriteError {
    fn from(failure: Failure) -> WriteError {
        WriteError::Failed(failure)
    }
}

/// What is known of a body once it was written.
pub(crate) struct Written {
    /// SHA-256 over `prefix` and the body.
    pub(crate) hash: Hash,
    /// Length of the body.
    pub(crate) bytes: u64,
}

/// Writes the body to nowhere: its length and its hash, after `prefix`. Checks stored JSON on the way.
pub(crate) fn measure(
    prefix: &[u8],
    content: &Body,
    blobs: &dyn BlobRead,
    opener: &Opener,
) -> Result<Written, Failure> {
    let mut meter = Meter {
        hash: Sha256::new(),
        bytes: 0,
    };
    meter.hash.update(prefix);
    match body(content, blobs, opener, true, &mut meter) {
        Ok(()) => Ok(Written {
            hash: Hash::from_bytes(meter.hash.finalize().into()),
            bytes: meter.bytes,
        }),
        Err(WriteError::Failed(failure)) => Err(failure),
        Err(WriteError::Closed) => Err(Failure::permanent(
            "store.io",
            "the request could not be measured",
        )),
    }
}

struct Meter {
    hash: Sha256,
    bytes: u64,
}

impl Write for Meter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes the body. `check` looks whether stored JSON is JSON.
pub(crate) fn body(
    body: &Body,
    blobs: &dyn BlobRead,
    opener: &Opener,
    check: bool,
    out: &mut dyn Write,
) -> Result<(), WriteError> {
    let mut writer = Writer {
        blobs,
        opener,
        check,
        out,
    };
    match body {
        Body::Empty => Ok(()),
        Body::Json(value) => writer.json(value),
        Body::Form(fields) => {
            let text = query::joined(fields, opener)?;
            writer.bytes(text.as_bytes())
        }
        Body::Multipart { boundary, parts } => writer.multipart(boundary, parts),
        Body::Raw { content, .. } => writer.raw(content),
    }
}

/// Writes a value as JSON, the stored values in it too. A secret in it is refused.
pub(crate) fn json(
    value: &Value,
    blobs: &dyn BlobRead,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let mut writer = Writer {
        blobs,
        opener: &Opener::Refuse,
        check: false,
        out,
    };
    match writer.json(value) {
        Ok(()) => Ok(()),
        Err(WriteError::Failed(failure)) => Err(failure),
        Err(WriteError::Closed) => Err(Failure::permanent("store.io", "a value cannot be written")),
    }
}

struct Writer<'a> {
    blobs: &'a dyn BlobRead,
    opener: &'a Opener,
    check: bool,
    out: &'a mut dyn Write,
}

impl Writer<'_> {
    fn bytes(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        self.out.write_all(bytes).map_err(|_| WriteError::Closed)
    }

    fn json(&mut self, value: &Value) -> Result<(), WriteError> {
        match value {
            Value::List(items) => {
                for (at, item) in items.iter().enumerate() {
                    self.bytes(if at == 0 { b"[" } else { b"," })?;
                    self.json(item)?;
                }
                self.bytes(if items.is_empty() { b"[]" } else { b"]" })
            }
            Value::Map(map) => {
                for (at, (key, value)) in map.iter().enumerate() {
                    self.bytes(if at == 0 { b"{" } else { b"," })?;
                    self.bytes(quoted(key).as_bytes())?;
                    self.bytes(b":")?;
                    self.json(value)?;
                }
                self.bytes(if map.is_empty() { b"{}" } else { b"}" })
            }
            Value::Secret(secret) => {
                let text = self.opener.text(secret)?;
                self.bytes(quoted(text.expose_secret()).as_bytes())
            }
            Value::Blob(blob) if blob.is_json_lines() => self.lines(blob),
            Value::Blob(blob) if blob.is_json() => self.stored_json(blob),
            Value::Blob(blob) => self.stored_text(blob),
            plain => self.bytes(plain.to_json().unwrap_or_default().as_bytes()),
        }
    }

    /// JSON Lines as a list.
    fn lines(&mut self, blob: &Blob) -> Result<(), WriteError> {
        let mut reader = BufReader::with_capacity(1 << 16, open(blob, self.blobs)?);
        let (mut line, mut number) = (Vec::new(), 0_u64);
        let mut any = false;
        while next_line(&mut reader, blob, &mut number, &mut line, &mut 0)? {
            let text = text_of(&line);
            if self.check {
                serde_json::from_slice::<IgnoredAny>(text).map_err(|error| {
                    let message = format!("line {number} of the stored value is not JSON: {error}");
                    Failure::permanent("json.syntax", message)
                })?;
            }
            self.bytes(if any { b"," } else { b"[" })?;
            self.bytes(text)?;
            any = true;
        }
        self.bytes(if any { b"]" } else { b"[]" })
    }

    fn stored_json(&mut self, blob: &Blob) -> Result<(), WriteError> {
        if self.check {
            let reader = BufReader::new(open(blob, self.blobs)?);
            serde_json::from_reader::<_, IgnoredAny>(reader).map_err(|error| {
                Failure::permanent(
                    "json.syntax",
                    format!("the stored value is not JSON: {error}"),
                )
            })?;
        }
        self.copy(blob)
    }

    fn copy(&mut self, blob: &Blob) -> Result<(), WriteError> {
        let mut reader = open(blob, self.blobs)?;
        let mut buffer = vec![0; 1 << 16];
        loop {
            match reader
                .read(&mut buffer)
                .map_err(|error| unreadable(blob, &error))?
            {
                0 => return Ok(()),
                read => self.bytes(&buffer[..read])?,
            }
        }
    }

    /// A stored text as a JSON string.
    fn stored_text(&mut self, blob: &Blob) -> Result<(), WriteError> {
        let mut reader = open(blob, self.blobs)?;
        let mut buffer = Vec::new();
        let mut done = 0_usize;
        self.bytes(b"\"")?;
        loop {
            let read = reader.by_ref().take(1 << 16).read_to_end(&mut buffer);
            let read = read.map_err(|error| unreadable(blob, &error))?;
            let valid = match std::str::from_utf8(&buffer) {
                Ok(text) => text.len(),
                Err(error) if error.error_len().is_none() && read > 0 => error.valid_up_to(),
                Err(error) => {
                    let at = done + error.valid_up_to();
                    let message =
                        format!("a stored value is not UTF-8 text: byte {at} is out of place");
                    return Err(Failure::permanent("value.not_text", message).into());
                }
            };
            let text = std::str::from_utf8(&buffer[..valid]).unwrap_or_default();
            let text = quoted(text);
            self.bytes(&text.as_bytes()[1..text.len() - 1])?;
            done += valid;
            buffer.drain(..valid);
            if read == 0 {
                return self.bytes(b"\"");
            }
        }
    }

    /// A value as it is: texts and stored values as their bytes, others as JSON.
    fn raw(&mut self, content: &Value) -> Result<(), WriteError> {
        match content {
            Value::String(text) => self.bytes(text.as_bytes()),
            Value::Secret(secret) => {
                let text = self.opener.text(secret)?;
                self.bytes(text.expose_secret().as_bytes())
            }
            Value::Blob(blob) => self.copy(blob),
            other => self.json(other),
        }
    }

    fn multipart(&mut self, boundary: &str, parts: &[Part]) -> Result<(), WriteError> {
        for part in parts {
            let name = escaped(&part.name);
            let file_name = part.file_name.as_ref();
            let file_name = file_name.map_or_else(String::new, |name| {
                format!("; filename=\"{}\"", escaped(name))
            });
            let media = part.media.as_ref();
            let media =
                media.map_or_else(String::new, |media| format!("Content-Type: {media}\r\n"));
            let head = format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"{file_name}\r\n{media}\r\n"
            );
            self.bytes(head.as_bytes())?;
            self.raw(&part.content)?;
            self.bytes(b"\r\n")?;
        }
        self.bytes(format!("--{boundary}--\r\n").as_bytes())
    }
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

/// A name inside quotes of a part's header, as browsers write it.
fn escaped(name: &str) -> String {
    name.replace('"', "%22")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}
