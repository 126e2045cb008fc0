//! Runs that may not all go at once, in several terminals.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::support::{flow, run, texts};

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

fn start(folder: &Path, file: &str) -> Child {
    let mut command = flow(folder);
    command
        .args(["run", file])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().expect("it starts")
}

#[track_caller]
fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !done() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[track_caller]
fn end(child: Child) -> (i32, String, String) {
    texts(&child.wait_with_output().expect("it ends"))
}

/// Status and id of the newest run of a workflow.
fn status_of(folder: &Path, workflow: &str) -> (String, String) {
    let (_, runs, _) = run(folder, &["runs", "--json"]);
    let runs: Vec<serde_json::Value> = serde_json::from_str(&runs).expect("JSON");
    let text = |run: &serde_json::Value, key: &str| run[key].as_str().unwrap_or("").to_owned();
    let of = runs.iter().find(|run| run["workflow"] == workflow);
    of.map(|run| (text(run, "status"), text(run, "run")))
        .unwrap_or_default()
}

fn has(folder: &Path, name: &str) -> bool {
    folder.join(name).exists()
}

fn go(folder: &Path) {
    std::fs::write(folder.join("go"), "went\n").expect("a file");
}

#[test]
fn p12_a_second_run_waits_for_its_place_then_goes() {
    let folder = folder();
    let folder = folder.path();
    let first = start(folder, "slow.yml");
    until("the first has begun", || has(folder, "begun"));
    let second = start(folder, "next.yml");
    until("the second waits", || {
        status_of(folder, "next").0 == "waiting"
    });
    let (slow, next) = (status_of(folder, "slow").1, status_of(folder, "next").1);
    let (_, why, _) = run(folder, &["why", &next]);
    let said = format!(
        "waits for a place in group `one`; when it began to wait, 1 taken by run {slow}, 0 before it"
    );
    assert!(why.contains(&said), "{why}");
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
    let mut first = start(folder, "slow.yml");
    until("the first has begun", || has(folder, "begun"));
    let mut second = start(folder, "next.yml");
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
    let first = start(folder, "slow.yml");
    until("the first has begun", || has(folder, "begun"));
    let (code, _, stderr) = run(folder, &["run", "skipped.yml"]);
    assert_eq!(code, 5, "{stderr}");
    let (_, logs, _) = run(folder, &["logs", &status_of(folder, "skipped").1]);
    let said = "cancelled by `concurrency`: group `one` has no place";
    assert!(logs.contains(said), "{logs}");
    assert!(!has(folder, "skipped") && !has(folder, "skipped_over"));
    // One that is cancelled while it waits leaves out the same.
    let waiting = start(folder, "next.yml");
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
    let first = start(folder, "slow.yml");
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
