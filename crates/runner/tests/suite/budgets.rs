//! Budgets: a call that would pass one is not made, through crashes, loops, batches and runs that are started.

use std::path::Path;

use serde_json::Value as Json;

use crate::support::{run, status_of};

/// Each call has 5 tokens of the prompt and 5 of the answer, which is longer than it may be.
const LOOP: &str = r#"
BUDGET
steps:
  ask:
    for_each: range(5)
    max_parallel: WIDTH
    action: claude.messages.create
    with: { model: claude-haiku-5-5, max_tokens: 5, messages: [{ role: user, content: "q{{ item }}" }] }
outputs: { asked: "{{ steps.ask.count }}" }
"#;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("flow.toml"), "").expect("a project");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("a file");
    }
    folder
}

fn looped(budget: &str, width: &str) -> tempfile::TempDir {
    let text = LOOP.replace("BUDGET", budget).replace("WIDTH", width);
    folder(&[("job.yml", &text)])
}

/// How many requests of a path the sandbox has got.
fn sent(folder: &Path, path: &str) -> usize {
    let log = std::fs::read_to_string(folder.join(".flow/sandbox/requests.jsonl"));
    let log = log.unwrap_or_default();
    let rows = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Json>(line).ok());
    rows.filter(|row| row["method"] == "POST" && row["path"] == path)
        .count()
}

const MESSAGES: &str = "/v1/messages";

/// Tokens that a run has spent, as its last event tells.
fn spent(folder: &Path, run_id: &str) -> u64 {
    let (_, log, _) = run(folder, &["logs", run_id, "--json"]);
    let mut events = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Json>(line).ok());
    let ended = events.rfind(|event| event["event"] == "run_ended");
    ended.map_or(0, |event| {
        event["body"]["spent"]["tokens"].as_u64().unwrap_or(0)
    })
}

#[test]
fn a_call_that_would_pass_it_fails_and_is_not_made() {
    let folder = looped("budget: { tokens: 28, when_spent: fail }", "1");
    let (code, _, err) = run(folder.path(), &["run", "job.yml", "--sandbox"]);
    assert_eq!(code, 4, "{err}");
    assert!(
        err.contains("error[budget.spent]") && err.contains("the budget of the run is 28 tokens"),
        "{err}"
    );
    // Each call spends 10 tokens: the third would pass 28.
    assert_eq!(sent(folder.path(), MESSAGES), 2);
}

#[test]
fn it_holds_the_run_until_there_is_more() {
    let folder = looped("budget: { tokens: 28 }", "1");
    let (code, _, err) = run(folder.path(), &["run", "job.yml", "--sandbox"]);
    assert_eq!(code, 6, "{err}");
    assert!(
        err.contains("error[budget.held]") && err.contains("--budget usd=1"),
        "{err}"
    );
    assert_eq!(sent(folder.path(), MESSAGES), 2);
    let (_, id) = status_of(folder.path(), "job");
    let (_, why, _) = run(folder.path(), &["why", &id]);
    assert!(
        why.contains("budget.held") && !why.contains("must not happen twice"),
        "{why}"
    );
    // Another process knows what was spent.
    let (code, _, err) = run(folder.path(), &["resume", &id]);
    assert_eq!((code, sent(folder.path(), MESSAGES)), (6, 2), "{err}");
    let (code, _, err) = run(folder.path(), &["resume", &id, "--budget", "tokens=5"]);
    assert_eq!((code, sent(folder.path(), MESSAGES)), (6, 3), "{err}");
    let (code, out, err) = run(
        folder.path(),
        &[
            "resume",
            &id,
            "--budget",
            "tokens=1000",
            "--budget",
            "usd=1",
        ],
    );
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("asked: 5"), "{out}");
    assert_eq!(sent(folder.path(), MESSAGES), 5);
    assert_eq!(spent(folder.path(), &id), 50);
}

