//! `flow plan`: what it says is what a run then does, and it does nothing itself.

use std::path::Path;

use serde_json::Value as Json;

use crate::sandboxed::Sandbox;
use crate::support::{flow, has, root, run, status_of, texts};

#[track_caller]
fn plan(folder: &Path, arguments: &[&str]) -> Json {
    let arguments = [&["plan"], arguments, &["--json"]].concat();
    let (code, out, err) = run(folder, &arguments);
    assert_eq!(code, 0, "{err}");
    serde_json::from_str(&out).expect("JSON")
}

/// What a plan says of a step.
#[track_caller]
fn step<'a>(plan: &'a Json, path: &str) -> &'a Json {
    let steps = plan["steps"].as_array().expect("a list");
    let step = steps.iter().find(|step| step["step"] == path);
    step.unwrap_or_else(|| panic!("{path}: {plan}"))
}

fn folder(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("flow.toml"), "").expect("a project");
    std::fs::write(folder.path().join("job.yml"), text).expect("a workflow");
    folder
}

/// The tokens of the prompts, as the plan estimates them and as the sandbox counts them, differ by a tenth at most.
#[track_caller]
fn check_estimate(file: &str, inputs: &[&str]) {
    let store = tempfile::tempdir().expect("a folder");
    check_estimate_in(store.path(), file, inputs);
}

#[track_caller]
fn check_estimate_in(store: &Path, file: &str, inputs: &[&str]) {
    let store = store.to_str().expect("UTF-8");
    let inputs: Vec<&str> = inputs.iter().flat_map(|input| ["--input", input]).collect();
    let planned = plan(&root(), &[&[file, "--store", store], &*inputs].concat());
    let estimated = &planned["estimate"]["prompt"];
    assert_eq!(planned["not_in_it"], Json::Array(Vec::new()), "{file}");
    let mut command = flow(&root());
    command
        .args(["run", file, "--sandbox", "--store", store])
        .args(&inputs);
    let (code, _, err) = texts(&command.output().expect("it runs"));
    assert_eq!(code, 0, "{file}: {err}");
    let (_, listed, _) = run(&root(), &["runs", "--cost", "--json", "--store", store]);
    let listed: Json = serde_json::from_str(&listed).expect("JSON");
    let counted = &listed["total"]["sandbox"];
    // Of a batch some requests fail, and cost nothing.
    let calls = |of: &Json| of["calls"].as_u64().expect("a number");
    let (planned_calls, made) = (calls(estimated), calls(counted));
    assert!(
        made <= planned_calls && made * 10 >= planned_calls * 9,
        "{file}: {planned_calls} {made}"
    );
    let tokens = |of: &Json| of["tokens"]["input"].as_u64().expect("a number");
    let (estimate, count) = (tokens(estimated), tokens(counted));
    assert!(
        estimate.abs_diff(count) * 10 <= count,
        "{file}: {estimate} for {count}"
    );
    let nanos = |of: &Json| of["nano_usd"].as_u64().expect("a number");
    let (least, most) = (nanos(estimated), nanos(&planned["estimate"]["most"]));
    let paid = nanos(counted);
    assert!(
        least * 9 / 10 <= paid && paid <= most * 11 / 10,
        "{file}: {least} {paid} {most}"
    );
    // With an earlier run to go by.
    let again = [&[file, "--sandbox", "--store", store], &*inputs].concat();
    let expected = plan(&root(), &again);
    let expected = expected["expected_nano_usd"].as_u64().expect("a number");
    assert!(
        expected.abs_diff(paid) * 10 <= paid,
        "{file}: {expected} for {paid}"
    );
}

