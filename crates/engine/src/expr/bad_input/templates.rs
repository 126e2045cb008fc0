//! Rows of templates.

use super::code;
use crate::catalog::Catalog;
use crate::document::NoFiles;
use crate::expr::testing::{World, render_in, rendered, shown};
use crate::source::SourceFile;
use crate::value::Value;

/// The findings of a workflow, each with its place in the file.
fn findings(text: &str) -> Vec<String> {
    let source = SourceFile::new("a.yml", text);
    let (document, findings) = crate::document::parse(&source, &NoFiles);
    let (_, findings) = crate::workflow::check(&document, &Catalog::default(), &NoFiles, findings);
    let shown = |finding: &crate::finding::Finding| {
        let place = source.position(finding.span.start);
        format!("{} {}:{}", finding.code, place.line, place.column)
    };
    findings.iter().map(shown).collect()
}

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(rendered(text), expected, "{text}");
}

#[test]
fn t01_an_undefined_variable_has_its_place_in_the_file() {
    check(
        "Dear {{ inptus.name }}",
        "template.undefined at `inptus`: `inptus` is not defined here = did you mean `inputs`?",
    );
    let file = "steps:\n  a:\n    value: |\n      Dear\n      {{ inptus.name }}\n";
    assert_eq!(findings(file), ["check.unknown_name 5:10"]);
}

#[test]
fn t02_the_missing_part_of_a_path_is_named_with_what_is_there() {
    let found = shown("steps.fetch.itmes.first");
    assert!(
        found.starts_with("template.undefined at `itmes`"),
        "{found}"
    );
    assert!(found.contains("did you mean `items`?"), "{found}");
    let found = shown("inputs.deep.a.zzz.more");
    assert!(found.starts_with("template.undefined at `zzz`"), "{found}");
    assert!(found.contains("`b`"), "{found}");
}

#[test]
fn t03_what_is_not_closed_has_its_place() {
    for text in [
        "a {{ b",
        "a {% if b",
        "{{ 'a }}",
        "{{ (1 }}",
        "{% if true %}a",
    ] {
        assert_eq!(code(&rendered(text)), "template.syntax", "{text}");
    }
    let file = "steps:\n  a:\n    value: \"text {{ inputs.a\"\n";
    let found = findings(file);
    assert_eq!(found, ["template.syntax 3:18"], "{found:?}");
}

#[test]
fn t04_unknown_filters_tests_and_functions_are_found_without_values() {
    let file = "steps:\n  a: { value: \"{{ 1 | fltr }}\" }\n  b: { value: \"{{ 1 is tset }}\" }\n  c: { value: \"{{ fnction() }}\" }\n";
    assert_eq!(
        findings(file),
        [
            "template.unknown_filter 2:23",
            "template.unknown_test 3:24",
            "template.unknown_function 4:19"
        ]
    );
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the test bounds the time that an attack takes"
)]
fn t05_two_loops_run_out_of_fuel() {
    let started = std::time::Instant::now();
    let text = "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}";
    assert_eq!(code(&rendered(text)), "template.fuel");
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
}

#[test]
fn t06_a_huge_range_is_refused() {
    assert_eq!(code(&shown("range(1000000000)")), "template.range");
    assert_eq!(code(&shown("range(0, -1000000000, -1)")), "template.range");
}

#[test]
fn t07_a_text_cannot_be_multiplied() {
    assert_eq!(code(&shown("'a' * 1000000000")), "template.type");
    assert_eq!(code(&shown("[1] * 1000000000")), "template.type");
    assert_eq!(
        code(&shown("'a' | pad_left(1000000000)")),
        "template.output_limit"
    );
}

#[test]
fn t08_there_are_no_macros_to_call_themselves() {
    let text = "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}";
    assert_eq!(code(&rendered(text)), "template.statement");
}

#[test]
fn t09_deep_nesting_is_refused() {
    for depth in [10_000, 200_000] {
        for (open, close) in [("(", ")"), ("[", "]"), ("-", "")] {
            let text = format!("{{{{ {}1{} }}}}", open.repeat(depth), close.repeat(depth));
            let found = rendered(&text);
            let found = code(&found).to_owned();
            assert!(
                ["template.depth", "template.too_long"].contains(&&*found),
                "{depth} {open}: {found}"
            );
        }
        let text = format!(
            "{}{}",
            "{% if 1 %}".repeat(depth),
            "{% endif %}".repeat(depth)
        );
        assert_eq!(code(&rendered(&text)), "template.too_long", "{depth}");
    }
    let text = format!(
        "{}{}",
        "{% if 1 %}".repeat(2_000),
        "{% endif %}".repeat(2_000)
    );
    assert_eq!(code(&rendered(&text)), "template.depth");
}

