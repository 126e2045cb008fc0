//! `flow schedule next`: the times of a file's triggers, for people and for programs.

use crate::support::{root, run};

/// The workflow at the beginning of `docs/scheduling.md`.
fn folder() -> tempfile::TempDir {
    let page = std::fs::read_to_string(root().join("docs/scheduling.md")).expect("the page");
    let block = page
        .split("```yaml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("flow.toml"), "").expect("a project");
    std::fs::write(folder.path().join("job.yml"), block.expect("a block")).expect("a workflow");
    folder
}

fn told(arguments: &[&str]) -> String {
    let folder = folder();
    let arguments = [&["schedule", "next", "job.yml"], arguments].concat();
    let (code, stdout, stderr) = run(folder.path(), &arguments);
    assert_eq!(code, 0, "{stdout}{stderr}");
    stdout
}

#[test]
fn the_page_shows_what_is_printed() {
    let page = std::fs::read_to_string(root().join("docs/scheduling.md")).expect("the page");
    let mut shown = 0;
    for block in page
        .split("```console\n$ flow schedule next job.yml ")
        .skip(1)
    {
        let block = block.split("```").next().unwrap_or_default();
        let (arguments, expected) = block.split_once('\n').expect("a command and its output");
        let arguments: Vec<&str> = arguments.split(' ').collect();
        assert_eq!(told(&arguments), expected);
        shown += 1;
    }
    assert_eq!(shown, 2);
}

#[test]
fn programs_get_json() {
    let text = told(&["--json", "-n", "2", "--from", "2026-11-01T00:00:00Z"]);
    let found: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(found["from"], "2026-11-01T00:00:00.000Z");
    let often = &found["triggers"][1];
    assert_eq!(often["trigger"], "often");
    assert_eq!(often["times"][1]["due"], "2026-11-01T00:30:00.000Z");
    assert_eq!(often["times"][1]["start"], "2026-11-01T00:30:00.000Z");
    let nightly = &found["triggers"][0]["times"][0];
    assert_eq!(nightly["clock"], "2026-11-01 02:30");
    assert_eq!(nightly["offset"], "-05:00");
    let (due, start) = (&nightly["due"], &nightly["start"]);
    assert!(start.as_str() >= due.as_str(), "{nightly}");
}

#[test]
fn without_a_time_it_tells_what_comes_next() {
    let text = told(&["-n", "1"]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(
        lines[2].starts_with("often") && lines[2].ends_with('s'),
        "{text}"
    );
}
