//! `batches`: requests of message batches and what became of them. Read in this order: `check` (what a request must look
//! like), `pack` (requests into as many batches as they need), `in_time` (whether results can still be read), `settle`
//! (which results are final), `outcomes` (one outcome for each request, in the order of the requests).
//!
//! All of them go through their streams line by line; in memory are hashes of keys, 16 bytes each.

mod check;
mod in_time;
mod outcomes;
mod pack;
mod settle;

use std::sync::Arc;

use flow_engine::eval::ItemFunction;
use flow_engine::run::Failure;
use flow_engine::value::{Hash, Map, Value};

use super::items::{Item, each_read_by};
use super::{LocalCall, unknown};
use crate::sink::ItemSink;

/// Performs an operation.
pub(super) fn perform(call: &LocalCall) -> Result<Value, Failure> {
    match &*call.operation {
        "pack" => pack::pack(call),
        "in_time" => in_time::in_time(call),
        "settle" => settle::settle(call),
        "outcomes" => outcomes::outcomes(call),
        other => Err(unknown(other)),
    }
}

/// The name of the member that names a request.
const KEY: &str = "custom_id";

/// What is remembered of a key.
type KeyHash = [u8; 16];

fn hash_of(key: &str) -> KeyHash {
    let mut short = KeyHash::default();
    short.copy_from_slice(&Hash::of(key.as_bytes()).as_bytes()[..16]);
    short
}

/// Reads some members of each item and skips the rest.
struct Members(&'static [&'static [&'static str]]);

impl ItemFunction for Members {
    fn apply(&self, item: &Value, _: u64, _: &Value) -> Result<Value, Failure> {
        Ok(item.clone())
    }

    fn reads(&self) -> Option<Vec<Vec<Arc<str>>>> {
        let path = |path: &&[&str]| path.iter().map(|name| Arc::from(*name)).collect();
        Some(self.0.iter().map(path).collect())
    }
}

/// Hands each item of a list or stream to `take`; of the lines of a stream only these members are read.
fn each(
    items: &Value,
    members: &'static [&'static [&'static str]],
    call: &LocalCall,
    mut take: impl FnMut(Item<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let members = Members(members);
    each_read_by(Some(&members), items, call.blobs(), call.cancel(), |item| {
        take(item).map(|()| true)
    })
}

/// The key of an item, empty if it has none.
fn key_of<'a>(item: &'a Item<'_>) -> &'a str {
    let key = item.value.get(KEY);
    key.and_then(Value::as_str).unwrap_or_default()
}

/// Adds an item to a sink with its outcome in front.
fn push_with(outcome: &str, item: Item<'_>, sink: &mut ItemSink) -> Result<(), Failure> {
    if let (true, Some(line)) = (sink.is_stored(), item.line()) {
        // A line of a map begins with `{`, and has members: its key at least.
        let mut with = format!("{{\"outcome\":\"{outcome}\",").into_bytes();
        with.extend_from_slice(&line[1..]);
        return sink.push_line(item.value, &with);
    }
    let whole = match item.whole() {
        Some(whole) => whole?,
        None => item.value,
    };
    let mut map = Map::new();
    map.insert("outcome", Value::from(outcome));
    let view = whole.as_map().and_then(|map| map.view().cloned());
    for (name, value) in whole.as_map().into_iter().flat_map(Map::iter) {
        map.insert(name.clone(), value.clone());
    }
    sink.push(Value::from(map.with_view(view)))
}
