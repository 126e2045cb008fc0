//! The tests behind `is`: one table row each. (`is defined` is the evaluator's own: it alone may stand on undefined values.)

use super::context::Context;
use super::error::{Fault, Parse, SyntaxError};
use super::filters::Given;
use super::operators::{self, secret_used, whole};
use super::syntax::{Comparison, Kind, Node};
use super::toolbox::ToolDoc;
use crate::finding::{misspelt, nearest};
use crate::source::Span;
use crate::value::Value;

/// One test.
#[derive(Debug)]
pub(super) struct Test {
    pub(super) name: &'static str,
    pub(super) aliases: &'static [&'static str],
    about: &'static str,
    /// An expression that is true.
    example: &'static str,
    pub(super) takes_argument: bool,
    run: fn(&Value, &Value, &Context<'_>) -> Result<bool, Fault>,
}

/// A test of a value.
#[derive(Debug)]
pub(super) struct TestCall {
    pub(super) test: &'static Test,
    pub(super) of: Node,
    pub(super) arg: Option<Node>,
}

impl TestCall {
    pub(super) fn apply(
        &self,
        of: Value,
        arg: Option<&Value>,
        context: &Context<'_>,
    ) -> Result<bool, Fault> {
        self.test.apply(Some(of), arg, context)
    }
}

impl Test {
    /// Whether the value passes; no value at all passes only `undefined`.
    pub(super) fn apply(
        &self,
        of: Option<Value>,
        arg: Option<&Value>,
        context: &Context<'_>,
    ) -> Result<bool, Fault> {
        let Some(of) = of else {
            return Ok(self.name == "undefined");
        };
        if matches!(self.name, "defined" | "undefined") {
            return Ok(self.name == "defined");
        }
        if matches!(of, Value::Secret(_)) {
            return Err(secret_used(&format!("the test `{}`", self.name)));
        }
        let of = context.content(of)?;
        let arg = context.content(arg.cloned().unwrap_or_default())?;
        (self.run)(&of, &arg, context)
    }
}

const fn kind(
    name: &'static str,
    aliases: &'static [&'static str],
    about: &'static str,
    example: &'static str,
    run: fn(&Value, &Value, &Context<'_>) -> Result<bool, Fault>,
) -> Test {
    Test {
        name,
        aliases,
        about,
        example,
        takes_argument: false,
        run,
    }
}

const fn with(
    name: &'static str,
    aliases: &'static [&'static str],
    about: &'static str,
    example: &'static str,
    run: fn(&Value, &Value, &Context<'_>) -> Result<bool, Fault>,
) -> Test {
    Test {
        takes_argument: true,
        ..kind(name, aliases, about, example, run)
    }
}

static TABLE: [Test; 25] = [
    kind(
        "defined",
        &[],
        "Whether there is a value; paths may run through undefined names.",
        "{'a': none}.a is defined",
        |_, _, _| Ok(true),
    ),
    kind(
        "undefined",
        &[],
        "Whether there is no value.",
        "{'a': none}.b.c is undefined",
        |_, _, _| Ok(false),
    ),
    kind(
        "none",
        &["null"],
        "Whether it is null.",
        "none is null",
        |of, _, _| Ok(of.is_null()),
    ),
    kind(
        "boolean",
        &["bool"],
        "Whether it is true or false.",
        "false is boolean",
        |of, _, _| Ok(matches!(of, Value::Bool(_))),
    ),
    kind(
        "true",
        &["True"],
        "Whether it is true itself.",
        "(1 == 1) is true",
        |of, _, _| Ok(matches!(of, Value::Bool(true))),
    ),
    kind(
        "false",
        &["False"],
        "Whether it is false itself.",
        "(1 == 2) is false",
        |of, _, _| Ok(matches!(of, Value::Bool(false))),
    ),
    kind(
        "number",
        &[],
        "Whether it is a number.",
        "1.5 is number",
        |of, _, _| Ok(of.as_f64().is_some()),
    ),
    kind(
        "integer",
        &["int"],
        "Whether it is a whole number.",
        "1 is integer",
        |of, _, _| Ok(whole(of).is_some()),
    ),
    kind(
        "float",
        &[],
        "Whether it is a number with a fraction or an exponent.",
        "1.5 is float",
        |of, _, _| Ok(matches!(of, Value::Float(_))),
    ),
    kind(
        "string",
        &[],
        "Whether it is text.",
        "'a' is string",
        |of, _, _| Ok(matches!(of, Value::String(_))),
    ),
    kind(
        "list",
        &["sequence"],
        "Whether it is a list or a stream.",
        "[] is list",
        |of, _, _| Ok(matches!(of, Value::List(_))),
    ),
    kind(
        "mapping",
        &["map"],
        "Whether it is a map.",
        "{} is mapping",
        |of, _, _| Ok(matches!(of, Value::Map(_))),
    ),
    kind(
        "empty",
        &[],
        "Whether it is null, or text, a list or a map with nothing in it.",
        "'' is empty",
        empty,
    ),
    kind(
        "odd",
        &[],
        "Whether it is an odd number.",
        "3 is odd",
        |of, _, _| Ok(number(of, "odd")? % 2 != 0),
    ),
    kind(
        "even",
        &[],
        "Whether it is an even number.",
        "2 is even",
        |of, _, _| Ok(number(of, "even")? % 2 == 0),
    ),
    with(
        "divisibleby",
        &["divisible_by"],
        "Whether it is a multiple of a number.",
        "9 is divisibleby 3",
        divisible,
    ),
    with(
        "eq",
        &["equalto", "=="],
        "Whether it equals a value.",
        "1 is eq 1.0",
        operators::equal,
    ),
    with(
        "ne",
        &["!="],
        "Whether it does not equal a value.",
        "1 is ne 2",
        |a, b, c| Ok(!operators::equal(a, b, c)?),
    ),
    with(
        "lt",
        &["lessthan", "<"],
        "Whether it is less than a value.",
        "1 is lt 2",
        |a, b, c| operators::compare(Comparison::Less, a, b, c),
    ),
    with(
        "le",
        &["<="],
        "Whether it is at most a value.",
        "2 is le 2",
        |a, b, c| operators::compare(Comparison::LessOrEqual, a, b, c),
    ),
    with(
        "gt",
        &["greaterthan", ">"],
        "Whether it is greater than a value.",
        "2 is gt 1",
        |a, b, c| operators::compare(Comparison::Greater, a, b, c),
    ),
    with(
        "ge",
        &[">="],
        "Whether it is at least a value.",
        "2 is ge 2",
        |a, b, c| operators::compare(Comparison::GreaterOrEqual, a, b, c),
    ),
    with(
        "in",
        &[],
        "Whether it is in a list, a key of a map, or a piece of a text.",
        "'a' is in(['a', 'b'])",
        |a, b, c| operators::contains(b, a, c),
    ),
    with(
        "startingwith",
        &["starting_with"],
        "Whether the text starts with a piece.",
        "'abc' is startingwith 'ab'",
        |a, b, _| pieces(a, b, |a, b| a.starts_with(b)),
    ),
    with(
        "endingwith",
        &["ending_with"],
        "Whether the text ends with a piece.",
        "'abc' is endingwith 'bc'",
        |a, b, _| pieces(a, b, |a, b| a.ends_with(b)),
    ),
];

