//! What calls cost: counted, priced, shown and added up, by the binary against the sandbox.

use std::path::Path;

use serde_json::Value as Json;

use crate::sandboxed::Sandbox;
use crate::support::{run, status_of};

/// Two messages in a loop, of a model at 0.1 and 0.5 dollars for a million tokens.
const LOOP: &str = r#"
steps:
  ask:
    for_each: [one, "another one, longer than the first"]
    action: claude.messages.create
    with: { model: claude-haiku-5-5, max_tokens: 50, messages: [{ role: user, content: "{{ item }}" }] }
outputs:
  input: "{{ steps.ask.values | map(attribute='usage.input_tokens') | sum }}"
  output: "{{ steps.ask.values | map(attribute='usage.output_tokens') | sum }}"
"#;

/// The same two in a batch, at half the price; its results are read twice.
const BATCH: &str = r#"
steps:
  submit:
    action: claude.message_batches.create
    with:
      requests:
        - { custom_id: a, params: { model: claude-haiku-5-5, max_tokens: 50, messages: [{ role: user, content: one }] } }
        - { custom_id: b, params: { model: claude-haiku-5-5, max_tokens: 50, messages: [{ role: user, content: two }] } }
  ended: { trigger: claude.message_batches.ended, with: { batch_id: "{{ steps.submit.id }}" }, every: 1s, timeout: 5m }
  results: { query: claude.message_batches.results, needs: ended, with: { batch_id: "{{ steps.submit.id }}" } }
  again: { query: claude.message_batches.results, needs: results, with: { batch_id: "{{ steps.submit.id }}" } }
  all: { query: data.sort, with: { items: "{{ steps.results }}", by: item.custom_id } }
outputs:
  input: "{{ steps.all | map(attribute='result.message.usage.input_tokens') | sum }}"
  output: "{{ steps.all | map(attribute='result.message.usage.output_tokens') | sum }}"
"#;

const ONE: &str = r#"
steps:
  ask:
    action: claude.messages.create
    with: { model: MODEL, max_tokens: 50, messages: [{ role: user, content: hello }] }
outputs: { input: "{{ steps.ask.usage.input_tokens }}", output: "{{ steps.ask.usage.output_tokens }}" }
"#;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("flow.toml"), "").expect("a project");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("a file");
    }
    folder
}

/// Runs a workflow of the folder, and gives what `flow show --json` says of it.
#[track_caller]
fn ran(folder: &Path, name: &str) -> Json {
    let (code, _, err) = run(folder, &["run", &format!("{name}.yml"), "--sandbox"]);
    assert_eq!(code, 0, "{err}");
    let (_, id) = status_of(folder, name);
    let (code, shown, err) = run(folder, &["show", &id, "--json"]);
    assert_eq!(code, 0, "{err}");
    serde_json::from_str(&shown).expect("JSON")
}

/// What so many tokens cost in nano-dollars at these prices, in nano-dollars a token.
fn price(shown: &Json, input: u64, output: u64) -> u64 {
    let tokens = |name: &str| shown["outputs"][name].as_u64().expect("a number of tokens");
    assert!(tokens("input") > 0 && tokens("output") > 0, "{shown}");
    tokens("input") * input + tokens("output") * output
}

#[test]
fn calls_cost_what_their_answers_say() {
    let folder = folder(&[("loop.yml", LOOP)]);
    let shown = ran(folder.path(), "loop");
    let expected = price(&shown, 100, 500);
    assert_eq!(shown["costs"]["nano_usd"], expected);
    assert_eq!(shown["costs"]["calls"], 2);
    assert_eq!(shown["costs"]["tokens"]["input"], shown["outputs"]["input"]);
    assert_eq!(shown["costs"]["models"][0]["model"], "claude-haiku-5-5");
    assert_eq!(shown["steps"]["ask"]["costs"]["nano_usd"], expected);
    assert_eq!(shown["steps"]["ask[0]"]["costs"]["calls"], 1);
    let (_, id) = status_of(folder.path(), "loop");
    let (_, text, _) = run(folder.path(), &["show", &id]);
    let line = text.lines().find(|line| line.starts_with("cost: $0.0000"));
    let line = line.unwrap_or_else(|| panic!("{text}"));
    assert!(
        line.contains("2 calls") && line.ends_with("the sandbox is not paid"),
        "{line}"
    );
}

