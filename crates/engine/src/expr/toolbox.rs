//! The catalogue of what an expression may use: operators, functions, tests, filters, and the limits. `docs/expressions.md`
//! is made from it, and a test evaluates every example.

use super::limits::{
    EXPRESSION_CHARS_MAX, FUEL, NESTING_MAX, OUTPUT_BYTES_MAX, OUTPUT_BYTES_TOTAL, RANGE_MAX,
    TEMPLATE_BYTES_MAX, TREE_DEPTH_MAX,
};
use super::{filters, jinja_tests, jsonpath};

/// One thing that an expression may use, as the documentation shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolDoc {
    /// The heading it stands under, such as `Text`.
    pub group: &'static str,
    /// Its name; of operators the signs.
    pub name: &'static str,
    /// Other names for it.
    pub aliases: &'static [&'static str],
    /// How it is written; parameters that may be left out stand in brackets: `split([separator, max])`.
    pub signature: String,
    /// One sentence.
    pub about: &'static str,
    /// An expression that uses it.
    pub example: &'static str,
    /// The JSON of the example's value.
    pub gives: &'static str,
}

/// Everything: operators, functions, tests, filters.
pub fn tool_docs() -> impl Iterator<Item = ToolDoc> {
    operator_docs()
        .chain(function_docs())
        .chain(jinja_tests::test_docs())
        .chain(filters::filter_docs())
}

/// Signs, what they do, an example and its value.
const OPERATORS: [(&str, &str, &str, &str); 18] = [
    (
        "x.name",
        "The member of a map, also of a stored one; `x['name']` for any text.",
        "{'a': {'b c': 1}}.a['b c']",
        "1",
    ),
    (
        "x[0]",
        "The item of a list or the character of a text; from the end with `-1`.",
        "['a', 'b', 'c'][-1]",
        r#""c""#,
    ),
    (
        "x[1:3]",
        "A part of a list or a text, as far as there is one; a step may follow.",
        "[1, 2, 3, 4][1:3]",
        "[2,3]",
    ),
    (
        "+ - *",
        "Arithmetic. Whole numbers stay whole; `+` also joins two texts or two lists.",
        "2 + 3 * 4",
        "14",
    ),
    (
        "/",
        "Division, with a fraction where there is one.",
        "7 / 2",
        "3.5",
    ),
    ("//", "Division down to a whole number.", "7 // 2", "3"),
    ("%", "The rest of that division.", "7 % 2", "1"),
    ("**", "A power.", "2 ** 10", "1024"),
    (
        "~",
        "The text of both sides together.",
        "'n' ~ 1",
        r#""n1""#,
    ),
    (
        "== !=",
        "Whether two values are equal: numbers by what they mean, lists and maps by what is in them.",
        "[1, 2.0] == [1.0, 2]",
        "true",
    ),
    (
        "< <= > >=",
        "The order of two numbers or two texts; chains are allowed.",
        "1 < 5 <= 9",
        "true",
    ),
    (
        "in, not in",
        "Whether a list has an item, a map a key, a text a piece.",
        "'b' in ['a', 'b']",
        "true",
    ),
    (
        "and, or",
        "`and` gives the first side that counts as false, `or` the first that counts as true, else the last. Null, false, 0 and what is empty count as false.",
        "'' or 'none'",
        r#""none""#,
    ),
    (
        "not",
        "Whether it does not count as true.",
        "not []",
        "true",
    ),
    (
        "a if c else b",
        "One of two; the other one is not looked at.",
        "'many' if 3 > 1 else 'one'",
        r#""many""#,
    ),
    (
        "x | filter",
        "What a filter makes of it.",
        "' a ' | trim",
        r#""a""#,
    ),
    (
        "x is test",
        "Whether a test holds; also `is not`.",
        "3 is odd",
        "true",
    ),
    (
        "[ ], { }",
        "A list; a map. `'text'`, `\"text\"`, `1`, `1.5`, `true`, `false`, `null` stand for themselves.",
        "{'a': [1, null]}",
        r#"{"a":[1,null]}"#,
    ),
];

/// Every operator.
pub fn operator_docs() -> impl Iterator<Item = ToolDoc> {
    OPERATORS
        .into_iter()
        .map(|(name, about, example, gives)| ToolDoc {
            group: "Operators",
            name,
            aliases: &[],
            signature: name.to_owned(),
            about,
            example,
            gives,
        })
}

