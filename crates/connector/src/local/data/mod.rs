//! `data`: lists, streams and maps. Read in this order: `each` (one item after another, in bounded memory), `keys`
//! (results by key), `order` (what needs all items at once, within a bound).

mod each;
mod keys;
mod order;

use flow_engine::run::Failure;
use flow_engine::value::Value;

use super::format::{self, Format};
use super::items::{Item, each_read_by};
use super::{LocalCall, unknown};
use crate::request::spill;

/// Performs an operation.
pub(super) fn perform(call: &LocalCall) -> Result<Value, Failure> {
    match &*call.operation {
        "map" => each::map(call),
        "filter" => each::filter(call),
        "unique" => each::unique(call),
        "concat" => each::concat(call),
        "slice" => each::slice(call),
        "sum" => keys::sum(call),
        "count_by" => keys::count_by(call),
        "group" => keys::group(call),
        "sort" => order::sort(call),
        "join" => order::join(call),
        "parse" => format::parse(call.argument("text"), Format::of_call(call), call),
        "format" => format::to_text(call.argument("value"), Format::of_call(call), call),
        other => Err(unknown(other)),
    }
}

/// Hands each item to `take`, with no more of it than the function of this name uses.
fn each_for(
    call: &LocalCall,
    name: &str,
    take: impl FnMut(Item<'_>) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    let function = call.function(name);
    each_read_by(
        function,
        call.argument("items"),
        call.blobs(),
        call.cancel(),
        take,
    )
}

/// What the function says of an item; without a function the item itself.
fn key_of(call: &LocalCall, name: &str, item: &Item<'_>) -> Result<Value, Failure> {
    let Some(function) = call.function(name) else {
        return Ok(item.value.clone());
    };
    let apply = |value: &Value| {
        let result = function.apply(value, item.index, &item.key);
        result.map_err(|failure| of_item(failure, item.index))
    };
    let result = apply(&item.value);
    match (&result, item.whole()) {
        // What is said of a failure may name members that were not read.
        (Err(_), Some(whole)) => apply(&whole?),
        _ => result,
    }
}

/// A text that is equal for equal values: numbers by what they mean, members of maps in any order.
fn canonical(value: &Value) -> String {
    match value {
        Value::Float(number) if number.fract() == 0.0 && number.abs() < 9e15 => {
            format!("{number:.0}")
        }
        Value::List(items) => format!(
            "[{}]",
            items.iter().map(canonical).collect::<Vec<_>>().join(",")
        ),
        Value::Map(map) => {
            let mut members: Vec<String> = map
                .iter()
                .map(|(key, value)| {
                    format!(
                        "{}:{}",
                        Value::from(key.clone()).to_json().unwrap_or_default(),
                        canonical(value)
                    )
                })
                .collect();
            members.sort_unstable();
            format!("{{{}}}", members.join(","))
        }
        Value::Blob(blob) => format!("blob {}", blob.hash),
        other => other.to_json().unwrap_or_default(),
    }
}

/// A whole value, in the store if it is large.
fn kept(value: &Value, call: &LocalCall) -> Result<Value, Failure> {
    spill(value, call.blobs())
}

/// Refuses to keep more than a bound in memory.
fn bounded(bytes: &mut u64, value: &Value) -> Result<(), Failure> {
    *bytes += crate::request::size(value) + 1;
    if *bytes <= flow_engine::eval::TREE_BYTES_MAX {
        return Ok(());
    }
    let message = format!(
        "more than {} bytes would have to be kept in memory",
        flow_engine::eval::TREE_BYTES_MAX
    );
    Err(Failure::permanent("value.too_large", message).help(
        "make the items smaller first, with `data.map`, or take fewer of them, with `data.filter`",
    ))
}

/// Says which item it was.
fn of_item(failure: Failure, index: u64) -> Failure {
    let message = format!("item {index}: {}", failure.message);
    Failure { message, ..failure }
}