#[test]
fn a_batch_costs_half_once() {
    let folder = folder(&[("batch.yml", BATCH)]);
    // A request that fails has no usage.
    let sandbox = Sandbox::start(folder.path(), &folder.path().join(".flow/sandbox"));
    sandbox.control("put", "batches", r#"{"errored": 0, "expired": 0}"#);
    drop(sandbox);
    let shown = ran(folder.path(), "batch");
    assert_eq!(shown["costs"]["nano_usd"], price(&shown, 50, 250));
    assert_eq!(shown["costs"]["calls"], 2);
    let of = &shown["costs"]["models"][0]["of"];
    assert_eq!(*of, shown["steps"]["submit"]["value"]["id"]);
}

#[test]
fn prices_of_the_project_come_first_and_what_has_none_is_counted() {
    let folder = folder(&[
        ("priced.yml", &ONE.replace("MODEL", "claude-fable-5-2")),
        ("unpriced.yml", &ONE.replace("MODEL", "claude-mythos-5-2")),
    ]);
    let own = "[prices.claude-api.claude-fable-5-2]\ninput = 7\noutput = 70.5\n";
    std::fs::write(folder.path().join("flow.toml"), own).expect("settings");
    let shown = ran(folder.path(), "priced");
    assert_eq!(shown["costs"]["nano_usd"], price(&shown, 7_000, 70_500));
    assert_eq!(shown["costs"]["unpriced"], 0);
    let shown = ran(folder.path(), "unpriced");
    assert_eq!(
        (&shown["costs"]["nano_usd"], &shown["costs"]["unpriced"]),
        (&Json::from(0), &Json::from(1))
    );
    let (_, listed, _) = run(folder.path(), &["runs", "--cost"]);
    assert!(listed.contains("$0 + 1 without a price"), "{listed}");
}

#[test]
fn wrong_prices_are_shown_at_their_lines() {
    let folder = folder(&[("one.yml", &ONE.replace("MODEL", "claude-haiku-5-5"))]);
    let own = "[prices.claud-api.m]\ninput = 1\n[prices.claude-api.m]\ninput = \"much\"\noutputs = 1\nlong = 3\n";
    std::fs::write(folder.path().join("flow.toml"), own).expect("settings");
    let (code, _, err) = run(folder.path(), &["check", "one.yml"]);
    assert_eq!(code, 3, "{err}");
    for wrong in [
        "warning[check.unknown_connector]: there is no connector `claud-api`",
        "error[schema.type]: `input` is no price",
        "error[schema.unknown_field]",
        "error[schema.type]: `long` must be a table",
        "flow.toml:4:9",
    ] {
        assert!(err.contains(wrong), "{wrong}: {err}");
    }
}

#[test]
fn runs_are_added_up_each_with_its_own_calls() {
    let parent = "steps: { first: { workflow: loop.yml }, all: { action: claude.message_batches.run, needs: first, with: { requests: [{ custom_id: a, params: { model: claude-haiku-5-5, max_tokens: 9, messages: [{ role: user, content: hi }] } }] } } }";
    let folder = folder(&[("loop.yml", LOOP), ("parent.yml", parent)]);
    let shown = ran(folder.path(), "parent");
    assert_eq!(shown["costs"]["calls"], 3, "{shown}");
    let (code, listed, err) = run(folder.path(), &["runs", "--cost", "--json"]);
    assert_eq!(code, 0, "{err}");
    let listed: Json = serde_json::from_str(&listed).expect("JSON");
    let runs = listed["runs"].as_array().expect("a list");
    let of = |name: &str| runs.iter().find(|run| run["workflow"] == name).expect(name);
    assert_eq!(of("parent")["costs"]["calls"], 0);
    assert_eq!(of("loop")["costs"]["calls"], 2);
    assert_eq!(
        listed["total"]["sandbox"]["nano_usd"],
        shown["costs"]["nano_usd"]
    );
    assert_eq!(listed["total"]["paid"]["calls"], 0);
    let (_, days, _) = run(folder.path(), &["runs", "--cost", "--by", "day", "--json"]);
    let days: Json = serde_json::from_str(&days).expect("JSON");
    assert_eq!(days["total"], listed["total"]);
    let sum: u64 = days["days"]
        .as_array()
        .expect("days")
        .iter()
        .map(|day| day["runs"].as_u64().unwrap_or(0))
        .sum();
    assert_eq!(sum, runs.len() as u64);
    let (_, text, _) = run(folder.path(), &["runs", "--cost"]);
    assert!(
        text.contains("\ntotal: $0 ") && text.contains("sandbox, not paid: $0.0"),
        "{text}"
    );
}
