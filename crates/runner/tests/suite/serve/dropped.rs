//! Files that come into a folder: slowly, by a rename, many at once, while nobody looks, and again.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use flow_engine::value::Hash;

use super::support::{Daemon, noticed, reader};
use crate::support::{run, until};

const JOB: &str = r#"
name: csv
on: { file: "in/**/*.csv", where: "result.size > 0" }
steps: { a: { value: "{{ trigger }}" } }
outputs: { seen: "{{ steps.a }}" }
"#;

fn put(folder: &Path, name: &str, content: &str) {
    let path = folder.join("in").join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
    fs::write(path, content).expect("it can be written");
}

/// The keys of what was noticed, sorted; each has started its run.
fn taken(folder: &Path) -> Vec<String> {
    let mut keys: Vec<String> = noticed(folder, "csv", "main")
        .into_iter()
        .filter(|seen| seen.state == "started")
        .map(|seen| seen.key)
        .collect();
    keys.sort();
    keys
}

fn key(name: &str, content: &str) -> String {
    format!("in/{name}@{}", Hash::of(content.as_bytes()))
}

fn served(folder: &Path) -> Daemon {
    let daemon = Daemon::start(folder, &[], &[]);
    until("it knows what is there", || {
        let row = reader(folder).trigger("csv", "main").expect("readable");
        row.is_some_and(|row| row.position.is_some())
    });
    daemon
}

#[test]
fn each_version_of_a_file_starts_one_run_once_it_is_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    fs::write(folder.join("csv.yml"), JOB).expect("a workflow");
    put(folder, "old.csv", "was there");
    put(folder, "older.csv", "was there too");
    let daemon = served(folder);
    until("it says what it watches", || {
        daemon.said("csv/main watches `in/**/*.csv`")
    });
    // One that is written slowly, one that is moved into place, and some that start nothing.
    put(folder, "b.part", "whole at once");
    fs::rename(folder.join("in/b.part"), folder.join("in/b.csv")).expect("it can be moved");
    put(folder, "old.csv", "was there");
    put(folder, "none.csv", "");
    put(folder, "deep/.hidden.csv", "hidden");
    let mut slow = fs::File::create(folder.join("in/slow.csv")).expect("it can be made");
    for _ in 0..12 {
        slow.write_all(b"0123456789").expect("it can be written");
        slow.flush().expect("it can be written");
        std::thread::sleep(Duration::from_millis(300));
    }
    let slowly = "0123456789".repeat(12);
    let mut expected = vec![key("b.csv", "whole at once"), key("slow.csv", &slowly)];
    until("both are taken", || taken(folder) == expected);
    let seen = noticed(folder, "csv", "main");
    let passed: Vec<_> = seen.iter().filter(|seen| seen.state == "passed").collect();
    assert_eq!(passed.len(), 1, "{seen:?}");
    assert_eq!(passed[0].key, key("none.csv", ""));
    let of_b = seen.iter().find(|seen| seen.key == expected[0]);
    let id = of_b.and_then(|seen| seen.run.clone()).expect("a run");
    until("it has ended", || {
        run(folder, &["show", &id]).1.contains("succeeded")
    });
    let (_, shown, _) = run(folder, &["show", &id, "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
    let sha256 = Hash::of(b"whole at once").to_string();
    let trigger = serde_json::json!({ "path": "in/b.csv", "size": 13, "sha256": sha256 });
    assert_eq!(shown["outputs"]["seen"], trigger);
    // What changed is a new version, and so is what comes while nobody looks.
    put(folder, "older.csv", "has changed");
    expected.push(key("older.csv", "has changed"));
    expected.sort();
    until("it is taken", || taken(folder) == expected);
    assert_eq!(daemon.stop(), 0);
    put(folder, "deep/new.csv", "came alone");
    expected.push(key("deep/new.csv", "came alone"));
    expected.sort();
    let daemon = served(folder);
    until("it is taken", || taken(folder) == expected);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn of_many_files_none_is_lost_or_taken_twice_over_kills() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    fs::write(folder.join("csv.yml"), JOB).expect("a workflow");
    let mut daemon = served(folder);
    let mut expected = Vec::new();
    for round in 0..4 {
        for file in 0..300 {
            let (name, content) = (format!("{round}/{file}.csv"), format!("{round} {file}"));
            put(folder, &name, &content);
            expected.push(key(&name, &content));
        }
        // Before they are whole, just then, and in the middle of what follows.
        std::thread::sleep(Duration::from_millis(1500 + 450 * round));
        daemon.kill();
        daemon = served(folder);
    }
    expected.sort();
    until("all have started", || taken(folder).len() >= expected.len());
    assert_eq!(taken(folder), expected);
    assert_eq!(noticed(folder, "csv", "main").len(), expected.len());
    assert_eq!(daemon.stop(), 0);
}
