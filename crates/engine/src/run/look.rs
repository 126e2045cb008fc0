//! One look of a trigger: what was there, what is there, what happened in between.

use crate::collections::HashSet;

use super::values::Reading;
use super::{Failure, Values};
use crate::catalog::{Edge, Look, News};
use crate::eval::{BlobRead, items};
use crate::expr::{Expression, Scope};
use crate::value::Value;
use crate::workflow::{Bare, Stop, Watch, Workflow};

/// What a look saw.
#[derive(Debug, Clone, PartialEq)]
pub struct LookOutcome {
    /// What the next look is compared with; `None` if it is as before.
    pub state: Option<Value>,
    /// What happened, oldest first.
    pub found: Vec<Sighted>,
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
/// baseline and finds what is news since; its state is the list of keys that count as seen.
///
/// # Errors
/// A failure of the condition or of `where`, with its place.
pub fn look(
    workflow: &Workflow,
    watch: &Watch,
    state: Option<&Value>,
    page: &Value,
    values: &Values,
    blobs: &dyn BlobRead,
) -> Result<LookOutcome, Failure> {
    let mut outcome = match &watch.look {
        Look::Level(level) => {
            let holds = condition(&level.condition, page, values, blobs)?;
            LookOutcome {
                state: None,
                found: holds
                    .then(|| Sighted {
                        key: key_of(page.get("id"), page),
                        item: page.clone(),
                    })
                    .into_iter()
                    .collect(),
            }
        }
        Look::Edge(edge) => edge_outcome(edge, state, page, values, blobs)?,
        Look::Either { .. } | Look::Time | Look::Signal(_) | Look::Success(_) => LookOutcome {
            state: None,
            found: Vec::new(),
        },
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
    values: &Values,
    blobs: &dyn BlobRead,
) -> Result<LookOutcome, Failure> {
    let mut now = Vec::new();
    let mut counted = Vec::new();
    for item in items(page, blobs)? {
        let item = item?;
        let counts = match &edge.news {
            News::Appeared | News::Vanished => true,
            News::Became(text) => condition(text, &item, values, blobs)?,
        };
        let key = key_of(item.get(&edge.key), &item);
        if counts {
            counted.push(key.clone());
        }
        now.push((key, item, counts));
    }
    let seen: Option<HashSet<String>> = state.map(|state| {
        let keys = state.as_list().unwrap_or_default();
        keys.iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    });
    let Some(seen) = seen else {
        return Ok(LookOutcome {
            state: Some(keys(counted)),
            found: Vec::new(),
        });
    };
    let there: HashSet<&String> = counted.iter().collect();
    let same = there.len() == seen.len() && there.iter().all(|key| seen.contains(*key));
    let mut found: Vec<Sighted> = match edge.news {
        News::Vanished => {
            let mut gone: Vec<_> = seen.iter().filter(|key| !there.contains(key)).collect();
            gone.sort();
            gone.into_iter()
                .map(|key| Sighted {
                    key: key.clone(),
                    item: Value::map([(&*edge.key, Value::from(key.as_str()))]),
                })
                .collect()
        }
        _ => now
            .into_iter()
            .filter(|(key, _, counts)| *counts && !seen.contains(key))
            .map(|(key, item, _)| Sighted { key, item })
            .collect(),
    };
    // Services list the newest first.
    if edge.news != News::Vanished {
        found.reverse();
    }
    Ok(LookOutcome {
        state: (!same).then(|| keys(counted)),
        found,
    })
}

fn keys(keys: Vec<String>) -> Value {
    Value::list(keys.into_iter().map(Value::from))
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
