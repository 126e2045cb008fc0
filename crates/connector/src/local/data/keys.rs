//! Operations whose result is kept by key.

use std::sync::Arc;

use flow_engine::collections::IndexMap;
use flow_engine::run::Failure;
use flow_engine::value::{Map, Value};

use super::{bounded, canonical, each_for, kept, key_of};
use crate::local::LocalCall;
use crate::local::items::each;
use crate::sink::ItemSink;

pub(super) fn sum(call: &LocalCall) -> Result<Value, Failure> {
    let mut whole = 0_i128;
    let mut fraction: Option<f64> = None;
    each_for(call, "of", |item| {
        match key_of(call, "of", &item)? {
            Value::Null => {}
            Value::Int(number) => whole += i128::from(number),
            Value::UInt(number) => whole += i128::from(number),
            Value::Float(number) => fraction = Some(fraction.unwrap_or(0.0) + number),
            other => {
                let message = format!(
                    "only numbers have a sum; item {} gives {}",
                    item.index,
                    other.described()
                );
                return Err(Failure::permanent("data.not_a_number", message));
            }
        }
        Ok(true)
    })?;
    match fraction {
        None => {
            let small = i64::try_from(whole)
                .map(Value::from)
                .or_else(|_| u64::try_from(whole).map(Value::from));
            small.map_err(|_| Failure::permanent("data.overflow", "the sum is outside 64 bits"))
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "a sum with fractions is a float"
        )]
        Some(fraction) => {
            let sum = whole as f64 + fraction;
            if sum.is_finite() {
                Ok(Value::from(sum))
            } else {
                Err(Failure::permanent(
                    "data.overflow",
                    "the sum is larger than any number",
                ))
            }
        }
    }
}

pub(super) fn count_by(call: &LocalCall) -> Result<Value, Failure> {
    let mut counts: IndexMap<Arc<str>, u64> = IndexMap::default();
    let mut bytes = 0;
    each_for(call, "by", |item| {
        let key = scalar_key(&key_of(call, "by", &item)?, item.index)?;
        if let Some(count) = counts.get_mut(&key) {
            *count += 1;
        } else {
            bounded(&mut bytes, &Value::from(key.clone()))?;
            counts.insert(key, 1);
        }
        Ok(true)
    })?;
    let counts: Map = counts
        .into_iter()
        .map(|(key, count)| (key, Value::from(count)))
        .collect();
    kept(&Value::from(counts), call)
}

fn scalar_key(value: &Value, index: u64) -> Result<Arc<str>, Failure> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::UInt(_) | Value::Float(_) => {
            Ok(canonical(value).into())
        }
        other => {
            let message = format!(
                "`by` must be a text, a number, a boolean or null; for item {index} it is {}",
                other.described()
            );
            Err(Failure::permanent("data.key", message))
        }
    }
}

pub(super) fn group(call: &LocalCall) -> Result<Value, Failure> {
    let mut groups: IndexMap<String, (Value, Vec<Value>)> = IndexMap::default();
    let mut bytes = 0;
    each(
        call.argument("items"),
        call.blobs(),
        call.cancel(),
        |item| {
            bounded(&mut bytes, &item.value)?;
            let key = key_of(call, "by", &item)?;
            groups
                .entry(canonical(&key))
                .or_insert_with(|| (key, Vec::new()))
                .1
                .push(item.value);
            Ok(true)
        },
    )?;
    let mut sink = ItemSink::new(call.context.blobs.clone());
    for (key, items) in groups.into_values() {
        let count = Value::from(items.len());
        sink.push(Value::map([
            ("key", key),
            ("items", Value::from(items)),
            ("count", count),
        ]))?;
    }
    sink.finish()
}
