//! Requests into as many batches as they need.

use std::collections::HashSet;

use flow_engine::run::Failure;
use flow_engine::value::{Map, Value};

use super::{KEY, check, hash_of};
use crate::local::LocalCall;
use crate::local::items;
use crate::request::size;
use crate::sink::ItemSink;

/// How many wrong keys are named in a message.
const NAMED_MAX: usize = 5;

pub(super) fn pack(call: &LocalCall) -> Result<Value, Failure> {
    let bound = |name: &str| call.argument(name).as_u64().unwrap_or(u64::MAX).max(1);
    let mut packing = Packing {
        call,
        max_count: bound("max_count"),
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
                None => packing.add(item)?,
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

/// What stands around the requests in the body of a batch.
const AROUND: u64 = "{\"requests\":[]}".len() as u64;

impl Packing<'_> {
    fn add(&mut self, item: items::Item<'_>) -> Result<(), Failure> {
        let length = item.line().map(<[u8]>::len);
        let bytes = length.map_or_else(|| size(&item.value), |length| length as u64) + 1;
        if AROUND + bytes > self.max_bytes {
            let line = item.index + 1;
            let trouble = format!("it has {bytes} bytes; a batch takes {}", self.max_bytes);
            return self.refuse(item.value.get(KEY), line, &trouble);
        }
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
        item.push_to(&mut open.sink)
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
