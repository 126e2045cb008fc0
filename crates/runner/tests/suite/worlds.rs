//! Whole workflows in virtual time: `flow test` runs the cases in `tests/workflows/` and those of `workflows/`.

use crate::support::{root, run};

#[test]
fn workflows_go_as_their_cases_say() {
    for (folder, at_least) in [("tests/workflows", 3), ("workflows", 4)] {
        let (code, out, err) = run(&root(), &["test", "--json", folder]);
        let (_, _, told) = run(&root(), &["test", folder]);
        assert_eq!(code, 0, "{err}{told}");
        let cases: serde_json::Value = serde_json::from_str(&out).expect("JSON");
        let cases = cases.as_array().map_or(0, Vec::len);
        assert!(cases >= at_least, "{folder}: {cases} cases");
    }
}

#[test]
fn a_case_that_fails_shows_what_was_expected_and_what_was_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("it can be written");
    };
    write("flow.toml", "");
    write(
        "a.yml",
        "steps:\n  ask: { query: claude.models.list }\n  n: { value: 1 }\noutputs: { n: \"{{ steps.n }}\" }\n",
    );
    write(
        "a.test.yml",
        "cases:\n  unanswered:\n    expect: { status: failed }\n  other:\n    operations: { claude.models.list: [[]] }\n    expect:\n      outputs: { n: 2 }\n",
    );
    let (code, _, err) = run(folder.path(), &["test"]);
    assert_eq!(code, 4, "{err}");
    for part in [
        "step `ask` called `claude.models.list`, which the case does not answer",
        "a.test.yml:7:",
        "-n: 2\n+n: 1\n",
        "0 cases passed, 2 failed",
    ] {
        assert!(err.contains(part), "{part}\n{err}");
    }
    write(
        "a.test.yml",
        "cases:\n  a:\n    operatons: {}\n    expect: { steps: { aks: failed }, took: long }\n",
    );
    let (code, _, err) = run(folder.path(), &["test"]);
    assert_eq!(code, 3, "{err}");
    for part in [
        "test.unknown_key",
        "did you mean `operations`?",
        "`long` is not a duration",
    ] {
        assert!(err.contains(part), "{part}\n{err}");
    }
}
