//! Members of values: `x.name`, `x[0]`, `x[1:3]`, and the few that lists and stored values have.

use std::sync::Arc;

use super::context::Context;
use super::error::Fault;
use crate::value::{Blob, Value};

/// What `of.name` is.
pub(super) enum Found<'v> {
    Ref(&'v Value),
    Own(Value),
    /// There is no such member.
    Absent,
    /// `of` is null.
    Null,
}

/// The member of a value that is not stored. A map's own keys win, then those of its view.
pub(super) fn plain<'v>(of: &'v Value, name: &str) -> Found<'v> {
    match of {
        Value::Map(map) => match map.get(name) {
            Some(value) => Found::Ref(value),
            None => map
                .view()
                .and_then(|view| view.read(map, name))
                .map_or(Found::Absent, Found::Own),
        },
        Value::List(items) if name == "count" => Found::Own(Value::from(items.len())),
        Value::Null => Found::Null,
        _ => Found::Absent,
    }
}

/// The member of a stored value: facts about it where they are known, else a member of its content.
pub(super) fn stored(blob: &Arc<Blob>, name: &str, context: &Context<'_>) -> Result<Owned, Fault> {
    let is_data = blob.is_json() || blob.is_json_lines();
    if blob.name.is_some() || !is_data {
        match name {
            "name" if blob.name.is_some() => {
                return Ok(Owned::Found(Value::from(blob.name.clone())));
            }
            "size" => return Ok(Owned::Found(Value::from(blob.bytes))),
            "sha256" => return Ok(Owned::Found(Value::from(blob.hash.to_string()))),
            _ => {}
        }
    }
    if name == "count" && (blob.count.is_some() || blob.is_json_lines()) {
        return context
            .count(blob)
            .map(|count| Owned::Found(Value::from(count)));
    }
    if !is_data {
        return Ok(Owned::Absent);
    }
    Ok(owned(&context.load(blob)?, name))
}

/// A [`Found`] that borrows nothing.
pub(super) enum Owned {
    Found(Value),
    Absent,
    Null,
}

/// The member of a value, cloned.
pub(super) fn owned(of: &Value, name: &str) -> Owned {
    match plain(of, name) {
        Found::Ref(value) => Owned::Found(value.clone()),
        Found::Own(value) => Owned::Found(value),
        Found::Absent => Owned::Absent,
        Found::Null => Owned::Null,
    }
}

/// Follows a dotted path such as `user.name`, as filters take it in `attribute`; whole numbers index lists.
pub(super) fn path(of: &Value, path: &str, context: &Context<'_>) -> Result<Option<Value>, Fault> {
    let mut value = of.clone();
    for part in path.split('.') {
        let next = match &value {
            Value::Blob(blob) => stored(blob, part, context)?,
            Value::List(items) => match part
                .parse::<i64>()
                .ok()
                .and_then(|at| place(at, items.len()))
            {
                Some(at) => Owned::Found(items[at].clone()),
                None => owned(&value, part),
            },
            _ => owned(&value, part),
        };
        match next {
            Owned::Found(found) => value = found,
            Owned::Absent | Owned::Null => return Ok(None),
        }
    }
    Ok(Some(value))
}

/// The place of an index in a list of this length; negative ones count from the end.
pub(super) fn place(index: i64, length: usize) -> Option<usize> {
    let at = if index < 0 {
        i64::try_from(length).ok()?.checked_add(index)?
    } else {
        index
    };
    usize::try_from(at).ok().filter(|at| *at < length)
}

/// The places that `[start:stop:step]` picks from a list of this length.
pub(super) fn slice(
    length: usize,
    start: Option<i64>,
    stop: Option<i64>,
    step: Option<i64>,
) -> Result<Vec<usize>, Fault> {
    let step = step.unwrap_or(1);
    if step == 0 {
        return Err(Fault::new(
            "template.type",
            "the step of a slice cannot be 0",
        ));
    }
    let length = i128::try_from(length).unwrap_or(i128::MAX);
    let (lowest, highest) = if step > 0 {
        (0, length)
    } else {
        (-1, length - 1)
    };
    let cut = |index: Option<i64>, otherwise: i128| match index {
        None => otherwise,
        Some(index) if index < 0 => (i128::from(index) + length).clamp(lowest, highest),
        Some(index) => i128::from(index).clamp(lowest, highest),
    };
    let (first, last) = if step > 0 {
        (lowest, highest)
    } else {
        (highest, lowest)
    };
    let (mut at, stop) = (cut(start, first), cut(stop, last));
    let mut places = Vec::new();
    while if step > 0 { at < stop } else { at > stop } {
        places.extend(usize::try_from(at));
        at += i128::from(step);
    }
    Ok(places)
}

/// What can be said of a value when a member is missing: its members, or its kind.
pub(super) fn what_is_there(of: &Value) -> (String, Vec<String>) {
    match of {
        Value::Map(map) => {
            let mut names: Vec<String> = map.keys().map(str::to_owned).collect();
            if let Some(view) = map.view() {
                names.extend(view.members.iter().map(|member| member.name.to_string()));
            }
            let more = names.len().saturating_sub(8);
            let mut shown: Vec<_> = names
                .iter()
                .take(8)
                .map(|name| format!("`{}`", excerpt(name)))
                .collect();
            if more > 0 {
                shown.push(format!("{more} more"));
            }
            let said = if shown.is_empty() {
                "it is an empty map".to_owned()
            } else {
                format!("it has {}", shown.join(", "))
            };
            (said, names)
        }
        Value::List(items) => (
            format!(
                "it is a list of {} items: it has `.count` and `[0]`",
                items.len()
            ),
            vec!["count".to_owned()],
        ),
        Value::Blob(blob) => (
            format!("it is a stored value of type {}", blob.media),
            ["count", "name", "size", "sha256"]
                .map(str::to_owned)
                .to_vec(),
        ),
        other => (
            format!(
                "it is {}, which has no members",
                super::error::with_article(other.kind())
            ),
            Vec::new(),
        ),
    }
}

/// A short piece of foreign text that is safe to show.
pub(super) fn excerpt(text: &str) -> String {
    let shown: String = text
        .chars()
        .take(60)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if text.chars().nth(60).is_some() {
        format!("{shown}...")
    } else {
        shown
    }
}
