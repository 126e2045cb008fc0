use super::{Inferred, TypeScope};
use crate::expr::{Expression, Template};
use crate::types::Type;

struct Types;

impl TypeScope for Types {
    fn root(&self, name: &str) -> Option<Type> {
        Some(match name {
            "inputs" => Type::record(
                [
                    ("name", Type::string()),
                    ("n", Type::Integer),
                    ("x", Type::Number),
                    ("file", Type::blob(Type::Unknown)),
                    ("none", Type::Null),
                    ("flag", Type::Boolean),
                ],
                false,
            ),
            "steps" => {
                let item = Type::record(
                    [("id", Type::Integer), ("tag", Type::one_of(["a", "b"]))],
                    false,
                );
                let open = Type::record([("id", Type::string())], true);
                let maybe = Type::string().or(Type::Null);
                let fields = [
                    ("list", Type::list(item.clone())),
                    ("stream", Type::blob(item.clone())),
                    ("open", open.clone()),
                    ("maybe", maybe),
                    ("either", item.or(open)),
                ];
                Type::record(fields, false)
            }
            "secrets" => Type::Map(Type::Secret.into()),
            "item" => Type::Unknown,
            _ => return None,
        })
    }
}

fn shown(text: &str, inferred: &Inferred) -> String {
    let mut out = inferred.ty.to_string();
    for problem in &inferred.problems {
        let place = &text[problem.span.start as usize..problem.span.end as usize];
        let help = problem
            .help
            .as_ref()
            .map(|help| format!(" = {help}"))
            .unwrap_or_default();
        out.extend([
            "; ",
            problem.code,
            " at `",
            place,
            "`: ",
            &problem.message,
            &help,
        ]);
    }
    out
}

#[track_caller]
fn check(text: &str, expected: &str) {
    let expression = Expression::parse(text).expect(text);
    assert_eq!(shown(text, &expression.infer(&Types)), expected, "{text}");
}

#[track_caller]
fn check_text(text: &str, expected: &str) {
    let template = Template::parse(text).expect(text);
    assert_eq!(shown(text, &template.infer(&Types)), expected, "{text}");
}

#[test]
fn paths_have_the_type_of_their_end() {
    check("inputs.name", "string");
    check("inputs['n']", "integer");
    check("steps.list.count", "integer");
    check("steps.list[0].tag", "one of `a`, `b`");
    check("steps.stream.count", "integer");
    check("steps.stream[0].id", "integer");
    check("steps.open.whatever.deep", "any value");
    check("steps.either.id", "integer or string");
    check("steps.either.unlisted", "any value");
    check("item.a.b", "any value");
    check("nobody.knows", "any value");
    check("inputs.file.sha256", "string");
}

#[test]
fn members_that_cannot_be_are_problems() {
    check(
        "inputs.nmae",
        "any value; template.unknown_member at `nmae`: `inputs` has no member `nmae` = did you mean `name`?",
    );
    check(
        "inputs.nmae.more",
        "any value; template.unknown_member at `nmae`: `inputs` has no member `nmae` = did you mean `name`?",
    );
    check(
        "inputs.n.x",
        "any value; template.unknown_member at `x`: `inputs.n` is an integer, which has no members = take `.x` out, or name a map",
    );
    check(
        "inputs.none.x",
        "any value; template.null at `x`: `inputs.none` is null, so `.x` cannot be read = name something that has a value",
    );
    check(
        "steps.list.id",
        "any value; template.unknown_member at `id`: `steps.list` has no member `id` = it has `count`",
    );
    check(
        "steps.list | map(attribute='tga')",
        "list; template.unknown_member at `'tga'`: `steps.list` has no member `tga` = did you mean `tag`?",
    );
    check(
        "inputs.zzz | default(1)",
        "any value; template.unknown_member at `zzz`: `inputs` has no member `zzz` = it has `name`, `n`, `x`, `file`, `none`, `flag`",
    );
}

#[test]
fn operators_and_filters_give_types() {
    check("inputs.n + 1", "integer");
    check("inputs.n / 2", "number");
    check("inputs.n + inputs.x", "number");
    check("inputs.name ~ 1", "string");
    check("inputs.n > 1 and inputs.flag", "boolean");
    check("not item.a", "boolean");
    check("inputs.name | length", "integer");
    check("inputs.file | jsonl", "bytes");
    check("steps.list | first", "map");
    check("(steps.list | first).id", "integer");
    check("steps.list | map(attribute='id')", "list of integer");
    check("steps.list | map(attribute='id') | sum", "integer");
    check("steps.list | sum(attribute='id')", "integer");
    check("[1, 2.5] | sum", "number");
    check("inputs.name | split(',')", "list of string");
    check("steps.maybe | default('x', true)", "string or one of `x`");
    check("inputs.n | default('x')", "integer or one of `x`");
    check("1 if inputs.flag else 2.5", "integer or number");
    check("{'a': inputs.n}.a", "integer");
    check("[1, 2]", "list of integer");
    check("item | jsonpath('$..id')", "list");
    check("item | jsonpath('$.id')", "any value");
    check("range(3)", "list of integer");
    check("status('x')", "string");
    check("failed('x')", "boolean");
}

