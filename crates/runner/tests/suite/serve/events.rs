//! Events: what is written down is heard once, whoever is killed in between.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::support::{Daemon, noticed, reader};
use crate::support::{flow, run, until};

const LISTENS: &str = "name: listens\non: { event: report.ready, where: result.ok }\nsteps:\n  a: { value: '{{ trigger.n }}' }\noutputs: { n: '{{ steps.a }}' }\n";
const EMITS: &str = "name: emits\ninputs: { n: integer }\nsteps:\n  a: { action: flow.emit, with: { event: report.ready, data: { ok: true, n: '{{ inputs.n }}' } } }\n";

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).expect("the folder can be written");
}

fn emit(folder: &Path, arguments: &[&str]) {
    let (code, _, stderr) = run(folder, &[&["emit"], arguments].concat());
    assert_eq!(code, 0, "{stderr}");
}

/// The outputs of the runs that a trigger started, in the order of their events.
fn outputs(folder: &Path, workflow: &str) -> Vec<String> {
    let runs = noticed(folder, workflow, "main");
    let started = runs.into_iter().filter_map(|seen| seen.run);
    let output = |id: String| {
        let (_, shown, _) = run(folder, &["show", &id, "--json"]);
        let shown: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
        shown["outputs"].to_string()
    };
    started.map(output).collect()
}

/// Whether so many runs of a trigger have ended well.
fn have_ended(folder: &Path, workflow: &str, count: usize) -> bool {
    let runs = reader(folder).runs(1000).expect("readable");
    let ended = runs
        .iter()
        .filter(|row| row.workflow == workflow && row.has_ended());
    ended.count() == count
}

#[test]
fn an_event_starts_one_run_also_if_nobody_listened_when_it_came() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    std::fs::create_dir_all(folder.join("served")).expect("a folder");
    std::fs::create_dir_all(folder.join(".flow")).expect("a project");
    write(folder, "served/listens.yml", LISTENS);
    write(folder, "emits.yml", EMITS);
    emit(folder, &["report.ready", "ok=true", "n=0"]);
    let daemon = Daemon::start(folder, &["served"], &[]);
    emit(folder, &["report.ready", "ok=true", "n=1"]);
    emit(folder, &["report.ready", "ok=false", "n=2"]);
    emit(folder, &["report.other", "ok=true", "n=3"]);
    let (code, ..) = run(folder, &["run", "emits.yml", "--input", "n=4"]);
    assert_eq!(code, 0);
    until("both have ended", || have_ended(folder, "listens", 2));
    daemon.kill();
    emit(folder, &["report.ready", "ok=true", "n=5"]);
    let (code, ..) = run(folder, &["run", "emits.yml", "--input", "n=6"]);
    assert_eq!(code, 0);
    let daemon = Daemon::start(folder, &["served"], &[]);
    until("all have ended", || have_ended(folder, "listens", 4));
    let expected = ["{\"n\":1}", "{\"n\":4}", "{\"n\":5}", "{\"n\":6}"];
    assert_eq!(outputs(folder, "listens"), expected);
    let (_, shown, _) = run(folder, &["triggers"]);
    assert!(shown.contains("listens/main well;"), "{shown}");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_kill_at_any_commit_neither_loses_an_event_nor_hears_it_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    std::fs::create_dir_all(folder.join("served")).expect("a folder");
    write(folder, "served/listens.yml", LISTENS);
    let daemon = Daemon::start(folder, &["served"], &[]);
    assert_eq!(daemon.stop(), 0);
    let mut expected = 0;
    for point in ["store.commit.before", "store.commit.after"] {
        for nth in 1..=5 {
            for n in 0..2 {
                emit(folder, &["report.ready", "ok=true", &format!("n={n}")]);
            }
            expected += 2;
            let mut command = flow(folder);
            command
                .args(["serve", "served", "--port", "0"])
                .env("FLOW_FAULTS", format!("{point}=abort@{nth}"))
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            let mut child = command.spawn().expect("it starts");
            let deadline = Instant::now() + Duration::from_millis(700);
            while Instant::now() < deadline && child.try_wait().expect("a child").is_none() {
                std::thread::sleep(Duration::from_millis(10));
            }
            let _ = child.kill();
            let _ = child.wait();
        }
    }
    let daemon = Daemon::start(folder, &["served"], &[]);
    until("all have ended", || have_ended(folder, "listens", expected));
    assert_eq!(noticed(folder, "listens", "main").len(), expected);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_kill_of_whoever_emits_leaves_the_event_or_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    std::fs::create_dir_all(folder.join(".flow")).expect("a project");
    for (point, there) in [("store.emit.before", 0), ("store.emit.after", 1)] {
        let mut command = flow(folder);
        command.args(["emit", "report.ready"]);
        command.env("FLOW_FAULTS", format!("{point}=abort"));
        let output = command.output().expect("it starts");
        assert!(!output.status.success());
        let found = reader(folder).events_after(&["report.ready"], 0, 10);
        assert_eq!(found.expect("readable").len(), there, "{point}");
    }
}