#[test]
fn estimates_are_close_to_what_is_counted() {
    let out_in = |name: &str| format!("out=target/plans-{}/{name}", std::process::id());
    check_estimate("examples/message.yml", &[]);
    check_estimate("examples/structured-output.yml", &[]);
    check_estimate("examples/texts-from-files.yml", &[]);
    check_estimate("examples/loops.yml", &[]);
    check_estimate("workflows/summarise-files.yml", &[&out_in("summary.md")]);
    let tickets = ["tickets=examples/data/tickets.jsonl", &out_in("batch")];
    check_estimate("workflows/classify-batch.yml", &tickets);
    // Of two requests one that fails would be half of the calls.
    let store = tempfile::tempdir().expect("a folder");
    let sandbox = Sandbox::start(&root(), &store.path().join("sandbox"));
    sandbox.control("put", "batches", r#"{"errored": 0, "expired": 0}"#);
    drop(sandbox);
    check_estimate_in(store.path(), "examples/level-trigger.yml", &[]);
    let folder = root().join(format!("target/plans-{}", std::process::id()));
    std::fs::remove_dir_all(folder).expect("it was made");
}

#[test]
fn nothing_is_called_and_what_depends_on_a_call_is_not_guessed() {
    let folder = folder(
        r#"
inputs: { names: { type: list, default: [a, b, c] }, zero: { type: integer, default: 0 } }
steps:
  known: { value: "{{ inputs.names | length }}" }
  note: { action: file.write, with: { path: note.txt, content: "{{ steps.known }}" } }
  say: { run: touch said }
  each:
    for_each: { in: inputs.names, as: name }
    steps:
      ask: { action: claude.messages.create, with: { model: claude-haiku-5-5, max_tokens: 10, messages: [{ role: user, content: "{{ name }}" }] } }
      keep: { action: file.append, with: { path: kept.txt, content: "{{ steps.ask.text }}" } }
  never: { if: steps.known > 3, action: file.write, with: { path: never.txt, content: x } }
  broken: { action: file.write, with: { path: "x{{ 1 / inputs.zero }}", content: x } }
  more: { action: claude.messages.create, with: { model: claude-haiku-5-5, max_tokens: 10, messages: [{ role: user, content: "of {{ steps.each.count }}" }] } }
  wait: { trigger: time.after, with: { duration: 1h } }
  later: { value: 1, needs: wait }
finally:
  last: { run: touch over }
"#,
    );
    let planned = plan(folder.path(), &["job.yml"]);
    let will = |path: &str| {
        step(&planned, path)["will"]
            .as_str()
            .expect("a word")
            .to_owned()
    };
    assert_eq!(step(&planned, "known")["value"], 3);
    assert_eq!([will("note"), will("say"), will("each/ask")], ["call"; 3]);
    assert_eq!(step(&planned, "note")["effect"], "keyed");
    assert_eq!(step(&planned, "each/ask")["calls"], 3);
    assert_eq!(step(&planned, "each")["items"], 3);
    assert_eq!(step(&planned, "each/keep")["needs"], "ask");
    assert_eq!(will("never"), "skip");
    assert_eq!(will("broken"), "fail");
    assert_eq!(step(&planned, "more")["needs"], "each");
    assert_eq!(planned["not_in_it"][0]["step"], "more");
    assert_eq!(
        [will("wait"), will("later"), will("last")],
        ["done", "done", "finally"]
    );
    for name in ["note.txt", "said", "kept.txt", "never.txt", "over", ".flow"] {
        assert!(!has(folder.path(), name), "{name} was made");
    }
    let (code, text, err) = run(folder.path(), &["plan", "job.yml"]);
    assert_eq!((code, err.as_str()), (0, ""));
    for line in [
        "not in it: `more`, whose requests depend on what `each` gives",
        "the same requests at most: each by itself $0.0000",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

#[test]
fn workflows_that_it_starts_are_planned_too() {
    let folder = folder(
        "
steps:
  all:
    action: claude.message_batches.run
    with:
      max_requests: 2
      requests:
        - { custom_id: a, params: { model: claude-haiku-5-5, max_tokens: 9, messages: [{ role: user, content: hi }] } }
        - { custom_id: b, params: { model: claude-haiku-5-5, max_tokens: 9, messages: [{ role: user, content: ho }] } }
        - { custom_id: c, params: { model: claude-haiku-5-5, max_tokens: 9, messages: [{ role: user, content: hu }] } }
",
    );
    let planned = plan(folder.path(), &["job.yml"]);
    let batch = step(&planned, "all/rounds/sent/batch");
    assert_eq!(
        (&batch["calls"], &batch["requests"]),
        (&Json::from(2), &Json::from(3))
    );
    assert_eq!(batch["at_least"], true);
    let estimate = &planned["estimate"];
    let nanos = |of: &Json| of["nano_usd"].as_u64().expect("a number");
    assert_eq!(
        nanos(&estimate["most"]),
        nanos(&estimate["shares"]["batch"])
    );
    assert_eq!(nanos(&estimate["single"]), 2 * nanos(&estimate["most"]));
    assert_eq!(step(&planned, "all/outcomes")["will"], "depends");
    let (code, _, err) = run(folder.path(), &["run", "job.yml", "--sandbox"]);
    assert_eq!(code, 0, "{err}");
    let (status, _) = status_of(folder.path(), "job");
    assert_eq!(status, "succeeded");
}

#[test]
fn what_it_needs_to_know_is_asked_for() {
    let folder = folder("inputs: { x: string }\nsteps: { a: { value: \"{{ inputs.x }}\" } }\n");
    let (code, _, err) = run(folder.path(), &["plan", "job.yml"]);
    assert!(
        code == 3 && err.contains("error[input.missing]"),
        "{code} {err}"
    );
    let text = "on: { trigger: claude.message_batches.ended, every: 1m }\nsteps: { a: { value: \"{{ trigger.id }}\" } }\n";
    std::fs::write(folder.path().join("job.yml"), text).expect("a workflow");
    let (code, _, err) = run(folder.path(), &["plan", "job.yml"]);
    assert!(
        code == 2 && err.contains("error[run.trigger]"),
        "{code} {err}"
    );
    let planned = plan(folder.path(), &["job.yml", "--event", "id=b1"]);
    assert_eq!(step(&planned, "a")["value"], "b1");
}
