//! Whole workflows in virtual time: `flow test` runs the cases in `tests/workflows/` and those of `workflows/`.

use crate::support::{root, run};

#[test]
fn workflows_go_as_their_cases_say() {
    for (folder, at_least, covered) in [("tests/workflows", 41, "80"), ("workflows", 11, "100")] {
        let (code, out, err) = run(
            &root(),
            &["test", "--json", "--min-coverage", covered, folder],
        );
        let (_, _, told) = run(&root(), &["test", "--coverage", folder]);
        assert_eq!(code, 0, "{err}{told}");
        let found: serde_json::Value = serde_json::from_str(&out).expect("JSON");
        let cases = found["cases"].as_array().map_or(0, Vec::len);
        assert!(cases >= at_least, "{folder}: {cases} cases");
    }
}

#[test]
fn cases_that_fail_are_shown_and_so_is_what_no_case_did() {
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
    let covered =
        "cases: { a: { operations: { claude.models.list: 404 }, expect: { status: failed } } }\n";
    write("a.test.yml", covered);
    let (code, _, err) = run(folder.path(), &["test", "--min-coverage", "100"]);
    assert_eq!(code, 0, "{err}");
    write(
        "a.yml",
        "steps: { ask: { query: claude.models.list, on_error: continue }, n: { if: failed('ask'), value: 1 } }\n",
    );
    write(
        "a.test.yml",
        "cases: { a: { operations: { claude.models.list: [[]] } } }\n",
    );
    let (code, _, err) = run(folder.path(), &["test", "--min-coverage", "80"]);
    assert_eq!(code, 4, "{err}");
    for part in [
        "a.yml: 40 %",
        "on_error",
        "runs, if: true",
        "less than 80 % covered: a.yml",
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

#[test]
fn a_run_is_recorded_as_a_case_that_passes() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("flow.toml"), "").expect("it can be written");
    let job = std::fs::read_to_string(root().join("workflows/classify-batch.yml")).expect("UTF-8");
    std::fs::write(folder.path().join("job.yml"), job).expect("it can be written");
    let tickets = root().join("examples/data/tickets.jsonl");
    let input = format!("tickets={}", tickets.display());
    let (code, _, err) = run(
        folder.path(),
        &["run", "job.yml", "--sandbox", "--input", &input],
    );
    assert_eq!(code, 0, "{err}");
    let (_, runs, _) = run(folder.path(), &["runs", "--json"]);
    let runs: serde_json::Value = serde_json::from_str(&runs).expect("JSON");
    let id = runs[0]["run"].as_str().expect("a run");
    let cases = folder.path().join("job.test.yml");
    let before = "# Kept.\ncases:\n  nothing: { inputs: { tickets: '' }, operations: { submit: 400 }, expect: { status: failed } } # and this\n";
    std::fs::write(&cases, before).expect("it can be written");
    let (code, _, err) = run(folder.path(), &["test", "--record", id, "--case", "real"]);
    assert_eq!(code, 0, "{err}");
    let text = std::fs::read_to_string(&cases).expect("UTF-8");
    assert!(text.starts_with(before), "{text}");
    assert!(text.len() < 20_000, "long values stand in files");
    let (code, _, err) = run(folder.path(), &["test"]);
    assert_eq!(code, 0, "{err}{text}");
    let (code, out, _) = run(folder.path(), &["test", "--record", id, "-"]);
    assert_eq!(code, 0);
    assert!(out.starts_with("cases:\n  run_"), "{}", &out[..200]);
}
