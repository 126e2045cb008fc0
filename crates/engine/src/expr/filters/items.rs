//! Filters that go by what items mean: without repeats, and in groups.

use std::collections::HashSet;

use indexmap::IndexMap;

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
    let mut seen = HashSet::new();
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

fn group_by(call: &Call<'_>) -> Result<Value, Fault> {
    let attribute = call.arg_text(0)?.unwrap_or_default();
    let mut groups: IndexMap<Hash, (Value, Vec<Value>)> = IndexMap::new();
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