#[test]
fn t10_no_other_file_is_read() {
    for statement in [
        "include '/etc/passwd'",
        "import 'a' as b",
        "from 'a' import b",
        "extends '../a'",
    ] {
        let text = format!("{{% {statement} %}}");
        assert_eq!(code(&rendered(&text)), "template.include", "{text}");
    }
}

#[test]
fn t11_what_a_template_yields_is_not_rendered_again() {
    check("{{ inputs.text }}", "\"{{ 7*7 }}\"");
    check("<{{ inputs.text }}>", "\"<{{ 7*7 }}>\"");
    check(
        "{% set a = inputs.text %}{{ a | upper }}!",
        "\"{{ 7*7 }}!\"",
    );
}

#[test]
fn t12_only_declared_names_are_there() {
    for (text, expected) in [
        ("env.HOME", "template.undefined"),
        ("debug()", "template.unknown_function"),
        ("self", "template.undefined"),
        ("caller()", "template.unknown_function"),
        ("''.__class__", "template.undefined"),
        ("secrets | to_json", "template.secret"),
        ("secrets | values | join", "template.secret"),
        ("secrets.TOKEN | b64encode", "template.secret"),
        ("secrets.TOKEN == 'x'", "template.secret"),
        ("secrets.TOKEN[0]", "template.secret"),
    ] {
        assert_eq!(code(&shown(text)), expected, "{text}");
    }
}

#[test]
fn t13_impossible_arithmetic_has_its_place() {
    for (text, expected) in [
        ("1 / 0", "template.division at `1 / 0`"),
        ("1 // 0", "template.division at `1 // 0`"),
        ("1 % 0", "template.division at `1 % 0`"),
        (
            "18446744073709551615 + 1",
            "template.number at `18446744073709551615 + 1`",
        ),
        (
            "0 - 9223372036854775807 - 2",
            "template.number at `0 - 9223372036854775807 - 2`",
        ),
        ("'a' + 1", "template.type at `'a' + 1`"),
        ("10 ** 1000", "template.number at `10 ** 1000`"),
        ("10.0 ** 1000", "template.number at `10.0 ** 1000`"),
    ] {
        let found = shown(text);
        assert!(found.starts_with(expected), "{text}: {found}");
    }
}

#[test]
fn t14_a_whole_expression_keeps_its_type_and_mixed_text_has_text() {
    for (inside, whole, mixed) in [
        ("inputs.n", "7", "\"7.\""),
        ("inputs.list", "[1,2,3]", "\"[1,2,3].\""),
        ("inputs.none", "null", "template.null"),
        ("1 == 2", "false", "\"false.\""),
        ("{'a': 2.0}", "{\"a\":2.0}", "\"{\\\"a\\\":2.0}.\""),
    ] {
        check(&format!("{{{{ {inside} }}}}"), whole);
        let found = rendered(&format!("{{{{ {inside} }}}}."));
        assert_eq!(code(&found), mixed, "{inside}");
    }
}

#[test]
fn t15_all_of_unicode_passes_unchanged() {
    let text = "👩‍👩‍👧 e\u{301} \u{202e}abc\u{202c} שלום 𝒳 \u{0}";
    let mut world = World::usual();
    world.roots.push(("odd".into(), Value::from(text)));
    let written = Value::from(format!("<{text}>")).to_json().expect("text");
    assert_eq!(render_in(&world, "<{{ odd }}>"), written);
    let whole = Value::from(text).to_json().expect("text");
    assert_eq!(render_in(&world, "{{ odd }}"), whole);
    assert_eq!(render_in(&world, "{{ odd | reverse | reverse }}"), whole);
}

#[test]
fn t16_keys_and_names_are_no_templates() {
    let file = "steps:\n  a: { value: { \"{{ inputs.k }}\": 1 } }\n";
    assert_eq!(findings(file), ["template.not_allowed_here 2:17"]);
    let file = "steps:\n  \"{{ a }}\": { value: 1 }\n";
    let found = findings(file);
    assert!(
        found.iter().any(|one| one.starts_with("schema.id 2:")),
        "{found:?}"
    );
}

#[test]
fn t17_output_is_limited() {
    let mut world = World::usual();
    let long = Value::from("a".repeat(5 << 20));
    world.roots.push(("long".into(), long));
    for text in [
        "{{ long }}{{ long }}",
        "{{ long ~ long }}",
        "{{ [long, long] | to_yaml }}",
        "{{ [[long], [long]] | to_csv }}",
    ] {
        assert_eq!(
            code(&render_in(&world, text)),
            "template.output_limit",
            "{text}"
        );
    }
}
