//! The main job through the binary: to its end, killed and resumed, and refused where it must be.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::{flow, root, run};

const TICKETS: &str = concat!(
    "{\"id\": \"a\", \"text\": \"no picture on my player\"}\n",
    "{\"id\": \"b\", \"text\": \"\\\"quotes\\\" \\\\ newlines\\n {{braces}} {%x%} {#c#} 🎉\"}\n",
);

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join(".flow")).expect("a project");
    std::fs::write(folder.path().join("tickets.jsonl"), TICKETS).expect("its input");
    std::fs::copy(
        root().join("workflows/classify-batch.yml"),
        folder.path().join("job.yml"),
    )
    .expect("its workflow");
    folder
}

const JOB: [&str; 5] = [
    "run",
    "job.yml",
    "--sandbox",
    "--input",
    "tickets=tickets.jsonl",
];

/// How many batches the sandbox was asked to make.
fn creates(folder: &Path) -> usize {
    let log = std::fs::read_to_string(folder.join(".flow/sandbox/requests.jsonl"))
        .expect("the sandbox keeps a log");
    let rows = log
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    rows.filter(|row| row["method"] == "POST" && row["path"] == "/v1/messages/batches")
        .count()
}

#[test]
fn it_runs_to_its_end_and_says_where_the_report_is() {
    let folder = folder();
    let (code, stdout, stderr) = run(folder.path(), &JOB);
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("report: out/report.md"), "{stdout}");
    let report =
        std::fs::read_to_string(folder.path().join("out/report.md")).expect("the report is there");
    assert!(report.contains("of 2 tickets"), "{report}");
    let (_, runs, _) = run(folder.path(), &["runs", "--json"]);
    let runs: serde_json::Value = serde_json::from_str(&runs).expect("JSON");
    assert_eq!(runs[0]["status"], "succeeded");
    let (code, shown, _) = run(
        folder.path(),
        &["show", runs[0]["run"].as_str().expect("an id"), "--json"],
    );
    let shown: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(
        (code, &shown["steps"]["submit"]["status"]),
        (0, &serde_json::json!("succeeded"))
    );
}

