//! How much of `message_batches.run` is in the service's queue at once, of one run and of several.

use std::path::Path;

use serde_json::Value as Json;

use crate::sandboxed::Sandbox;
use crate::support::{end, run, start};

fn project(more: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("flow.toml"), "").expect("a project");
    let text = format!(
        r#"
inputs: {{ of: {{ type: string, default: a }} }}
steps:
  requests:
    query: data.map
    with:
      items: [1, 2, 3, 4, 5]
      each:
        custom_id: "{{{{ inputs.of }}}}-{{{{ item }}}}"
        params: {{ model: claude-haiku-5-5, max_tokens: 9, messages: [{{ role: user, content: "Say {{{{ item }}}}" }}] }}
  all: {{ action: claude.message_batches.run, with: {{ requests: "{{{{ steps.requests }}}}", {more} }} }}
outputs: {{ succeeded: "{{{{ steps.all.succeeded }}}}" }}
"#
    );
    std::fs::write(folder.path().join("job.yml"), text).expect("a workflow");
    let sandbox = Sandbox::start(folder.path(), &folder.path().join(".flow/sandbox"));
    sandbox.control(
        "put",
        "batches",
        r#"{"seconds": 0.7, "errored": 0, "expired": 0}"#,
    );
    folder
}

/// How many batches were made, and of how many the results were not read yet, at most.
fn asked(folder: &Path) -> (usize, i32) {
    let text = std::fs::read_to_string(folder.join(".flow/sandbox/requests.jsonl"));
    let text = text.expect("the sandbox was asked");
    let (mut made, mut open, mut most) = (0, 0, 0);
    for line in text.lines() {
        let request: Json = serde_json::from_str(line).expect("JSON");
        let path = request["path"].as_str().unwrap_or_default();
        if request["method"] == "POST" && path == "/v1/messages/batches" {
            made += 1;
            open += 1;
            most = most.max(open);
        } else if path.ends_with("/results") {
            open -= 1;
        }
    }
    (made, most)
}

/// What is shown of the run that a failed step had started.
#[track_caller]
fn of_child(folder: &Path, code: i32, err: &str) -> String {
    assert!(
        code == 4 && err.contains("error[child.failed]"),
        "{code} {err}"
    );
    let (_, inside) = err.split_once("`flow show ").expect("the run that failed");
    let inside = inside.split('`').next().unwrap_or_default();
    let (_, shown, told) = run(folder, &["show", inside]);
    shown + &told
}

#[test]
fn one_run_has_no_more_requests_in_the_queue_than_it_may() {
    let folder = project("max_queued: 4");
    let (code, _, err) = run(folder.path(), &["run", "job.yml", "--sandbox"]);
    assert_eq!(code, 0, "{err}");
    // Two requests each.
    assert_eq!(asked(folder.path()), (3, 2));
    let folder = project("max_queued: 1");
    let (code, _, err) = run(folder.path(), &["run", "job.yml", "--sandbox"]);
    let shown = of_child(folder.path(), code, &err);
    assert!(shown.contains("`max_queued` is at least 2"), "{shown}");
}

#[test]
fn where_no_request_can_be_sent_the_step_fails() {
    let folder = project("max_queued: 4");
    let text = std::fs::read_to_string(folder.path().join("job.yml")).expect("a workflow");
    let wrong = text.replace("max_tokens: 9", "max_tokens: 0");
    std::fs::write(folder.path().join("job.yml"), wrong).expect("a workflow");
    let (code, _, err) = run(folder.path(), &["run", "job.yml", "--sandbox"]);
    let shown = of_child(folder.path(), code, &err);
    let said = "5 of 5 requests did not succeed (5 invalid), 4 may";
    assert!(shown.contains(said), "{shown}");
}

#[test]
fn runs_that_name_one_queue_share_it() {
    for (queue, shared) in [("office", true), ("", false)] {
        let folder = project(&format!("max_queued: 2, queue: '{queue}'"));
        let runs = ["a", "b"].map(|of| {
            let of = format!("of={of}");
            start(
                folder.path(),
                &["run", "job.yml", "--sandbox", "--input", &of],
            )
        });
        for child in runs {
            let (code, _, err) = end(child);
            assert_eq!(code, 0, "{err}");
        }
        let (made, most) = asked(folder.path());
        assert_eq!(made, 10, "{queue}");
        let fits = if shared {
            most <= 2
        } else {
            (2..=4).contains(&most)
        };
        assert!(fits, "{queue}: {most}");
    }
}

#[test]
fn requests_of_a_batch_hold_files() {
    let folder = project("max_queued: 4");
    let folder = folder.path();
    std::fs::write(folder.join("note.txt"), "It is \"light\".\n").expect("a file");
    std::fs::write(
        folder.join("page.pdf"),
        format!("%PDF-1.7 {}", "x".repeat(200_000)),
    )
    .expect("a file");
    std::fs::write(folder.join("large.pdf"), vec![b'x'; 25_000_000]).expect("a file");
    let text = r#"
steps:
  requests:
    query: data.map
    with:
      items: [note.txt, page.pdf, large.pdf, gone.txt, note.txt]
      each:
        custom_id: "r{{ index }}"
        params:
          model: claude-haiku-5-5
          max_tokens: 9
          messages: [{ role: user, content: [{ type: document, source: { file: "{{ item }}" } }, { type: text, text: What is it? }] }]
  all: { action: claude.message_batches.run, with: { requests: "{{ steps.requests }}", tolerate: 2 } }
  outcomes: { query: data.map, with: { items: "{{ steps.all.outcomes }}", each: "{{ item.outcome }}" } }
  why: { query: data.filter, with: { items: "{{ steps.all.outcomes }}", where: item.outcome == 'invalid' } }
outputs: { outcomes: "{{ steps.outcomes }}", why: "{{ steps.why | map(attribute='error.message') | list }}" }
"#;
    std::fs::write(folder.join("job.yml"), text).expect("a workflow");
    let (code, out, err) = run(folder, &["run", "job.yml", "--sandbox", "--json"]);
    assert_eq!(code, 0, "{err}");
    let last: Json = serde_json::from_str(out.lines().last().unwrap_or_default()).expect("JSON");
    let outputs = &last["outputs"];
    let expected = ["succeeded", "succeeded", "invalid", "invalid", "succeeded"];
    assert_eq!(
        outputs["outcomes"],
        serde_json::json!(expected),
        "{outputs}"
    );
    let why = outputs["why"].to_string();
    assert!(
        why.contains("a request takes 32000000") && why.contains("gone.txt"),
        "{why}"
    );
}
