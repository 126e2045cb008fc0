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
        "any value; template.unknown_member at `x`: `inputs.n` is an integer, which has no members",
    );
    check(
        "inputs.none.x",
        "any value; template.null at `x`: `inputs.none` is null, so `.x` cannot be read",
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
    check("steps.list | map(attribute='id') | sum", "number");
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
