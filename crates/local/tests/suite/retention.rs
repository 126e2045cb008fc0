//! What is deleted is deleted whole, and nothing else is.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, SystemTime};

use flow_engine::time::Timestamp;
use flow_local::store::{Old, Reader, Store};

use crate::support::{commit, ended};

fn reader(folder: &Path) -> Reader {
    Store::reader(folder)
        .expect("readable")
        .expect("it is there")
}

/// Makes every blob older than what a sweep spares.
fn age(folder: &Path) {
    let old = SystemTime::now() - Duration::from_secs(7200);
    for outer in std::fs::read_dir(folder.join("blobs")).expect("readable") {
        for blob in std::fs::read_dir(outer.expect("readable").path()).expect("readable") {
            let file = File::open(blob.expect("readable").path()).expect("there");
            file.set_modified(old).expect("older");
        }
    }
}

#[test]
fn old_runs_go_with_their_blobs_and_young_ones_stay() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a new store");
    let gone = ended(&store, "a", 100, None);
    let stays = ended(&store, "b", 900, None);
    commit(&store, 1).expect("a run that goes on");
    let awaited = ended(&store, "c", 100, Some("r"));
    let rules = [Old {
        status: None,
        before: Timestamp(500),
    }];
    let old = reader(folder.path()).old(&rules).expect("readable");
    let names: Vec<&str> = old.iter().map(|row| row.run.as_str()).collect();
    assert_eq!(names, ["a"], "`c` is a child of a run that goes on");
    let runs: Vec<String> = old.iter().map(|row| row.run.clone()).collect();
    store.delete(&runs).expect("deleted");
    assert_eq!(store.sweep().expect("swept").blobs, 0, "all are young");
    age(folder.path());
    // Asked for again, and so about to be referred to: young once more.
    store
        .blobs()
        .put(b"bundle of a", "text/plain")
        .expect("there already");
    assert_eq!(store.sweep().expect("swept").blobs, 1);
    let is_whole = |blob: &flow_engine::value::Blob| store.blobs().is_whole(blob.hash).is_ok();
    assert!(is_whole(&gone[0]) && !is_whole(&gone[1]));
    assert!(stays.iter().chain(&awaited).all(is_whole));
    assert!(
        reader(folder.path())
            .rows("a")
            .expect("readable")
            .is_empty()
    );
    assert_eq!(reader(folder.path()).count().expect("readable"), 3);
}

#[test]
fn the_space_of_what_was_deleted_is_given_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a new store");
    let name = "x".repeat(20_000);
    for at in 0..100 {
        ended(&store, &format!("{at}{name}"), 1, None);
    }
    std::thread::sleep(Duration::from_millis(1500));
    let size = || {
        folder
            .path()
            .join("flow.db")
            .metadata()
            .expect("there")
            .len()
    };
    let before = size();
    let runs: Vec<String> = (0..100).map(|at| format!("{at}{name}")).collect();
    for some in runs.chunks(30) {
        store.delete(some).expect("deleted");
    }
    store.give_back().expect("given back");
    drop(store);
    assert!(size() < before / 4, "{} of {before}", size());
}
