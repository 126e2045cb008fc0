//! What is absent cannot be seen in code: the invariants of `docs/architecture.md` that sources and manifests can show.

use std::path::Path;
use std::process::Command;

use crate::support::{entries, root};

fn sources(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for path in entries(folder) {
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") && !is_test(&path) {
            let text = std::fs::read_to_string(&path).expect("UTF-8");
            found.push((path.display().to_string(), text));
        }
    }
    found
}

/// Modules that are compiled for tests only.
fn is_test(path: &Path) -> bool {
    let stem = path.file_stem().unwrap_or_default();
    let folder = path.parent().and_then(Path::file_name);
    ["tests", "testing", "compliance"]
        .iter()
        .any(|name| stem == *name)
        || folder.is_some_and(|folder| folder == "bad_input")
}

/// Lines of code, without comments and without the tests at the end of a file.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text
        .lines()
        .enumerate()
        .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"));
    lines
        .map(|(at, line)| (at + 1, line))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

#[track_caller]
fn absent(crates: &[&str], words: &[&str], why: &str) {
    let mut found = Vec::new();
    for name in crates {
        for (path, text) in sources(&root().join("crates").join(name).join("src")) {
            let lines =
                code(&text).filter(|(_, line)| words.iter().any(|word| line.contains(word)));
            found.extend(lines.map(|(at, line)| format!("{path}:{at}: {}", line.trim())));
        }
    }
    assert!(found.is_empty(), "{why}:\n{}", found.join("\n"));
}

#[test]
fn the_engine_has_no_clock_no_io_no_async_and_no_random_order() {
    let clock = ["SystemTime", "Instant::now", "Timestamp::now", "Zoned::now"];
    absent(&["engine"], &clock, "the engine is told the time");
    absent(
        &["engine"],
        &[
            "std::fs",
            "std::net",
            "std::process",
            "std::env",
            "File::open",
        ],
        "the engine does no I/O",
    );
    absent(
        &["engine"],
        &["async fn", ".await", "tokio", "std::thread::spawn"],
        "the engine starts nothing",
    );
    absent(
        &["engine"],
        &[
            "rand::",
            "RandomState::new",
            "HashMap::new()",
            "HashSet::new()",
        ],
        "the engine draws no random number, and its maps are those of `collections`",
    );
}

#[test]
fn only_the_runner_prints() {
    let crates = ["engine", "backend", "connector", "local", "sandbox"];
    absent(
        &crates,
        &["println!", "print!(", "eprint", "dbg!"],
        "only the runner prints",
    );
}

#[test]
fn arrows_between_crates_lead_one_way() {
    let may = [
        ("engine", &[][..]),
        ("backend", &["flow-engine"]),
        ("connector", &["flow-backend", "flow-engine"]),
        ("local", &["flow-backend", "flow-engine"]),
        ("sandbox", &[]),
    ];
    for (name, allowed) in may {
        let manifest = std::fs::read_to_string(root().join("crates").join(name).join("Cargo.toml"))
            .expect("a manifest");
        let dependencies = manifest
            .split("[dev-dependencies]")
            .next()
            .unwrap_or_default();
        for line in dependencies
            .lines()
            .filter(|line| line.starts_with("flow-"))
        {
            let dependency = line.split('.').next().unwrap_or_default();
            assert!(
                allowed.contains(&dependency),
                "{name} must not depend on {dependency}"
            );
        }
    }
}

#[test]
fn the_engine_depends_on_what_was_reviewed() {
    let listed = std::fs::read_to_string(root().join("crates/engine/dependencies.txt"))
        .expect("the reviewed list");
    let listed: Vec<&str> = listed
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .collect();
    let arguments = [
        "tree",
        "--locked",
        "-e",
        "normal",
        "-p",
        "flow-engine",
        "--target",
        "x86_64-unknown-linux-gnu",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ];
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let mut found: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split(' ').next())
        .filter(|name| !name.is_empty())
        .collect();
    found.sort_unstable();
    found.dedup();
    assert_eq!(
        found, listed,
        "review the change and write it into crates/engine/dependencies.txt"
    );
}

#[test]
fn every_module_is_reachable_and_every_file_small() {
    let mut large = Vec::new();
    for (path, text) in sources(&root().join("crates")) {
        let lines = code(&text).count();
        if lines > 600 && !path.contains("/tests/") {
            large.push(format!("{path}: {lines} lines"));
        }
        let has_docs = text.starts_with("//!") || path.contains("/examples/");
        assert!(has_docs, "{path} does not say what it is for");
    }
    assert!(
        large.is_empty(),
        "which second concept moved in?\n{}",
        large.join("\n")
    );
}
