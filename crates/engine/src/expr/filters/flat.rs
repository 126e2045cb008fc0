//! Filters that make a list plainer: without nesting, without nulls; and what holds for its items.

use super::{Call, Filter, Gives, Param, Takes};
use crate::expr::error::Fault;
use crate::expr::operators::truth;
use crate::value::Value;

pub(super) const FILTERS: &[Filter] = &[
    Filter {
        name: "flatten",
        aliases: &[],
        about: "The items of the lists in a list, one level deep, or as many as given; other items stay.",
        example: ("[[1, 2], [3, [4]], 5] | flatten", "[1,2,3,[4],5]"),
        gives: Gives::Flat,
        params: &[Param::optional("levels")],
        takes: Takes::List,
        run: flatten,
    },
    Filter {
        name: "compact",
        aliases: &[],
        about: "The items that are not null.",
        example: ("[1, none, 0, ''] | compact", r#"[1,0,""]"#),
        gives: Gives::Compact,
        params: &[],
        takes: Takes::List,
        run: |call| {
            let items = call.list()?.iter();
            Ok(Value::list(items.filter(|item| !item.is_null()).cloned()))
        },
    },
    Filter {
        name: "any",
        aliases: &[],
        about: "Whether at least one item counts as true.",
        example: ("[0, '', 3] | any", "true"),
        gives: Gives::Boolean,
        params: &[],
        takes: Takes::List,
        run: |call| holds(call, true).map(Value::Bool),
    },
    Filter {
        name: "all",
        aliases: &[],
        about: "Whether every item counts as true; so it is for none.",
        example: ("[1, '', 3] | all", "false"),
        gives: Gives::Boolean,
        params: &[],
        takes: Takes::List,
        run: |call| holds(call, false).map(|found| Value::Bool(!found)),
    },
];

/// Deepest nesting that is taken apart.
const LEVELS_MAX: usize = 100;

fn flatten(call: &Call<'_>) -> Result<Value, Fault> {
    let levels = call.arg_whole(0)?.unwrap_or(1);
    let levels = usize::try_from(levels).map_or(0, |levels| levels.min(LEVELS_MAX));
    let mut out = Vec::new();
    for item in call.list()? {
        spread(call, item, levels, &mut out)?;
    }
    Ok(Value::from(out))
}

fn spread(call: &Call<'_>, item: &Value, levels: usize, out: &mut Vec<Value>) -> Result<(), Fault> {
    call.context.budget.step()?;
    let open = match item {
        Value::Blob(blob) if levels > 0 && blob.is_json_lines() => call.context.load(blob)?,
        other => other.clone(),
    };
    match open.as_list() {
        Some(items) if levels > 0 => items
            .iter()
            .try_for_each(|item| spread(call, item, levels - 1, out)),
        _ => {
            out.push(item.clone());
            Ok(())
        }
    }
}

/// Whether an item of that truth is among them.
fn holds(call: &Call<'_>, wanted: bool) -> Result<bool, Fault> {
    for item in call.list()? {
        if truth(item, call.context)? == wanted {
            return Ok(true);
        }
    }
    Ok(false)
}