#[test]
fn calls_wait_for_what_others_have_set_aside() {
    // All five may cost 50 tokens and do: no more than that is ever set aside and spent.
    for budget in ["tokens: 50", "usd: 0.000015"] {
        let folder = looped(&format!("budget: {{ {budget}, when_spent: fail }}"), "5");
        let (code, out, err) = run(folder.path(), &["run", "job.yml", "--sandbox"]);
        assert_eq!(code, 0, "{budget}: {err}");
        assert!(out.contains("asked: 5"), "{out}");
    }
    // Answers are shorter than they may be, so all go, one after another.
    let text = LOOP
        .replace("BUDGET", "budget: { tokens: 400, when_spent: fail }")
        .replace("WIDTH", "5")
        .replace("max_tokens: 5", "max_tokens: 200");
    let folder = folder(&[("job.yml", &text)]);
    let (code, _, err) = run(folder.path(), &["run", "job.yml", "--sandbox"]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(sent(folder.path(), MESSAGES), 5);
}

#[test]
fn a_step_has_a_budget_of_its_own_for_all_that_is_inside() {
    let text = r"
budget: { tokens: 1000, when_spent: fail }
steps:
  small:
    budget: { tokens: 12, when_spent: fail }
    on_error: continue
    for_each: [1, 2]
    max_parallel: 1
    steps:
      ask: { action: claude.messages.create, with: { model: claude-haiku-5-5, max_tokens: 5, messages: [{ role: user, content: hi }] } }
  large: { action: claude.messages.create, with: { model: claude-haiku-5-5, max_tokens: 20, messages: [{ role: user, content: ho }] } }
";
    let folder = folder(&[("job.yml", text)]);
    let (code, _, err) = run(folder.path(), &["run", "job.yml", "--sandbox"]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(sent(folder.path(), MESSAGES), 2);
    let (_, id) = status_of(folder.path(), "job");
    let (_, why, _) = run(folder.path(), &["why", &id]);
    assert!(
        why.contains("the budget of `small` is 12 tokens, 10 tokens spent"),
        "{why}"
    );
}

#[test]
fn a_batch_counts_with_the_most_until_its_results_are_read() {
    let text = r#"
budget: { tokens: BUDGET, when_spent: fail }
steps:
  submit:
    action: claude.message_batches.create
    with: { requests: [{ custom_id: a, params: { model: claude-haiku-5-5, max_tokens: 200, messages: [{ role: user, content: hi }] } }] }
  early: { needs: submit, on_error: continue, action: claude.messages.create, with: { model: claude-haiku-5-5, max_tokens: 20, messages: [{ role: user, content: hi }] } }
  ended: { needs: early, if: always(), trigger: claude.message_batches.ended, with: { batch_id: "{{ steps.submit.id }}" }, every: 1s, timeout: 5m }
  results: { query: claude.message_batches.results, needs: ended, with: { batch_id: "{{ steps.submit.id }}" } }
  late: { needs: results, action: claude.messages.create, with: { model: claude-haiku-5-5, max_tokens: 20, messages: [{ role: user, content: hi }] } }
"#;
    let folder = folder(&[("job.yml", &text.replace("BUDGET", "210"))]);
    let (code, _, err) = run(folder.path(), &["run", "job.yml", "--sandbox"]);
    assert_eq!(code, 0, "{err}");
    let (_, id) = status_of(folder.path(), "job");
    let (_, why, _) = run(folder.path(), &["why", &id]);
    assert!(why.contains("205 tokens spent"), "{why}");
    assert_eq!(sent(folder.path(), MESSAGES), 1);
    // One whose only request fails has cost nothing once that is known.
    let failing = text.replacen("messages: [{ role: user, content: hi }]", "messages: []", 1);
    let other = self::folder(&[("job.yml", &failing.replace("BUDGET", "210"))]);
    let (code, _, err) = run(other.path(), &["run", "job.yml", "--sandbox"]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(sent(other.path(), MESSAGES), 1);
    std::fs::write(folder.path().join("job.yml"), text.replace("BUDGET", "204"))
        .expect("a workflow");
    let (code, _, err) = run(folder.path(), &["run", "job.yml", "--sandbox"]);
    assert!(code == 4 && err.contains("step `submit`"), "{err}");
    assert_eq!(sent(folder.path(), "/v1/messages/batches"), 1);
}

#[test]
fn runs_that_it_starts_spend_its_budget() {
    let inner = LOOP.replace("BUDGET", "").replace("WIDTH", "1");
    let outer = "budget: { tokens: 56, when_spent: fail }\nsteps:\n  one: { workflow: inner.yml }\n  two: { needs: one, workflow: inner.yml }\n";
    let folder = folder(&[("inner.yml", &inner), ("outer.yml", outer)]);
    let (code, _, err) = run(folder.path(), &["run", "outer.yml", "--sandbox"]);
    assert!(code == 4 && err.contains("step `two`"), "{err}");
    assert_eq!(sent(folder.path(), MESSAGES), 5);
    let (_, id) = status_of(folder.path(), "outer");
    assert_eq!(spent(folder.path(), &id), 50);
    let (_, inner) = status_of(folder.path(), "inner");
    let (_, why, _) = run(folder.path(), &["why", &inner]);
    assert!(why.contains("the budget of the run is 6 tokens"), "{why}");
}
