//! Runs on purpose for times of the past: one for each, however often and by whom they are asked for.

use std::path::Path;
use std::time::Duration;

use serde_json::Value as Json;

use crate::serve::Daemon;
use crate::support::{has, run, start, until};

const DAYS: &str = r#"
name: days
inputs: { day: date }
on:
  nightly:
    schedule: "0 2 * * *"
    timezone: Europe/Oslo
    inputs: { day: "{{ run.due | date('%Y-%m-%d', 'Europe/Oslo') }}" }
steps:
  wait: { trigger: time.after, with: { duration: 300ms } }
  keep: { needs: wait, action: file.append, with: { path: days.txt, content: "{{ inputs.day }} {{ run.trigger.kind }}\n" } }
"#;

fn project(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("flow.toml"), "").expect("a project");
    std::fs::write(folder.path().join("days.yml"), text).expect("a workflow");
    folder
}

/// The days that were kept, sorted.
fn kept(folder: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join("days.txt")).unwrap_or_default();
    let mut days: Vec<String> = text.lines().map(str::to_owned).collect();
    days.sort();
    days
}

fn march(days: std::ops::RangeInclusive<u32>) -> Vec<String> {
    days.map(|day| format!("2026-03-{day:02} backfill"))
        .collect()
}

#[track_caller]
fn backfill(folder: &Path, to: &str, more: &[&str], code: i32) -> (String, String) {
    let range = ["backfill", "days.yml", "--from", "2026-03-01", "--to", to];
    let (found, out, err) = run(folder, &[&range[..], more].concat());
    assert_eq!(found, code, "{out} {err}");
    (out, err)
}

#[test]
fn each_time_has_one_run_however_often_it_is_asked_for() {
    let folder = project(DAYS);
    let folder = folder.path();
    let (out, _) = backfill(folder, "2026-03-07", &["--dry-run"], 0);
    assert!(out.starts_with("2026-03-01T01:00:00.000Z open\n"), "{out}");
    assert!(
        out.ends_with("6 times: 6 open\n") && !has(folder, ".flow"),
        "{out}"
    );
    let (out, err) = backfill(folder, "2026-03-07", &["--at-most-parallel", "3"], 0);
    assert_eq!(out, "6 times: 6 succeeded\n");
    assert!(err.contains("2026-03-06T01:00:00.000Z succeeded "), "{err}");
    assert_eq!(kept(folder), march(1..=6));
    let (out, err) = backfill(folder, "2026-03-07", &[], 0);
    assert_eq!((&*out, &*err), ("6 times: 6 succeeded\n", ""));
    let (out, _) = backfill(folder, "2026-03-09", &["--json"], 0);
    let times: Vec<Json> = serde_json::from_str(&out).expect("JSON");
    assert_eq!((times.len(), &times[7]["status"]), (8, &"succeeded".into()));
    assert_eq!(kept(folder), march(1..=8));
    let by_name = [
        "backfill",
        "days",
        "--from",
        "2026-03-01",
        "--to",
        "2026-03-02",
        "--dry-run",
    ];
    let (code, out, err) = run(folder, &by_name);
    assert!(
        code == 0 && out.ends_with("1 time: 1 succeeded\n"),
        "{out} {err}"
    );
    // A daemon that owns the store starts them as well.
    let daemon = Daemon::start(folder, &[], &[]);
    backfill(folder, "2026-03-11", &[], 0);
    assert_eq!(daemon.stop(), 0);
    assert_eq!(kept(folder), march(1..=10));
}

#[test]
fn one_that_was_killed_is_gone_on_with() {
    let folder = project(DAYS);
    let folder = folder.path();
    let arguments = [
        "backfill",
        "days.yml",
        "--from",
        "2026-03-01",
        "--to",
        "2026-03-13",
        "--at-most-parallel",
        "2",
    ];
    for _ in 0..3 {
        let mut child = start(folder, &arguments);
        let before = kept(folder).len();
        until("it has gone on", || kept(folder).len() > before);
        std::thread::sleep(Duration::from_millis(150));
        child.kill().expect("it is running");
        child.wait().expect("it ends");
    }
    let (out, _) = backfill(folder, "2026-03-13", &["--at-most-parallel", "5"], 0);
    assert_eq!(out, "12 times: 12 succeeded\n");
    assert_eq!(kept(folder), march(1..=12));
}

#[test]
fn what_is_refused_says_what_to_ask_for() {
    let folder = project(DAYS);
    let folder = folder.path();
    let (_, err) = backfill(folder, "2026-03-13", &["--max", "3"], 2);
    assert!(err.contains("`--to 2026-03-04T01:00:00.000Z`"), "{err}");
    let (_, err) = backfill(folder, "2999-01-01", &[], 2);
    assert!(
        err.contains("error[schedule.backfill]") && err.contains("leave `--to` out"),
        "{err}"
    );
    backfill(folder, "2026-03-01", &[], 2);
    backfill(folder, "2026-03-02", &["--max", "0"], 2);
    backfill(folder, "2026-03-02", &["--trigger", "daily"], 2);
    let failing = DAYS.replace("path: days.txt", "path: ../days.txt");
    std::fs::write(folder.join("days.yml"), failing).expect("a workflow");
    let (out, err) = backfill(folder, "2026-03-02", &[], 4);
    assert!(
        out.contains("1 time: 1 failed") && err.contains(" failed "),
        "{out} {err}"
    );
}
