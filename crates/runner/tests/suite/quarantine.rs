//! A run that kills whoever drives it is left alone after a while, and the others of its store go on.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use flow_local::store::Store;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{flow, run, texts};

/// Kills the process when it begins to read: no step has ended by then.
const DEADLY: &str = "driver.start.before=abort";

const KILLER: &str = "
steps:
  made: { action: file.write, with: { path: made.txt, content: x }, undo: { action: file.delete, with: { path: made.txt } } }
  big: { query: file.read, with: { path: made.txt }, needs: made }
finally:
  bye: { action: file.write, with: { path: bye.txt, content: x } }
";

struct Project(tempfile::TempDir);

impl Project {
    fn new(files: &[(&str, &str)]) -> Project {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in [("flow.toml", "")].iter().chain(files) {
            std::fs::write(folder.path().join(name), text).expect("a file");
        }
        Project(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// A process that dies at a point, or does not come to it.
    fn dies(&self, arguments: &[&str], point: &str) -> bool {
        let mut command = flow(self.path());
        let output = command.args(arguments).env("FLOW_FAULTS", point).output();
        output.expect("the binary starts").status.code().is_none()
    }

    /// The status of the run of a workflow, as the list shows it, and its id.
    fn run_of(&self, workflow: &str) -> (String, String) {
        let (_, stdout, _) = run(self.path(), &["runs", "--workflow", workflow, "--json"]);
        let rows: serde_json::Value = serde_json::from_str(&stdout).expect("JSON");
        let text = |name: &str| rows[0][name].as_str().unwrap_or_default().to_owned();
        (text("status"), text("run"))
    }

    fn has(&self, name: &str) -> bool {
        self.path().join(name).exists()
    }
}

/// A run of which three processes have died, one after another, and its id.
fn quarantined(project: &Project, file: &str) -> String {
    // `made` is prepared, then `big` begins.
    assert!(project.dies(&["run", file], "driver.start.before=abort@2"));
    let workflow = file.trim_end_matches(".yml");
    let (_, id) = project.run_of(workflow);
    for nth in 0..3 {
        assert_eq!(project.run_of(workflow).0, "running", "after {nth}");
        assert!(project.dies(&["resume", &id], DEADLY), "it is taken up");
    }
    id
}

#[test]
fn a_run_that_kills_three_processes_in_a_row_is_left_alone_and_the_others_go_on() {
    let project = Project::new(&[
        ("killer.yml", KILLER),
        (
            "fine.yml",
            "steps: { a: { query: file.exists, with: { path: a } } }\n",
        ),
    ]);
    assert!(project.dies(&["run", "fine.yml"], DEADLY));
    let id = quarantined(&project, "killer.yml");
    let said = |arguments: &[&str]| run(project.path(), arguments);

    let (_, stdout, _) = said(&["runs"]);
    assert!(stdout.contains("! quarantined"), "{stdout}");
    assert!(stdout.contains(&format!("flow why {id}")), "{stdout}");
    let (_, only, _) = said(&["runs", "--status", "quarantined", "--json"]);
    assert!(only.contains(&id) && !only.contains("fine"), "{only}");
    let (_, none, _) = said(&["runs", "--status", "running", "--json"]);
    assert!(!none.contains(&id), "{none}");
    for command in ["show", "why"] {
        let (_, stdout, _) = said(&[command, &id]);
        assert!(stdout.contains("3 processes in a row died"), "{stdout}");
        assert!(
            stdout.contains(&format!("flow resume {id} --force")),
            "{stdout}"
        );
    }
    let (_, why, _) = said(&["why", &id]);
    assert!(
        why.contains("`big` was running when the last one died"),
        "{why}"
    );
    let (exit, _, stderr) = said(&["resume", &id]);
    assert!(
        exit == 6 && stderr.contains("error[run.quarantined]"),
        "{stderr}"
    );

    // Nothing was said of which: the one that may go, though the other is newer.
    let (exit, _, stderr) = said(&["resume"]);
    assert_eq!(exit, 0, "{stderr}");
    assert_eq!(project.run_of("fine").0, "succeeded");

    let (exit, _, stderr) = said(&["resume", &id, "--force"]);
    assert_eq!(exit, 0, "{stderr}");
    assert_eq!(project.run_of("killer").0, "succeeded");
    let (exit, stdout, stderr) = said(&["doctor", "--check"]);
    assert_eq!(exit, 0, "{stdout}{stderr}");
}

#[test]
fn what_was_forced_has_three_deaths_again() {
    let project = Project::new(&[("killer.yml", KILLER)]);
    let id = quarantined(&project, "killer.yml");
    assert!(project.dies(&["resume", &id, "--force"], DEADLY));
    for _ in 0..2 {
        assert!(project.dies(&["resume", &id], DEADLY));
    }
    assert_eq!(project.run_of("killer").0, "quarantined");
}

#[test]
fn cancelling_it_does_nothing_more_of_it() {
    let project = Project::new(&[("killer.yml", KILLER)]);
    let id = quarantined(&project, "killer.yml");
    let deadly = "driver.start.before=abort,driver.send.before=abort";
    let mut command = flow(project.path());
    let output = command.args(["cancel", &id]).env("FLOW_FAULTS", deadly);
    let (exit, _, stderr) = texts(&output.output().expect("the binary starts"));
    assert_eq!(exit, 0, "{stderr}");
    assert!(stderr.contains("nothing is undone"), "{stderr}");
    assert!(stderr.contains("what `made` did stays done"), "{stderr}");
    assert_eq!(project.run_of("killer").0, "cancelled");
    assert!(project.has("made.txt") && !project.has("bye.txt"));
}

#[test]
fn the_run_that_it_started_is_cancelled_too() {
    let project = Project::new(&[
        (
            "parent.yml",
            "steps: { inner: { workflow: ./killer.yml } }\n",
        ),
        ("killer.yml", KILLER),
    ]);
    let id = quarantined(&project, "parent.yml");
    assert_eq!(project.run_of("killer").0, "quarantined");
    let (exit, _, stderr) = run(project.path(), &["resume", &id, "--force"]);
    assert_eq!(exit, 6, "the inner one needs a word of its own: {stderr}");
    assert_eq!(project.run_of("parent").0, "running");
    for _ in 0..3 {
        // What it waits for is not taken up: nobody dies.
        let (exit, ..) = run(project.path(), &["resume", &id]);
        assert_eq!(exit, 6);
    }
    let mut command = flow(project.path());
    let output = command.args(["cancel", &id]).env("FLOW_FAULTS", DEADLY);
    let (exit, _, stderr) = texts(&output.output().expect("the binary starts"));
    assert_eq!(exit, 0, "{stderr}");
    assert_eq!(project.run_of("parent").0, "cancelled");
    assert_eq!(project.run_of("killer").0, "cancelled");
}

#[test]
fn a_quarantined_parent_is_cancelled_with_what_it_started() {
    let project = Project::new(&[
        (
            "parent.yml",
            "steps: { inner: { workflow: ./killer.yml } }\n",
        ),
        ("killer.yml", KILLER),
    ]);
    let id = quarantined(&project, "parent.yml");
    let mut command = flow(project.path());
    let output = command.args(["cancel", &id]).env("FLOW_FAULTS", DEADLY);
    let (exit, _, stderr) = texts(&output.output().expect("the binary starts"));
    assert_eq!(exit, 0, "{stderr}");
    assert_eq!(project.run_of("parent").0, "cancelled");
    assert_eq!(project.run_of("killer").0, "cancelled");
}

#[test]
fn a_run_that_comes_further_each_time_is_never_left_alone() {
    let step = |nth: usize| {
        let needs = nth
            .checked_sub(1)
            .map(|before| format!(", needs: s{before}"));
        let needs = needs.unwrap_or_default();
        format!("  s{nth}: {{ query: file.exists, with: {{ path: a }}{needs} }}\n")
    };
    let steps: Vec<String> = (0..7).map(step).collect();
    let steps = format!("steps:\n{}", steps.concat());
    let project = Project::new(&[("long.yml", &steps)]);
    // One step ends, the next one kills.
    let second = "driver.start.before=abort@2";
    assert!(project.dies(&["run", "long.yml"], second));
    for _ in 0..5 {
        assert!(project.dies(&["resume"], second));
    }
    assert_eq!(run(project.path(), &["resume"]).0, 0);
}

#[test]
fn a_run_that_is_stopped_in_order_is_above_suspicion() {
    let project = Project::new(&[(
        "wait.yml",
        "steps: { a: { trigger: time.after, with: { duration: 1h } } }\n",
    )]);
    for nth in 0..6 {
        let arguments: &[&str] = if nth == 0 {
            &["run", "wait.yml"]
        } else {
            &["resume"]
        };
        let mut command = flow(project.path());
        command.args(arguments).stderr(Stdio::null());
        let mut child = command.spawn().expect("the binary starts");
        let socket = project.path().join(".flow/control.sock");
        while !(socket.exists() && project.run_of("wait").0 == "waiting") {
            std::thread::sleep(Duration::from_millis(5));
        }
        // It listens for signals once it drives.
        std::thread::sleep(Duration::from_millis(100));
        let ended = kill_process(Pid::from_child(&child), Signal::TERM);
        ended.expect("it lives");
        child.wait().expect("it ends");
        assert!(!Store::is_owned(&project.path().join(".flow")));
    }
    assert_eq!(project.run_of("wait").0, "waiting");
}
