//! One process owns a store; others hand their wishes to it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::{end, flow, go, has, run, start, status_of, until};

/// Waits for a file, says what it is there for, and undoes it.
const SLOW: &str = r#"
steps:
  begun: { run: touch begun }
  wait:
    needs: [begun]
    repeat: { until: "result.stdout != ''", every: 50ms, max: 2000 }
    run: "cat go 2>/dev/null || true"
  made: { needs: [begun], run: touch made, undo: { run: rm made } }
outputs: { said: "{{ steps.wait.stdout | trim }}" }
"#;

const QUICK: &str =
    "steps:\n  a: { run: echo quick }\noutputs: { said: \"{{ steps.a.stdout | trim }}\" }\n";

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fill(folder.path());
    folder
}

fn fill(folder: &Path) {
    std::fs::create_dir_all(folder.join(".flow")).expect("a project");
    std::fs::write(folder.join("slow.yml"), SLOW).expect("a workflow");
    std::fs::write(folder.join("quick.yml"), QUICK).expect("a workflow");
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill")
        .args([name, &child.id().to_string()])
        .status();
    assert!(status.expect("kill is there").success());
}

/// How many runs there are.
fn count(folder: &Path) -> usize {
    let (_, runs, _) = run(folder, &["runs"]);
    runs.lines().count().saturating_sub(1)
}

#[test]
fn a_second_run_is_driven_by_the_owner() {
    let folder = folder();
    let owner = start(folder.path(), &["run", "slow.yml"]);
    until("it has begun", || has(folder.path(), "begun"));
    let (code, stdout, stderr) = run(folder.path(), &["run", "quick.yml"]);
    assert_eq!((code, stdout.as_str()), (0, "said: quick\n"), "{stderr}");
    go(folder.path());
    let (code, stdout, stderr) = end(owner);
    assert_eq!((code, stdout.as_str()), (0, "said: went\n"), "{stderr}");
    assert!(!has(folder.path(), ".flow/control.sock"));
}

#[test]
fn an_owner_waits_for_the_runs_of_others() {
    let folder = folder();
    std::fs::write(
        folder.path().join("short.yml"),
        "steps:\n  a: { run: touch up; sleep 1 }\n",
    )
    .expect("a workflow");
    let owner = start(folder.path(), &["run", "short.yml"]);
    until("it is up", || has(folder.path(), "up"));
    let guest = start(folder.path(), &["run", "slow.yml"]);
    until("its own run has ended", || {
        status_of(folder.path(), "short").0 == "succeeded"
    });
    std::thread::sleep(Duration::from_millis(500));
    go(folder.path());
    let (code, stdout, stderr) = end(guest);
    assert_eq!((code, stdout.as_str()), (0, "said: went\n"), "{stderr}");
    let (code, _, stderr) = end(owner);
    assert_eq!(code, 0, "{stderr}");
    assert!(
        stderr.contains("other runs are still driven here"),
        "{stderr}"
    );
}

#[test]
fn a_guest_that_is_stopped_stops_its_own_run_alone() {
    let folder = folder();
    let owner = start(folder.path(), &["run", "--key", "one", "slow.yml"]);
    until("it has begun", || has(folder.path(), "begun"));
    std::fs::copy(
        folder.path().join("slow.yml"),
        folder.path().join("guest.yml"),
    )
    .expect("a copy");
    let guest = start(folder.path(), &["run", "guest.yml"]);
    until("the guest's run waits", || {
        status_of(folder.path(), "guest").0 == "running"
            || status_of(folder.path(), "guest").0 == "waiting"
    });
    std::thread::sleep(Duration::from_millis(300));
    signal(&guest, "-INT");
    let (code, _, stderr) = end(guest);
    assert_eq!(code, 130, "{stderr}");
    assert!(stderr.contains("nothing is lost: `flow resume"), "{stderr}");
    let (status, id) = status_of(folder.path(), "guest");
    assert!(
        ["running", "waiting"].contains(&status.as_str()),
        "{status}"
    );
    // The owner takes it up again when it is asked to.
    let again = start(folder.path(), &["resume", &id]);
    std::thread::sleep(Duration::from_millis(300));
    let (code, _, stderr) = run(folder.path(), &["resume", &id]);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("run.driven"), "{stderr}");
    go(folder.path());
    assert_eq!(end(again).0, 0);
    assert_eq!(end(owner).0, 0);
}

#[test]
fn a_run_goes_on_without_a_guest_that_was_killed() {
    let folder = folder();
    let owner = start(folder.path(), &["run", "--key", "one", "slow.yml"]);
    until("it has begun", || has(folder.path(), "begun"));
    std::fs::copy(
        folder.path().join("slow.yml"),
        folder.path().join("guest.yml"),
    )
    .expect("a copy");
    let mut guest = start(folder.path(), &["run", "guest.yml"]);
    until("the guest's run goes on", || {
        !status_of(folder.path(), "guest").0.is_empty()
    });
    guest.kill().expect("SIGKILL");
    guest.wait().expect("it is gone");
    go(folder.path());
    assert_eq!(end(owner).0, 0);
    assert_eq!(status_of(folder.path(), "guest").0, "succeeded");
}

