//! The store under the binary: killed at every point, without space, without rights, looked over, copied and pruned.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use flow_local::faults::POINTS;

use crate::support::{flow, run, texts};

/// A shell step that happens once, a value that is stored as a blob, another run, and a short wait.
const JOB: &str = "
steps:
  once: { run: 'echo hello' }
  large: { run: 'seq 1 20000', parse: lines, needs: once }
  wait: { trigger: time.after, with: { duration: 5ms }, needs: large }
  child: { workflow: child.yml, needs: wait }
outputs: { said: '{{ steps.once.stdout }}' }
";

fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path());
    folder
}

fn write(folder: &Path) {
    let file = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("a file");
    file("flow.toml", "");
    file("job.yml", JOB);
    file("child.yml", "steps: { a: { run: 'true' } }\n");
    file(
        "hold.yml",
        "steps: { a: { trigger: time.after, with: { duration: 1h } } }\n",
    );
}

/// What `flow doctor --check` finds.
#[track_caller]
fn is_whole(folder: &Path, why: &str) {
    let (exit, stdout, stderr) = run(folder, &["doctor", "--check"]);
    assert_eq!(exit, 0, "{why}: {stdout}{stderr}");
}

#[cfg(unix)]
#[test]
fn killed_at_every_point_the_store_is_whole_and_the_run_goes_on() {
    let mut hit = Vec::new();
    for point in POINTS {
        for nth in [1, 3] {
            let folder = project();
            let faulted = |arguments: &[&str]| {
                let mut command = flow(folder.path());
                command.env("FLOW_FAULTS", format!("{point}=abort@{nth}"));
                let output = command.args(arguments).output().expect("the binary starts");
                output.status.code().is_none()
            };
            let killed = faulted(&["run", "job.yml"])
                | faulted(&["backup", "copy"])
                | faulted(&["runs", "prune", "--older-than", "0s"]);
            if killed {
                hit.push(*point);
            }
            let (exit, _, stderr) = run(folder.path(), &["resume"]);
            let fine = match exit {
                0 | 6 => true,
                2 => stderr.contains("[run.unknown]"),
                _ => false,
            };
            assert!(fine, "{point}@{nth}: {exit} {stderr}");
            if folder.path().join(".flow/flow.db").exists() && !stderr.contains("no store") {
                is_whole(folder.path(), &format!("{point}@{nth}"));
            }
            let (exit, _, stderr) = run(folder.path(), &["run", "job.yml"]);
            assert_eq!(exit, 0, "{point}@{nth}: {stderr}");
        }
    }
    hit.dedup();
    // Looks happen to triggers, blobs are deleted when they are old, `nesting.rs` has a child that is stopped, `serve` has
    // events and callbacks.
    let rare = [
        "blob.delete",
        "driver.look",
        "driver.stop_child",
        "store.call_back",
        "store.emit",
    ];
    let missed: Vec<&&str> = POINTS
        .iter()
        .filter(|point| !hit.contains(point) && !rare.iter().any(|rare| point.starts_with(rare)))
        .collect();
    assert!(missed.is_empty(), "never reached: {missed:?}");
}

#[test]
fn a_run_that_waits_looks_the_same_in_the_tables_and_in_its_journal() {
    let folder = project();
    let mut child = flow(folder.path())
        .args(["run", "hold.yml"])
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    wait_until("it waits", || {
        let (_, stdout, _) = run(folder.path(), &["runs"]);
        stdout.contains("waits for")
    });
    let (exit, stdout, _) = run(folder.path(), &["doctor"]);
    assert_eq!(exit, 0);
    assert!(
        stdout.contains(&format!("process {}", child.id())),
        "{stdout}"
    );
    assert!(stdout.contains("1, of which 1 have not ended"), "{stdout}");
    is_whole(folder.path(), "while it runs");
    let (exit, _, stderr) = run(folder.path(), &["backup", "copy"]);
    assert_eq!(exit, 0, "{stderr}");
    child.kill().expect("killed");
    child.wait().expect("it ends");
    is_whole(folder.path(), "after it was killed");
    let (exit, _, stderr) = run(folder.path(), &["doctor", "--rebuild"]);
    assert_eq!(exit, 0, "{stderr}");
    is_whole(folder.path(), "rebuilt");
    let (exit, _, stderr) = run(folder.path(), &["doctor", "--salvage", "saved"]);
    assert_eq!(exit, 0, "{stderr}");
    for copy in ["copy", "saved"] {
        let (exit, stdout, stderr) = run(folder.path(), &["doctor", "--check", "--store", copy]);
        assert_eq!(exit, 0, "{copy}: {stdout}{stderr}");
    }
    let (exit, _, stderr) = run(folder.path(), &["restore", "copy"]);
    assert_eq!(exit, 7);
    assert!(stderr.contains("[store.not_empty]"), "{stderr}");
    let (exit, _, stderr) = run(folder.path(), &["restore", "copy", "--force"]);
    assert_eq!(exit, 0, "{stderr}");
    is_whole(folder.path(), "restored");
    let (_, stdout, _) = run(folder.path(), &["runs"]);
    assert!(stdout.contains("hold"), "{stdout}");
}

