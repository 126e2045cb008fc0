//! Finding what is wrong, making tables again, saving what is whole; copies and the way back.

use std::fs;
use std::path::Path;

use flow_engine::bundle::Bundle;
use flow_engine::journal::Event;
use flow_engine::run::Projection;
use flow_engine::time::Timestamp;
use flow_local::store::{Findings, Reader, Store, restore};

use crate::support::{change, commit, ended, send};

/// These runs have all ended: none is replayed.
fn never(_: &Bundle, _: Vec<(Timestamp, Event)>) -> Result<Projection, String> {
    Err("nothing to replay with".to_owned())
}

fn reader(folder: &Path) -> Reader {
    Store::reader_of_any(folder)
        .expect("readable")
        .expect("it is there")
}

fn examined(folder: &Path) -> Findings {
    reader(folder).examine(folder, &never).expect("readable")
}

fn codes(found: &Findings) -> Vec<&'static str> {
    found
        .complaints
        .iter()
        .map(|complaint| complaint.code)
        .collect()
}

fn blob(folder: &Path, hash: impl std::fmt::Display) -> std::path::PathBuf {
    let name = hash.to_string();
    folder.join("blobs").join(&name[..2]).join(&name[2..])
}

#[test]
fn every_kind_of_damage_is_found_and_whole_runs_are_saved() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a new store");
    let blobs: Vec<_> = ["a", "b", "c", "d", "e", "f"]
        .map(|run| ended(&store, run, 5, None))
        .into_iter()
        .collect();
    drop(store);
    let found = examined(folder.path());
    assert_eq!(codes(&found), [""; 0], "{:?}", found.complaints);
    assert_eq!((found.runs, found.rows, found.blobs), (6, 12, 12));
    change(
        folder.path(),
        "UPDATE events SET body = body || ' ' WHERE run = 'a' AND seq = 2",
    );
    change(
        folder.path(),
        "DELETE FROM events WHERE run = 'b' AND seq = 1",
    );
    fs::remove_file(blob(folder.path(), blobs[2][1].hash)).expect("removed");
    fs::write(blob(folder.path(), blobs[3][1].hash), "else").expect("changed");
    change(
        folder.path(),
        "UPDATE runs SET status = 'running' WHERE run = 'e'",
    );
    change(folder.path(), "INSERT INTO waits VALUES ('f', 7, 0)");
    let found = examined(folder.path());
    let expected = [
        "store.corrupt",
        "store.corrupt",
        "store.blob_missing",
        "store.blob_changed",
        "store.corrupt",
        "store.corrupt",
    ];
    assert_eq!(codes(&found), expected, "{:?}", found.complaints);
    let rebuilds: Vec<bool> = found
        .complaints
        .iter()
        .map(|complaint| complaint.rebuilds)
        .collect();
    assert_eq!(rebuilds, [false, false, false, false, true, true]);

    let store = Store::open(folder.path()).expect("it opens");
    let (made, left) = store.rebuild(&never).expect("rebuilt");
    assert_eq!((made, left.len()), (4, 2));
    drop(store);
    assert_eq!(codes(&examined(folder.path())), &expected[..4]);

    let new = tempfile::tempdir().expect("a folder");
    let store = Store::open(new.path()).expect("a new store");
    let salvaged = reader(folder.path())
        .salvage(folder.path(), &store, &never)
        .expect("saved");
    assert_eq!(salvaged.saved, ["e", "f"]);
    assert_eq!(salvaged.lost.len(), 4);
    drop(store);
    assert_eq!(codes(&examined(new.path())), [""; 0]);
}

#[test]
fn a_damaged_page_costs_the_runs_in_it_and_no_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a new store");
    for at in 0..200 {
        ended(&store, &format!("run{at:04}{}", "x".repeat(500)), 5, None);
    }
    drop(store);
    let path = folder.path().join("flow.db");
    let mut bytes = fs::read(&path).expect("readable");
    // A page in the middle of the journals.
    let page = 4096;
    let of_journal = |page: &&[u8]| page.windows(11).any(|part| part == b"run_started");
    let journal: Vec<usize> = bytes
        .chunks(page)
        .enumerate()
        .filter(|(_, page)| of_journal(page))
        .map(|(at, _)| at)
        .collect();
    let middle = journal[journal.len() / 2];
    bytes[middle * page..(middle + 1) * page].fill(0xAA);
    fs::write(&path, bytes).expect("damaged");
    let found = examined(folder.path());
    assert!(
        codes(&found).contains(&"store.corrupt"),
        "{:?}",
        codes(&found)
    );
    let new = tempfile::tempdir().expect("a folder");
    let store = Store::open(new.path()).expect("a new store");
    let salvaged = reader(folder.path())
        .salvage(folder.path(), &store, &never)
        .expect("saved");
    assert!(salvaged.saved.len() > 50, "{}", salvaged.saved.len());
    assert!(!salvaged.lost.is_empty());
}

#[test]
fn a_backup_beside_a_writer_is_whole_and_leads_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let outer = tempfile::tempdir().expect("a folder");
    let target = outer.path().join("copy");
    let store = Store::open(folder.path()).expect("a new store");
    for at in 0..100 {
        ended(&store, &format!("r{at}"), 5, None);
    }
    let copied = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for at in 100..400 {
                ended(&store, &format!("r{at}"), 5, None);
            }
        });
        let copied = reader(folder.path())
            .backup(folder.path(), &target)
            .expect("copied");
        writer.join().expect("it ends");
        copied
    });
    assert!(copied.runs >= 100 && copied.lost.is_empty());
    assert_eq!(copied.blobs, copied.runs * 2);
    assert_eq!(codes(&examined(&target)), [""; 0]);
    assert_eq!(
        fs::read_dir(outer.path()).expect("readable").count(),
        1,
        "nothing half"
    );
    reader(folder.path())
        .backup(folder.path(), &target)
        .expect_err("it is there already");

    assert_eq!(
        restore(&target, folder.path(), false)
            .expect_err("owned")
            .code(),
        "store.locked"
    );
    drop(store);
    assert_eq!(
        restore(&target, folder.path(), false)
            .expect_err("runs")
            .code(),
        "store.not_empty"
    );
    let aside = restore(&target, folder.path(), true)
        .expect("restored")
        .expect("moved aside");
    assert_eq!(reader(&aside).count().expect("readable"), 400);
    assert_eq!(
        reader(folder.path()).count().expect("readable"),
        copied.runs
    );
    assert_eq!(codes(&examined(folder.path())), [""; 0]);
    let store = Store::open(folder.path()).expect("it belongs here");
    send(&store, "new", 1, "test")
        .recv()
        .expect("answered")
        .expect("it goes on");
    drop(store);
    // The one that was moved aside is older now.
    fs::copy(aside.join("flow.db"), folder.path().join("flow.db")).expect("copied");
    assert_eq!(
        Store::open(folder.path()).err().expect("refused").code(),
        "store.half_copied"
    );
    // Into an empty folder it needs no force.
    let new = outer.path().join("new");
    assert_eq!(restore(&target, &new, false).expect("restored"), None);
    let store = Store::open(&new).expect("a store");
    commit(&store, 1).expect("it takes commits");
}