#[test]
fn filters_keep_what_is_known_of_items() {
    check(
        "(steps.list | sort(attribute='id') | last).tag",
        "one of `a`, `b`",
    );
    check("(steps.stream | reverse)[0].id", "integer");
    check(
        "(steps.list | selectattr('tag', 'eq', 'a'))[0].id",
        "integer",
    );
    check(
        "(steps.list | select | reject('none') | unique(attribute='id'))[0].id",
        "integer",
    );
    check("(steps.list | max(attribute='id')).id", "integer");
    check("(steps.list | group_by('tag'))[0].key", "one of `a`, `b`");
    check(
        "(steps.list | group_by('tag'))[0]['items'][0].id",
        "integer",
    );
    check(
        "(steps.list | groupby('tag') | first).itmes",
        "any value; template.unknown_member at `itmes`: `steps.list | groupby('tag') | first` has no member `itmes` = did you mean `items`?",
    );
    check("(steps.list | chunk(10))[0][0].id", "integer");
    check("([1] | zip(['a']))[0][1]", "integer or one of `a`");
    check("{'a': 1, 'b': 2} | values", "list of integer");
    check("({'a': 1} | merge({'b': 'x'})).b", "one of `x`");
    check(
        "({'a': 1} | merge({'b': 'x'})).c",
        "any value; template.unknown_member at `c`: `{'a': 1} | merge({'b': 'x'})` has no member `c` = it has `a`, `b`",
    );
    check("({'a': 1} | merge(item)).b", "any value");
    check(
        "steps.list | map(attribute='id') | map('string')",
        "list of string",
    );
    check("[[1], [2]] | map('first')", "list of integer");
    check(
        "steps.list | map('upper')",
        "list; template.type at `'upper'`: the filter `upper` does not take a map",
    );
    check("(steps.list | default([]))[0].id", "integer");
    check("inputs.x | round", "integer");
    check("inputs.x | round(2)", "number");
    check("'abc' | reverse", "string");
    check(
        "steps.list.cont",
        "any value; template.unknown_member at `cont`: `steps.list` has no member `cont` = did you mean `count`?",
    );
}

#[test]
fn what_filters_make_has_types() {
    check("(inputs.name | csv)[0].id", "string");
    check("(inputs.name | regex_groups('(a)'))['1']", "string or null");
    check("[[1], [2, 'a']] | flatten", "list of integer or one of `a`");
    check("[1, null] | compact", "list of integer");
    check("(steps.list | index_by('id'))['7'].tag", "one of `a`, `b`");
    check("{'a': 1, 'b': 'x'} | pick(['a'])", "map");
    check("({'a': 1} | omit(['b'])).a", "integer");
    check("[1] | union(['a'])", "list of integer or one of `a`");
    check("inputs.name | date_diff('2026-01-01')", "number");
    check("inputs.x | floor", "integer");
    check("steps.list | to_csv", "string");
    check(
        "inputs.n | csv | upper",
        "any value; template.type at `inputs.n | csv | upper`: the filter `upper` does not take a list",
    );
}

#[test]
fn paths_are_typed_and_their_names_checked() {
    check("steps | jsonpath('$.list[0].id')", "integer");
    check(
        "steps | jsonpath('$.list[*].tag')",
        "list of one of `a`, `b`",
    );
    check("steps.open | jsonpath('$.any.thing')", "any value");
    check(
        "steps.list | jsonpath('$[0].idd')",
        "any value; jsonpath.no_match at `.idd`: there is no member `idd` here, so the path finds nothing = did you mean `id`?",
    );
    check(
        "steps | jsonpath('$.list[?@.idd > 1].id') | first",
        "integer; jsonpath.no_match at `[?@.idd > 1]`: there is no member `idd` here, so the path finds nothing = did you mean `id`?",
    );
}

#[test]
fn what_never_works_is_a_problem() {
    check(
        "inputs.name + 1",
        "any value; template.type at `inputs.name + 1`: `+` does not work on a string and an integer = `a ~ b` joins anything as text; `a | int` makes a number of text",
    );
    check(
        "steps.list | upper",
        "any value; template.type at `steps.list | upper`: the filter `upper` does not take a list",
    );
    check(
        "inputs.n | join",
        "any value; template.type at `inputs.n | join`: the filter `join` does not take an integer",
    );
    check(
        "inputs.none | upper",
        "any value; template.null at `inputs.none | upper`: the filter `upper` was given null",
    );
}

#[test]
fn secrets_are_only_handed_on() {
    let help = " = put the secret into text as it is: `\"Bearer {{ secrets.TOKEN }}\"`";
    check("secrets.T", "secret");
    check(
        "secrets.T | upper",
        &format!(
            "string; template.secret at `secrets.T`: the filter `upper` cannot work on a secret: only its receiver may read it{help}"
        ),
    );
    check(
        "secrets.T == 'a'",
        &format!(
            "boolean; template.secret at `secrets.T`: a comparison cannot work on a secret: only its receiver may read it{help}"
        ),
    );
    check_text("Bearer {{ secrets.T }}", "secret");
    check_text("Bearer {{ inputs.name }}", "string");
    check_text(
        "{{ inputs.none }}!",
        "string; template.null at `inputs.none`: null has no text form = say what stands for it: `| default('none', true)`",
    );
}

#[test]
fn texts_know_the_types_of_what_they_set() {
    check_text(
        "{% for row in steps.list %}{{ row.idd }}{{ loop.index }}{% endfor %}",
        "string; template.unknown_member at `idd`: `row` has no member `idd` = did you mean `id`?",
    );
    check_text(
        "{% set f = steps.list | first %}{{ f.idd }}",
        "string; template.unknown_member at `idd`: `f` has no member `idd` = did you mean `id`?",
    );
}