#[test]
fn a_workflow_that_its_own_ends_start_again_comes_to_an_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let text = "name: again\non: { event: run.failed, where: result.workflow == 'again' }\nsteps:\n  a: { action: flow.fail, with: { message: \"after {{ trigger.error.code | default('nothing') }}\" } }\n";
    write(folder, "again.yml", text);
    let daemon = Daemon::start(folder, &[], &[]);
    let (code, ..) = run(folder, &["run", "again.yml", "--event", "workflow=none"]);
    assert_eq!(code, 4);
    let seen = || noticed(folder, "again", "main");
    until("the chain is cut", || {
        seen().iter().any(|seen| seen.state == "passed")
    });
    let seen = seen();
    assert_eq!(seen.len(), 17, "{seen:?}");
    let last = seen.last().expect("one");
    let reason = last.reason.as_deref().unwrap_or_default();
    assert!(reason.starts_with("16 events led to it"), "{reason}");
    let (_, shown, _) = run(
        folder,
        &["logs", seen[0].run.as_deref().unwrap_or_default()],
    );
    assert!(shown.contains("after flow.fail"), "{shown}");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_message_that_a_run_has_sent_starts_a_run_with_the_message() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let heard = "name: heard\non: { trigger: claude.messages.created }\nsteps:\n  a: { value: '{{ trigger.role }} {{ trigger.model }}' }\noutputs: { a: '{{ steps.a }}' }\n";
    let sends = "name: sends\nsteps:\n  ask:\n    action: claude.messages.create\n    with: { model: claude-haiku-5-5, max_tokens: 20, messages: [{ role: user, content: Hi }] }\n    output: { only: $.id }\n";
    std::fs::create_dir_all(folder.join("served")).expect("a folder");
    write(folder, "served/heard.yml", heard);
    write(folder, "sends.yml", sends);
    let daemon = Daemon::start(folder, &["served", "--sandbox"], &[]);
    let (code, _, stderr) = run(folder, &["run", "sends.yml", "--sandbox"]);
    assert_eq!(code, 0, "{stderr}");
    until("it has ended", || have_ended(folder, "heard", 1));
    let expected = "{\"a\":\"assistant claude-haiku-5-5\"}";
    assert_eq!(outputs(folder, "heard"), [expected]);
    assert_eq!(daemon.stop(), 0);
    // What the sandbox made is nothing to a daemon that serves the real world.
    let daemon = Daemon::start(folder, &["served"], &[("ANTHROPIC_API_KEY", "sk-test")]);
    assert_eq!(daemon.stop(), 0);
    let (code, _, stderr) = run(folder, &["run", "sends.yml", "--sandbox"]);
    assert_eq!(code, 0, "{stderr}");
    let daemon = Daemon::start(folder, &["served"], &[("ANTHROPIC_API_KEY", "sk-test")]);
    until("it says why", || {
        noticed(folder, "heard", "main").len() == 2
    });
    let passed = noticed(folder, "heard", "main");
    let reason = passed[1].reason.as_deref().unwrap_or_default();
    assert!(reason.contains("went against the sandbox"), "{reason}");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn what_is_said_twice_with_one_key_happens_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    std::fs::create_dir_all(folder.join(".flow")).expect("a project");
    for key in ["a", "a", "b"] {
        emit(folder, &["report.ready", "--key", key]);
    }
    emit(folder, &["report.other", "--key", "a"]);
    let found = reader(folder).events_after(&["report.ready", "report.other"], 0, 10);
    assert_eq!(found.expect("readable").len(), 3);
}

#[test]
fn names_that_only_runs_use_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (code, _, stderr) = run(folder.path(), &["emit", "run.failed"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("error[flow.event_name]"), "{stderr}");
    let text = "steps: { a: { action: flow.emit, with: { event: two words } } }\n";
    write(folder.path(), "a.yml", text);
    let (code, _, stderr) = run(folder.path(), &["run", "a.yml"]);
    assert_eq!(code, 4);
    assert!(stderr.contains("flow.event_name"), "{stderr}");
}
