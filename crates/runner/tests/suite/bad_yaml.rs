//! Texts that are not what they should be: each ends in one stable code with a place, soon, and never in a crash.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::run;

/// What a check may take, the start of the process and a slow machine included.
const TIME_MAX: Duration = Duration::from_secs(10);

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("flow.toml"), "").expect("a file");
    folder
}

/// The findings of one text, each as `code line:column`, and what else a case may look at.
fn findings(folder: &Path, text: &[u8]) -> Vec<Value> {
    std::fs::write(folder.join("case.yml"), text).expect("a file");
    let begin = Instant::now();
    let (code, stdout, stderr) = run(folder, &["check", "--json", "case.yml"]);
    assert!(begin.elapsed() < TIME_MAX, "{:?}", begin.elapsed());
    let log: Value =
        serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"));
    let findings = log["findings"].as_array().expect("findings").clone();
    assert_eq!(code, if log["errors"] == 0 { 0 } else { 3 }, "{stderr}");
    findings
}

fn shown(finding: &Value) -> String {
    let code = finding["code"].as_str().unwrap_or_default();
    format!("{code} {}:{}", finding["line"], finding["column"])
}

/// One case a line: the text, and the code and place of its first finding; empty if there is none.
#[track_caller]
fn check(cases: &[(&str, &str)]) {
    let cases: Vec<_> = cases
        .iter()
        .map(|(text, expected)| (text.as_bytes(), *expected))
        .collect();
    check_bytes(&cases);
}

#[track_caller]
fn check_bytes(cases: &[(&[u8], &str)]) {
    let folder = folder();
    for (text, expected) in cases {
        let found = findings(folder.path(), text);
        let first = found.first().map(shown).unwrap_or_default();
        let begin: String = String::from_utf8_lossy(text).chars().take(200).collect();
        assert_eq!(first, *expected, "{begin}\n{found:#?}");
    }
}

/// What the first finding of a text says.
#[track_caller]
fn says(text: &str, expected: &str) {
    let folder = folder();
    let found = findings(folder.path(), text.as_bytes());
    let first = found
        .first()
        .unwrap_or_else(|| panic!("{text}: nothing is found"));
    let all = format!("{} = {}", first["message"], first["help"]);
    assert!(all.contains(expected), "{all}");
}

#[test]
fn y01_nothing_to_load() {
    check(&[
        ("", "yaml.empty 1:1"),
        ("# only\n# comments\n", "yaml.empty 1:1"),
        ("---\n", "yaml.empty 1:1"),
        ("--- # with a comment\n...\n", "yaml.empty 1:1"),
        ("\n\n", "yaml.empty 1:1"),
    ]);
}

#[test]
fn y02_a_tab_for_indentation() {
    check(&[
        ("steps:\n\ta: { value: 1 }\n", "yaml.tab 2:1"),
        ("steps:\n  a:\n  \tvalue: 1\n", "yaml.tab 3:3"),
    ]);
    says("steps:\n\ta: { value: 1 }\n", "use spaces");
}

#[test]
fn y03_what_is_never_closed_is_shown_where_it_opens() {
    check(&[
        ("steps:\n  a: { value: [1, 2\n", "yaml.unclosed 2:15"),
        ("steps:\n  a: { value: 1\n  b: 2\n", "yaml.unclosed 2:6"),
        (
            "steps:\n  a: { value: \"x }\n  b: 2\n",
            "yaml.unclosed 2:15",
        ),
        ("steps:\n  a: { value: 'x }\n", "yaml.unclosed 2:15"),
        (
            "steps:\n  a:\n    value: \"never\n    needs: b\n",
            "yaml.unclosed 3:12",
        ),
        ("[1,\n", "yaml.unclosed 1:1"),
        // A block scalar ends where the file does: there is nothing to close.
        ("steps:\n  a:\n    value: |", ""),
        ("steps:\n  a:\n    value: >2\n", ""),
    ]);
}

#[test]
fn y04_a_key_that_stands_twice() {
    let folder = folder();
    let text = "steps:\n  a: { value: 1 }\n  b: { value: 1 }\n  a: { value: 2 }\n";
    let found = findings(folder.path(), text.as_bytes());
    assert_eq!(shown(&found[0]), "yaml.duplicate_key 4:3");
    assert_eq!(
        (
            &found[0]["related"][0]["line"],
            &found[0]["related"][0]["column"]
        ),
        (&2.into(), &3.into())
    );
    check(&[
        (
            "steps: { a: { value: { x: 1, \"x\": 2 } } }\n",
            "yaml.duplicate_key 1:30",
        ),
        (
            "steps:\n  a: &b { value: 1 }\n  c: { <<: *b, <<: *b }\n",
            "yaml.duplicate_key 3:16",
        ),
    ]);
}

