//! Filters that go by what items mean: without repeats, and in groups.

use crate::collections::HashSet;

use crate::collections::IndexMap;

use super::{Call, Filter, Gives, Param, Takes};
use crate::expr::error::Fault;
use crate::expr::text::{json, scalar};
use crate::value::{Hash, Value};

pub(super) const FILTERS: &[Filter] = &[
    Filter {
        name: "unique",
        aliases: &[],
        about: "The items without repeats, the first of each kept; `attribute` compares a member.",
        example: ("[3, 1, 3.0, 'a'] | unique", r#"[3,1,"a"]"#),
        gives: Gives::Same,
        params: &[Param::optional("attribute")],
        takes: Takes::List,
        run: unique,
    },
    Filter {
        name: "group_by",
        aliases: &["groupby"],
        about: "A list of `{key, items}`, one for each value of a member, in the order they first occur.",
        example: (
            "[{'a': 1}, {'a': 2}, {'a': 1}] | group_by('a') | map(attribute='key')",
            "[1,2]",
        ),
        gives: Gives::Groups,
        params: &[Param::required("attribute")],
        takes: Takes::List,
        run: group_by,
    },
    Filter {
        name: "index_by",
        aliases: &["keyby"],
        about: "A map from a member of each item to the item; of equal ones the last.",
        example: (
            "[{'id': 'a', 'n': 1}, {'id': 'b', 'n': 2}] | index_by('id')",
            r#"{"a":{"id":"a","n":1},"b":{"id":"b","n":2}}"#,
        ),
        gives: Gives::Indexed,
        params: &[Param::required("attribute")],
        takes: Takes::List,
        run: index_by,
    },
    Filter {
        name: "intersect",
        aliases: &["intersection"],
        about: "The items that another list has too, without repeats.",
        example: ("[1, 2, 2, 3] | intersect([3, 2.0])", "[2,3]"),
        gives: Gives::Same,
        params: &[Param::required("other")],
        takes: Takes::List,
        run: |call| compared(call, true),
    },
    Filter {
        name: "difference",
        aliases: &["except"],
        about: "The items that another list does not have, without repeats.",
        example: ("[1, 2, 2, 3] | difference([3])", "[1,2]"),
        gives: Gives::Same,
        params: &[Param::required("other")],
        takes: Takes::List,
        run: |call| compared(call, false),
    },
    Filter {
        name: "union",
        aliases: &[],
        about: "The items of both lists, without repeats.",
        example: ("[1, 2] | union([2, 3])", "[1,2,3]"),
        gives: Gives::Both,
        params: &[Param::required("other")],
        takes: Takes::List,
        run: union,
    },
];

/// The same for values that are equal, whatever form a number has.
fn identity(call: &Call<'_>, value: &Value) -> Result<Hash, Fault> {
    let text = match value {
        Value::Float(number) if number.fract() == 0.0 => scalar(value),
        _ => json(value, call.context)?,
    };
    call.context.budget.scan(text.len())?;
    Ok(Hash::of(text.as_bytes()))
}

fn unique(call: &Call<'_>) -> Result<Value, Fault> {
    let attribute = call.arg_text(0)?;
    let mut seen = HashSet::default();
    let mut kept = Vec::new();
    for item in call.list()? {
        let identity = match &attribute {
            Some(attribute) => identity(call, &call.member(item, attribute)?)?,
            None => identity(call, item)?,
        };
        if seen.insert(identity) {
            kept.push(item.clone());
        }
    }
    Ok(Value::from(kept))
}

/// The other list, an argument.
fn other(call: &Call<'_>) -> Result<Value, Fault> {
    let other = call.arg_content(0)?;
    match other.as_list() {
        Some(items) => {
            call.context.budget.steps(items.len())?;
            Ok(other)
        }
        None => Err(Fault::kind(&call.name(), "two lists", &other)),
    }
}

fn compared(call: &Call<'_>, wanted: bool) -> Result<Value, Fault> {
    let other = other(call)?;
    let others = other.as_list().unwrap_or_default().iter();
    let known = others.map(|item| identity(call, item));
    let known = known.collect::<Result<HashSet<_>, _>>()?;
    let mut seen = HashSet::default();
    let mut kept = Vec::new();
    for item in call.list()? {
        let identity = identity(call, item)?;
        if known.contains(&identity) == wanted && seen.insert(identity) {
            kept.push(item.clone());
        }
    }
    Ok(Value::from(kept))
}

fn union(call: &Call<'_>) -> Result<Value, Fault> {
    let other = other(call)?;
    let mut seen = HashSet::default();
    let mut kept = Vec::new();
    for item in call
        .list()?
        .iter()
        .chain(other.as_list().unwrap_or_default())
    {
        if seen.insert(identity(call, item)?) {
            kept.push(item.clone());
        }
    }
    Ok(Value::from(kept))
}

fn index_by(call: &Call<'_>) -> Result<Value, Fault> {
    let attribute = call.arg_text(0)?.unwrap_or_default();
    let mut map = crate::value::Map::new();
    for item in call.list()? {
        let key = match call.member(item, &attribute)? {
            Value::String(key) => key,
            key @ (Value::Int(_) | Value::UInt(_) | Value::Bool(_)) => scalar(&key).into(),
            other => {
                let wanted = "text or whole numbers to name the items by";
                return Err(Fault::kind(&call.name(), wanted, &other));
            }
        };
        map.insert(key, item.clone());
    }
    Ok(Value::from(map))
}

fn group_by(call: &Call<'_>) -> Result<Value, Fault> {
    let attribute = call.arg_text(0)?.unwrap_or_default();
    let mut groups: IndexMap<Hash, (Value, Vec<Value>)> = IndexMap::default();
    for item in call.list()? {
        let key = call.member(item, &attribute)?;
        let identity = identity(call, &key)?;
        groups
            .entry(identity)
            .or_insert_with(|| (key, Vec::new()))
            .1
            .push(item.clone());
    }
    let groups = groups
        .into_values()
        .map(|(key, items)| Value::map([("key", key), ("items", Value::from(items))]));
    Ok(Value::list(groups))
}