/// Name, how it is called, what it gives, an example and its value (over steps `fetch`, which succeeded, `broken`, which
/// failed, and `gone`, which was skipped).
pub(super) const FUNCTIONS: [(&str, &str, &str, &str, &str); 7] = [
    (
        "status",
        "status('step')",
        "How a step ended: `succeeded`, `failed`, `skipped`, `cancelled`, `timed_out`.",
        "status('fetch')",
        r#""succeeded""#,
    ),
    (
        "failed",
        "failed('step')",
        "Whether a step failed.",
        "failed('broken')",
        "true",
    ),
    (
        "succeeded",
        "succeeded('step')",
        "Whether a step succeeded.",
        "succeeded('fetch')",
        "true",
    ),
    (
        "skipped",
        "skipped('step')",
        "Whether a step was skipped.",
        "skipped('gone')",
        "true",
    ),
    (
        "error",
        "error('step')",
        "The error of a step that failed: a map with `code`, `message`, `status` and `attempt`.",
        "error('broken').code",
        r#""http.500""#,
    ),
    (
        "always",
        "always()",
        "True. In `if`, the step is run whatever became of the steps it needs.",
        "always()",
        "true",
    ),
    (
        "range",
        "range([start, ]stop[, step])",
        "The whole numbers from `start` (0) up to, not including, `stop`.",
        "range(1, 10, 3)",
        "[1,4,7]",
    ),
];

/// Every function.
pub fn function_docs() -> impl Iterator<Item = ToolDoc> {
    FUNCTIONS
        .into_iter()
        .map(|(name, call, about, example, gives)| ToolDoc {
            group: "Functions",
            name,
            aliases: &[],
            signature: call.to_owned(),
            about,
            example,
            gives,
        })
}

/// What bounds an expression: the thing and the most there may be of it.
pub fn limit_docs() -> Vec<(&'static str, String)> {
    let bytes = |bytes: usize| match bytes >> 20 {
        0 => format!("{} KiB", bytes >> 10),
        mib => format!("{mib} MiB"),
    };
    vec![
        (
            "the length of an expression",
            format!("{} characters", grouped(EXPRESSION_CHARS_MAX)),
        ),
        (
            "the length of a text with templates in it",
            bytes(TEMPLATE_BYTES_MAX),
        ),
        (
            "how deep brackets, signs and statements nest",
            grouped(NESTING_MAX),
        ),
        (
            "how many operators and filters follow one another",
            grouped(TREE_DEPTH_MAX),
        ),
        (
            "the steps of one evaluation: each value, item and kilobyte looked at is one",
            grouped(FUEL as usize),
        ),
        ("a text that one expression makes", bytes(OUTPUT_BYTES_MAX)),
        (
            "all texts that one evaluation makes, those in between too",
            bytes(OUTPUT_BYTES_TOTAL),
        ),
        (
            "the numbers of `range`",
            grouped(usize::try_from(RANGE_MAX).unwrap_or_default()),
        ),
        (
            "a regular expression",
            format!(
                "{} bytes, and {} when compiled",
                grouped(filters::PATTERN_BYTES_MAX),
                bytes(filters::COMPILED_BYTES_MAX)
            ),
        ),
        (
            "a JSONPath",
            format!("{} characters", grouped(jsonpath::PATH_CHARS_MAX)),
        ),
        (
            "the nodes that a JSONPath looks at; finds",
            format!(
                "{}; {}",
                grouped(jsonpath::VISITS_MAX),
                grouped(jsonpath::RESULTS_MAX)
            ),
        ),
        (
            "how deep lists and maps nest in JSON",
            grouped(crate::value::json::DEPTH_MAX),
        ),
    ]
}

/// A number with a comma between thousands.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{limit_docs, tool_docs};
    use crate::expr::testing::shown;

    #[test]
    fn every_example_gives_what_the_catalogue_says() {
        let mut wrong = Vec::new();
        for doc in tool_docs() {
            let found = shown(doc.example);
            if found != doc.gives {
                wrong.push(format!("{}: {} gives {found}", doc.name, doc.example));
            }
            assert!(doc.about.ends_with('.'), "{}", doc.name);
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    /// The order that `docs/expressions.md` gives.
    #[test]
    fn operators_bind_as_the_page_says() {
        for (written, meant) in [
            ("-2 ** 2", "(-2) ** 2"),
            ("2 ** 3 ** 2", "(2 ** 3) ** 2"),
            ("2 * 3 ** 2", "2 * (3 ** 2)"),
            ("1 + 2 * 3 // 2", "1 + ((2 * 3) // 2)"),
            ("'a' + 2 * 3 ~ 4 + 'b'", "'a' + ((2 * 3) ~ 4) + 'b'"),
            ("'a' ~ 'b' == 'ab'", "('a' ~ 'b') == 'ab'"),
            ("not 1 == 2", "not (1 == 2)"),
            ("not false and false", "(not false) and false"),
            ("true or true and false", "true or (true and false)"),
            ("1 if false else 2 or 3", "1 if false else (2 or 3)"),
            ("1 + -2 | abs", "1 + (-2 | abs)"),
        ] {
            assert_eq!(shown(written), shown(meant), "{written}");
        }
        assert_eq!(shown("-2 ** 2"), "4");
        assert_eq!(shown("1 + -2 | abs"), "3");
        assert_eq!(shown("-2 | abs"), "2");
    }

    #[test]
    fn limits_are_written_for_people() {
        let limits = limit_docs();
        assert_eq!(limits[0].1, "2,000 characters");
        assert_eq!(limits[4].1, "1,000,000");
        assert_eq!(limits[5].1, "8 MiB");
    }
}
