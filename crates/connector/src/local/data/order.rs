//! Operations that need many items at once; they are kept in memory within a bound.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use flow_engine::run::Failure;
use flow_engine::value::{Map, Value};

use super::{bounded, canonical, key_of};
use crate::local::LocalCall;
use crate::local::items::each;
use crate::sink::ItemSink;

pub(super) fn sort(call: &LocalCall) -> Result<Value, Failure> {
    let mut keyed = Vec::new();
    let mut bytes = 0;
    each(
        call.argument("items"),
        call.blobs(),
        call.cancel(),
        |item| {
            bounded(&mut bytes, &item.value)?;
            keyed.push((key_of(call, "by", &item)?, item.value));
            Ok(true)
        },
    )?;
    let descending = call.flag("descending");
    keyed.sort_by(|(a, _), (b, _)| match (a.is_null(), b.is_null()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) if descending => order(b, a),
        (false, false) => order(a, b),
    });
    let mut sink = ItemSink::new(call.context.blobs.clone());
    for (_, item) in keyed {
        sink.push(item)?;
    }
    sink.finish()
}

/// A total order: booleans, numbers, texts, lists item by item, then anything else by its text.
fn order(a: &Value, b: &Value) -> Ordering {
    let rank = |value: &Value| match value {
        Value::Bool(_) => 0,
        Value::Int(_) | Value::UInt(_) | Value::Float(_) => 1,
        Value::String(_) => 2,
        Value::List(_) => 3,
        _ => 4,
    };
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::List(a), Value::List(b)) => {
            let first = a
                .iter()
                .zip(b.iter())
                .map(|(a, b)| order(a, b))
                .find(|found| found.is_ne());
            first.unwrap_or_else(|| a.len().cmp(&b.len()))
        }
        _ => a.compare(b).unwrap_or_else(|| {
            rank(a)
                .cmp(&rank(b))
                .then_with(|| canonical(a).cmp(&canonical(b)))
        }),
    }
}

pub(super) fn join(call: &LocalCall) -> Result<Value, Failure> {
    let (left_name, right_name) = names(call.argument("on"))?;
    let mut partners: HashMap<String, Vec<Map>> = HashMap::new();
    let mut bytes = 0;
    each(
        call.argument("right"),
        call.blobs(),
        call.cancel(),
        |item| {
            bounded(&mut bytes, &item.value)?;
            let map = as_map(item.value, "right", item.index)?;
            if let Some(key) = map.get(&right_name).filter(|key| !key.is_null()) {
                partners.entry(canonical(key)).or_default().push(map);
            }
            Ok(true)
        },
    )?;
    let mut sink = ItemSink::new(call.context.blobs.clone());
    let keep_left = call.flag("keep_left");
    each(call.argument("left"), call.blobs(), call.cancel(), |item| {
        let map = as_map(item.value, "left", item.index)?;
        let found = map
            .get(&left_name)
            .filter(|key| !key.is_null())
            .and_then(|key| partners.get(&canonical(key)));
        match found {
            Some(found) => {
                for partner in found {
                    let mut joined = map.clone();
                    for (name, value) in partner.iter().filter(|(name, _)| map.get(name).is_none())
                    {
                        joined.insert(name.clone(), value.clone());
                    }
                    sink.push(Value::from(joined))?;
                }
            }
            None if keep_left => sink.push(Value::from(map))?,
            None => {}
        }
        Ok(true)
    })?;
    sink.finish()
}

fn names(on: &Value) -> Result<(Arc<str>, Arc<str>), Failure> {
    let text = |name: &str| on.get(name).and_then(Value::as_str).map(Arc::from);
    match on {
        Value::String(name) => Ok((name.clone(), name.clone())),
        _ => text("left").zip(text("right")).ok_or_else(|| {
            Failure::permanent(
                "call.type",
                "`on` is the name of a member, or a map of `left` and `right`",
            )
        }),
    }
}

fn as_map(value: Value, side: &str, index: u64) -> Result<Map, Failure> {
    match value {
        Value::Map(map) => Ok(Arc::unwrap_or_clone(map)),
        other => {
            let message = format!(
                "only maps can be joined; item {index} of `{side}` is {}",
                other.described()
            );
            Err(Failure::permanent("data.not_a_map", message))
        }
    }
}
