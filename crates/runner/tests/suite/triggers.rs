//! Triggers that hold a run, and triggers that start one, against the sandbox; stopping and going on.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{flow, run, texts};

fn folder(workflow: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join(".flow")).expect("a project");
    std::fs::write(folder.path().join("job.yml"), workflow).expect("its workflow");
    std::fs::write(folder.path().join("note.txt"), "a note").expect("a file");
    folder
}

fn outputs(folder: &Path, arguments: &[&str]) -> serde_json::Value {
    let (code, stdout, stderr) = run(folder, arguments);
    assert_eq!(code, 0, "{stdout}{stderr}");
    let last = stdout.lines().last().expect("a last line");
    serde_json::from_str::<serde_json::Value>(last).expect("JSON")["outputs"].clone()
}

#[test]
fn an_edge_sees_what_comes_and_what_goes() {
    let folder = folder(
        "
steps:
  old:     { action: claude.files.upload, with: { file: note.txt } }
  came:    { trigger: claude.files.created, needs: old, every: 1s, timeout: 30s }
  pause:   { trigger: time.after, needs: old, with: { duration: 1s } }
  upload:  { action: claude.files.upload, needs: pause, with: { file: note.txt } }
  gone:    { trigger: claude.files.deleted, needs: came, every: 1s, timeout: 30s }
  pause2:  { trigger: time.after, needs: came, with: { duration: 1s } }
  delete:  { action: claude.files.delete, needs: pause2, with: { file_id: \"{{ steps.old.id }}\" } }
outputs:
  came: \"{{ steps.came.id == steps.upload.id }}\"
  gone: \"{{ steps.gone.id == steps.old.id }}\"
",
    );
    let outputs = outputs(folder.path(), &["run", "job.yml", "--sandbox", "--json"]);
    assert_eq!(outputs, serde_json::json!({ "came": true, "gone": true }));
}

#[test]
fn a_level_that_holds_already_ends_at_once() {
    let requests = r"[{ custom_id: a, params: { model: claude-haiku-5-5, max_tokens: 5, messages: [{ role: user, content: hi }] } }]";
    let folder = folder(&format!(
        "
steps:
  submit: {{ action: claude.message_batches.create, with: {{ requests: {requests} }} }}
  ended:  {{ trigger: claude.message_batches.ended, with: {{ batch_id: \"{{{{ steps.submit.id }}}}\" }}, timeout: 1m }}
  again:  {{ trigger: claude.message_batches.ended, needs: ended, with: {{ batch_id: \"{{{{ steps.submit.id }}}}\" }}, every: 1h, timeout: 10s }}
outputs: {{ status: \"{{{{ steps.again.processing_status }}}}\" }}
"
    ));
    let outputs = outputs(folder.path(), &["run", "job.yml", "--sandbox", "--json"]);
    assert_eq!(outputs, serde_json::json!({ "status": "ended" }));
}

#[test]
fn a_run_waits_for_its_trigger_or_takes_the_event_by_hand() {
    let folder = folder(
        "
on: { trigger: claude.files.created, every: 1s }
steps:
  name: { value: \"{{ trigger.filename }}\" }
outputs: { name: \"{{ steps.name }}\" }
",
    );
    let by_hand = [
        "run",
        "job.yml",
        "--sandbox",
        "--json",
        "--event",
        "filename=by-hand.txt",
    ];
    assert_eq!(outputs(folder.path(), &by_hand)["name"], "by-hand.txt");
    let (code, _, stderr) = run(
        folder.path(),
        &["call", "claude.files.upload", "file=note.txt", "--sandbox"],
    );
    assert_eq!(code, 0, "{stderr}");
    let existing = [
        "run",
        "job.yml",
        "--sandbox",
        "--json",
        "--once",
        "existing",
    ];
    assert_eq!(outputs(folder.path(), &existing)["name"], "note.txt");
}

#[test]
fn stopped_by_ctrl_c_nothing_is_lost() {
    let folder = folder(
        "steps:\n  wait: { trigger: time.after, with: { duration: 3s } }\n  b: { value: 1, needs: wait }\n",
    );
    let child = flow(folder.path())
        .args(["run", "job.yml"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let deadline = Instant::now() + Duration::from_secs(20);
    while !run(folder.path(), &["runs", "--json"])
        .1
        .contains("\"waiting\"")
    {
        assert!(Instant::now() < deadline, "the run never waits");
        std::thread::sleep(Duration::from_millis(20));
    }
    Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .expect("a signal");
    let (code, _, stderr) = texts(&child.wait_with_output().expect("it ends"));
    assert_eq!(code, 130, "{stderr}");
    assert!(stderr.contains("flow resume"), "{stderr}");
    let (code, _, stderr) = run(folder.path(), &["resume"]);
    assert_eq!(code, 0, "{stderr}");
    let (code, _, stderr) = run(folder.path(), &["resume"]);
    assert_eq!(
        (code, stderr.contains("nothing to resume")),
        (2, true),
        "{stderr}"
    );
}

#[test]
fn an_interrupted_step_takes_a_decision() {
    let folder = folder(
        "steps:\n  slow: { run: sleep 5 }\n  after: { value: \"{{ steps.slow.exit_code }}\" }\noutputs: { code: \"{{ steps.after }}\" }\n",
    );
    let mut child = flow(folder.path())
        .args(["run", "job.yml"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let (_, runs, _) = run(folder.path(), &["runs", "--json"]);
        let runs: serde_json::Value = serde_json::from_str(&runs).unwrap_or_default();
        if let Some(id) = runs[0]["run"].as_str() {
            let (_, shown, _) = run(folder.path(), &["show", id, "--json"]);
            if shown.contains("\"running\"") {
                break;
            }
        }
        assert!(Instant::now() < deadline, "the command never starts");
        std::thread::sleep(Duration::from_millis(20));
    }
    // Its request is on disk a moment later: then nobody knows what became of it.
    std::thread::sleep(Duration::from_millis(300));
    child.kill().expect("SIGKILL");
    child.wait().expect("it is gone");
    let (code, _, stderr) = run(folder.path(), &["resume"]);
    assert_eq!(code, 6, "{stderr}");
    assert!(
        stderr.contains("run.attempt_lost") && stderr.contains("--set STEP=VALUE"),
        "{stderr}"
    );
    let (code, stdout, stderr) = run(
        folder.path(),
        &["resume", "--set", "slow={\"exit_code\": 0}"],
    );
    assert_eq!((code, stdout.as_str()), (0, "code: 0\n"), "{stderr}");
}

#[test]
fn inputs_by_hand_win_over_those_of_the_trigger() {
    let folder = folder(
        "
inputs: { name: string, model: { type: string, default: usual } }
on: { trigger: claude.files.created, every: 1s, inputs: { name: \"{{ trigger.filename }}\" } }
steps:
  told: { value: \"{{ inputs.name }} {{ inputs.model }} {{ trigger.filename }}\" }
outputs: { told: \"{{ steps.told }}\" }
",
    );
    let told = |more: &[&str]| {
        let mut arguments = vec!["run", "job.yml", "--sandbox", "--json"];
        arguments.extend(more);
        outputs(folder.path(), &arguments)["told"].clone()
    };
    let event = ["--event", "filename=x.txt"];
    assert_eq!(told(&event), "x.txt usual x.txt");
    let mine = ["--event", "filename=x.txt", "--input", "model=mine"];
    assert_eq!(told(&mine), "x.txt mine x.txt");
    let both = [
        "--event",
        "filename=x.txt",
        "--input",
        "name=n",
        "--input",
        "model=mine",
    ];
    assert_eq!(told(&both), "n mine x.txt");
}

#[test]
fn a_run_goes_on_in_the_folder_in_which_it_was_started() {
    let folder = folder(
        "steps:\n  wait: { trigger: time.after, with: { duration: 2s } }\n  save: { action: file.write, needs: wait, with: { path: out.txt, content: here } }\n",
    );
    let elsewhere = tempfile::tempdir().expect("another folder");
    let store = folder.path().join(".flow").display().to_string();
    let mut child = flow(folder.path())
        .args(["run", "job.yml"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let deadline = Instant::now() + Duration::from_secs(20);
    while !run(folder.path(), &["runs", "--json"])
        .1
        .contains("\"waiting\"")
    {
        assert!(Instant::now() < deadline, "the run never waits");
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().expect("SIGKILL");
    child.wait().expect("it is gone");
    let (code, _, stderr) = run(elsewhere.path(), &["resume", "--store", &store]);
    assert_eq!(code, 0, "{stderr}");
    assert!(folder.path().join("out.txt").exists() && !elsewhere.path().join("out.txt").exists());
}
