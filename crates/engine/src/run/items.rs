//! The items of a loop: what `for_each` gives, picked by `where`, named by `key`, in chunks.

use crate::collections::HashSet;

use super::Failure;
use crate::eval::{BlobRead, items};
use crate::expr::{Roots, Scope};
use crate::value::{Hash, Value, journal};
use crate::workflow::{Each, Stop, Workflow};

/// What `for_each` gave.
#[derive(Debug)]
pub enum Items {
    /// A list or a stream that is taken as it stands.
    Given {
        /// The items.
        source: Value,
        /// How many they are.
        count: u64,
    },
    /// The items were handed on one by one.
    Picked {
        /// Whether each stands with its key.
        keyed: bool,
        /// How many they are.
        count: u64,
    },
}

impl Items {
    /// What the machine wants to know of them; `picked` are those that were handed on.
    pub fn into_value(self, picked: Value) -> Value {
        let (source, keyed, count) = match self {
            Items::Given { source, count } => (source, false, count),
            Items::Picked { keyed, count } => (picked, keyed, count),
        };
        Value::map([
            ("source", source),
            ("keyed", Value::Bool(keyed)),
            ("count", Value::from(count)),
        ])
    }
}

/// Evaluates the source of the loop of a step and hands its items to `take`, unless they can be taken as they stand.
///
/// # Errors
/// [`Stop`] with the place; `loop.key` for keys that are not unique; what `take` says.
pub fn items_of_loop(
    workflow: &Workflow,
    step: usize,
    roots: &dyn Roots,
    take: &mut dyn FnMut(Value) -> Result<(), Failure>,
) -> Result<Items, Stop> {
    match &workflow.steps[step].each {
        Some(each) => of_loop(workflow, each, roots, take),
        None => Ok(Items::Given {
            source: Value::Null,
            count: 0,
        }),
    }
}

/// The same with all items in one list: `{source, keyed, count}`.
pub(super) fn in_a_list(
    workflow: &Workflow,
    each: &Each,
    roots: &dyn Roots,
) -> Result<Value, Stop> {
    let mut found = Vec::new();
    let items = of_loop(workflow, each, roots, &mut |item| {
        found.push(item);
        Ok(())
    })?;
    Ok(items.into_value(Value::from(found)))
}

fn of_loop(
    workflow: &Workflow,
    each: &Each,
    roots: &dyn Roots,
    take: &mut dyn FnMut(Value) -> Result<(), Failure>,
) -> Result<Items, Stop> {
    let scope = Scope::new(roots);
    let given = each.items.eval(&scope, &workflow.source)?;
    let as_it_stands = each.condition.is_none() && each.key.is_none() && each.chunk.is_none();
    let known = match &given {
        Value::List(list) => Some(list.len() as u64),
        Value::Blob(blob) if blob.is_json_lines() => blob.count,
        _ => None,
    };
    if let (true, Some(count)) = (as_it_stands, known) {
        return Ok(Items::Given {
            source: given,
            count,
        });
    }
    let blobs: &dyn BlobRead = match (roots.blobs(), &given) {
        (Some(blobs), _) => blobs,
        (None, Value::Blob(_)) => return Err(Stop::NeedsContent),
        (None, _) => &NoBlobs,
    };
    let Some(chunk) = each.chunk else {
        let keyed = each.key.is_some() || matches!(given, Value::Map(_));
        let mut count = 0;
        picked(workflow, each, &given, &scope, blobs, &mut |key, item| {
            count += 1;
            take(if keyed {
                Value::map([("key", key), ("value", item)])
            } else {
                item
            })
        })?;
        return Ok(Items::Picked { keyed, count });
    };
    // A chunk is a list of items; its key is its place.
    let (mut open, mut count) = (Vec::new(), 0);
    let mut close = |items: &mut Vec<Value>| {
        count += 1;
        take(Value::from(std::mem::take(items)))
    };
    picked(workflow, each, &given, &scope, blobs, &mut |_, item| {
        open.push(item);
        if open.len() as u64 == u64::from(chunk) {
            close(&mut open)?;
        }
        Ok(())
    })?;
    if !open.is_empty() {
        close(&mut open).map_err(|failure| Stop::Failed(failure.at(each.items.span())))?;
    }
    Ok(Items::Picked {
        keyed: false,
        count,
    })
}

/// Hands on the key and the value of each item that `where` leaves.
fn picked(
    workflow: &Workflow,
    each: &Each,
    given: &Value,
    scope: &Scope<'_>,
    blobs: &dyn BlobRead,
    take: &mut dyn FnMut(Value, Value) -> Result<(), Failure>,
) -> Result<(), Stop> {
    let stop = |failure: Failure| Stop::Failed(failure.at(each.items.span()));
    let keys: Option<Vec<Value>> = given
        .as_map()
        .map(|map| map.iter().map(|(key, _)| Value::from(&**key)).collect());
    let mut seen = HashSet::default();
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
        if let Some(expression) = &each.key {
            let text = journal::to_string(&key);
            // Of a million keys only their hashes are remembered.
            if !seen.insert(Hash::of(text.as_bytes())) {
                let failure =
                    Failure::permanent("loop.key", format!("two items have the key {text}"));
                return Err(Stop::Failed(
                    failure
                        .help("keys name items: use something that is different in each")
                        .at(expression.span),
                ));
            }
        }
        take(key, item).map_err(stop)?;
    }
    Ok(())
}

/// For sources that are at hand.
struct NoBlobs;

impl BlobRead for NoBlobs {
    fn open(&self, _: crate::value::Hash) -> std::io::Result<Box<dyn std::io::Read + Send>> {
        Err(std::io::ErrorKind::NotFound.into())
    }
}
