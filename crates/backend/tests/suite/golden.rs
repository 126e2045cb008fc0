//! The golden journal of format 1: it is read for ever, and what is written today is written the same.

use std::path::Path;

use flow_engine::journal::Row;
use flow_engine::run::Run;
use flow_engine::time::Timestamp;

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

#[test]
fn format_1_is_read_and_written_as_it_was() {
    let workflow = workflow(TEXT);
    let (journal, _) = drive(&workflow, &mut world(SCRIPT));
    let rows: Vec<Row> = journal
        .iter()
        .enumerate()
        .map(|(before, (at, event))| Row::new(before as u64 + 1, *at, event))
        .collect();
    let lines: Vec<String> = rows.iter().map(line).collect();
    let written = lines.join("\n") + "\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/journals/format-1.tsv");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &written).expect("the golden journal can be written");
    }
    let golden = std::fs::read_to_string(&path).expect("the golden journal is in the tree");
    assert_eq!(
        written, golden,
        "a released format never changes: a new meaning is a new format"
    );
    let events: Vec<_> = golden
        .lines()
        .map(read)
        .map(|row| (row.at, row.event().expect("its checksum holds")))
        .collect();
    assert_eq!(events, journal);
    Run::replay(workflow, events).expect("it is a journal of this workflow");
}

#[test]
fn a_changed_byte_is_found() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/journals/format-1.tsv");
    let golden = std::fs::read_to_string(path).expect("the golden journal is in the tree");
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
