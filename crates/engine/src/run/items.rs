//! The items of a loop: what `for_each` gives, picked by `where`, named by `key`, in chunks.

use std::collections::HashSet;

use super::Failure;
use crate::eval::items;
use crate::expr::{Roots, Scope};
use crate::value::Value;
use crate::workflow::{Each, Stop, Workflow};

/// Evaluates the source of a loop: `{source, keyed, count}`. A list or a stream that is taken as it stands is not copied.
///
/// # Errors
/// [`Stop`] with the place; `loop.key` for keys that are not unique.
pub(super) fn of_loop(workflow: &Workflow, each: &Each, roots: &dyn Roots) -> Result<Value, Stop> {
    let scope = Scope::new(roots);
    let given = each.items.eval(&scope, &workflow.source)?;
    let as_it_stands = each.condition.is_none() && each.key.is_none() && each.chunk.is_none();
    let known = match &given {
        Value::List(list) => Some(list.len() as u64),
        Value::Blob(blob) if blob.is_json_lines() => blob.count,
        _ => None,
    };
    if let (true, Some(count)) = (as_it_stands, known) {
        return Ok(taken(given, false, count));
    }
    let is_map = matches!(given, Value::Map(_));
    let keyed = is_map || each.key.is_some();
    let Some(blobs) = roots.blobs() else {
        return match &given {
            Value::Blob(_) => Err(Stop::NeedsContent),
            _ => picked(workflow, each, &given, &scope, keyed, &NoBlobs),
        };
    };
    picked(workflow, each, &given, &scope, keyed, blobs)
}

fn picked(
    workflow: &Workflow,
    each: &Each,
    given: &Value,
    scope: &Scope<'_>,
    keyed: bool,
    blobs: &dyn crate::eval::BlobRead,
) -> Result<Value, Stop> {
    let stop = |failure: Failure| Stop::Failed(failure.at(each.items.span()));
    let keys: Option<Vec<Value>> = given
        .as_map()
        .map(|map| map.iter().map(|(key, _)| Value::from(&**key)).collect());
    let mut seen = HashSet::new();
    let mut found: Vec<Value> = Vec::new();
    for (at, item) in items(given, blobs).map_err(stop)?.enumerate() {
        let item = item.map_err(stop)?;
        let index = Value::from(at as u64);
        let own_key = keys.as_ref().and_then(|keys| keys.get(at).cloned());
        let own_key = own_key.unwrap_or_else(|| index.clone());
        let names = &each.names;
        let locals = [
            (&*names.item, item.clone()),
            (&*names.index, index),
            (&*names.key, own_key.clone()),
        ];
        let scope = scope.with(&locals);
        if let Some(condition) = &each.condition
            && !condition.eval_bool(&scope, &workflow.source)?
        {
            continue;
        }
        let key = match &each.key {
            Some(key) => key.eval(&scope, &workflow.source)?,
            None => own_key,
        };
        if each.key.is_some() {
            let text = crate::value::journal::to_string(&key);
            if !seen.insert(text.clone()) {
                let failure =
                    Failure::permanent("loop.key", format!("two items have the key {text}"));
                let place = each.key.as_ref().map_or(each.span, |key| key.span);
                return Err(Stop::Failed(
                    failure
                        .help("keys name items: use something that is different in each")
                        .at(place),
                ));
            }
        }
        found.push(if keyed {
            Value::map([("key", key), ("value", item)])
        } else {
            item
        });
    }
    let Some(chunk) = each.chunk else {
        let count = found.len() as u64;
        return Ok(taken(Value::from(found), keyed, count));
    };
    // A chunk is a list of items; its key is its place.
    let chunks: Vec<Value> = found
        .chunks(chunk as usize)
        .map(|chunk| {
            let bare = |item: &Value| {
                let value = item.get("value").filter(|_| keyed);
                value.unwrap_or(item).clone()
            };
            Value::list(chunk.iter().map(bare))
        })
        .collect();
    let count = chunks.len() as u64;
    Ok(taken(Value::from(chunks), false, count))
}

fn taken(source: Value, keyed: bool, count: u64) -> Value {
    Value::map([
        ("source", source),
        ("keyed", Value::Bool(keyed)),
        ("count", Value::from(count)),
    ])
}

/// For sources that are at hand.
struct NoBlobs;

impl crate::eval::BlobRead for NoBlobs {
    fn open(&self, _: crate::value::Hash) -> std::io::Result<Box<dyn std::io::Read + Send>> {
        Err(std::io::ErrorKind::NotFound.into())
    }
}
