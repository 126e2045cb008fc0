//! What was asked of the sandbox: in memory in full, and one durable line a request.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use hyper::http::request::Parts;
use hyper::{StatusCode, header};
use serde_json::{Map, Value, json};

use crate::auth;
use crate::body::Tap;
use crate::ids::{now_us, rfc3339};

/// The most bytes of records kept in memory; the oldest go first.
const KEPT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Keeps the records, and appends to `requests.jsonl` in the state folder.
///
/// A line is written, not synced: it outlives a kill of the process, not a loss of power.
#[derive(Debug)]
pub(crate) struct Recorder(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    file: File,
    /// The number of the last record; records count from 1, over restarts.
    last: u64,
    kept: VecDeque<(u64, String)>,
    kept_bytes: usize,
}

impl Recorder {
    /// Opens `path`, made if missing, and counts on from its last line.
    pub(crate) fn open(path: &Path) -> io::Result<Recorder> {
        let mut file = OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            .open(path)?;
        let mut last = 0;
        let mut ended = true;
        let mut reader = BufReader::new(&file);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 {
            last += 1;
            ended = line.ends_with(b"\n");
            line.clear();
        }
        drop(reader);
        if !ended {
            // A kill tore the last line: it stays as it is, and the next begins on its own.
            file.write_all(b"\n")?;
        }
        Ok(Recorder(Mutex::new(Inner {
            file,
            last,
            kept: VecDeque::new(),
            kept_bytes: 0,
        })))
    }

    /// Begins the record of a request. It is written when finished or dropped.
    pub(crate) fn begin(recorder: Arc<Recorder>, parts: &Parts, tap: Tap) -> Record {
        let headers: Map<String, Value> = parts
            .headers
            .iter()
            .filter(|(name, _)| name.as_str().starts_with("anthropic-"))
            .map(|(name, value)| {
                (
                    name.to_string(),
                    String::from_utf8_lossy(value.as_bytes()).into(),
                )
            })
            .collect();
        let content_type = parts
            .headers
            .get(header::CONTENT_TYPE)
            .map(|value| String::from_utf8_lossy(value.as_bytes()));
        let head = json!({
            "time": rfc3339(now_us()),
            "method": parts.method.as_str(),
            "path": parts.uri.path(),
            "query": parts.uri.query(),
            "headers": headers,
            "auth_header": auth::key_header(&parts.headers),
            "content_type": content_type,
        });
        Record {
            recorder,
            head,
            tap,
            status: None,
        }
    }

    /// The records in memory whose number is greater than `since`, as a JSON array.
    pub(crate) fn list(&self, since: u64) -> String {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let listed: Vec<&str> = inner
            .kept
            .iter()
            .filter(|(number, _)| *number > since)
            .map(|(_, text)| text.as_str())
            .collect();
        format!("[{}]", listed.join(","))
    }

    /// Forgets the records in memory. The durable lines stay, and numbers count on.
    pub(crate) fn clear(&self) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.kept.clear();
        inner.kept_bytes = 0;
    }

    fn add(&self, mut entry: Value, status: Option<u16>) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.last += 1;
        let number = inner.last;
        entry["n"] = number.into();
        entry["status"] = status.into();
        let line = json!({
            "n": number,
            "method": entry["method"],
            "path": entry["path"],
            "status": status,
            "time": entry["time"],
        });
        // A full disk must not keep the sandbox from answering.
        let _ = inner.file.write_all(format!("{line}\n").as_bytes());
        let text = entry.to_string();
        inner.kept_bytes += text.len();
        inner.kept.push_back((number, text));
        while inner.kept_bytes > KEPT_BYTES_MAX {
            let Some((_, oldest)) = inner.kept.pop_front() else {
                break;
            };
            inner.kept_bytes -= oldest.len();
        }
    }
}

/// A request under way. Its status stays null if the connection ended before there was an answer.
#[derive(Debug)]
pub(crate) struct Record {
    recorder: Arc<Recorder>,
    head: Value,
    tap: Tap,
    status: Option<u16>,
}

impl Record {
    /// Writes the record, with the status that is about to be sent.
    pub(crate) fn finish(mut self, status: StatusCode) {
        self.status = Some(status.as_u16());
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let mut entry = self.head.take();
        entry["body"] = self.tap.recorded();
        self.recorder.add(entry, self.status);
    }
}
