//! Runs that are tried again, and what is told of them: `retry`, `why`, `diff`, `runs`.

use std::path::Path;

use crate::support::run;

/// Each command leaves a letter in `ran`; `ok` makes the failing ones succeed.
const JOB: &str = r#"
sequential: true
inputs: { n: { type: integer, default: 1 } }
steps:
  a: { run: "printf a >> ran; echo 1" }
  g:
    steps:
      in: { run: "printf g >> ran" }
      each:
        needs: in
        for_each: [1, 2, 3]
        max_parallel: 1
        tolerate: 3
        run: "printf $I >> ran; test $I != 2 || test -e ok"
        env: { I: "{{ item }}" }
      out: { needs: each, run: "printf o >> ran; test -e ok" }
  c: { needs: g, run: "printf c >> ran" }
  d: { if: inputs.n > 5, needs: c, run: "printf d >> ran" }
outputs: { one: "{{ steps.a.stdout | trim }}" }
"#;

fn project(job: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join(".flow")).expect("a project");
    std::fs::write(folder.path().join("job.yml"), job).expect("a workflow");
    folder
}

/// What the commands left since the last time.
fn ran(folder: &Path) -> String {
    let text = std::fs::read_to_string(folder.join("ran")).unwrap_or_default();
    let _ = std::fs::remove_file(folder.join("ran"));
    text
}

fn runs(folder: &Path, more: &[&str]) -> Vec<serde_json::Value> {
    let mut arguments = vec!["runs", "--json"];
    arguments.extend(more);
    let (_, runs, stderr) = run(folder, &arguments);
    serde_json::from_str(&runs).unwrap_or_else(|error| panic!("{error}: {stderr}"))
}

fn newest(folder: &Path) -> String {
    runs(folder, &[])[0]["run"]
        .as_str()
        .expect("an id")
        .to_owned()
}

#[track_caller]
fn ok(folder: &Path, arguments: &[&str]) -> (String, String) {
    let (code, stdout, stderr) = run(folder, arguments);
    assert_eq!(code, 0, "{stderr}");
    (stdout, stderr)
}

#[test]
fn what_succeeded_is_not_done_again() {
    let folder = project(JOB);
    let folder = folder.path();
    let (code, _, stderr) = run(folder, &["run", "job.yml"]);
    assert_eq!((code, ran(folder).as_str()), (4, "ag123o"), "{stderr}");
    let first = newest(folder);
    std::fs::write(folder.join("ok"), "").expect("writable");
    let (stdout, stderr) = ok(folder, &["retry", &first]);
    // The loop tolerated its failure: it succeeded, and is not done again.
    assert_eq!(
        (ran(folder).as_str(), stdout.as_str()),
        ("oc", "one: '1'\n"),
        "{stderr}"
    );
    assert!(
        stderr.contains(&format!("retry of {first}, 3 reused")),
        "{stderr}"
    );
    let second = newest(folder);
    ok(folder, &["retry", &second, "--from", "g/each"]);
    assert_eq!(ran(folder), "123oc", "what needs it is done again too");
    ok(folder, &["retry", &second, "--from", "d"]);
    assert_eq!(ran(folder), "", "all that succeeded is reused");
}

#[test]
fn failed_items_alone_are_done_again() {
    let job = JOB.replace("tolerate: 3\n", "tolerate: 0\n");
    let folder = project(&job);
    let folder = folder.path();
    let (code, ..) = run(folder, &["run", "job.yml"]);
    assert_eq!((code, ran(folder).as_str()), (4, "ag12"));
    std::fs::write(folder.join("ok"), "").expect("writable");
    ok(folder, &["retry", &newest(folder)]);
    assert_eq!(ran(folder), "23oc");
}

#[test]
fn what_was_undone_is_done_again() {
    let job = "
sequential: true
steps:
  made: { run: 'printf m >> ran', undo: { run: 'printf u >> ran' } }
  last: { run: 'printf l >> ran; test -e ok' }
";
    let folder = project(job);
    let folder = folder.path();
    let (code, ..) = run(folder, &["run", "job.yml"]);
    assert_eq!((code, ran(folder).as_str()), (4, "mlu"));
    std::fs::write(folder.join("ok"), "").expect("writable");
    ok(folder, &["retry", &newest(folder)]);
    assert_eq!(ran(folder), "ml");
}

