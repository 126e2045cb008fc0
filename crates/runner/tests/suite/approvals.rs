//! Steps that wait for a person: asked, answered once, over kills.

use std::path::Path;

use crate::support::{end, flow, run, start, status_of, until};

const ASK: &str = "name: ask\nsteps:\n  ask:\n    trigger: flow.approval\n    with:\n      message: Send this?\n      choices: [send, wait]\n      to: [ada, bo]\n      fields: { amount: { type: integer, max: 10 }, why: { required: false, description: a reason } }\n    timeout: 1h\noutputs: { choice: '{{ steps.ask.choice }}', by: '{{ steps.ask.by }}', amount: '{{ steps.ask.fields.amount }}', comment: '{{ steps.ask.comment }}' }\n";

fn write(folder: &Path, text: &str) {
    std::fs::create_dir_all(folder.join(".flow")).expect("a project");
    std::fs::write(folder.join("ask.yml"), text).expect("a file");
}

/// The approvals that are listed.
fn listed(folder: &Path) -> Vec<serde_json::Value> {
    let (_, found, stderr) = run(folder, &["approvals", "--json"]);
    serde_json::from_str(&found).unwrap_or_else(|error| panic!("{error}: {found}{stderr}"))
}

/// The id of the only run that waits, once it does.
fn waiting(folder: &Path) -> String {
    until("it waits", || listed(folder).len() == 1);
    listed(folder)[0]["run"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[track_caller]
fn refused(folder: &Path, arguments: &[&str], code: &str, words: &str) {
    let (exit, _, stderr) = run(folder, &[&["approve"], arguments].concat());
    assert_eq!(exit, 2, "{stderr}");
    let title = format!("error[{code}]");
    assert!(
        stderr.contains(&title) && stderr.contains(words),
        "{stderr}"
    );
}

#[test]
fn w1_a_run_waits_for_a_person_and_takes_the_first_answer() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    write(folder, ASK);
    let child = start(folder, &["run", "ask.yml"]);
    let id = waiting(folder);
    let (_, shown, _) = run(folder, &["approve"]);
    let typed = format!("flow approve {id} ask send|wait");
    for words in [
        "Send this?",
        "to ada, bo, until 20",
        &typed,
        "--field amount=INTEGER",
        "a reason",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let (_, why, _) = run(folder, &["why", &id]);
    assert!(
        why.contains("waits for a decision: Send this?; ada, bo may decide"),
        "{why}"
    );
    refused(
        folder,
        &[&id, "nothing", "send"],
        "run.not_awaited",
        "no step `nothing`",
    );
    refused(
        folder,
        &[&id, "send"],
        "run.answer",
        &format!("`flow approve {id} ask send` chooses it"),
    );
    refused(
        folder,
        &[&id, "ask"],
        "run.answer",
        "the choices are send, wait",
    );
    refused(
        folder,
        &[&id, "ask", "approve"],
        "run.answer",
        "none of the choices",
    );
    let cy = [&*id, "ask", "send", "--by", "cy"];
    refused(
        folder,
        &cy,
        "run.answer",
        "cy may not decide it: ada, bo may",
    );
    let ada = [&*id, "ask", "send", "--by", "ada"];
    refused(folder, &ada, "run.answer", "the field `amount` is missing");
    let many = [&ada[..], &["--field", "amount=11"]].concat();
    refused(folder, &many, "run.answer", "at most 10");
    let fields = ["--field", "amount=7", "--comment", "go"];
    let (code, _, stderr) = run(folder, &[&["approve"], &ada[..], &fields].concat());
    assert_eq!(code, 0, "{stderr}");
    let (code, stdout, stderr) = end(child);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(stdout, "choice: send\nby: ada\namount: 7\ncomment: go\n");
    assert!(stderr.contains(&typed), "{stderr}");
    refused(folder, &ada, "run.answered", "`send` by ada at 20");
    refused(folder, &[&id], "run.answered", "`send` by ada at 20");
    assert!(listed(folder).is_empty());
}

#[test]
fn who_answers_a_run_that_nobody_drives_goes_on_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    write(folder, ASK);
    let mut child = start(folder, &["run", "ask.yml"]);
    let id = waiting(folder);
    child.kill().expect("it runs");
    let _ = child.wait();
    assert_eq!(waiting(folder), id, "it waits in the store");
    // Whoever is killed before the answer is on disk has said nothing; after that the answer counts.
    let answer = [
        "approve", &id, "ask", "wait", "--by", "bo", "--field", "amount=1",
    ];
    for point in ["store.commit.before", "store.commit.after"] {
        let mut command = flow(folder);
        command
            .args(answer)
            .env("FLOW_FAULTS", format!("{point}=abort@1"));
        assert!(!command.output().expect("it starts").status.success());
    }
    let (_, _, stderr) = run(folder, &answer);
    assert!(
        stderr.contains("error[run.answered]") || stderr.contains("ask succeeded"),
        "{stderr}"
    );
    run(folder, &["resume", &id]);
    assert_eq!(
        status_of(folder, "ask"),
        ("succeeded".to_owned(), id.clone())
    );
    refused(
        folder,
        &[&id, "ask", "send", "--by", "ada"],
        "run.answered",
        "`wait` by bo",
    );
}

#[test]
fn w2_what_somebody_rejects_and_what_nobody_answers() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let late = "name: late\nsteps:\n  ask: { trigger: flow.approval, with: { message: Go?, default_choice: reject }, timeout: 300ms }\noutputs: { choice: '{{ steps.ask.choice }}', by: '{{ steps.ask.by }}' }\n";
    write(folder, late);
    let (code, stdout, _) = run(folder, &["run", "ask.yml"]);
    assert_eq!((code, &*stdout), (0, "choice: reject\nby: null\n"));
    write(folder, &late.replace(", default_choice: reject", ""));
    let (code, ..) = run(folder, &["run", "ask.yml"]);
    assert_eq!(code, 4, "its time is up");
    let fails = "name: fails\nsteps:\n  ask: { trigger: flow.approval, with: { message: Go?, reject_fails: true }, timeout: 1h }\n";
    write(folder, fails);
    let child = start(folder, &["run", "ask.yml"]);
    let id = waiting(folder);
    let words = [
        "approve",
        &id,
        "ask",
        "reject",
        "--by",
        "ada",
        "--comment",
        "too dear",
    ];
    let (code, ..) = run(folder, &words);
    assert_eq!(code, 0);
    let (code, _, stderr) = end(child);
    assert_eq!(code, 4);
    assert!(
        stderr.contains("it was rejected by ada: too dear"),
        "{stderr}"
    );
    // Without a choice it is `approve`, and without a step the only one that waits.
    let child = start(folder, &["run", "ask.yml"]);
    let id = waiting(folder);
    let (code, ..) = run(folder, &["approve", &id]);
    assert_eq!(code, 0);
    assert_eq!(end(child).0, 0);
}