#[test]
fn what_is_old_is_what_the_project_says() {
    let folder = project();
    for _ in 0..2 {
        assert_eq!(run(folder.path(), &["run", "job.yml"]).0, 0);
    }
    let settings = "[retention]\nruns = \"0s\"\nkeep_failed = \"30d\"\n";
    std::fs::write(folder.path().join("flow.toml"), settings).expect("a file");
    std::thread::sleep(Duration::from_millis(5));
    let (exit, stdout, stderr) = run(folder.path(), &["runs", "prune", "--dry-run"]);
    assert_eq!((exit, stdout.lines().count()), (0, 4), "{stderr}");
    let (_, _, stderr) = run(folder.path(), &["runs", "prune", "--status", "failed"]);
    assert!(stderr.contains("deleted 0 runs"), "{stderr}");
    let (exit, stdout, _) = run(folder.path(), &["runs", "prune", "--json"]);
    assert_eq!(exit, 0);
    let said: serde_json::Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(said["runs"].as_array().expect("a list").len(), 4);
    let (_, _, stderr) = run(folder.path(), &["runs"]);
    assert!(stderr.contains("no runs yet"), "{stderr}");
    is_whole(folder.path(), "pruned");
}

/// A bound on the size of files makes writes fail as a broken disk does.
#[cfg(unix)]
#[test]
fn a_write_that_fails_ends_the_run_and_harms_nothing() {
    let mut failed = 0;
    for blocks in (72..400).step_by(24) {
        let folder = project();
        assert_eq!(run(folder.path(), &["run", "child.yml"]).0, 0);
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" run job.yml");
        let output = Command::new("sh")
            .args(["-c", &script, env!("CARGO_BIN_EXE_flow")])
            .current_dir(folder.path())
            .output()
            .expect("a shell");
        let (exit, _, stderr) = texts(&output);
        assert!([0, 4, 7].contains(&exit), "{blocks}: {exit} {stderr}");
        if exit != 0 {
            assert!(stderr.contains("[store.io]"), "{blocks}: {stderr}");
            failed += 1;
        }
        is_whole(folder.path(), &format!("{blocks} blocks"));
        let (exit, _, stderr) = run(folder.path(), &["run", "job.yml"]);
        assert_eq!(exit, 0, "{blocks}: {stderr}");
    }
    assert!(failed > 0, "no bound was small enough");
}

/// A small file system of its own, where mounting is allowed.
struct Small {
    folder: tempfile::TempDir,
}