#[test]
fn y05_an_unknown_key_comes_with_the_nearest() {
    check(&[
        ("stpes:\n  a: { value: 1 }\n", "schema.unknown_field 1:1"),
        (
            "steps: { a: { run: ls, retires: 3 } }\n",
            "schema.unknown_field 1:24",
        ),
    ]);
    says("stpes:\n  a: { value: 1 }\n", "did you mean `steps`?");
    says(
        "steps: { a: { run: ls, retires: 3 } }\n",
        "did you mean `retry`?",
    );
}

#[test]
fn y06_the_wrong_type() {
    check(&[
        ("steps: 5\n", "schema.type 1:8"),
        ("steps: [1]\n", "schema.type 1:9"),
        ("- a\n", "schema.type 1:1"),
        ("steps: { a: 5 }\n", "schema.type 1:13"),
        ("steps: { a: { query: [1] } }\n", "schema.type 1:22"),
        ("inputs: 5\nsteps: { a: { value: 1 } }\n", "schema.type 1:9"),
        ("name: [1]\nsteps: { a: { value: 1 } }\n", "schema.type 1:7"),
        (
            "steps: { a: { value: 1, timeout: [1] } }\n",
            "schema.duration 1:34",
        ),
    ]);
    says("steps: 5\n", "must be a map, found an integer");
    says(
        "steps: { a: { value: 1, timeout: [1] } }\n",
        "expected a duration, found a list",
    );
}

#[test]
fn y07_nesting_has_a_bound() {
    let block = |depth: usize| -> String {
        (0..depth).fold(String::new(), |mut text, level| {
            let _ = writeln!(text, "{}a:", " ".repeat(level));
            text
        })
    };
    for depth in [200, 20_000] {
        let flow = format!("a: {}{}\n", "[".repeat(depth), "]".repeat(depth));
        let maps = format!("a: {}1{}\n", "{a: ".repeat(depth), "}".repeat(depth));
        let dashes = format!("{}1\n", "- ".repeat(depth));
        for text in [flow, maps, dashes, block(depth.min(3000))] {
            let folder = folder();
            let found = findings(folder.path(), text.as_bytes());
            assert_eq!(found[0]["code"], "yaml.depth", "{found:#?}");
            assert_eq!(found.len(), 1);
        }
    }
    check(&[(
        &format!(
            "steps: {{ a: {{ value: {}{} }} }}\n",
            "[".repeat(61),
            "]".repeat(61)
        ),
        "",
    )]);
}

#[test]
fn y08_aliases_of_aliases() {
    let mut laughs = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
    for level in 1..10 {
        let alias = format!("*a{}", level - 1);
        let _ = writeln!(laughs, "a{level}: &a{level} [{}]", vec![alias; 9].join(","));
    }
    check(&[(&laughs, "yaml.alias_budget 6:34")]);
}

#[test]
fn y09_one_large_anchor_used_often() {
    let uses = "- *a\n".repeat(20_000);
    let text = format!("a: &a \"{}\"\nb:\n{uses}", "x".repeat(100_000));
    let list = format!("a: &a [{}]\nb:\n{uses}", "x,".repeat(50_000));
    let nested = format!(
        "a: &a \"{}\"\nb: &b [*a, *a, *a]\nc:\n{}",
        "x".repeat(100_000),
        "- *b\n".repeat(100)
    );
    check(&[
        (&text, "yaml.alias_budget 170:3"),
        (&list, "yaml.alias_budget 11:3"),
        (&nested, "yaml.alias_budget 58:3"),
    ]);
}

#[test]
fn y10_aliases_that_lead_nowhere() {
    check(&[
        ("steps: &s { a: { value: *s } }\n", "yaml.alias 1:25"),
        ("steps: { a: { value: *nope } }\n", "yaml.alias 1:22"),
        (
            "on:\n  schedule: */5 * * * *\nsteps: { a: { value: 1 } }\n",
            "yaml.alias 2:13",
        ),
        (
            "on: { schedule: */5 * * * * }\nsteps: { a: { value: 1 } }\n",
            "yaml.alias 1:17",
        ),
    ]);
    says(
        "steps: { a: { value: *nope } }\n",
        "no anchor `&nope` stands before this alias",
    );
}

