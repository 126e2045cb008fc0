//! Filters that compare items: order, extremes, sums.

use std::cmp::Ordering;

use super::{Call, Filter, Gives, Param, Takes};
use crate::expr::error::{Fault, with_article};
use crate::expr::operators::arithmetic;
use crate::expr::syntax::Arithmetic;
use crate::value::Value;

pub(super) const FILTERS: &[Filter] = &[
    Filter {
        name: "sort",
        aliases: &[],
        about: "The items in order, equal ones as they stood; by a member with `attribute`, downwards with `reverse`.",
        example: (
            "[{'n': 2}, {'n': 1}] | sort(attribute='n')",
            r#"[{"n":1},{"n":2}]"#,
        ),
        gives: Gives::Same,
        params: &[Param::optional("attribute"), Param::optional("reverse")],
        takes: Takes::List,
        run: sort,
    },
    Filter {
        name: "min",
        aliases: &[],
        about: "The smallest item; undefined if there is none.",
        example: ("[3, 1, 2] | min", "1"),
        gives: Gives::Item,
        params: &[Param::optional("attribute")],
        takes: Takes::List,
        run: |call| extreme(call, Ordering::Less),
    },
    Filter {
        name: "max",
        aliases: &[],
        about: "The largest item; undefined if there is none.",
        example: ("[3, 1, 2] | max", "3"),
        gives: Gives::Item,
        params: &[Param::optional("attribute")],
        takes: Takes::List,
        run: |call| extreme(call, Ordering::Greater),
    },
    Filter {
        name: "sum",
        aliases: &[],
        about: "The sum of the items, or of a member of each; 0 for none.",
        example: ("[{'n': 2}, {'n': 1.5}] | sum(attribute='n')", "3.5"),
        gives: Gives::Sum,
        params: &[Param::optional("attribute")],
        takes: Takes::List,
        run: sum,
    },
    Filter {
        name: "avg",
        aliases: &["mean"],
        about: "The mean of the items, or of a member of each; undefined if there is none.",
        example: ("[1, 2, 6] | avg", "3"),
        gives: Gives::Number,
        params: &[Param::optional("attribute")],
        takes: Takes::List,
        run: avg,
    },
    Filter {
        name: "dictsort",
        aliases: &[],
        about: "Pairs of the keys and values of a map, by key.",
        example: ("{'b': 1, 'a': 2} | dictsort", r#"[["a",2],["b",1]]"#),
        gives: Gives::Entries,
        params: &[],
        takes: Takes::Map,
        run: dictsort,
    },
];

/// The items, each with what it is compared by.
fn keyed(call: &Call<'_>) -> Result<Vec<(Value, Value)>, Fault> {
    let attribute = call.arg_text(0)?;
    let mut keyed = Vec::new();
    for item in call.list()? {
        let key = match &attribute {
            Some(attribute) => call.member(item, attribute)?,
            None => item.clone(),
        };
        keyed.push((call.context.content(key)?, item.clone()));
    }
    Ok(keyed)
}

/// Compares two keys; what cannot be compared is noted in `problem`.
fn compare(call: &Call<'_>, a: &Value, b: &Value, problem: &mut Option<Fault>) -> Ordering {
    if let (Value::Bool(a), Value::Bool(b)) = (a, b) {
        return a.cmp(b);
    }
    a.compare(b).unwrap_or_else(|| {
        let message = format!(
            "{} cannot compare {} with {}",
            call.name(),
            with_article(a.kind()),
            with_article(b.kind())
        );
        problem.get_or_insert(Fault::new("template.type", message));
        Ordering::Equal
    })
}

fn sort(call: &Call<'_>) -> Result<Value, Fault> {
    let mut items = keyed(call)?;
    let down = call.arg_flag(1)?;
    let mut problem = None;
    items.sort_by(|(a, _), (b, _)| {
        let order = compare(call, a, b, &mut problem);
        if down { order.reverse() } else { order }
    });
    match problem {
        Some(fault) => Err(fault),
        None => Ok(Value::list(items.into_iter().map(|(_, item)| item))),
    }
}

fn extreme(call: &Call<'_>, wanted: Ordering) -> Result<Value, Fault> {
    let mut problem = None;
    let mut best: Option<(Value, Value)> = None;
    for (key, item) in keyed(call)? {
        let better = match &best {
            None => true,
            Some((known, _)) => compare(call, &key, known, &mut problem) == wanted,
        };
        if better {
            best = Some((key, item));
        }
    }
    match (problem, best) {
        (Some(fault), _) => Err(fault),
        (None, Some((_, item))) => Ok(item),
        (None, None) => Err(empty(call)),
    }
}

fn empty(call: &Call<'_>) -> Fault {
    let message = format!("{} was given an empty list", call.name());
    Fault::new("template.undefined", message).help("`| default(value)` says what it is then")
}

fn avg(call: &Call<'_>) -> Result<Value, Fault> {
    let count = call.list()?.len();
    if count == 0 {
        return Err(empty(call));
    }
    arithmetic(
        Arithmetic::Divide,
        sum(call)?,
        Value::from(count),
        call.context,
    )
}

fn sum(call: &Call<'_>) -> Result<Value, Fault> {
    let mut sum = Value::Int(0);
    for (number, _) in keyed(call)? {
        if number.as_f64().is_none() {
            return Err(Fault::kind(&call.name(), "numbers", &number));
        }
        sum = arithmetic(Arithmetic::Add, sum, number, call.context)?;
    }
    Ok(sum)
}

fn dictsort(call: &Call<'_>) -> Result<Value, Fault> {
    let mut pairs: Vec<_> = call.map()?.iter().collect();
    pairs.sort_by_key(|(key, _)| *key);
    Ok(Value::list(pairs.into_iter().map(|(key, value)| {
        Value::list([Value::String(key.clone()), value.clone()])
    })))
}