#[test]
fn with_the_current_definition_what_was_changed_is_done_again() {
    let folder = project(JOB);
    let folder = folder.path();
    std::fs::write(folder.join("ok"), "").expect("writable");
    ok(folder, &["run", "job.yml"]);
    assert_eq!(ran(folder), "ag123oc");
    let first = newest(folder);
    let changed = JOB.replace("printf c >>", "printf C >>");
    std::fs::write(folder.join("job.yml"), &changed).expect("writable");
    ok(folder, &["retry", &first, "--with-current-definition"]);
    assert_eq!(ran(folder), "C");
    // What all steps share makes all of them new.
    std::fs::write(
        folder.join("job.yml"),
        changed.replace("default: 1", "default: 9"),
    )
    .expect("writable");
    ok(folder, &["retry", &first, "--with-current-definition"]);
    assert_eq!(
        ran(folder),
        "ag123oC",
        "the input is that of the earlier run"
    );
    let (shown, _) = ok(folder, &["diff", &first]);
    assert!(
        shown.contains("-  c: { needs: g, run: \"printf c >> ran\" }"),
        "{shown}"
    );
}

#[test]
fn reasons_are_told() {
    let folder = project(JOB);
    let folder = folder.path();
    run(folder, &["run", "job.yml"]);
    let first = newest(folder);
    let (why, _) = ok(folder, &["why", &first]);
    for line in [
        "shell.exit: the command ended with exit code 1",
        "it is tried once: give it `retry:` to try again",
        "skipped: `g` is failed",
    ] {
        assert!(why.contains(line), "{line} is not in:\n{why}");
    }
    std::fs::write(folder.join("ok"), "").expect("writable");
    ok(folder, &["retry", &first]);
    let (why, _) = ok(folder, &["why"]);
    for line in [
        format!("its value is that of run {first}"),
        "its `if` was false: inputs.n > 5".to_owned(),
    ] {
        assert!(why.contains(&line), "{line} is not in:\n{why}");
    }
    let (json, _) = ok(folder, &["why", &first, "g/out", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["steps"][0]["status"], "failed", "{json}");
    let (diff, _) = ok(folder, &["diff", &first, "--json"]);
    let diff: serde_json::Value = serde_json::from_str(&diff).expect("JSON");
    assert_eq!(diff["outputs"]["one"]["before"], "nothing", "{diff}");
    let (code, _, stderr) = run(folder, &["why", &first, "nope"]);
    assert!(code == 2 && stderr.contains("run.unknown_step"), "{stderr}");
}

#[test]
fn runs_are_filtered_and_paged() {
    let folder = project("steps: { a: { run: test -e ok } }\n");
    let folder = folder.path();
    std::fs::write(folder.join("other.yml"), "steps: { a: { value: 1 } }\n").expect("a workflow");
    for file in ["job.yml", "other.yml", "job.yml", "other.yml", "other.yml"] {
        run(folder, &["run", file]);
    }
    let count = |more: &[&str]| runs(folder, more).len();
    assert_eq!(count(&["--status", "failed"]), 2);
    assert_eq!(count(&["--status", "failed", "--status", "succeeded"]), 5);
    assert_eq!(count(&["--workflow", "other", "--since", "1h"]), 3);
    assert_eq!(count(&["--before", "1h"]), 0);
    let mut seen = Vec::new();
    let mut page = runs(folder, &["-n", "2"]);
    while let Some(last) = page.last() {
        seen.extend(page.iter().map(|run| run["run"].to_string()));
        let last = last["run"].as_str().expect("an id").to_owned();
        page = runs(folder, &["-n", "2", "--after", &last]);
    }
    let all: Vec<String> = runs(folder, &[])
        .iter()
        .map(|run| run["run"].to_string())
        .collect();
    assert_eq!(seen, all);
    let (code, _, stderr) = run(folder, &["runs", "--since", "yesterday"]);
    assert!(code == 2 && stderr.contains("2h or 7d"), "{stderr}");
}

#[test]
fn what_has_not_ended_or_has_succeeded_is_not_tried_again() {
    let folder = project("steps: { a: { value: 1 } }\n");
    let folder = folder.path();
    run(folder, &["run", "job.yml"]);
    let (code, _, stderr) = run(folder, &["retry", &newest(folder)]);
    assert!(code == 2 && stderr.contains("run.ended"), "{stderr}");
    let killed = "steps: { one: { run: 'kill -9 $PPID' } }\n";
    std::fs::write(folder.join("killed.yml"), killed).expect("a workflow");
    run(folder, &["run", "killed.yml"]);
    let (code, _, stderr) = run(folder, &["retry", &newest(folder)]);
    assert!(code == 2 && stderr.contains("run.not_ended"), "{stderr}");
}
