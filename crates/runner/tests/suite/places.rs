//! Runs that may not all go at once, in several terminals.

use crate::support::{end, go, has, run, start, status_of, until};

/// Holds its place until the file `go` is there.
const SLOW: &str = r#"
concurrency: { group: one }
steps:
  begun: { run: touch begun, effect: repeatable }
  wait:
    needs: [begun]
    effect: repeatable
    repeat: { until: "result.stdout != ''", every: 50ms, max: 2000 }
    run: "cat go 2>/dev/null || true"
"#;

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("a file");
    };
    file("flow.toml", "");
    file("slow.yml", SLOW);
    for (name, when_full) in [("next", "queue"), ("skipped", "skip"), ("new", "replace")] {
        let text = format!(
            "concurrency: {{ group: one, when_full: {when_full} }}\nsteps: {{ a: {{ run: touch {name} }} }}\nfinally: {{ f: {{ run: touch {name}_over }} }}\n"
        );
        file(&format!("{name}.yml"), &text);
    }
    file(
        "parent.yml",
        "concurrency: { group: one }\nsteps: { a: { workflow: next.yml } }\n",
    );
    folder
}

#[test]
fn p12_a_second_run_waits_for_its_place_then_goes() {
    let folder = folder();
    let folder = folder.path();
    let first = start(folder, &["run", "slow.yml"]);
    until("the first has begun", || has(folder, "begun"));
    let second = start(folder, &["run", "next.yml"]);
    until("the second waits", || {
        status_of(folder, "next").0 == "waiting"
    });
    let (slow, next) = (status_of(folder, "slow").1, status_of(folder, "next").1);
    let (_, why, _) = run(folder, &["why", &next]);
    let said = format!(
        "waits for a place in group `one`; when it began to wait, 1 taken by run {slow}, 0 before it"
    );
    assert!(why.contains(&said), "{why}");
    assert!(why.contains("before it; it waits since "), "{why}");
    assert!(!has(folder, "next"));
    go(folder);
    assert_eq!(end(first).0, 0);
    let (code, _, stderr) = end(second);
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("waits for a place"), "{stderr}");
    assert!(has(folder, "next"));
}

#[test]
fn p12_a_killed_run_holds_no_place_and_a_waiting_one_survives() {
    let folder = folder();
    let folder = folder.path();
    let mut first = start(folder, &["run", "slow.yml"]);
    until("the first has begun", || has(folder, "begun"));
    let mut second = start(folder, &["run", "next.yml"]);
    until("the second waits", || {
        status_of(folder, "next").0 == "waiting"
    });
    first.kill().expect("SIGKILL");
    first.wait().expect("it is gone");
    second.wait().expect("nobody drives it");
    let (slow, next) = (status_of(folder, "slow").1, status_of(folder, "next").1);
    let (code, _, stderr) = run(folder, &["resume", &next]);
    assert_eq!(code, 0, "{stderr}");
    assert!(has(folder, "next"));
    go(folder);
    let (code, _, stderr) = run(folder, &["resume", &slow]);
    assert_eq!(code, 0, "{stderr}");
}

#[test]
fn p13_without_a_place_it_may_not_begin_at_all() {
    let folder = folder();
    let folder = folder.path();
    let first = start(folder, &["run", "slow.yml"]);
    until("the first has begun", || has(folder, "begun"));
    let (code, _, stderr) = run(folder, &["run", "skipped.yml"]);
    assert_eq!(code, 5, "{stderr}");
    let (_, logs, _) = run(folder, &["logs", &status_of(folder, "skipped").1]);
    let said = "cancelled by `concurrency`: group `one` has no place";
    assert!(logs.contains(said), "{logs}");
    assert!(!has(folder, "skipped") && !has(folder, "skipped_over"));
    // One that is cancelled while it waits leaves out the same.
    let waiting = start(folder, &["run", "next.yml"]);
    until("it waits", || status_of(folder, "next").0 == "waiting");
    let (code, _, stderr) = run(folder, &["cancel", &status_of(folder, "next").1]);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(end(waiting).0, 5);
    assert!(!has(folder, "next") && !has(folder, "next_over"));
    go(folder);
    assert_eq!(end(first).0, 0);
}

#[test]
fn p14_a_new_run_takes_the_place_of_the_one_that_goes() {
    let folder = folder();
    let folder = folder.path();
    let first = start(folder, &["run", "slow.yml"]);
    until("the first has begun", || has(folder, "begun"));
    let (code, _, stderr) = run(folder, &["run", "new.yml"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(has(folder, "new"));
    assert_eq!(end(first).0, 5);
}

#[test]
fn p15_a_run_that_is_waited_for_goes_in_the_place_of_the_other() {
    let folder = folder();
    let (code, _, stderr) = run(folder.path(), &["run", "parent.yml"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(has(folder.path(), "next"));
}