#[test]
fn fields_that_cannot_be_asked_for_fail_the_step() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "steps:\n  ask: { trigger: flow.approval, with: { message: Go?, fields: { a: { type: color } } }, timeout: 1h }\n";
    write(folder.path(), text);
    let (code, _, stderr) = run(folder.path(), &["run", "ask.yml"]);
    assert_eq!(code, 4);
    assert!(stderr.contains("error[flow.fields]"), "{stderr}");
}

#[test]
fn a_run_that_cannot_be_read_hides_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    write(folder, ASK);
    let lost = ASK.replace("Send this?", "Lost this?");
    std::fs::write(
        folder.join("lost.yml"),
        lost.replace("name: ask", "name: lost"),
    )
    .expect("a file");
    let mut children = [
        start(folder, &["run", "ask.yml"]),
        start(folder, &["run", "lost.yml"]),
    ];
    until("both wait", || listed(folder).len() == 2);
    let folders = std::fs::read_dir(folder.join(".flow/blobs")).expect("blobs");
    for blob in
        folders.flat_map(|entry| std::fs::read_dir(entry.expect("a folder").path()).expect("blobs"))
    {
        let path = blob.expect("a blob").path();
        let bytes = std::fs::read(&path).expect("a blob");
        if String::from_utf8_lossy(&bytes).contains("Lost this?") {
            std::fs::remove_file(&path).expect("it goes");
        }
    }
    let (code, shown, stderr) = run(folder, &["approvals"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(
        shown.contains("Send this?") && !shown.contains("Lost"),
        "{shown}"
    );
    assert!(
        stderr.contains("cannot be shown: [store.blob_missing]"),
        "{stderr}"
    );
    for child in &mut children {
        let _ = child.kill();
        let _ = child.wait();
    }
}