impl Small {
    fn mount(kib: u32) -> Option<Small> {
        let folder = tempfile::tempdir().expect("a folder");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={kib}k"), "tmpfs"])
            .arg(folder.path())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        mounted.then_some(Small { folder })
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.folder.path()).status();
    }
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[cfg(unix)]
#[test]
fn a_full_disk_is_waited_for() {
    let mut waited = 0;
    for kib in (16..=96).step_by(8) {
        let Some(small) = Small::mount(800) else {
            println!("skipped: no file system can be mounted here");
            return;
        };
        let folder = small.folder.path();
        write(folder);
        assert_eq!(
            run(folder, &["run", "child.yml"]).0,
            0,
            "there is space at first"
        );
        let filler = folder.join("filler");
        leave(&filler, kib << 10);
        let outside = tempfile::NamedTempFile::new().expect("a file");
        let mut child = flow(folder)
            .args(["run", "hold.yml"])
            .stderr(outside.reopen().expect("the same file"))
            .spawn()
            .expect("the binary starts");
        let said = || std::fs::read_to_string(outside.path()).expect("readable");
        let mut early = None;
        wait_until("it waits, or it does not", || {
            early = child.try_wait().expect("a child");
            early.is_some() || said().contains("waiting[store.full]") || said().contains("held")
        });
        // Beside the owner; without one even a reader needs room for its index.
        if early.is_none() {
            let (exit, _, stderr) = run(folder, &["runs"]);
            assert_eq!(exit, 0, "reads answer: {stderr}");
        }
        let waits = said().contains("waiting");
        waited += u32::from(waits);
        let frees = waited % 2 == 1;
        let expected = if early.is_some() {
            // There was not even space to open it.
            assert!(said().contains("[store.full]"), "{}", said());
            7
        } else {
            if waits && frees {
                std::fs::remove_file(&filler).expect("removed");
                wait_until("it goes on", || said().contains("held"));
                assert!(said().contains("takes commits again"), "{}", said());
            }
            signal(&child);
            if waits && !frees { 7 } else { 130 }
        };
        let status = child.wait().expect("it ends");
        assert_eq!(status.code(), Some(expected), "{kib} KiB: {}", said());
        let _ = std::fs::remove_file(&filler);
        is_whole(folder, "after it was full");
        let (exit, _, stderr) = run(folder, &["run", "child.yml"]);
        assert_eq!(exit, 0, "{stderr}");
    }
    assert!(waited > 0, "none was full at the right time");
}

#[cfg(unix)]
#[test]
fn a_full_disk_can_be_pruned() {
    let Some(small) = Small::mount(12 << 10) else {
        println!("skipped: no file system can be mounted here");
        return;
    };
    let folder = small.folder.path();
    write(folder);
    for _ in 0..3 {
        assert_eq!(run(folder, &["run", "child.yml"]).0, 0);
    }
    let reserve = folder.join(".flow/reserve");
    assert_eq!(reserve.metadata().expect("it is there").len(), 1 << 20);
    let filler = folder.join("filler");
    leave(&filler, 0);
    let (exit, _, stderr) = run(folder, &["run", "child.yml"]);
    assert_eq!(exit, 7, "a run does not take it: {stderr}");
    assert!(reserve.exists());
    let (exit, runs, stderr) = run(folder, &["runs"]);
    assert_eq!((exit, runs.lines().count()), (0, 4), "{runs}{stderr}");
    let prune = ["runs", "prune", "--older-than", "1ms"];
    let (exit, _, stderr) = run(folder, &prune);
    assert_eq!(exit, 0, "{stderr}");
    assert!(stderr.contains("deleted 3 runs"), "{stderr}");
    is_whole(folder, "pruned while it was full");
    std::fs::remove_file(&filler).expect("removed");
    assert_eq!(run(folder, &["run", "child.yml"]).0, 0);
    assert!(reserve.exists(), "it is taken again");
    // Without it there is no way.
    leave(&filler, 0);
    std::fs::remove_file(&reserve).expect("removed");
    let other = folder.join("other");
    leave(&other, 0);
    let (exit, _, stderr) = run(folder, &prune);
    assert_eq!(exit, 7, "{stderr}");
    assert!(stderr.contains("[store.full]"), "{stderr}");
    std::fs::remove_file(&other).expect("removed");
    is_whole(folder, "not pruned");
}

/// Fills a file system but for so many bytes.
fn leave(path: &Path, bytes: u64) {
    use std::io::Write;
    let mut file = std::fs::File::create(path).expect("a file");
    while file.write_all(&[1; 4096]).is_ok() {}
    let length = file.metadata().expect("there").len();
    file.set_len(length - bytes).expect("shorter");
}

#[cfg(unix)]
fn signal(child: &std::process::Child) {
    let status = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(status.expect("kill").success());
}

#[cfg(unix)]
#[test]
fn a_file_system_that_is_read_only_is_named() {
    let Some(small) = Small::mount(4096) else {
        println!("skipped: no file system can be mounted here");
        return;
    };
    let folder = small.folder.path();
    write(folder);
    assert_eq!(run(folder, &["run", "child.yml"]).0, 0);
    let remount = Command::new("mount")
        .args(["-o", "remount,ro"])
        .arg(folder)
        .status();
    assert!(remount.expect("mount").success());
    let (exit, _, stderr) = run(folder, &["run", "child.yml"]);
    assert_eq!(exit, 7);
    assert!(
        stderr.contains("[store.read_only]") && stderr.contains("belongs to user"),
        "{stderr}"
    );
}
