//! Operations that see one item after another, in bounded memory.

use std::collections::HashSet;

use flow_engine::run::Failure;
use flow_engine::value::{Hash, Value};

use super::{canonical, each_for, key_of};
use crate::local::LocalCall;
use crate::local::items::each;
use crate::sink::{ItemSink, count};

pub(super) fn map(call: &LocalCall) -> Result<Value, Failure> {
    let mut sink = ItemSink::new(call.context.blobs.clone());
    each_for(call, "each", |item| {
        sink.push(key_of(call, "each", &item)?)?;
        Ok(true)
    })?;
    sink.finish()
}

pub(super) fn filter(call: &LocalCall) -> Result<Value, Failure> {
    let mut sink = ItemSink::new(call.context.blobs.clone());
    each_for(call, "where", |item| {
        match key_of(call, "where", &item)? {
            Value::Bool(true) => item.push_to(&mut sink)?,
            Value::Bool(false) => {}
            other => {
                let message = format!(
                    "`where` must be true or false; for item {} it is {}",
                    item.index,
                    other.described()
                );
                return Err(Failure::permanent("data.condition", message));
            }
        }
        Ok(true)
    })?;
    sink.finish()
}

pub(super) fn unique(call: &LocalCall) -> Result<Value, Failure> {
    let mut sink = ItemSink::new(call.context.blobs.clone());
    let mut seen = HashSet::new();
    each_for(call, "by", |item| {
        let key = canonical(&key_of(call, "by", &item)?);
        if seen.insert(Hash::of(key.as_bytes())) {
            item.push_to(&mut sink)?;
        }
        Ok(true)
    })?;
    sink.finish()
}

pub(super) fn concat(call: &LocalCall) -> Result<Value, Failure> {
    let mut sink = ItemSink::new(call.context.blobs.clone());
    each(
        call.argument("lists"),
        call.blobs(),
        call.cancel(),
        |list| {
            each(&list.value, call.blobs(), call.cancel(), |item| {
                item.push_to(&mut sink).map(|()| true)
            })?;
            Ok(true)
        },
    )?;
    sink.finish()
}

pub(super) fn slice(call: &LocalCall) -> Result<Value, Failure> {
    let items = call.argument("items");
    let from = call.argument("from").as_i64().unwrap_or(0);
    let from = if from < 0 {
        let all = match items {
            Value::Map(map) => map.len() as u64,
            list => count(list, call.blobs())?,
        };
        all.saturating_sub(from.unsigned_abs())
    } else {
        from.unsigned_abs()
    };
    let until =
        match call.argument("count") {
            Value::Null => u64::MAX,
            number => from.saturating_add(number.as_u64().ok_or_else(|| {
                Failure::permanent("call.type", "`count` must not be below zero")
            })?),
        };
    let mut sink = ItemSink::new(call.context.blobs.clone());
    each(items, call.blobs(), call.cancel(), |item| {
        if item.index >= until {
            return Ok(false);
        }
        if item.index >= from {
            item.push_to(&mut sink)?;
        }
        Ok(true)
    })?;
    sink.finish()
}
