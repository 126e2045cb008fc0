//! The golden journals: every format that was ever written is read for ever, and today's is written as it was.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use flow_engine::journal::{Event, FORMAT, Row};
use flow_engine::run::Run;
use flow_engine::time::Timestamp;
use flow_engine::workflow::Workflow;

use crate::support::{drive, workflow, world};

const TEXT: &str = "
vars: { limit: 3 }
steps:
  read:   { query: svc.read, retry: 3 }
  skip:   { value: 1, if: steps.read.id > 100 }
  put:    { action: svc.put, with: { id: \"{{ steps.read.id }}\" } }
  held:   { trigger: svc.new, needs: put, timeout: 1h }
  lost:   { query: svc.list, needs: skip }
  fails:  { action: svc.note, on_error: continue }
outputs: { id: \"{{ steps.put.id }}\", held: \"{{ steps.held.id }}\" }
";
const SCRIPT: &str = r#"{
  "svc.read": [503, {"id": 7, "$blob": "the user's own", "text": "é \"quoted\""}],
  "svc.put": {"id": 8},
  "svc.list": [[{"id": "x"}], [{"id": "y"}, {"id": "x"}]],
  "svc.note": {"fail": "http.400", "kind": "permanent"}
}"#;

/// What format 2 has beside: groups, loops, rounds, undo, `finally`.
const NESTED: &str = "
steps:
  each:
    for_each: { in: [a, b], as: word }
    steps:
      put:  { action: svc.put, with: { id: \"{{ word }}\" }, undo: { action: svc.note, with: { id: \"{{ result.id }}\" } } }
      tidy: { value: \"{{ steps.put.id }}\" }
    finally:
      said: { value: \"{{ run.status }}\" }
  rounds: { query: svc.read, repeat: { start: 0, until: result.id == 2, every: 10s, max: 3 } }
  tell:   { action: flow.emit, with: { event: done, data: 1 }, needs: [each, rounds] }
  ends:   { action: flow.fail, with: { message: no }, needs: tell }
finally:
  last: { value: \"{{ run.error.code }}\" }
";
const NESTED_SCRIPT: &str = r#"{
  "svc.read": [{"id": 1}, {"id": 2}],
  "svc.put": [{"id": 8}, {"id": 9}],
  "svc.note": {"id": 0}
}"#;

/// What format 3 has beside: loops by ranges, whose items fail or are tried again by themselves, and stored results.
const RANGES: &str = "
steps:
  each:
    for_each: range(40)
    max_parallel: 2
    tolerate: 1
    query: svc.read
    output: \"{{ 10 / (item - 7) }}\"
  many: { for_each: range(502), item_timeout: 1h, value: 1 }
";
const RANGES_SCRIPT: &str = r#"{"each[3]": [503, {}], "svc.read": {}}"#;

#[test]
fn old_formats_are_read_for_ever() {
    read_as_it_was("format-1.tsv", TEXT, SCRIPT);
    read_as_it_was("format-2.tsv", TEXT, SCRIPT);
    read_as_it_was("format-2-nested.tsv", NESTED, NESTED_SCRIPT);
}

#[track_caller]
fn read_as_it_was(name: &str, text: &str, script: &str) {
    let workflow = workflow(text);
    let (journal, _) = drive(&workflow, &mut world(script));
    let events = golden(name);
    assert_eq!(events, journal, "the meaning of a format never changes");
    Run::replay(workflow, events).expect("it is a journal of this workflow");
}

#[test]
fn format_3_is_read_and_written_as_it_was() {
    check("format-3.tsv", &workflow(TEXT), SCRIPT);
    check("format-3-nested.tsv", &workflow(NESTED), NESTED_SCRIPT);
    check("format-3-ranges.tsv", &workflow(RANGES), RANGES_SCRIPT);
}

#[track_caller]
fn check(name: &str, workflow: &Arc<Workflow>, script: &str) {
    let (journal, _) = drive(workflow, &mut world(script));
    let rows = journal
        .iter()
        .enumerate()
        .map(|(before, (at, event))| Row::new(before as u64 + 1, *at, event));
    let lines: Vec<String> = rows.map(|row| line(&row)).collect();
    let written = lines.join("\n") + "\n";
    assert_eq!(FORMAT, 3);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path(name), &written).expect("the golden journal can be written");
    }
    let text = std::fs::read_to_string(path(name)).expect("the golden journal is in the tree");
    assert_eq!(
        written, text,
        "a released format never changes: a new meaning is a new format"
    );
    let events = golden(name);
    assert_eq!(events, journal);
    Run::replay(workflow.clone(), events).expect("it is a journal of this workflow");
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/journals")
        .join(name)
}

fn golden(name: &str) -> Vec<(Timestamp, Event)> {
    let text = std::fs::read_to_string(path(name)).expect("the golden journal is in the tree");
    let rows = text.lines().map(read);
    rows.map(|row| (row.at, row.event().expect("its checksum holds")))
        .collect()
}

#[test]
fn a_changed_byte_is_found() {
    let golden =
        std::fs::read_to_string(path("format-1.tsv")).expect("the golden journal is in the tree");
    let row = read(golden.lines().next().expect("it has rows"));
    let changed = Row {
        body: row.body.replacen("manual", "manuaI", 1),
        ..row.clone()
    };
    assert_ne!(changed, row);
    assert_eq!(
        changed.event().expect_err("it was changed").to_string(),
        "row 1 of the journal does not match its checksum"
    );
}

fn line(row: &Row) -> String {
    let Row {
        seq,
        format,
        at,
        kind,
        body,
        checksum,
    } = row;
    format!("{seq}\t{format}\t{}\t{kind}\t{checksum}\t{body}", at.0)
}

fn read(line: &str) -> Row {
    let fields: Vec<&str> = line.splitn(6, '\t').collect();
    Row {
        seq: fields[0].parse().expect("a number"),
        format: fields[1].parse().expect("a number"),
        at: Timestamp(fields[2].parse().expect("a number")),
        kind: fields[3].to_owned(),
        checksum: fields[4].parse().expect("a number"),
        body: fields[5].to_owned(),
    }
}
