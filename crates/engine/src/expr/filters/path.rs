//! The filter `jsonpath`.

use super::{Call, Filter, Gives, Param, ParamKind, Prepared, Takes};
use crate::expr::error::Fault;
use crate::expr::jsonpath::JsonPath;
use crate::value::Value;

pub(super) const FILTERS: &[Filter] = &[Filter {
    name: "jsonpath",
    aliases: &[],
    about: "What a JSONPath (RFC 9535) finds: the value for a path of names and indexes, a list for any other.",
    example: (
        "{'data': [{'id': 1}, {'id': 2}]} | jsonpath('$.data[*].id')",
        "[1,2]",
    ),
    gives: Gives::Unknown,
    params: &[Param::required("path").of(ParamKind::Path)],
    takes: Takes::Any,
    run: jsonpath,
}];

fn jsonpath(call: &Call<'_>) -> Result<Value, Fault> {
    let found = if let Prepared::Path(path) = call.prepared {
        path.run(&call.input)
    } else {
        let text = call.arg_text(0)?.unwrap_or_default();
        JsonPath::parse(&text).and_then(|path| path.run(&call.input))
    };
    let (value, visits) =
        found.map_err(|error| Fault::new(error.code, error.message).maybe_help(error.help))?;
    // Looking at a node is cheaper than a step of the evaluation.
    call.context.budget.steps(visits / 16)?;
    Ok(value)
}