#[test]
fn y11_what_is_too_large_is_not_read() {
    let folder = folder();
    let file = std::fs::File::create(folder.path().join("large.yml")).expect("a file");
    file.set_len(300 << 20).expect("a hole in a file");
    let (code, _, stderr) = run(folder.path(), &["check", "large.yml"]);
    assert_eq!(code, 3);
    assert!(
        stderr.contains("yaml.too_large") && stderr.len() < 1000,
        "{stderr}"
    );
    let scalar = format!(
        "steps: {{ a: {{ value: \"{}\" }} }}\n",
        "x".repeat(17 << 20)
    );
    check(&[(&scalar, "yaml.too_large 1:1")]);
}

#[test]
fn y12_too_many_keys() {
    let keys = (0..1_000_000).fold(String::new(), |mut text, at| {
        let _ = writeln!(text, "k{at}: 1");
        text
    });
    let merges = (0..20_000).fold(String::from("b: &b { x: 1 }\nc:\n"), |mut text, at| {
        let _ = writeln!(text, "  k{at}: {{<<: *b}}");
        text
    });
    check(&[
        (&keys, "yaml.too_many_nodes 250000:10"),
        (&merges, "yaml.too_many_nodes 10003:12"),
    ]);
}

#[test]
fn y13_two_documents() {
    let one = "steps: { a: { value: 1 } }\n";
    check(&[
        (&format!("{one}---\n{one}"), "yaml.many_documents 2:1"),
        (&format!("{one}---\n"), "yaml.many_documents 2:1"),
        (&format!("---\n{one}...\n"), ""),
    ]);
}

