//! A backfill is one thing that can be seen, gone on with and cancelled, whoever was killed in between.

mod ended;
mod seen;

use std::path::Path;
use std::process::Child;

use serde_json::Value as Json;

use crate::support::{run, start, until};

/// The run of a day goes on when there is the file `go-DAY`, and fails where there is `bad-DAY`.
const DAYS: &str = r#"
name: days
inputs: { day: string, who: { type: string, default: you } }
on:
  nightly: { schedule: "0 2 * * *", timezone: UTC, inputs: { day: "{{ run.due | date('%d') }}" } }
steps:
  wait:
    query: file.exists
    with: { path: "go-{{ inputs.day }}" }
    repeat: { until: "result", every: 30ms, max: 4000 }
  judge: { needs: wait, run: 'test ! -e "bad-$DAY"', env: { DAY: "{{ inputs.day }}" } }
"#;

const MARCH: [&str; 6] = [
    "backfill",
    "days.yml",
    "--from",
    "2026-03-01",
    "--to",
    "2026-03-06",
];

fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("flow.toml"), "").expect("a project");
    std::fs::write(folder.path().join("days.yml"), DAYS).expect("a workflow");
    folder
}

fn touch(folder: &Path, what: &str, days: impl IntoIterator<Item = u32>) {
    for day in days {
        let name = format!("{what}-{day:02}");
        std::fs::write(folder.join(name), "").expect("a file");
    }
}

fn follow(folder: &Path, more: &[&str]) -> Child {
    start(folder, &[&MARCH, more].concat())
}

#[track_caller]
fn json(folder: &Path, arguments: &[&str]) -> Json {
    let (code, out, err) = run(folder, &[arguments, &["--json"]].concat());
    assert_eq!(code, 0, "{arguments:?}: {err}");
    serde_json::from_str(&out).expect("JSON")
}

/// The newest backfill; null if there is none.
#[track_caller]
fn newest(folder: &Path) -> Json {
    json(folder, &["backfill", "list"])[0].clone()
}

/// Waits until it stands so: state, how many times ended, how many have a run that goes.
#[track_caller]
fn stands(folder: &Path, expected: (&str, u64, u64)) -> Json {
    let mut found = Json::Null;
    let what = format!("it is {expected:?}");
    until(&what, || {
        found = newest(folder);
        let number = |key: &str| found[key].as_u64().unwrap_or(99);
        let state = found["state"].as_str().unwrap_or_default();
        (state, number("ended"), number("going")) == expected
    });
    found
}

fn id(backfill: &Json) -> String {
    backfill["backfill"].as_str().expect("an id").to_owned()
}

fn kill(mut child: Child) {
    child.kill().expect("it is running");
    child.wait().expect("it ends");
}

#[track_caller]
fn refused(folder: &Path, arguments: &[&str], code: &str) {
    let (exit, _, err) = run(folder, arguments);
    assert!(
        exit == 2 && err.contains(&format!("error[{code}]")),
        "{exit}: {err}"
    );
}
