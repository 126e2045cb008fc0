//! The functions of expressions, and the help for calls of what is none.

use std::sync::Arc;

use super::error::{Parse, SyntaxError};
use super::filters::{self, Given};
use super::syntax::{Call, Kind, Node};
use super::toolbox::FUNCTIONS;
use crate::finding::{misspelt, nearest};
use crate::source::Span;
use crate::value::Value;

/// The error for `value.name(...)`: it shows the filter.
pub(super) fn method(name: &str, of: &Node, callee: Span) -> SyntaxError {
    let name_span = Span {
        start: callee.end.saturating_sub(Span::at(name.len()).start),
        end: callee.end,
    };
    let message = format!("values have no methods: `.{name}(...)`");
    let written = match &of.kind {
        Kind::Name(root) => root.to_string(),
        _ => "value".to_owned(),
    };
    let known = filters::filter_docs()
        .map(|doc| doc.name)
        .collect::<Vec<_>>();
    let help = match filters::find(name)
        .map(|filter| filter.name)
        .or_else(|| nearest(name, known))
    {
        Some(filter) => format!("use the filter: `{written} | {filter}`"),
        None => format!("use a filter: `{written} | ...`"),
    };
    SyntaxError::new("template.unknown_function", name_span, message).help(help)
}

/// The call of a function.
pub(super) fn function(name: &str, callee: Span, span: Span, given: Vec<Given>) -> Parse<Call> {
    Ok(match name {
        "status" => Call::Status(step_name(name, span, &given)?),
        "failed" => Call::StatusIs(step_name(name, span, &given)?, "failed"),
        "succeeded" => Call::StatusIs(step_name(name, span, &given)?, "succeeded"),
        "skipped" => Call::StatusIs(step_name(name, span, &given)?, "skipped"),
        "error" => Call::Error(step_name(name, span, &given)?),
        "always" if given.is_empty() => Call::Always,
        "always" => return Err(arguments(span, "`always()` takes no argument")),
        "range" => {
            if !(1..=3).contains(&given.len()) || given.iter().any(|arg| arg.name.is_some()) {
                let message = "`range` takes one to three numbers: `range(start, stop, step)`";
                return Err(arguments(span, message));
            }
            Call::Range(given.into_iter().map(|arg| arg.value).collect())
        }
        clock if filters::is_clock(clock) => {
            return Err(filters::no_clock(
                "template.unknown_function",
                clock,
                callee,
            ));
        }
        unknown => {
            let message = format!("there is no function `{unknown}`");
            let help = match nearest(unknown, FUNCTIONS.iter().map(|(name, ..)| *name)) {
                Some(near) => format!("did you mean `{near}`?"),
                None if filters::find(unknown).is_some() => {
                    format!("`{unknown}` is a filter: `value | {unknown}`")
                }
                None => {
                    let known: Vec<_> = FUNCTIONS
                        .iter()
                        .map(|(_, call, ..)| format!("`{call}`"))
                        .collect();
                    format!("the functions are {}", known.join(", "))
                }
            };
            let known = FUNCTIONS.iter().map(|(name, ..)| *name);
            return Err(
                SyntaxError::new("template.unknown_function", callee, message)
                    .meant(unknown, misspelt(unknown, known))
                    .help(help),
            );
        }
    })
}

fn arguments(span: Span, message: impl Into<String>) -> SyntaxError {
    SyntaxError::new("template.arguments", span, message)
}

/// The step that a literal argument names.
pub(super) fn step_name(function: &str, span: Span, given: &[Given]) -> Parse<Arc<str>> {
    if let [Given { name: None, value }] = given
        && let Kind::Const(Value::String(step)) = &value.kind
    {
        return Ok(step.clone());
    }
    let message = format!("`{function}` takes the name of one step in quotes");
    Err(SyntaxError::new("template.arguments", span, message)
        .help(format!("write `{function}('step')`")))
}