#[test]
fn y14_encodings() {
    let one = "steps: { a: { value: é } }\n";
    let utf16: Vec<u8> = std::iter::once(0xFEFF)
        .chain(one.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let latin: Vec<u8> = one
        .chars()
        .map(|it| u8::try_from(u32::from(it)).expect("Latin"))
        .collect();
    check_bytes(&[
        (&utf16, "yaml.encoding 1:1"),
        (&latin, "yaml.encoding 1:1"),
        (b"steps: { a: { value: \"\xff\" } }\n", "yaml.encoding 1:1"),
        (format!("\u{feff}{one}").as_bytes(), ""),
    ]);
    let folder = folder();
    let found = findings(folder.path(), &latin);
    let message = found[0]["message"].as_str().unwrap_or_default();
    assert!(message.contains("byte 21"), "{message}");
}

#[test]
fn y15_characters_that_are_not_seen() {
    for letter in [
        '\0', '\u{7}', '\u{1b}', '\u{7f}', '\u{9f}', '\u{202e}', '\u{2066}',
    ] {
        let code = format!("U+{:04X}", u32::from(letter));
        let command = format!("steps: {{ a: {{ run: \"ls {letter}\" }} }}\n");
        check(&[(&command, "yaml.control_character 1:24")]);
        says(&command, &code);
        says(&format!("steps: {{ a{letter}b: {{ value: 1 }} }}\n"), &code);
    }
}

#[test]
fn y16_only_true_and_false_are_booleans() {
    let folder = folder();
    let text = r#"
inputs:
  version: { type: string, default: 3.10 }
  zip: { type: string, default: 01234 }
  flag: { type: string, default: true }
steps:
  a: { value: { country: no, yes: on, off: off, y: y, zip: 01234, time: 12:30, date: 2024-01-01, t: true, F: FALSE, n: 3.10, o: 0o17 } }
  b: { value: ["{{ inputs.version }}", "{{ inputs.zip }}", "{{ inputs.flag }}"] }
outputs: { a: "{{ steps.a }}", b: "{{ steps.b }}" }
"#;
    std::fs::write(folder.path().join("case.yml"), text).expect("a file");
    let (code, stdout, stderr) = run(folder.path(), &["run", "case.yml", "--json"]);
    assert_eq!(code, 0, "{stderr}");
    let last = stdout.lines().last().unwrap_or_default();
    let outputs: Value = serde_json::from_str(last).expect("JSON");
    let expected = serde_json::json!({
        "a": {
            "country": "no", "yes": "on", "off": "off", "y": "y", "zip": "01234", "time": "12:30", "date": "2024-01-01",
            "t": true, "F": false, "n": 3.1, "o": 15,
        },
        "b": ["3.10", "01234", "true"],
    });
    assert_eq!(outputs["outputs"], expected);
}

#[test]
fn y17_numbers_are_never_rounded() {
    let refused = [
        "12345678901234567890123",
        "-9223372036854775809",
        "0x1ffffffffffffffffff",
        "1e400",
        ".nan",
        ".inf",
        "-.inf",
    ];
    for number in refused {
        check(&[(
            &format!("steps: {{ a: {{ value: {number} }} }}\n"),
            "yaml.number 1:22",
        )]);
        check(&[(&format!("steps: {{ a: {{ value: \"{number}\" }} }}\n"), "")]);
    }
    check(&[(
        "steps: { a: { value: [18446744073709551615, -9223372036854775808] } }\n",
        "",
    )]);
}

#[test]
fn y18_unknown_tags() {
    for tag in [
        "!!python/object",
        "!include",
        "!foo",
        "!!binary",
        "!<tag:x>",
    ] {
        let text = format!("steps: {{ a: {{ value: {tag} x }} }}\n");
        check(&[(&text, &format!("yaml.tag 1:{}", 23 + tag.len()))]);
    }
    says(
        "steps: { a: { value: !include /etc/passwd } }\n",
        "!include",
    );
}

#[test]
fn y19_ids_that_cannot_be() {
    for id in ["\"\"", "../x", "\"a b\"", "аb", "A", "1a", "a-b", "a.b"] {
        check(&[(
            &format!("steps:\n  {id}: {{ value: 1 }}\n"),
            "schema.id 2:3",
        )]);
    }
    let long = "a".repeat(65);
    check(&[
        (
            &format!("steps:\n  {long}: {{ value: 1 }}\n"),
            "schema.id 2:3",
        ),
        // YAML itself ends keys at 1024 characters.
        (
            &format!("steps:\n  {}: {{ value: 1 }}\n", "a".repeat(10_000)),
            "yaml.key 2:3",
        ),
        (
            &format!("steps: {{ \"{}\": {{ value: 1 }} }}\n", "a".repeat(10_000)),
            "yaml.key 1:10",
        ),
        (
            "name: ../../x\nsteps: { a: { value: 1 } }\n",
            "schema.id 1:7",
        ),
    ]);
    says(
        "steps: { A: { value: 1 } }\n",
        "lower-case letters, digits and `_`",
    );
    says(
        &format!("steps:\n  {}: {{ value: 1 }}\n", "a".repeat(10_000)),
        "at most 64 in all",
    );
}

#[test]
fn y20_needs_that_cannot_be_met() {
    check(&[
        (
            "steps: { a: { value: 1, needs: nope } }\n",
            "check.unknown_need 1:32",
        ),
        ("steps: { a: { value: 1, needs: a } }\n", "check.cycle 1:10"),
    ]);
    says(
        "steps: { a: { value: 1, needs: nope } }\n",
        "needs `nope`, which is not defined",
    );
    says(
        "steps: { a: { value: 1, needs: a } }\n",
        "step `a` needs itself",
    );
    let three = "steps:\n  a: { value: 1, needs: b }\n  b: { value: \"{{ steps.c }}\" }\n  c: { value: 1, if: \"steps.a == 1\" }\n";
    says(three, "a → b → c → a");
}

#[test]
fn y21_no_steps_and_too_many() {
    let steps = |count: usize| {
        (0..count).fold(String::from("steps:\n"), |mut text, at| {
            let _ = writeln!(text, "  s{at}: {{ value: 1 }}");
            text
        })
    };
    check(&[
        ("steps: {}\n", "schema.no_steps 1:1"),
        ("steps:\n", "schema.no_steps 1:1"),
        ("name: x\n", "schema.no_steps 1:1"),
        (&steps(10_001), "schema.too_many_steps 10002:3"),
        (&steps(10_000), ""),
    ]);
}

#[test]
fn y22_ends_of_lines_mean_nothing() {
    let folder = folder();
    let text = "steps:\n  a:\n    value:\n      - |\n        one {{ run.name }}\n\n          two\n      - >\n        folded\n        text\n      - \"quoted\n        text\"\n      - plain\n        text\noutputs: { a: \"{{ steps.a }}\" }\n";
    let trailing = text
        .replace("value:\n", "value:   \n")
        .replace("steps:\n", "steps:  \n\n");
    let last = "outputs: { a: \"{{ steps.a }}\" }\nsteps:\n  a:\n    value:\n      - |\n        one case\n\n          two\n      - folded text\n      - quoted text\n      - plain text\n      - |\n        end\n";
    let outputs = |text: &str| {
        std::fs::write(folder.path().join("case.yml"), text).expect("a file");
        let (code, stdout, stderr) = run(folder.path(), &["run", "case.yml"]);
        assert_eq!(code, 0, "{stderr}");
        stdout
    };
    let plain = outputs(text);
    assert_eq!(outputs(&text.replace('\n', "\r\n")), plain);
    assert_eq!(outputs(&trailing), plain);
    assert_eq!(outputs(text.trim_end()), plain);
    assert_eq!(outputs(last.trim_end()), outputs(last));
    // Places are right in such files too.
    let wrong = text.replace("run.name", "run.nope").replace('\n', "\r\n");
    check(&[(&wrong, "template.unknown_member 5:20")]);
}
