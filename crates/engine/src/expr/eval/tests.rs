//! Whole expressions in the usual world.

use crate::expr::testing::shown;

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(shown(text), expected, "{text}");
}

#[test]
fn paths_lead_to_values() {
    check("inputs.deep.a.b", r#""c""#);
    check("inputs['deep']['a'].b", r#""c""#);
    check("{{ inputs.n }}", "7");
    check(" {{- inputs.n -}} ", "7");
    check("inputs.list[0] + inputs.list[-1]", "4");
    check("inputs.list[1:]", "[2,3]");
    check("inputs.list[::-1]", "[3,2,1]");
    check("inputs.name[0]", r#""A""#);
    check("steps.fetch.items.count", "2");
    check("steps.fetch.items[1].user.name", r#""B""#);
    check("steps[inputs.missing | default('fetch')].id", r#""x1""#);
    check("inputs.none", "null");
    check("{'a': 1, 'b': [none, true]}", r#"{"a":1,"b":[null,true]}"#);
    check("(1, 2)", "[1,2]");
    check("inputs.text", r#""{{ 7*7 }}""#);
    check("range(2, 8, 3)", "[2,5]");
    check("range(3, 0, -1)", "[3,2,1]");
}

#[test]
fn undefined_says_which_part_and_what_is_there() {
    check(
        "nputs.a",
        "template.undefined at `nputs`: `nputs` is not defined here = did you mean `inputs`?",
    );
    check(
        "zebra",
        "template.undefined at `zebra`: `zebra` is not defined here = the names here are `inputs`, `steps`, `run`, `item`, `secrets`",
    );
    check(
        "inputs.deep.x.y",
        "template.undefined at `x`: `inputs.deep` has no member `x`: it has `a`",
    );
    check(
        "inputs.lst",
        "template.undefined at `lst`: `inputs` has no member `lst`: it has `name`, `n`, `f`, `half`, `none`, `list`, `big`, `deep`, 2 more = did you mean `list`?",
    );
    check(
        "inputs.n.x",
        "template.undefined at `x`: `inputs.n` has no member `x`: it is an integer, which has no members",
    );
    check(
        "inputs.list.size",
        "template.undefined at `size`: `inputs.list` has no member `size`: it is a list of 3 items: it has `.count` and `[0]`",
    );
    check(
        "inputs.list[3]",
        "template.undefined at `inputs.list[3]`: `inputs.list` has no `[3]`: it is a list of 3 items: it has `.count` and `[0]`",
    );
    check(
        "steps.gone.id",
        "template.undefined at `gone`: `steps.gone` has no value: step `gone` was skipped = `| default(value)` says what stands for it then",
    );
    check(
        "[1, missing]",
        "template.undefined at `missing`: `missing` is not defined here = the names here are `inputs`, `steps`, `run`, `item`, `secrets`",
    );
    check(
        "{'a': [inputs.x]}",
        "template.undefined at `x`: `inputs` has no member `x`: it has `name`, `n`, `f`, `half`, `none`, `list`, `big`, `deep`, 2 more",
    );
    check(
        "inputs.x == 1",
        "template.undefined at `x`: `inputs` has no member `x`: it has `name`, `n`, `f`, `half`, `none`, `list`, `big`, `deep`, 2 more",
    );
    check(
        "1 if false",
        "template.undefined at `1 if false`: the condition is false and there is no `else` = say what it is then: `a if condition else b`",
    );
    check(
        "[] | first",
        "template.undefined at `[] | first`: the filter `first` was given something empty = `| default(value)` says what it is then",
    );
}

#[test]
fn null_is_said_to_be_null() {
    check(
        "steps.fetch.missing.id",
        "template.null at `steps.fetch.missing.id`: `steps.fetch.missing` is null, so `steps.fetch.missing.id` cannot be read = `| default(value, true)` also replaces null",
    );
    check(
        "inputs.none.a.b | default(1)",
        "template.null at `inputs.none.a`: `inputs.none` is null, so `inputs.none.a` cannot be read = `| default(value, true)` also replaces null",
    );
    check("inputs.none.a.b | default(1, true)", "1");
    check(
        "inputs.none | upper",
        "template.null at `inputs.none | upper`: the filter `upper` was given null = say what stands for null first: `| default(value, true)`",
    );
    check("inputs.none.a is defined", "false");
    check("inputs.none is none", "true");
}

#[test]
fn default_stands_on_undefined_paths() {
    check("inputs.a.b.c | default('x')", r#""x""#);
    check("nobody.knows | default(inputs.n)", "7");
    check("steps.gone.id | default(steps.fetch.id)", r#""x1""#);
    check("inputs.a | d('x') | upper", r#""X""#);
    check("inputs.none | default('x')", "null");
    check("inputs.none | default('x', true)", r#""x""#);
    check("inputs.empty | default('x', boolean=true)", r#""x""#);
    check("false | default('x', true)", "false");
    check("0 | default('x', true)", "0");
    check("inputs.a | default", r#""""#);
    check("([] | first) | default(0)", "0");
    check("(inputs.a + 1) | default(0)", "0");
    check(
        "inputs.deep | jsonpath('$.zzz') | default('none')",
        r#""none""#,
    );
    check(
        "inputs.deep | jsonpath('$.zzz')",
        "jsonpath.no_match at `inputs.deep | jsonpath('$.zzz')`: `$.zzz` finds nothing = `| default(value)` says what it is then",
    );
    check(
        "(1 / 0) | default(0)",
        "template.division at `1 / 0`: division by zero = test the divisor first: `a / b if b != 0 else 0`",
    );
    check(
        "steps.gone.id | default(inputs.a.b)",
        "template.undefined at `steps.gone.id | default(inputs.a.b)`: neither `steps.gone.id` nor `inputs.a.b` has a value",
    );
}

#[test]
fn defined_asks_without_error() {
    check("inputs.a.b is defined", "false");
    check("inputs.a.b is not defined", "true");
    check("inputs.n is defined", "true");
    check("nobody is undefined", "true");
    check("steps.gone is defined and steps.gone.n > 1", "false");
    check("steps.fetch is not undefined", "true");
}

#[test]
fn functions_ask_about_steps() {
    check("status('broken')", r#""failed""#);
    check(
        "failed('broken') and succeeded('fetch') and skipped('gone')",
        "true",
    );
    check("failed('fetch')", "false");
    check("error('broken').code", r#""http.500""#);
    check("error('fetch')", "null");
    check("always()", "true");
    check("run.callback_url('wait')", r#""https://flow.test/wait""#);
    check(
        "status('later')",
        "template.undefined at `status('later')`: step `later` has not ended, so it has no status",
    );
}

#[test]
fn filters_check_what_they_are_given() {
    check(
        "inputs.list | upper",
        "template.type at `inputs.list | upper`: the filter `upper` takes text, not a list = `| to_json` makes text of any value; `| map('...')` works on each item",
    );
    check(
        "inputs | join",
        "template.type at `inputs | join`: the filter `join` takes a list, not a map = of a map take `| keys`, `| values` or `| items` first",
    );
    check(
        "inputs.n | keys",
        "template.type at `inputs.n | keys`: the filter `keys` takes a map, not an integer",
    );
    check("'4.7' | int", "4");
    check(
        "'x' | int",
        "template.type at `'x' | int`: \"x\" is not a whole number = `| int(0)` says what it is then",
    );
    check("'x' | int(0)", "0");
    check(
        "'99999999999999999999' | int",
        "template.number at `'99999999999999999999' | int`: a whole number outside 64 bits",
    );
    check(
        "['a', 1] | sort",
        "template.type at `['a', 1] | sort`: the filter `sort` cannot compare an integer with a string",
    );
    check("[3, 1, 2] | sort(reverse=true)", "[3,2,1]");
    check("inputs.list | map('string') | join('-')", r#""1-2-3""#);
    check("['a b', 'c'] | map('replace', ' ', '_')", r#"["a_b","c"]"#);
    check(
        "steps.fetch.items | map(attribute='user.name')",
        r#"["A","B"]"#,
    );
    check(
        "steps.fetch.items | map(attribute='nmae')",
        "template.undefined at `steps.fetch.items | map(attribute='nmae')`: the filter `map`: an item has no member `nmae`",
    );
    check(
        "steps.fetch.items | selectattr('user.name', 'in', ['B']) | map(attribute='id')",
        "[2]",
    );
    check("[none, 1, ''] | select", "[1]");
    check("[1, 'a', none] | select('string')", r#"["a"]"#);
    check("[{'a': 1}, {}] | rejectattr('a', 'defined')", "[{}]");
    check(
        "'{' | json",
        "json.syntax at `'{' | json`: not JSON: EOF while parsing an object at line 1 column 1",
    );
    check(
        "'1\\n\\n{' | jsonl",
        "json.syntax at `'1\\n\\n{' | jsonl`: line 3: EOF while parsing an object at column 1",
    );
    check(
        "'a' | regex_find('[') ",
        "template.regex at `'['`: not a regular expression: unclosed character class",
    );
    check("'abc' | regex_find('x') | default('no')", r#""no""#);
    check("run.due | date", r#""2026-11-21""#);
    check("run.due | date('%H:%M %:z')", r#""02:00 +01:00""#);
    check(
        "0 | date('%Y-%m-%dT%H:%M:%SZ')",
        r#""1970-01-01T00:00:00Z""#,
    );
    check("'2026-02-03' | date('%d.%m.')", r#""03.02.""#);
    check(
        "'soon' | date",
        "template.date at `'soon' | date`: \"soon\" is not a time in the form of RFC 3339 = such as `2026-01-31T02:00:00Z` or `2026-01-31`; `| parse_date('%d.%m.%Y')` reads other forms",
    );
    check("'YQ' | b64decode", r#""a""#);
    check(
        "'a!' | b64decode",
        "template.type at `'a!' | b64decode`: the filter `b64decode`: this is not Base64",
    );
    check("2.5 | round", "3");
    check("-1.25 | round(1)", "-1.3");
}
