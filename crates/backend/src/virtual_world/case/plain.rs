//! Values as a case file would write them: stored ones by their content, secrets by their names.

use flow_engine::eval::{BlobRead, load};
use flow_engine::value::{Map, Value};

/// The value with the content of what is stored, and `secrets.NAME` for secrets.
pub fn plain(value: &Value, blobs: &dyn BlobRead) -> Value {
    match value {
        Value::List(items) => Value::list(
            items
                .iter()
                .map(|item| plain(item, blobs))
                .collect::<Vec<_>>(),
        ),
        Value::Map(map) => Value::from(plain_map(map, blobs)),
        Value::Blob(blob) => match load(blob, blobs) {
            Ok(value) => plain(&value, blobs),
            Err(failure) => Value::from(format!("{}: {}", failure.code, failure.message)),
        },
        Value::Secret(secret) => {
            let names: Vec<&str> = secret.names().collect();
            Value::from(format!("secrets.{}", names.join(" secrets.")))
        }
        other => other.clone(),
    }
}

/// The own members of a map, without those that a connector adds when they are read.
fn plain_map(map: &Map, blobs: &dyn BlobRead) -> Map {
    let mut plain_members = Map::new();
    for (key, value) in map.iter() {
        plain_members.insert(key.clone(), plain(value, blobs));
    }
    plain_members
}

/// The same, with the members that a connector adds written out: an answer in a case has no connector.
pub fn whole(value: &Value, blobs: &dyn BlobRead) -> Value {
    match value {
        Value::List(items) => Value::list(
            items
                .iter()
                .map(|item| whole(item, blobs))
                .collect::<Vec<_>>(),
        ),
        Value::Map(map) => {
            let mut members = Map::new();
            for (key, value) in map.iter() {
                members.insert(key.clone(), whole(value, blobs));
            }
            let view = map.view();
            let names = view
                .iter()
                .flat_map(|view| view.members.iter().map(|member| &member.name));
            for name in names.filter(|name| map.get(name).is_none()) {
                if let Some(value) = view.and_then(|view| view.read(map, name)) {
                    members.insert(name.clone(), whole(&value, blobs));
                }
            }
            Value::from(members)
        }
        Value::Blob(blob) => match load(blob, blobs) {
            Ok(value) => whole(&value, blobs),
            Err(_) => plain(value, blobs),
        },
        other => plain(other, blobs),
    }
}

/// Whether everything that is expected is found: members of maps may be more, lists are as long.
pub fn includes(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (Value::Map(found), Value::Map(expected)) => expected
            .iter()
            .all(|(key, value)| found.get(key).is_some_and(|found| includes(found, value))),
        (Value::List(found), Value::List(expected)) => {
            let mut pairs = found.iter().zip(expected.iter());
            found.len() == expected.len() && pairs.all(|(found, value)| includes(found, value))
        }
        (found, expected) => found == expected,
    }
}
