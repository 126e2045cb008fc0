//! Filters that apply a filter or a test to each item.

use super::{Call, Filter, Gives, Param, ParamKind, Prepared, Takes, apply};
use crate::expr::error::Fault;
use crate::expr::{member, operators};
use crate::value::Value;

pub(super) const FILTERS: &[Filter] = &[
    Filter {
        name: "map",
        aliases: &[],
        about: "A member of each item (`attribute`, with `default` where it is missing), or a filter applied to each.",
        example: ("[{'id': 1}, {}] | map(attribute='id', default=0)", "[1,0]"),
        gives: Gives::Mapped,
        params: &[
            Param::optional("filter").of(ParamKind::Filter),
            Param::optional("a"),
            Param::optional("b"),
            Param::optional("attribute"),
            Param::optional("default"),
        ],
        takes: Takes::List,
        run: map,
    },
    Filter {
        name: "select",
        aliases: &[],
        about: "The items that pass a test; without one, those that count as true.",
        example: ("[1, 2, 3, 4] | select('gt', 2)", "[3,4]"),
        gives: Gives::Same,
        params: &[
            Param::optional("test").of(ParamKind::Test),
            Param::optional("value"),
        ],
        takes: Takes::List,
        run: |call| pick(call, true),
    },
    Filter {
        name: "reject",
        aliases: &[],
        about: "The items that do not pass a test; without one, those that do not count as true.",
        example: ("[1, 2, 3, 4] | reject('even')", "[1,3]"),
        gives: Gives::Same,
        params: &[
            Param::optional("test").of(ParamKind::Test),
            Param::optional("value"),
        ],
        takes: Takes::List,
        run: |call| pick(call, false),
    },
    Filter {
        name: "selectattr",
        aliases: &[],
        about: "The items of which a member passes a test; without one, those of which it counts as true.",
        example: (
            "[{'n': 1}, {'n': 2}, {}] | selectattr('n', 'eq', 2)",
            r#"[{"n":2}]"#,
        ),
        gives: Gives::Same,
        params: &[
            Param::required("attribute"),
            Param::optional("test").of(ParamKind::Test),
            Param::optional("value"),
        ],
        takes: Takes::List,
        run: |call| pick_by_member(call, true),
    },
    Filter {
        name: "rejectattr",
        aliases: &[],
        about: "The items of which a member does not pass a test; without one, those of which it does not count as true.",
        example: (
            "[{'n': 1}, {'n': 2}, {}] | rejectattr('n', 'eq', 2)",
            r#"[{"n":1},{}]"#,
        ),
        gives: Gives::Same,
        params: &[
            Param::required("attribute"),
            Param::optional("test").of(ParamKind::Test),
            Param::optional("value"),
        ],
        takes: Takes::List,
        run: |call| pick_by_member(call, false),
    },
];

fn map(call: &Call<'_>) -> Result<Value, Fault> {
    let attribute = call.arg_text(3)?;
    let otherwise = call.arg(4);
    let mut mapped = Vec::new();
    for item in call.list()? {
        mapped.push(match (&attribute, call.prepared) {
            (Some(attribute), _) => match otherwise {
                None => call.member(item, attribute)?,
                Some(otherwise) => member::path(item, attribute, call.context)?
                    .unwrap_or_else(|| otherwise.clone()),
            },
            (None, Prepared::Filter(filter)) => {
                let args: Vec<_> = (0..filter.params.len())
                    .map(|at| call.args.get(at + 1).cloned().flatten())
                    .collect();
                apply(
                    filter,
                    item.clone(),
                    &args,
                    &Prepared::Nothing,
                    call.context,
                )?
            }
            (None, _) => {
                return Err(Fault::new(
                    "template.type",
                    "the filter `map` needs a filter or `attribute`",
                ));
            }
        });
    }
    Ok(Value::from(mapped))
}

/// Whether a value passes the test that stands at `at`, with its argument behind it.
fn passes(call: &Call<'_>, value: Option<Value>, at: usize) -> Result<bool, Fault> {
    match call.prepared {
        Prepared::Test(test) => test.apply(value, call.arg(at + 1), call.context),
        _ => value.map_or(Ok(false), |value| operators::truth(&value, call.context)),
    }
}

fn pick(call: &Call<'_>, wanted: bool) -> Result<Value, Fault> {
    let mut picked = Vec::new();
    for item in call.list()? {
        if passes(call, Some(item.clone()), 0)? == wanted {
            picked.push(item.clone());
        }
    }
    Ok(Value::from(picked))
}

fn pick_by_member(call: &Call<'_>, wanted: bool) -> Result<Value, Fault> {
    let attribute = call.arg_text(0)?.unwrap_or_default();
    let mut picked = Vec::new();
    for item in call.list()? {
        let value = member::path(item, &attribute, call.context)?;
        if passes(call, value, 1)? == wanted {
            picked.push(item.clone());
        }
    }
    Ok(Value::from(picked))
}
