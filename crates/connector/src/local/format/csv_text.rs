//! CSV with a line of names. Values are texts; when written, null is empty, and lists and maps are JSON.

use std::io::{Read, Write};
use std::sync::Arc;

use flow_engine::collections::IndexSet;
use flow_engine::run::Failure;
use flow_engine::value::{Map, Value};
use tokio_util::sync::CancellationToken;

use crate::local::LocalCall;
use crate::local::items::each;
use crate::transport::failure::cancelled;

/// Hands each row to `take`, as a map by the names of the first line.
pub(super) fn read(
    input: impl Read,
    cancel: &CancellationToken,
    mut take: impl FnMut(Value) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut reader = csv::Reader::from_reader(input);
    let names: Vec<Arc<str>> = reader
        .headers()
        .map_err(|error| bad(&error))?
        .iter()
        .enumerate()
        .map(|(at, name)| {
            Arc::from(if at == 0 {
                name.trim_start_matches('\u{feff}')
            } else {
                name
            })
        })
        .collect();
    for row in reader.records() {
        if cancel.is_cancelled() {
            return Err(cancelled());
        }
        let row = row.map_err(|error| bad(&error))?;
        let members = names.iter().cloned().zip(row.iter().map(Value::from));
        take(Value::from(members.collect::<Map>()))?;
    }
    Ok(())
}

/// Writes a list of maps: the names are those of all items, in order of first occurrence.
pub(super) fn write(items: &Value, call: &LocalCall, out: &mut dyn Write) -> Result<(), Failure> {
    let mut names: IndexSet<Arc<str>> = IndexSet::default();
    each(items, call.blobs(), call.cancel(), |item| {
        let map = item.value.as_map().ok_or_else(|| {
            let message = format!(
                "only maps can be written as CSV; item {} is {}",
                item.index,
                item.value.described()
            );
            Failure::permanent("data.not_a_map", message)
        })?;
        names.extend(
            map.iter()
                .filter(|(name, _)| !names.contains(*name))
                .map(|(name, _)| name.clone())
                .collect::<Vec<_>>(),
        );
        Ok(true)
    })?;
    if names.is_empty() {
        return Ok(());
    }
    let mut writer = csv::Writer::from_writer(out);
    writer
        .write_record(names.iter().map(AsRef::as_ref))
        .map_err(|error| unwritten(&error))?;
    each(items, call.blobs(), call.cancel(), |item| {
        let row = names
            .iter()
            .map(|name| cell(item.value.get(name).unwrap_or(&Value::Null)));
        writer
            .write_record(row.collect::<Result<Vec<String>, Failure>>()?)
            .map_err(|error| unwritten(&error))?;
        Ok(true)
    })?;
    writer.flush().map_err(|error| unwritten(&error.into()))
}

fn cell(value: &Value) -> Result<String, Failure> {
    match value {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text.to_string()),
        other => other.to_json().map_err(|_| {
            Failure::permanent(
                "data.csv",
                format!("{} cannot stand in a cell of CSV", other.described()),
            )
        }),
    }
}

fn bad(error: &csv::Error) -> Failure {
    Failure::permanent("data.csv", format!("not CSV that can be read: {error}"))
}

fn unwritten(error: &csv::Error) -> Failure {
    Failure::permanent("file.io", format!("CSV cannot be written: {error}"))
}
