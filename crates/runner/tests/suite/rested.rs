//! A service that says that it takes no more for a while: nobody calls it until then, in any run.

use std::fmt::Write as _;
use std::process::{Child, Stdio};
use std::time::Instant;

use crate::support::{end, flow, run, status_of, until};

/// A sandbox of its own, ended with the test.
struct Sandbox(Child);

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A project with two connections of one key, and a third of another, to a sandbox with these faults.
fn project(faults: &str) -> (tempfile::TempDir, Sandbox) {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("it can be written");
    };
    write("faults.yml", faults);
    let mut command = flow(folder.path());
    command.args(["sandbox", "--state", "sb", "--faults", "faults.yml"]);
    let mut sandbox = command.stdout(Stdio::piped()).spawn().expect("it starts");
    let mut url = String::new();
    let mut said = std::io::BufReader::new(sandbox.stdout.take().expect("it is piped"));
    std::io::BufRead::read_line(&mut said, &mut url).expect("its address");
    let url = url.trim();
    let mut settings = String::new();
    for (name, more) in [
        ("one", "beta = \"message-batches-2024-09-24\""),
        ("two", ""),
        ("other", "api_key = \"{{ secrets.OTHER_KEY }}\""),
    ] {
        let _ = write!(
            settings,
            "[connections.{name}]\nconnector = \"claude-api\"\nbase_url = \"{url}\"\n{more}\n"
        );
    }
    write("flow.toml", &settings);
    let read = |name: &str| {
        format!("{{ query: {name}.models.read, with: {{ model_id: claude-haiku-5-5 }} }}")
    };
    write(
        "first.yml",
        &format!(
            "steps:\n  ask: {}\n  said: {{ run: touch said, needs: ask, effect: repeatable }}\n  wait: {{ trigger: time.after, needs: ask, with: {{ duration: 6s }} }}\n",
            read("one")
        ),
    );
    write("same.yml", &format!("steps: {{ ask: {} }}\n", read("two")));
    write(
        "other.yml",
        &format!("steps: {{ ask: {} }}\n", read("other")),
    );
    (folder, Sandbox(sandbox))
}

/// Starts a workflow with both keys.
fn begin(folder: &std::path::Path, file: &str) -> Child {
    let mut command = flow(folder);
    command
        .env("ANTHROPIC_API_KEY", "key-of-one-and-two")
        .env("OTHER_KEY", "key-of-the-other");
    let command = command.args(["run", file]).stdout(Stdio::piped());
    command.stderr(Stdio::piped()).spawn().expect("it starts")
}

#[test]
fn nothing_left_is_known_to_all_runs_with_the_key() {
    let (folder, _sandbox) = project("- then: { exhausted: 4 }\n");
    let folder = folder.path();
    let first = begin(folder, "first.yml");
    until("the first has its answer", || folder.join("said").exists());
    let asked = Instant::now();
    let other = begin(folder, "other.yml");
    let same = begin(folder, "same.yml");
    until("the one with the same key waits", || {
        status_of(folder, "same").0 == "waiting"
    });
    let id = status_of(folder, "same").1;
    let (_, why, _) = run(folder, &["why", &id]);
    let said = "waits for a place in the limits of connection `two`; there is one in ";
    assert!(why.contains(said), "{why}");
    let (code, _, err) = end(other);
    assert_eq!(code, 0, "{err}");
    assert!(
        asked.elapsed().as_millis() < 2500,
        "another key is another account"
    );
    let (code, _, err) = end(same);
    assert_eq!(code, 0, "{err}");
    assert!(asked.elapsed().as_millis() > 2000, "it had to wait");
    assert!(
        err.contains("waits for the limits of connection `two`"),
        "{err}"
    );
    assert_eq!(end(first).0, 0);
}

#[test]
fn a_refused_call_keeps_others_away_too() {
    let (folder, _sandbox) = project("- then: { status: 429, retry_after: 3 }\n");
    let folder = folder.path();
    let first = begin(folder, "first.yml");
    until("the first was refused", || {
        let requests = std::fs::read_to_string(folder.join("sb/requests.jsonl"));
        requests.is_ok_and(|text| text.contains("429"))
    });
    let asked = Instant::now();
    std::thread::sleep(std::time::Duration::from_millis(300));
    let same = begin(folder, "same.yml");
    let (code, _, err) = end(same);
    assert_eq!(code, 0, "{err}");
    assert!(asked.elapsed().as_millis() > 2000, "{err}");
    assert_eq!(end(first).0, 0);
    let requests = std::fs::read_to_string(folder.join("sb/requests.jsonl")).expect("its log");
    assert_eq!(requests.matches("\"status\":429").count(), 1, "{requests}");
}
