//! From data to text.

use std::io::{self, Write};

use flow_engine::eval::open;
use flow_engine::eval::{self, TREE_BYTES_MAX};
use flow_engine::run::Failure;
use flow_engine::value::Value;

use super::{Format, csv_text};
use crate::local::LocalCall;
use crate::local::items::{each, each_line};
use crate::request::{INLINE_BYTES_MAX, json, store_failure};

/// Data as a text value; a long one is stored.
pub(in crate::local) fn to_text(
    value: &Value,
    format: Format,
    call: &LocalCall,
) -> Result<Value, Failure> {
    let mut writer = call
        .context
        .blobs
        .create()
        .map_err(|error| store_failure(&error))?;
    let mut tee = Tee {
        kept: Vec::new(),
        bytes: 0,
        out: &mut *writer,
    };
    write(value, format, call, &mut tee)?;
    if tee.bytes <= INLINE_BYTES_MAX {
        let text = String::from_utf8_lossy(&tee.kept).into_owned();
        return Ok(Value::from(text));
    }
    let blob = writer
        .finish("text/plain; charset=utf-8")
        .map_err(|error| store_failure(&error))?;
    Ok(Value::from(blob))
}

/// Writes to the store, and keeps the beginning.
struct Tee<'a> {
    kept: Vec<u8>,
    bytes: u64,
    out: &'a mut dyn Write,
}

impl Write for Tee<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write_all(bytes)?;
        self.bytes += bytes.len() as u64;
        if self.bytes <= INLINE_BYTES_MAX {
            self.kept.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Writes a value. In the format `text` a text is written as it is, a list as JSON Lines, anything else as JSON; the same
/// whether the value is in place or stored. Data ends in a newline.
pub(in crate::local) fn write(
    value: &Value,
    format: Format,
    call: &LocalCall,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    match value {
        Value::String(text) => out
            .write_all(text.as_bytes())
            .map_err(|error| unwritten(&error)),
        Value::Blob(blob) if blob.is_json() && blob.bytes <= TREE_BYTES_MAX => {
            write(&eval::load(blob, call.blobs())?, format, call, out)
        }
        Value::Blob(blob) if !blob.is_json_lines() => {
            let mut content = open(blob, call.blobs())?;
            io::copy(&mut content, out)
                .map(|_| ())
                .map_err(|error| unwritten(&error))
        }
        Value::List(_) | Value::Blob(_) => write_list(value, format, call, out),
        other => match format {
            Format::Yaml => write_yaml(other, out),
            Format::Csv => write_list(&Value::list([other.clone()]), format, call, out),
            _ => json(other, call.blobs(), out).and_then(|()| line_end(out)),
        },
    }
}

fn write_list(
    list: &Value,
    format: Format,
    call: &LocalCall,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    match format {
        Format::Json => json(list, call.blobs(), out).and_then(|()| line_end(out)),
        Format::Csv => csv_text::write(list, call, out),
        Format::Yaml => match list {
            Value::Blob(blob) => write_yaml(&eval::load(blob, call.blobs())?, out),
            list => write_yaml(list, out),
        },
        Format::Text | Format::JsonLines | Format::Bytes => {
            if let Value::Blob(blob) = list {
                return each_line(blob, call.blobs(), call.cancel(), |line| {
                    out.write_all(line).map_err(|error| unwritten(&error))?;
                    line_end(out)
                });
            }
            each(list, call.blobs(), call.cancel(), |item| {
                json(&item.value, call.blobs(), out)?;
                line_end(out)?;
                Ok(true)
            })
        }
    }
}

fn write_yaml(value: &Value, out: &mut dyn Write) -> Result<(), Failure> {
    serde_yaml::to_writer(out, value).map_err(|error| {
        Failure::permanent("data.yaml", format!("cannot be written as YAML: {error}"))
    })
}

fn line_end(out: &mut dyn Write) -> Result<(), Failure> {
    out.write_all(b"\n").map_err(|error| unwritten(&error))
}

fn unwritten(error: &io::Error) -> Failure {
    let code = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "file.no_space",
        _ => "file.io",
    };
    Failure::permanent(code, format!("the text cannot be written: {error}"))
}
