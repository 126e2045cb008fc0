//! `poll:` under `on:`: what one look at a query's items finds, and what the next look begins with.
//!
//! What a look remembers is a map: `keys`, those of the items that are there; `gone`, those that were there not long ago,
//! with the time they left, so that an item that moves between two pages is not taken for a new one; `asked`, the
//! positions of a cursor with the time each was known, oldest first.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::collections::HashSet;

use super::known::{self, Known, timed};
use super::look::{LookOutcome, Sighted, key_of, lets_through};
use super::{Failure, Values};
use crate::eval::{BlobRead, items};
use crate::expr::Scope;
use crate::time::Timestamp;
use crate::value::{Hash, Value, journal};
use crate::workflow::trigger::Items;
use crate::workflow::{Bare, Stop, Workflow};

/// A look asks from the position that was known this long ago: what came late is still seen.
const OVERLAP_MS: i64 = 10 * 60 * 1000;

/// The position that the query is asked from, if it has a cursor and one is known.
pub fn asked_from(polled: &Items, state: Option<&Value>, now: Timestamp) -> Option<Value> {
    polled.cursor.as_ref()?;
    // Until one is old enough everything is asked for.
    let mut known = positions(state).into_iter().rev();
    known.find_map(|(at, value)| (now.0 - at >= OVERLAP_MS).then_some(value))
}

/// A look at the items of a query.
#[derive(Debug, Clone)]
pub struct ItemsLook {
    /// What is looked at.
    pub polled: Items,
    /// Picks what counts, over `result`.
    pub condition: Option<Bare>,
    /// What the look before left.
    pub state: Option<Value>,
    /// When the query was asked.
    pub now: Timestamp,
}

/// Compares the items of `page` with what the look before left. The first look finds nothing but with `backfill:`.
///
/// # Errors
/// A failure of the path, the key, the position or `where`, with its place.
pub fn look_for_items(
    workflow: &Workflow,
    look: &ItemsLook,
    page: &Value,
    values: &Values,
    blobs: &dyn BlobRead,
) -> Result<LookOutcome, Failure> {
    let ItemsLook {
        polled,
        condition,
        state,
        now,
    } = look;
    let (condition, state, now) = (condition.as_ref(), state.as_ref(), *now);
    let list = match &polled.items {
        Some(path) => path.read(page, Some(blobs)).map_err(Stop::into_failure)?,
        None => page.clone(),
    };
    let reading = values.reading(blobs);
    let of_item = |bare: &Bare, item: &Value| {
        let locals = [("item", item.clone())];
        bare.eval(&Scope::new(&reading).with(&locals), &workflow.source)
            .map_err(Stop::into_failure)
    };
    let before = Known::of(state, now);
    let is_first = state.is_none() && !polled.backfill;
    let mut keys: Vec<Arc<str>> = Vec::new();
    let mut there: HashSet<Arc<str>> = HashSet::default();
    let mut found: Vec<(Option<Value>, Sighted)> = Vec::new();
    let mut latest = positions(state).pop().map(|(_, value)| value);
    for item in items(&list, blobs)? {
        let item = item?;
        let key = match &polled.key {
            Some(bare) => key_of(Some(&of_item(bare, &item)?), &item),
            None => key_of(item.get("id"), &item),
        };
        let key: Arc<str> = if polled.changed {
            let content = Hash::of(journal::to_string(&item).as_bytes());
            format!("{key}@{content}").into()
        } else {
            key.into()
        };
        let position = match &polled.cursor {
            Some(cursor) => Some(of_item(&cursor.from, &item)?),
            None => None,
        };
        if let Some(position) = &position
            && latest
                .as_ref()
                .is_none_or(|latest| order(position, latest).is_gt())
        {
            latest = Some(position.clone());
        }
        if !there.insert(key.clone()) {
            continue;
        }
        keys.push(key.clone());
        if !is_first && !before.knows(&key) && lets_through(workflow, condition, &item, &reading)? {
            found.push((
                position,
                Sighted {
                    key: key.to_string(),
                    item,
                },
            ));
        }
    }
    // Whoever waited longest comes first, where that can be told.
    found.sort_by(|(one, _), (other, _)| match (one, other) {
        (Some(one), Some(other)) => order(one, other),
        _ => Ordering::Equal,
    });
    let asked = asked_next(positions(state), latest, now);
    let state = Value::map([
        ("keys", known::list(&keys)),
        ("gone", known::timed_list(&before.gone(&there, now))),
        ("asked", asked),
    ]);
    Ok(LookOutcome {
        state: Some(state),
        found: found.into_iter().map(|(_, sighted)| sighted).collect(),
        passed: None,
    })
}

/// Hands several items to one run: lists of up to `size`, each with a key of its own.
pub fn in_batches(found: &[Sighted], size: u32) -> Vec<Sighted> {
    let size = usize::try_from(size.max(1)).unwrap_or(usize::MAX);
    let batch = |sighted: &[Sighted]| {
        let keys: Vec<&str> = sighted.iter().map(|sighted| &*sighted.key).collect();
        let items = sighted.iter().map(|sighted| sighted.item.clone());
        Sighted {
            key: Hash::of(keys.join("\n").as_bytes()).to_string(),
            item: Value::list(items),
        }
    };
    found.chunks(size).map(batch).collect()
}

/// The positions of a cursor that the next look needs: one that is old enough to ask from, and all that are younger.
fn asked_next(mut asked: Vec<(i64, Value)>, latest: Option<Value>, now: Timestamp) -> Value {
    if let Some(latest) = latest {
        match asked.last() {
            Some((_, known)) if *known == latest => {}
            _ => asked.push((now.0, latest)),
        }
    }
    let old = asked.iter().rposition(|(at, _)| now.0 - at >= OVERLAP_MS);
    asked.drain(..old.unwrap_or(0));
    let pair = |(at, value): (i64, Value)| Value::list([Value::from(at), value]);
    Value::list(asked.into_iter().map(pair))
}

/// The positions that are known, oldest first.
fn positions(state: Option<&Value>) -> Vec<(i64, Value)> {
    timed(state.and_then(|state| state.get("asked")?.as_list())).collect()
}

/// Numbers by their size, texts letter by letter: what the service said, never our clock.
fn order(one: &Value, other: &Value) -> Ordering {
    match (one.as_str(), other.as_str()) {
        (Some(one), Some(other)) => one.cmp(other),
        _ => match (one.as_f64(), other.as_f64()) {
            (Some(one), Some(other)) => one.total_cmp(&other),
            _ => Ordering::Equal,
        },
    }
}
