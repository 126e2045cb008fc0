//! One look of a trigger: what was there, what is there, what happened in between.

use std::sync::Arc;

use crate::collections::HashSet;

use super::known::{Known, list, newest, timed_list};
use super::values::Reading;
use super::{Failure, Values};
use crate::catalog::{Edge, Look, News};
use crate::eval::{BlobRead, items};
use crate::expr::{Expression, Scope};
use crate::time::Timestamp;
use crate::value::Value;
use crate::workflow::{Bare, Stop, Watch, Workflow};

/// What a look saw.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LookOutcome {
    /// What the next look is compared with; `None` if it is as before.
    pub state: Option<Value>,
    /// What happened, oldest first.
    pub found: Vec<Sighted>,
    /// Why the last thing that `where` could not judge was passed over.
    pub passed: Option<String>,
}

/// One thing that a look found.
#[derive(Debug, Clone, PartialEq)]
pub struct Sighted {
    /// Tells it from other things that the trigger finds.
    pub key: String,
    /// What it is.
    pub item: Value,
}

/// Compares `page`, what the trigger's query gave, with `state`, what the look before left.
///
/// A level has no state and finds its object as soon as the condition holds. An edge takes its first page as the
/// baseline and finds what is news since; its state is the list of keys that count as seen, or, once some have left, a map
/// with `keys`, `gone` (those that left not long ago, or were told to be gone) and `missing` (those that one look did not
/// see: what two looks in a row do not see is gone).
///
/// # Errors
/// A failure of the condition or of `where`, with its place.
pub fn look(
    workflow: &Workflow,
    watch: &Watch,
    state: Option<&Value>,
    page: &Value,
    now: Timestamp,
    values: &Values,
    blobs: &dyn BlobRead,
) -> Result<LookOutcome, Failure> {
    let mut outcome = match &watch.look {
        Look::Level(level) => {
            let holds = condition(&level.condition, page, values, blobs)?;
            LookOutcome {
                found: holds
                    .then(|| Sighted {
                        key: key_of(page.get("id"), page),
                        item: page.clone(),
                    })
                    .into_iter()
                    .collect(),
                ..LookOutcome::default()
            }
        }
        Look::Edge(edge) => edge_outcome(edge, state, page, now, values, blobs)?,
        Look::Either { .. } | Look::Time | Look::Signal(_) | Look::Success(_) => {
            LookOutcome::default()
        }
    };
    if let Some(bare) = &watch.condition {
        let mut kept = Vec::new();
        for sighted in outcome.found {
            if lets_through(workflow, Some(bare), &sighted.item, &values.reading(blobs))? {
                kept.push(sighted);
            }
        }
        outcome.found = kept;
    }
    Ok(outcome)
}

/// Whether `where`, if there is one, holds for an item.
///
/// # Errors
/// As the expression gives them, with its place.
pub fn lets_through(
    workflow: &Workflow,
    condition: Option<&Bare>,
    item: &Value,
    reading: &Reading<'_>,
) -> Result<bool, Failure> {
    let Some(bare) = condition else {
        return Ok(true);
    };
    let locals = [("result", item.clone())];
    bare.eval_bool(&Scope::new(reading).with(&locals), &workflow.source)
        .map_err(Stop::into_failure)
}

fn edge_outcome(
    edge: &Edge,
    state: Option<&Value>,
    page: &Value,
    now: Timestamp,
    values: &Values,
    blobs: &dyn BlobRead,
) -> Result<LookOutcome, Failure> {
    let before = Known::of(state, now);
    let mut listed: HashSet<Arc<str>> = HashSet::default();
    let mut counted: Vec<Arc<str>> = Vec::new();
    let mut found = Vec::new();
    for item in items(page, blobs)? {
        let item = item?;
        let key: Arc<str> = key_of(item.get(&edge.key), &item).into();
        let counts = match &edge.news {
            News::Appeared | News::Vanished => true,
            News::Became(text) => condition(text, &item, values, blobs)?,
        };
        if !listed.insert(key.clone()) || !counts {
            continue;
        }
        counted.push(key.clone());
        if edge.news != News::Vanished && state.is_some() && !before.knows(&key) {
            found.push(Sighted {
                key: key.to_string(),
                item,
            });
        }
    }
    // Services list the newest first.
    found.reverse();
    let next = if edge.news == News::Vanished {
        let vanished = Vanished::since(&before, state, &listed, now);
        let told = vanished.told.iter().map(|key| Sighted {
            key: key.to_string(),
            item: Value::map([(&*edge.key, Value::from(&**key))]),
        });
        found.extend(told);
        remembered(counted, &vanished.gone, &vanished.missing)
    } else {
        remembered(counted, &before.gone(&listed, now), &[])
    };
    Ok(LookOutcome {
        state: (state != Some(&next)).then_some(next),
        found,
        passed: None,
    })
}

/// What has left a list.
struct Vanished {
    /// What two looks in a row did not see.
    told: Vec<Arc<str>>,
    /// What this look is the first not to see.
    missing: Vec<Arc<str>>,
    /// What was told not long ago, with the time: it is not told again.
    gone: Vec<(Arc<str>, i64)>,
}

impl Vanished {
    fn since(
        before: &Known,
        state: Option<&Value>,
        listed: &HashSet<Arc<str>>,
        now: Timestamp,
    ) -> Vanished {
        let missing = state.and_then(|state| state.get("missing")?.as_list());
        let missing = missing.unwrap_or_default().iter().filter_map(Value::as_str);
        let mut told: Vec<Arc<str>> = missing.map(Arc::from).collect();
        told.retain(|key| !listed.contains(key));
        let known: HashSet<&Arc<str>> = before.gone.iter().map(|(key, _)| key).collect();
        let is_new = |key: &Arc<str>| !listed.contains(key) && !known.contains(key);
        let missing: Vec<Arc<str>> = before
            .keys
            .iter()
            .filter(|key| is_new(key))
            .cloned()
            .collect();
        told.sort();
        let new = told.iter().map(|key| (key.clone(), now.0));
        let gone = newest(before.gone.iter().cloned().chain(new).collect());
        Vanished {
            told,
            missing,
            gone,
        }
    }
}

/// What the next look is compared with.
fn remembered(mut keys: Vec<Arc<str>>, gone: &[(Arc<str>, i64)], missing: &[Arc<str>]) -> Value {
    keys.sort();
    let keys = list(&keys);
    if gone.is_empty() && missing.is_empty() {
        return keys;
    }
    Value::map([
        ("keys", keys),
        ("gone", timed_list(gone)),
        ("missing", list(missing)),
    ])
}

/// The key of an item; an item without one is known by its content.
pub(super) fn key_of(key: Option<&Value>, item: &Value) -> String {
    match key {
        Some(Value::String(text)) => text.to_string(),
        Some(Value::Null) | None => {
            crate::value::Hash::of(crate::value::journal::to_string(item).as_bytes()).to_string()
        }
        // A number and the text of it are two keys.
        Some(other) => format!("={}", crate::value::journal::to_string(other)),
    }
}

fn condition(
    text: &str,
    item: &Value,
    values: &Values,
    blobs: &dyn BlobRead,
) -> Result<bool, Failure> {
    let broken = |message: String| {
        Failure::permanent(
            "descriptor.condition",
            format!("the trigger's condition `{text}`: {message}"),
        )
    };
    let expression = Expression::parse(text).map_err(|error| broken(error.message))?;
    let reading = values.reading(blobs);
    let locals = [("item", item.clone())];
    expression
        .eval_bool(&Scope::new(&reading).with(&locals))
        .map_err(|error| broken(error.message))
}
