//! Requests into as many batches as they need.

use std::collections::HashSet;
use std::io::{self, Write};

use flow_engine::run::Failure;
use flow_engine::value::{Map, Value};

use super::{KEY, check, hash_of};
use crate::local::LocalCall;
use crate::local::items;
use crate::request::source::{has_files, with_files};
use crate::request::{json, size};
use crate::sink::ItemSink;

/// How many wrong keys are named in a message.
const NAMED_MAX: usize = 5;

/// How many batches of one run are in the service's queue at once: `message_batches.run` sees to that.
const AT_ONCE: u64 = 2;

pub(super) fn pack(call: &LocalCall) -> Result<Value, Failure> {
    let bound = |name: &str| call.argument(name).as_u64().unwrap_or(u64::MAX).max(1);
    let in_each = bound("max_queued") / AT_ONCE;
    if in_each == 0 {
        let message = format!("`max_queued` is at least {AT_ONCE}");
        return Err(Failure::permanent("call.type", message).help(
            "two batches are in the service's queue at once, so that one is always at work",
        ));
    }
    let mut packing = Packing {
        call,
        max_count: bound("max_count").min(in_each),
        max_bytes: bound("max_bytes"),
        open: None,
        batches: Vec::new(),
        invalid: ItemSink::new(call.context.blobs.clone()),
        invalid_count: 0,
        count: 0,
    };
    let mut seen = HashSet::new();
    let mut wrong = Vec::new();
    items::each(
        call.argument("requests"),
        call.blobs(),
        call.cancel(),
        |item| {
            let line = item.index + 1;
            packing.count += 1;
            let key = item.value.get(KEY).and_then(Value::as_str);
            let trouble = check::key(item.value.get(KEY)).or_else(|| {
                let again = !seen.insert(hash_of(key.unwrap_or_default()));
                again.then(|| format!("`{}` stands twice", key.unwrap_or_default()))
            });
            if let Some(trouble) = trouble {
                wrong.push(format!("request {line}: {trouble}"));
                return Ok(wrong.len() <= NAMED_MAX);
            }
            match check::params(item.value.get("params")) {
                Some(trouble) => packing.refuse(item.value.get(KEY), line, &trouble)?,
                None if has_files(&item.value) => packing.add_with_files(&item.value, line)?,
                None => {
                    let length = item.line().map(<[u8]>::len);
                    let bytes = length.map_or_else(|| size(&item.value), |length| length as u64);
                    if packing.takes(item.value.get(KEY), line, bytes, packing.max_bytes)? {
                        packing.open(bytes, |sink| item.push_to(sink))?;
                    }
                }
            }
            Ok(true)
        },
    )?;
    if wrong.is_empty() {
        return packing.finish();
    }
    let more = wrong.len() > NAMED_MAX;
    wrong.truncate(NAMED_MAX);
    let more = if more { "; and more" } else { "" };
    let message = format!(
        "results could not be told apart: {}{more}",
        wrong.join("; ")
    );
    Err(Failure::permanent("batches.key", message).help(
        "`custom_id` names a request: 1 to 64 letters, digits, `_` and `-`, another one for each",
    ))
}

struct Packing<'a> {
    call: &'a LocalCall,
    max_count: u64,
    max_bytes: u64,
    open: Option<Open>,
    batches: Vec<Value>,
    invalid: ItemSink,
    invalid_count: u64,
    count: u64,
}

/// A batch that is being filled.
struct Open {
    sink: ItemSink,
    count: u64,
    bytes: u64,
}

/// Counts what is written.
struct Counted(u64);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How many bytes a request with its files may have: no message may have more.
const REQUEST_BYTES_MAX: u64 = 32_000_000;

/// What stands around the requests in the body of a batch.
const AROUND: u64 = "{\"requests\":[]}".len() as u64;

impl Packing<'_> {
    /// A request with the files that it names; one whose files cannot be sent is invalid.
    fn add_with_files(&mut self, request: &Value, line: u64) -> Result<(), Failure> {
        let key = request.get(KEY);
        let whole = match with_files(request, &self.call.context) {
            Ok(whole) => whole,
            Err(failure) if failure.kind.is_transient() => return Err(failure),
            Err(failure) => return self.refuse(key, line, &failure.message),
        };
        let mut counted = Counted(0);
        json(&whole, self.call.blobs(), &mut counted)?;
        let bytes = counted.0;
        if self.takes(key, line, bytes, self.max_bytes.min(REQUEST_BYTES_MAX))? {
            self.open(bytes, |sink| sink.push(whole))?;
        }
        Ok(())
    }

    /// Whether a request of so many bytes fits into a batch at all; what does not is invalid.
    fn takes(
        &mut self,
        key: Option<&Value>,
        line: u64,
        bytes: u64,
        most: u64,
    ) -> Result<bool, Failure> {
        let bytes = bytes + 1;
        if AROUND + bytes <= most {
            return Ok(true);
        }
        let what = if most == self.max_bytes {
            "batch"
        } else {
            "request"
        };
        let trouble = format!("it has {bytes} bytes; a {what} takes {most}");
        self.refuse(key, line, &trouble)?;
        Ok(false)
    }

    /// Adds a request to the batch that is being filled, or to the next one.
    fn open(
        &mut self,
        bytes: u64,
        push: impl FnOnce(&mut ItemSink) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let bytes = bytes + 1;
        let full = |open: &Open| {
            open.count >= self.max_count || open.bytes.saturating_add(bytes) > self.max_bytes
        };
        if self.open.as_ref().is_some_and(full) {
            self.close()?;
        }
        let open = self.open.get_or_insert_with(|| Open {
            sink: ItemSink::new(self.call.context.blobs.clone()),
            count: 0,
            bytes: AROUND,
        });
        open.count += 1;
        open.bytes += bytes;
        push(&mut open.sink)
    }

    fn refuse(&mut self, key: Option<&Value>, line: u64, why: &str) -> Result<(), Failure> {
        self.invalid_count += 1;
        let error = Value::map([
            ("type", Value::from("invalid_request_error")),
            ("message", Value::from(why)),
        ]);
        let mut outcome = Map::new();
        outcome.insert("outcome", Value::from("invalid"));
        outcome.insert(KEY, key.cloned().unwrap_or_default());
        outcome.insert("request", Value::from(line));
        outcome.insert("error", error);
        self.invalid.push(Value::from(outcome))
    }

    fn close(&mut self) -> Result<(), Failure> {
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        self.batches.push(Value::map([
            ("requests", open.sink.finish()?),
            ("count", Value::from(open.count)),
            ("bytes", Value::from(open.bytes)),
        ]));
        Ok(())
    }

    fn finish(mut self) -> Result<Value, Failure> {
        self.close()?;
        Ok(Value::map([
            ("batches", Value::from(self.batches)),
            ("count", Value::from(self.count)),
            ("invalid", self.invalid.finish()?),
            ("invalid_count", Value::from(self.invalid_count)),
        ]))
    }
}