#[test]
fn killed_after_the_batch_was_made_it_resumes_with_that_batch() {
    let folder = folder();
    let mut child = flow(folder.path())
        .args(JOB)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let (_, runs, _) = run(folder.path(), &["runs", "--json"]);
        if runs.contains("\"waiting\"") {
            break;
        }
        assert!(Instant::now() < deadline, "the run never waits: {runs}");
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().expect("SIGKILL");
    child.wait().expect("it is gone");
    let (code, stdout, stderr) = run(folder.path(), &["resume"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("report: out/report.md"), "{stdout}");
    assert_eq!(creates(folder.path()), 1);
}

#[test]
fn without_a_key_the_error_names_secret_connection_and_line() {
    let folder = folder();
    let (code, _, stderr) = run(
        folder.path(),
        &["run", "job.yml", "--input", "tickets=tickets.jsonl"],
    );
    assert_eq!(code, 3);
    for part in [
        "secret.missing",
        "`ANTHROPIC_API_KEY` of the connection `claude`",
        "job.yml:36:13",
    ] {
        assert!(stderr.contains(part), "{part}: {stderr}");
    }
    assert!(
        !folder.path().join(".flow/flow.db").exists(),
        "nothing begins half"
    );
}

#[test]
fn inputs_are_refused_with_their_names() {
    let folder = folder();
    let (code, _, stderr) = run(folder.path(), &["run", "job.yml", "--sandbox"]);
    assert_eq!(code, 3);
    assert!(
        stderr.contains("input.missing") && stderr.contains("job.yml:8:3"),
        "{stderr}"
    );
    let (code, _, stderr) = run(
        folder.path(),
        &["run", "job.yml", "--sandbox", "--input", "tickts=x"],
    );
    assert_eq!(code, 3);
    assert!(stderr.contains("did you mean `tickets`?"), "{stderr}");
    let (code, _, stderr) = run(
        folder.path(),
        &[
            "run",
            "job.yml",
            "--sandbox",
            "--input",
            "tickets=none.jsonl",
        ],
    );
    assert_eq!(code, 3);
    assert!(stderr.contains("input.file"), "{stderr}");
}

#[test]
fn the_catalog_has_the_titles_people_know() {
    let folder = folder();
    let (code, stdout, _) = run(folder.path(), &["connectors", "claude-api", "--json"]);
    assert_eq!(code, 0);
    let connector: serde_json::Value = serde_json::from_str(&stdout).expect("JSON");
    let operations = connector["operations"].as_array().expect("a list");
    let of = |kind: &str| -> Vec<&str> {
        let of_kind = operations
            .iter()
            .filter(|operation| operation["kind"] == kind);
        of_kind
            .filter_map(|operation| operation["title"].as_str())
            .collect()
    };
    for title in [
        "Message Created",
        "Message Batch Ended",
        "Message Batch Expired",
        "Model Created",
        "File Created",
        "File Deleted",
        "Skill Created",
        "Skill Deleted",
    ] {
        assert!(of("trigger").contains(&title), "{title}");
    }
    for title in [
        "Send Message",
        "Send Message Batch",
        "Estimate Token Usage",
        "Upload File",
        "Create Skill",
    ] {
        assert!(of("action").contains(&title), "{title}");
    }
    for title in ["List Models", "List Files", "List Skills"] {
        assert!(of("query").contains(&title), "{title}");
    }
    for operation in operations {
        for key in [
            "id",
            "kind",
            "title",
            "effect",
            "method",
            "path",
            "parameters",
        ] {
            assert!(operation.get(key).is_some(), "{key}: {operation}");
        }
    }
}

#[test]
fn content_reaches_the_service_exactly() {
    let folder = folder();
    let content = "\"quotes\" \\ newlines\n {{braces}} {%x%} {#c#} 🎉";
    let messages = serde_json::json!([{ "role": "user", "content": content }]).to_string();
    let messages = format!("messages={messages}");
    let arguments = [
        "call",
        "claude.messages.create",
        "model=claude-haiku-5-5",
        "max_tokens=100",
        messages.as_str(),
        "--sandbox",
    ];
    let (code, stdout, stderr) = run(folder.path(), &arguments);
    assert_eq!(code, 0, "{stderr}");
    let answer: serde_json::Value = serde_json::from_str(&stdout).expect("JSON");
    let text = answer["content"][0]["text"].as_str().expect("text");
    assert!(text.contains(content), "{text}");
}

#[test]
fn many_requests_have_one_outcome_each_in_their_order() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("flow.toml"), "").expect("a project");
    let request = |at: u32| {
        let tokens = u32::from(at != 7) * 20;
        format!(
            "{{\"custom_id\":\"k{at}\",\"params\":{{\"model\":\"claude-haiku-5-5\",\"max_tokens\":{tokens},\"messages\":[{{\"role\":\"user\",\"content\":\"say {at}\"}}]}}}}\n"
        )
    };
    let requests: Vec<String> = (0..25).map(request).collect();
    std::fs::write(folder.path().join("requests.jsonl"), requests.concat()).expect("its input");
    let workflow = r#"
steps:
  read: { query: file.read, with: { path: requests.jsonl } }
  requests: { value: "{{ steps.read }}" }
  all:
    action: claude.message_batches.run
    with: { requests: "{{ steps.requests }}", max_requests: 10, rounds: 8, tolerate: 1 }
  write: { action: file.write, with: { path: outcomes.jsonl, content: "{{ steps.all.outcomes }}" } }
outputs: { counts: "{{ steps.all.counts }}" }
"#;
    std::fs::write(folder.path().join("a.yml"), workflow).expect("a workflow");
    let (code, stdout, stderr) = run(folder.path(), &["run", "a.yml", "--sandbox"]);
    assert_eq!(
        (code, stdout.as_str()),
        (0, "counts:\n  invalid: 1\n  succeeded: 24\n"),
        "{stderr}"
    );
    let outcomes = std::fs::read_to_string(folder.path().join("outcomes.jsonl")).expect("outcomes");
    for (at, line) in outcomes.lines().enumerate() {
        let outcome: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(outcome["custom_id"], format!("k{at}"));
        let expected = if at == 7 { "invalid" } else { "succeeded" };
        assert_eq!(outcome["outcome"], expected, "{line}");
    }
    assert_eq!(outcomes.lines().count(), 25);
    let strict = workflow.replace("tolerate: 1", "tolerate: \"{{ 1 - 1 }}\"");
    std::fs::write(folder.path().join("strict.yml"), strict).expect("a workflow");
    let (code, _, stderr) = run(folder.path(), &["run", "strict.yml", "--sandbox"]);
    assert_eq!(code, 4, "an outcome too few is not green: {stderr}");
    let inside = stderr.split("`flow show ").nth(1).unwrap_or_default();
    let inside = inside.split('`').next().unwrap_or_default();
    let (_, _, shown) = run(folder.path(), &["show", inside]);
    assert!(
        shown.contains("1 of 25 requests did not succeed (1 invalid), 0 may"),
        "{shown}"
    );
}
