//! A backfill is one thing that can be seen, gone on with and cancelled, whoever was killed in between.

use std::path::Path;
use std::process::Child;

use serde_json::Value as Json;

use crate::serve::Daemon;
use crate::support::{end, run, start, until};

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

#[test]
fn it_tells_the_truth_after_a_kill_and_is_gone_on_with_as_the_same() {
    let folder = project();
    let folder = folder.path();
    assert_eq!(newest(folder), Json::Null);
    touch(folder, "go", 1..=2);
    touch(folder, "bad", [2]);
    let follower = follow(folder, &[]);
    let found = stands(folder, ("running", 2, 1));
    let counts = ["times", "succeeded", "failed", "open", "met"].map(|key| found[key].as_u64());
    assert_eq!(counts, [5, 1, 1, 2, 0].map(Some));
    refused(folder, &MARCH, "backfill.followed");
    kill(follower);
    let found = newest(folder);
    assert_eq!(
        (&found["state"], &found["ended"]),
        (&"paused".into(), &2.into())
    );
    let id = id(&found);
    let (_, out, err) = run(folder, &["backfill", "list"]);
    assert!(
        out.contains("days/nightly") && out.contains("2026-03-01..2026-03-06"),
        "{out}"
    );
    assert!(
        out.contains("2 of 5") && out.trim_end().ends_with("paused"),
        "{out}"
    );
    let go_on = found["go_on"].as_str().expect("what to type");
    assert!(err.contains(go_on), "{err}");
    let (_, out, _) = run(folder, &["backfill", "show", &id[..6]]);
    assert!(out.contains("2026-03-02T02:00:00.000Z failed "), "{out}");
    // In the list of runs it stands for them.
    let (_, out, _) = run(folder, &["runs"]);
    assert_eq!(out.lines().count(), 2, "{out}");
    let row = [
        "backfill days/nightly",
        "paused",
        "2026-03-01..2026-03-06  2 of 5, 1 failed",
    ];
    assert!(row.iter().all(|part| out.contains(part)), "{out}");
    let runs = json(folder, &["runs"]);
    let of: Vec<&Json> = runs
        .as_array()
        .expect("runs")
        .iter()
        .map(|run| &run["backfill"])
        .collect();
    assert_eq!(of, [&id; 3]);
    let (_, out, _) = run(folder, &["runs", "--backfill", &id]);
    assert_eq!(out.lines().count(), 4, "{out}");
    let (_, out, _) = run(folder, &["runs", "--status", "failed"]);
    assert!(
        out.lines().count() == 2 && out.contains(&format!("of backfill {id}")),
        "{out}"
    );
    // As it says itself how to.
    touch(folder, "go", 3..=5);
    let words: Vec<&str> = go_on.split(' ').skip(1).collect();
    let (code, out, err) = run(folder, &words);
    assert!(
        code == 4 && out == "5 times: 1 failed, 4 succeeded\n",
        "{out} {err}"
    );
    let found = stands(folder, ("ended", 5, 0));
    assert_eq!(
        (&found["backfill"], &found["go_on"]),
        (&id.into(), &Json::Null)
    );
    refused(
        folder,
        &[
            "backfill",
            "cancel",
            &found["backfill"].as_str().expect("an id")[..9],
        ],
        "backfill.ended",
    );
    // Other inputs are another; its times have their runs already.
    let (code, ..) = run(folder, &[&MARCH[..], &["--input", "who=me"]].concat());
    assert_eq!(code, 4);
    let other = stands(folder, ("ended", 5, 0));
    assert_ne!(other["backfill"], found["backfill"]);
    assert_eq!(other["inputs"]["who"], "me");
    let (_, out, _) = run(folder, &["runs"]);
    assert_eq!(out.lines().count(), 3, "{out}");
    let first = json(folder, &["runs", "-n", "1"])[0]["run"].clone();
    assert!(first.is_string());
    let after = other["backfill"].as_str().expect("an id");
    let (_, out, _) = run(folder, &["runs", "--after", after]);
    assert!(
        out.lines().count() == 2 && out.contains(found["backfill"].as_str().expect("an id")),
        "{out}"
    );
}