#[test]
fn detached_runs_are_followed_and_cancelled_from_outside() {
    let folder = folder();
    let (code, id, stderr) = run(folder.path(), &["run", "--detach", "slow.yml"]);
    let id = id.trim();
    assert_eq!((code, id.len()), (0, 26), "{stderr}");
    until("it has begun", || has(folder.path(), "made"));
    let logs = start(folder.path(), &["logs", "-f", id]);
    let (code, _, stderr) = run(folder.path(), &["cancel", id, "--wait"]);
    assert_eq!(code, 0, "{stderr}");
    let (code, stdout, _) = end(logs);
    assert_eq!(code, 0);
    for line in [
        "made: succeeded",
        "cancelled by flow cancel",
        "made.undo: succeeded",
        "run cancelled in",
    ] {
        assert!(stdout.contains(line), "{line} is not in:\n{stdout}");
    }
    assert!(!has(folder.path(), "made"), "what was made is undone");
    assert_eq!(status_of(folder.path(), "slow").0, "cancelled");
    let (code, _, stderr) = run(folder.path(), &["cancel", id]);
    assert_eq!(code, 0, "{stderr}");
    until("the owner ends when nothing is left", || {
        !has(folder.path(), ".flow/control.sock")
    });
}

#[test]
fn a_run_that_nobody_drives_is_cancelled_here() {
    for (hard, undone) in [(false, true), (true, false)] {
        let folder = folder();
        let mut killed = start(folder.path(), &["run", "slow.yml"]);
        until("it has made something", || has(folder.path(), "made"));
        std::thread::sleep(Duration::from_millis(200));
        killed.kill().expect("SIGKILL");
        killed.wait().expect("it is gone");
        let id = status_of(folder.path(), "slow").1;
        let mut arguments = vec!["cancel", id.as_str()];
        arguments.extend(hard.then_some("--hard"));
        let (code, _, stderr) = run(folder.path(), &arguments);
        assert_eq!(code, 0, "{stderr}");
        assert_eq!(status_of(folder.path(), "slow").0, "cancelled");
        assert_eq!(!has(folder.path(), "made"), undone, "hard: {hard}");
    }
}

#[test]
fn a_key_is_one_run() {
    let folder = folder();
    let first = start(folder.path(), &["run", "slow.yml", "--key", "day"]);
    until("it has begun", || has(folder.path(), "begun"));
    let second = start(folder.path(), &["run", "slow.yml", "--key", "day"]);
    std::thread::sleep(Duration::from_millis(300));
    go(folder.path());
    for child in [first, second] {
        let (code, stdout, stderr) = end(child);
        assert_eq!((code, stdout.as_str()), (0, "said: went\n"), "{stderr}");
    }
    let (code, stdout, _) = run(folder.path(), &["run", "slow.yml", "--key", "day"]);
    assert_eq!((code, stdout.as_str()), (0, "said: went\n"));
    assert_eq!(count(folder.path()), 1);
    let (code, _, _) = run(folder.path(), &["run", "slow.yml", "--key", "next"]);
    assert_eq!((code, count(folder.path())), (0, 2));
}

#[test]
fn a_folder_may_have_a_long_path() {
    let folder = tempfile::tempdir().expect("a folder");
    let deep: PathBuf = std::iter::repeat_n("a-rather-long-name", 8).collect();
    let deep = folder.path().join(deep);
    std::fs::create_dir_all(&deep).expect("folders");
    fill(&deep);
    let owner = start(&deep, &["run", "slow.yml"]);
    until("it has begun", || has(&deep, "begun"));
    let (code, stdout, stderr) = run(&deep, &["run", "quick.yml"]);
    assert_eq!((code, stdout.as_str()), (0, "said: quick\n"), "{stderr}");
    go(&deep);
    assert_eq!(end(owner).0, 0);
}

#[test]
fn an_owner_that_goes_away_as_it_is_asked_is_followed_by_another() {
    for point in ["blob.rename.before=abort@2", "blob.rename.after=abort@2"] {
        let folder = folder();
        let mut owner = flow(folder.path());
        owner.args(["run", "slow.yml"]).env("FLOW_FAULTS", point);
        let mut owner = owner.stderr(Stdio::null()).spawn().expect("it starts");
        until("it has begun", || has(folder.path(), "begun"));
        let (code, stdout, stderr) = run(folder.path(), &["run", "quick.yml"]);
        assert_eq!(
            (code, stdout.as_str()),
            (0, "said: quick\n"),
            "{point}: {stderr}"
        );
        assert_eq!(owner.wait().expect("it ends").code(), None);
        let quick = status_of(folder.path(), "quick");
        assert_eq!(quick.0, "succeeded");
    }
}

#[test]
fn an_owner_that_goes_away_is_followed_by_one_in_the_background() {
    let folder = folder();
    let mut owner = flow(folder.path());
    owner
        .args(["run", "slow.yml"])
        .env("FLOW_FAULTS", "blob.rename.before=abort@2");
    let mut owner = owner.stderr(Stdio::null()).spawn().expect("it starts");
    until("it has begun", || has(folder.path(), "begun"));
    let (code, id, stderr) = run(folder.path(), &["run", "--detach", "quick.yml"]);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(owner.wait().expect("it ends").code(), None);
    until("it is driven", || {
        status_of(folder.path(), "quick") == ("succeeded".to_owned(), id.trim().to_owned())
    });
}

#[test]
fn an_owner_that_does_not_listen_is_named() {
    let folder = folder();
    let lock = File::create(folder.path().join(".flow/lock")).expect("a lock");
    lock.lock().expect("it is taken");
    let (code, _, stderr) = run(folder.path(), &["run", "quick.yml"]);
    assert_eq!(code, 7, "{stderr}");
    assert!(
        stderr.contains("store.locked") && stderr.contains("in use by process"),
        "{stderr}"
    );
}