#[cfg(test)]
mod tests {
    use crate::expr::testing::shown;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(shown(text), expected, "{text}");
    }

    #[test]
    fn unknown_names_are_found_without_values() {
        check(
            "missing | uper",
            "template.unknown_filter at `uper`: there is no filter `uper` = did you mean `upper`?",
        );
        check(
            "missing | tojson",
            "template.unknown_filter at `tojson`: there is no filter `tojson` = did you mean `to_json`?",
        );
        check(
            "missing is strin",
            "template.unknown_test at `strin`: there is no test `strin` = did you mean `string`?",
        );
        check(
            "stats('x')",
            "template.unknown_function at `stats`: there is no function `stats` = did you mean `status`?",
        );
        check(
            "upper(missing)",
            "template.unknown_function at `upper`: there is no function `upper` = `upper` is a filter: `value | upper`",
        );
        check(
            "now()",
            "template.unknown_function at `now`: there is no `now`: an expression does not read the clock = `run.started_at` is when the run started, `run.due` when it was due",
        );
        check(
            "debug()",
            "template.unknown_function at `debug`: there is no function `debug` = the functions are `status('step')`, `failed('step')`, `succeeded('step')`, `skipped('step')`, `error('step')`, `always()`, `range([start, ]stop[, step])`",
        );
        check(
            "x | map('uper')",
            "template.unknown_filter at `'uper'`: there is no filter `uper` = did you mean `upper`?",
        );
        check(
            "x | select('evn')",
            "template.unknown_test at `'evn'`: there is no test `evn` = did you mean `even`?",
        );
    }

    #[test]
    fn arguments_are_counted_without_values() {
        check(
            "x | upper(1)",
            "template.arguments at `1`: the filter `upper` takes no argument = for example `'straße' | upper`",
        );
        check(
            "x | replace('a')",
            "template.arguments at `replace`: the filter `replace` needs `new` = for example `'a-b-c' | replace('-', '+')`",
        );
        check(
            "x | join(',', sep='a')",
            "template.arguments at `'a'`: the filter `join` has no parameter `sep` = for example `['a', 1, true] | join(', ')`",
        );
        check(
            "x | join(',', separator='a')",
            "template.arguments at `'a'`: `separator` is given twice = for example `['a', 1, true] | join(', ')`",
        );
        check(
            "x | default(1, true, 2)",
            "template.arguments at `default`: the filter `default` takes the other value, and perhaps `true` = for example `x | default('none', true)`",
        );
        check(
            "x is divisibleby",
            "template.arguments at `divisibleby`: the test `divisibleby` takes one argument = for example `9 is divisibleby 3`",
        );
        check(
            "failed(x)",
            "template.arguments at `failed(x)`: `failed` takes the name of one step in quotes = write `failed('step')`",
        );
        check(
            "always(1)",
            "template.arguments at `always(1)`: `always()` takes no argument",
        );
        check(
            "x | map(name)",
            "template.arguments at `name`: `filter` is a name in quotes = for example `[{'id': 1}, {}] | map(attribute='id', default=0)`",
        );
    }

    #[test]
    fn values_have_no_methods() {
        check("x.upper()", "template.unknown_function at `upper`: values have no methods: `.upper()` = use the filter: `x | upper`".replace("()`", "(...)`").as_str());
        check(
            "x.items()",
            "template.unknown_function at `items`: values have no methods: `.items(...)` = use the filter: `x | items`",
        );
        check(
            "x.y.frobnicate(1)",
            "template.unknown_function at `frobnicate`: values have no methods: `.frobnicate(...)` = use a filter: `value | ...`",
        );
        check(
            "x[0](1)",
            "template.unknown_function at `x[0](1)`: only a function can be called",
        );
    }

    #[test]
    fn paths_and_patterns_are_read_with_the_expression() {
        check(
            "x | jsonpath('$.a[')",
            "jsonpath.syntax at ``: the JSONPath ends too early",
        );
        check(
            "x | jsonpath('$.a b')",
            "jsonpath.syntax at ` `: white space inside a name or number of a JSONPath = a name with other characters is written `['a b']`",
        );
        check(
            "x | regex_replace('(', '')",
            "template.regex at `'('`: not a regular expression: unclosed group",
        );
    }
}
