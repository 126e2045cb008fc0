//! Filters on maps.

use crate::collections::HashSet;

use super::{Call, Filter, Gives, Param, Takes};
use crate::expr::error::Fault;
use crate::value::{Map, Value};

pub(super) const FILTERS: &[Filter] = &[
    Filter {
        name: "keys",
        aliases: &[],
        about: "The keys of a map, in its order.",
        example: ("{'b': 1, 'a': 2} | keys", r#"["b","a"]"#),
        gives: Gives::Texts,
        params: &[],
        takes: Takes::Map,
        run: |call| Ok(Value::list(call.map()?.keys().map(Value::from))),
    },
    Filter {
        name: "values",
        aliases: &[],
        about: "The values of a map, in its order.",
        example: ("{'b': 1, 'a': 2} | values", "[1,2]"),
        gives: Gives::Values,
        params: &[],
        takes: Takes::Map,
        run: |call| {
            Ok(Value::list(
                call.map()?.iter().map(|(_, value)| value.clone()),
            ))
        },
    },
    Filter {
        name: "items",
        aliases: &[],
        about: "Pairs of the keys and values of a map, in its order.",
        example: ("{'b': 1, 'a': 2} | items", r#"[["b",1],["a",2]]"#),
        gives: Gives::Entries,
        params: &[],
        takes: Takes::Map,
        run: items,
    },
    Filter {
        name: "merge",
        aliases: &["combine"],
        about: "A map with the members of another put over its own.",
        example: (
            "{'a': 1, 'b': 2} | merge({'b': 3, 'c': 4})",
            r#"{"a":1,"b":3,"c":4}"#,
        ),
        gives: Gives::Merged,
        params: &[Param::required("other")],
        takes: Takes::Map,
        run: merge,
    },
    Filter {
        name: "pick",
        aliases: &[],
        about: "The members of a map that are named, in its order; names that it does not have are left out.",
        example: (
            "{'a': 1, 'b': 2, 'c': 3} | pick(['c', 'a'])",
            r#"{"a":1,"c":3}"#,
        ),
        gives: Gives::Part,
        params: &[Param::required("names")],
        takes: Takes::Map,
        run: |call| part(call, true),
    },
    Filter {
        name: "omit",
        aliases: &[],
        about: "The members of a map but those that are named.",
        example: ("{'a': 1, 'b': 2, 'c': 3} | omit(['c', 'a'])", r#"{"b":2}"#),
        gives: Gives::Part,
        params: &[Param::required("names")],
        takes: Takes::Map,
        run: |call| part(call, false),
    },
    Filter {
        name: "to_map",
        aliases: &["dict"],
        about: "The map of a list of pairs, or of `{key, value}`; of equal keys the last.",
        example: ("['a', 'b'] | zip([1, 2]) | to_map", r#"{"a":1,"b":2}"#),
        gives: Gives::Map,
        params: &[],
        takes: Takes::List,
        run: to_map,
    },
];

fn part(call: &Call<'_>, wanted: bool) -> Result<Value, Fault> {
    let names = match call.arg_content(0)? {
        Value::String(name) => vec![Value::String(name)],
        Value::List(names) if names.iter().all(|name| name.as_str().is_some()) => names.to_vec(),
        other => return Err(Fault::kind(&call.name(), "a list of names", &other)),
    };
    let names: HashSet<&str> = names.iter().filter_map(Value::as_str).collect();
    call.context.budget.steps(names.len())?;
    let members = call.map()?.iter();
    let kept = members.filter(|(name, _)| names.contains(&***name) == wanted);
    Ok(Value::map(
        kept.map(|(name, value)| (name.clone(), value.clone())),
    ))
}

fn to_map(call: &Call<'_>) -> Result<Value, Fault> {
    let mut map = Map::new();
    for item in call.list()? {
        let pair = match item {
            Value::List(pair) => match &pair[..] {
                [key, value] => Some((key, value)),
                _ => None,
            },
            Value::Map(pair) => pair.get("key").zip(pair.get("value")),
            _ => None,
        };
        let Some((key, value)) = pair else {
            return Err(Fault::kind(
                &call.name(),
                "pairs, or maps of `key` and `value`",
                item,
            ));
        };
        let Value::String(key) = key else {
            return Err(Fault::kind(&call.name(), "text as keys", key));
        };
        map.insert(key.clone(), value.clone());
    }
    Ok(Value::from(map))
}

fn items(call: &Call<'_>) -> Result<Value, Fault> {
    let pairs = call.map()?.iter();
    Ok(Value::list(pairs.map(|(key, value)| {
        Value::list([Value::String(key.clone()), value.clone()])
    })))
}

fn merge(call: &Call<'_>) -> Result<Value, Fault> {
    let other = call.arg_content(0)?;
    let Some(other) = other.as_map() else {
        return Err(Fault::kind(&call.name(), "two maps", &other));
    };
    call.context.budget.steps(other.len())?;
    let mut merged: Map = call.map()?.clone().with_view(None);
    for (key, value) in other.iter() {
        merged.insert(key.clone(), value.clone());
    }
    Ok(Value::from(merged))
}