/// `matching` compiles its pattern, so it stands apart from what is cheap.
static MATCHING: Test = with(
    "matching",
    &["match"],
    "Whether a regular expression matches somewhere in the text.",
    r"'order 12' is matching '^order \\d+$'",
    |text, pattern, _| {
        pieces(text, pattern, |_, _| true)?;
        let pattern = super::filters::compile_pattern(pattern.as_str().unwrap_or_default())?;
        Ok(pattern.is_match(text.as_str().unwrap_or_default()))
    },
);

fn all() -> impl Iterator<Item = &'static Test> {
    TABLE.iter().chain(std::iter::once(&MATCHING))
}

fn empty(of: &Value, _: &Value, _: &Context<'_>) -> Result<bool, Fault> {
    Ok(match of {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Map(map) => map.is_empty(),
        other => {
            return Err(Fault::kind(
                "the test `empty`",
                "text, a list or a map",
                other,
            ));
        }
    })
}

fn number(of: &Value, name: &str) -> Result<i128, Fault> {
    whole(of).ok_or_else(|| Fault::kind(&format!("the test `{name}`"), "a whole number", of))
}

fn divisible(of: &Value, by: &Value, _: &Context<'_>) -> Result<bool, Fault> {
    let (of, by) = (number(of, "divisibleby")?, number(by, "divisibleby")?);
    if by == 0 {
        return Err(Fault::new("template.division", "division by zero"));
    }
    Ok(of % by == 0)
}

fn pieces(of: &Value, piece: &Value, holds: fn(&str, &str) -> bool) -> Result<bool, Fault> {
    match (of, piece) {
        (Value::String(of), Value::String(piece)) => Ok(holds(of, piece)),
        (Value::String(_), other) | (other, _) => Err(Fault::kind("the test", "text", other)),
    }
}

/// The test of this name.
pub(super) fn find(name: &str) -> Option<&'static Test> {
    all().find(|test| test.name == name || test.aliases.contains(&name))
}

/// Every test, for the documentation.
pub fn test_docs() -> impl Iterator<Item = ToolDoc> {
    all().map(|test| ToolDoc {
        group: "Tests",
        name: test.name,
        aliases: test.aliases,
        signature: if test.takes_argument {
            format!("{} x", test.name)
        } else {
            test.name.to_owned()
        },
        about: test.about,
        example: test.example,
        gives: "true",
    })
}

/// The error for a name that is no test.
pub(super) fn unknown(name: &str, span: Span) -> SyntaxError {
    let message = format!("there is no test `{name}`");
    let known: Vec<&str> = all().map(|test| test.name).collect();
    let help = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the tests are {}", known.join(", ")),
    };
    SyntaxError::new("template.unknown_test", span, message)
        .meant(name, misspelt(name, known))
        .help(help)
}

/// The node of `of is name(args)`.
pub(super) fn bind(name: &str, name_span: Span, of: Node, given: Vec<Given>) -> Parse<Kind> {
    let test = find(name).ok_or_else(|| unknown(name, name_span))?;
    let count = given.len();
    let mut values = given.into_iter().map(|given| given.value);
    let arg = values.next();
    if count != usize::from(test.takes_argument) {
        let message = if test.takes_argument {
            format!("the test `{}` takes one argument", test.name)
        } else {
            format!("the test `{}` takes no argument", test.name)
        };
        return Err(SyntaxError::new("template.arguments", name_span, message)
            .help(format!("for example `{}`", test.example)));
    }
    Ok(match test.name {
        "defined" | "undefined" => Kind::Defined {
            of: Box::new(of),
            wanted: test.name == "defined",
        },
        _ => Kind::Test(Box::new(TestCall { test, of, arg })),
    })
}
