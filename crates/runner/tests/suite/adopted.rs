//! A batch whose making was cut off is found again, and never taken for that of another run.

use std::path::Path;

use crate::support::{flow, run, texts};

const TICKETS: &str =
    "{\"id\": \"a\", \"text\": \"no picture\"}\n{\"id\": \"b\", \"text\": \"too loud\"}\n";
const RUN: [&str; 5] = [
    "run",
    "batch.yml",
    "--sandbox",
    "--input",
    "tickets=tickets.jsonl",
];
/// The batch is made, and nobody hears of it.
const UNHEARD: &str = "driver.send.after=abort";

fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("a file");
    };
    file("flow.toml", "");
    let job = include_str!("../../../../workflows/classify-batch.yml");
    file("batch.yml", job);
    file("tickets.jsonl", TICKETS);
    folder
}

/// Starts one that dies before it hears of its batch; its id.
fn unheard(folder: &Path) -> String {
    unheard_of(folder, "tickets.jsonl")
}

fn unheard_of(folder: &Path, tickets: &str) -> String {
    let input = format!("tickets={tickets}");
    let arguments = ["run", "batch.yml", "--sandbox", "--input", &input];
    let output = flow(folder)
        .args(arguments)
        .env("FLOW_FAULTS", UNHEARD)
        .output();
    let output = output.expect("the binary starts");
    assert!(output.status.code().is_none(), "{:?}", texts(&output));
    let (_, stdout, _) = run(folder, &["runs", "--json", "-n", "1"]);
    let rows: serde_json::Value = serde_json::from_str(&stdout).expect("JSON");
    rows[0]["run"].as_str().expect("a run").to_owned()
}

/// The batch that a run has, and whether it was found again.
fn batch_of(folder: &Path, id: &str) -> (String, bool) {
    let (_, stdout, _) = run(folder, &["show", id, "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&stdout).expect("JSON");
    let batch = shown["steps"]["submit"]["value"]["id"].as_str();
    let (_, logs, _) = run(folder, &["logs", id, "--json"]);
    (
        batch.unwrap_or_default().to_owned(),
        logs.contains("attempt_adopted"),
    )
}

/// The batches that the service has.
fn batches(folder: &Path) -> Vec<String> {
    let made = std::fs::read_dir(folder.join(".flow/sandbox/batches")).expect("batches");
    let names = made.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter(|name| name.starts_with("msgbatch_")).collect()
}

#[test]
fn it_is_found_beside_one_that_another_run_made() {
    let folder = project();
    let first = unheard(folder.path());
    let (exit, stdout, stderr) = run(folder.path(), &RUN);
    assert_eq!(exit, 0, "{stdout}{stderr}");
    let (_, stdout, _) = run(folder.path(), &["runs", "--json", "-n", "1"]);
    let rows: serde_json::Value = serde_json::from_str(&stdout).expect("JSON");
    let second = rows[0]["run"].as_str().expect("a run").to_owned();
    let (exit, _, stderr) = run(folder.path(), &["resume", &first]);
    assert_eq!(exit, 0, "{stderr}");
    let (found, was_adopted) = batch_of(folder.path(), &first);
    let (made, was_made) = batch_of(folder.path(), &second);
    assert!(was_adopted && !was_made);
    assert!(found != made && !found.is_empty(), "{found} {made}");
    assert_eq!(batches(folder.path()).len(), 2);
    let (exit, stdout, _) = run(folder.path(), &["doctor", "--check"]);
    assert_eq!(exit, 0, "{stdout}");
}

#[test]
fn two_of_the_same_size_are_told_apart_by_their_keys() {
    let folder = project();
    let others = TICKETS.replace("\"a\"", "\"c\"").replace("\"b\"", "\"d\"");
    std::fs::write(folder.path().join("others.jsonl"), others).expect("a file");
    let first = unheard(folder.path());
    let second = unheard_of(folder.path(), "others.jsonl");
    let mut found = Vec::new();
    for id in [&first, &second] {
        let (exit, _, stderr) = run(folder.path(), &["resume", id]);
        assert_eq!(exit, 0, "{stderr}");
        let (batch, was_adopted) = batch_of(folder.path(), id);
        assert!(was_adopted);
        found.push(batch);
    }
    found.sort();
    let mut made = batches(folder.path());
    made.sort();
    assert_eq!(found, made);
}

#[test]
fn of_two_that_cannot_be_told_apart_none_is_taken() {
    let folder = project();
    let first = unheard(folder.path());
    let second = unheard(folder.path());
    for (id, other) in [(&first, &second), (&second, &first)] {
        let (exit, _, stderr) = run(folder.path(), &["resume", id]);
        assert_eq!(exit, 6, "{stderr}");
        let named = format!("of run {other} may have made one of the same size");
        assert!(stderr.contains(&named), "{stderr}");
    }
    assert_eq!(batches(folder.path()).len(), 2);
    // A person says which is whose.
    let id = &batches(folder.path())[0];
    let set = format!("submit={{\"id\": \"{id}\"}}");
    let (exit, _, stderr) = run(folder.path(), &["resume", &first, "--set", &set]);
    assert_eq!(exit, 0, "{stderr}");
}

#[test]
fn what_was_not_made_is_said_to_be_missing() {
    let folder = project();
    let mut command = flow(folder.path());
    let before = "driver.send.before=abort";
    let output = command.args(RUN).env("FLOW_FAULTS", before).output();
    assert!(output.expect("the binary starts").status.code().is_none());
    let (exit, _, stderr) = run(folder.path(), &["resume"]);
    assert_eq!(exit, 6, "{stderr}");
    assert!(
        stderr.contains("5s later the service has nothing that it could have made"),
        "{stderr}"
    );
    let (exit, _, stderr) = run(folder.path(), &["resume", "--retry", "submit"]);
    assert_eq!(exit, 0, "{stderr}");
    assert_eq!(batches(folder.path()).len(), 1);
}
