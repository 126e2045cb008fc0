//! Filters on maps.

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
];

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