#[test]
fn a_cancel_ends_its_runs_and_whoever_follows_it() {
    let folder = project();
    let folder = folder.path();
    let follower = follow(folder, &["--at-most-parallel", "2"]);
    let id = id(&stands(folder, ("running", 0, 2)));
    refused(folder, &["backfill", "cancel", "zz"], "backfill.unknown");
    let (code, _, err) = run(folder, &["backfill", "cancel", &id]);
    assert_eq!(code, 0, "{err}");
    let (code, out, err) = end(follower);
    assert!(
        code == 5 && err.contains("was cancelled"),
        "{code}: {out} {err}"
    );
    let found = stands(folder, ("cancelled", 2, 0));
    assert_eq!(
        (&found["open"], &found["cancelled"]),
        (&3.into(), &2.into())
    );
    // It stays so, and may be said again.
    refused(folder, &MARCH, "backfill.cancelled");
    assert_eq!(run(folder, &["backfill", "cancel", &id]).0, 0);
    stands(folder, ("cancelled", 2, 0));
}

#[test]
fn what_a_killed_follower_left_is_cancelled_too() {
    let folder = project();
    let folder = folder.path();
    let follower = follow(folder, &["--at-most-parallel", "2"]);
    let id = id(&stands(folder, ("running", 0, 2)));
    kill(follower);
    stands(folder, ("paused", 0, 2));
    let found = json(folder, &["backfill", "cancel", &id]);
    assert_eq!(
        (&found["state"], &found["cancelled"]),
        (&"cancelled".into(), &2.into())
    );
    stands(folder, ("cancelled", 2, 0));
}

#[test]
fn the_daemon_drives_what_others_follow() {
    let folder = project();
    let folder = folder.path();
    let daemon = Daemon::start(folder, &[], &[]);
    let follower = follow(folder, &[]);
    stands(folder, ("running", 0, 1));
    kill(follower);
    // Its run goes on, nobody starts the next.
    stands(folder, ("running", 0, 1));
    touch(folder, "go", [1]);
    stands(folder, ("paused", 1, 0));
    // A run that the daemon drives is waited for.
    let follower = follow(folder, &[]);
    stands(folder, ("running", 1, 1));
    kill(follower);
    let follower = follow(folder, &[]);
    touch(folder, "go", [2]);
    let id = id(&stands(folder, ("running", 2, 1)));
    let (code, _, err) = run(folder, &["backfill", "cancel", &id]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(end(follower).0, 5);
    stands(folder, ("cancelled", 3, 0));
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn it_is_pruned_with_its_last_run() {
    let folder = project();
    let folder = folder.path();
    touch(folder, "go", 1..=5);
    touch(folder, "bad", [4]);
    let (code, ..) = end(follow(folder, &["--at-most-parallel", "5"]));
    assert_eq!(code, 4);
    let prune = |more: &[&str]| {
        let all = ["runs", "prune", "--older-than", "0s"];
        let (code, _, err) = run(folder, &[&all[..], more].concat());
        assert_eq!(code, 0, "{err}");
    };
    prune(&["--status", "succeeded"]);
    let found = stands(folder, ("ended", 5, 0));
    assert_eq!(
        (&found["succeeded"], &found["failed"]),
        (&4.into(), &1.into())
    );
    // What was done is not done again, though its runs are gone.
    let (_, out, _) = run(folder, &MARCH);
    assert_eq!(out, "5 times: 1 failed, 4 succeeded\n");
    prune(&[]);
    assert_eq!(newest(folder), Json::Null);
    let left = std::fs::read_dir(folder.join(".flow/backfills")).map(Iterator::count);
    assert_eq!(left.expect("readable"), 0);
}

/// As a kill leaves it that comes after the cancel is on disk, and before its runs were told.
#[test]
fn a_run_of_a_cancelled_backfill_ends_when_it_is_taken_up() {
    let folder = project();
    let folder = folder.path();
    let follower = follow(folder, &["--at-most-parallel", "2"]);
    let id = id(&stands(folder, ("running", 0, 2)));
    kill(follower);
    let database = rusqlite::Connection::open(folder.join(".flow/flow.db")).expect("a store");
    let cancelled = database.execute("UPDATE backfills SET cancelled_at = 1", []);
    assert_eq!(cancelled.expect("it can be changed"), 1);
    drop(database);
    stands(folder, ("cancelled", 0, 2));
    let runs = json(folder, &["runs", "--backfill", &id]);
    let one = runs[0]["run"].as_str().expect("an id");
    let (code, _, err) = run(folder, &["resume", one]);
    assert_eq!(code, 5, "{err}");
    stands(folder, ("cancelled", 1, 1));
    // The other is told when the cancel is typed again.
    assert_eq!(run(folder, &["backfill", "cancel", &id]).0, 0);
    stands(folder, ("cancelled", 2, 0));
}
