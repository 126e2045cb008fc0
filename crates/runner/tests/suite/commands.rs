//! Commands that outlive what they should not: the engine that is killed, the attempt that takes too long, the run that is
//! stopped.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::{flow, run};

/// A daemon that ignores every polite signal and has left group and session; then the command itself. Both say who they are.
const OBSTINATE: &str = r#"
      (setsid sh -c 'trap "" TERM HUP INT; echo $$ >> pids; while :; do sleep 1; done' >/dev/null 2>&1 &)
      trap "" TERM
      echo $$ >> pids
      while :; do sleep 1; done
"#;

fn project(workflow: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("flow.toml"), "").expect("a file");
    fs::write(folder.path().join("a.yml"), workflow).expect("a file");
    folder
}

fn start(folder: &Path) -> Child {
    let mut command = flow(folder);
    command.args(["run", "a.yml"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the binary starts")
}

/// Waits until so many processes said who they are.
#[track_caller]
fn pids(folder: &Path, count: usize) -> Vec<String> {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let text = fs::read_to_string(folder.join("pids")).unwrap_or_default();
        let pids: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        if pids.len() >= count && text.ends_with('\n') {
            return pids;
        }
        assert!(Instant::now() < until, "the commands did not start");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Those that live; a zombie does not.
fn living(pids: &[String]) -> usize {
    let stat = |pid: &String| fs::read_to_string(format!("/proc/{pid}/stat")).ok();
    pids.iter()
        .filter_map(stat)
        .filter(|stat| !stat.contains(") Z "))
        .count()
}

fn signal(child: &Child, name: &str) {
    let mut kill = std::process::Command::new("kill");
    kill.args([&format!("-{name}"), &child.id().to_string()]);
    assert!(kill.status().expect("kill is there").success());
}

#[test]
fn what_a_killed_flow_left_running_ends_before_its_step_is_repeated() {
    let folder = project(&format!(
        "steps:\n  a:\n    on_interrupt: retry\n    run: |\n      test -e again && exit 0\n      touch again{OBSTINATE}"
    ));
    let mut child = start(folder.path());
    let pids = pids(folder.path(), 2);
    child.kill().expect("it runs");
    child.wait().expect("it was killed");
    assert_eq!(living(&pids), 2, "nothing but the next start ends them");
    // A note of a process that ended, whose number another one has now: it is left alone.
    let mut other = std::process::Command::new("sleep")
        .arg("60")
        .spawn()
        .expect("sleep is there");
    let notes = folder.path().join(".flow/commands.jsonl");
    let mut text = fs::read_to_string(&notes).expect("there are notes");
    let begins = text.lines().next().expect("a note").to_owned();
    let marker: serde_json::Value = serde_json::from_str(&begins).expect("JSON");
    let marker = marker["marker"].as_str().expect("a text");
    text += &begins.replace(marker, "another");
    let _ = write!(
        text,
        "\n{{\"note\":\"pid\",\"marker\":\"another\",\"pid\":{},\"started\":1}}\n{{\"note\":\"be",
        other.id()
    );
    fs::write(&notes, text).expect("the store can be written");

    let (code, _, said) = run(folder.path(), &["resume"]);
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("of step `a` of run ") && said.contains("left running when flow was killed"),
        "{said}"
    );
    assert_eq!(living(&pids), 0);
    assert!(
        other.try_wait().expect("it is ours").is_none(),
        "another process was ended"
    );
    other.kill().expect("it runs");
    other.wait().expect("it was killed");
}

#[test]
fn an_attempt_that_takes_too_long_is_over_before_the_next_begins() {
    let folder = project(&format!(
        "steps:\n  a:\n    effect: repeatable\n    retry: {{ attempts: 2, initial: 1ms, attempt_timeout: 1s }}\n    run: |\n      if test -e pids; then kill -0 $(cat pids) 2>/dev/null && touch beside; exit 0; fi{OBSTINATE}"
    ));
    let (code, _, said) = run(folder.path(), &["run", "a.yml"]);
    assert_eq!(code, 0, "{said}");
    assert!(
        !folder.path().join("beside").exists(),
        "two attempts ran at once"
    );
    assert_eq!(living(&pids(folder.path(), 2)), 0);
}

#[test]
fn a_second_signal_ends_all_commands() {
    let folder = project(&format!("steps:\n  a:\n    run: |{OBSTINATE}"));
    let mut child = start(folder.path());
    let pids = pids(folder.path(), 2);
    signal(&child, "INT");
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(living(&pids), 2, "what must not happen twice is awaited");
    signal(&child, "INT");
    let asked = Instant::now();
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    assert!(
        asked.elapsed() < Duration::from_secs(9),
        "{:?}",
        asked.elapsed()
    );
    assert_eq!(living(&pids), 0);
}

#[test]
fn numbers_and_booleans_are_words_of_a_command() {
    let folder = project(
        "inputs: { n: { type: integer, default: 2 } }\nsteps: { a: { run: [printf, '%s|', '{{ inputs.n + 1 }}', '{{ inputs.n > 1 }}', 1.5], undo: { run: [echo, '{{ inputs.n }}'] } } }\noutputs: { said: '{{ steps.a.stdout }}' }\n",
    );
    let (code, out, said) = run(folder.path(), &["run", "a.yml"]);
    assert_eq!((code, out.as_str()), (0, "said: 3|true|1.5|\n"), "{said}");
    let folder = project(
        "inputs: { n: { type: list, items: integer } }\nsteps: { a: { run: [echo, '{{ inputs.n }}'] } }\n",
    );
    let (code, _, said) = run(folder.path(), &["check", "a.yml"]);
    assert!(code == 3 && said.contains("check.type"), "{said}");
}
