//! The store under trouble: each kind has its own code, and nothing is destroyed.

use std::io::Write;

use flow_backend::context::Blobs;
use flow_engine::eval::BlobRead;
use flow_local::store::Store;

use crate::support::{change, commit};

#[test]
fn what_was_acknowledged_is_there_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a new store");
    for seq in 1..=3 {
        commit(&store, seq).expect("it is on disk");
    }
    drop(store);
    let _again = Store::open(folder.path()).expect("the same store");
    let reader = Store::reader(folder.path())
        .expect("readable")
        .expect("it is there");
    assert_eq!(reader.journal("r").expect("whole").len(), 3);
}

#[test]
fn a_run_that_lost_a_commit_takes_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a new store");
    commit(&store, 1).expect("it is on disk");
    commit(&store, 1).expect_err("that row is there already");
    commit(&store, 2).expect_err("after a lost commit the journal would have a gap");
    drop(store);
    let reader = Store::reader(folder.path())
        .expect("readable")
        .expect("it is there");
    assert_eq!(reader.journal("r").expect("whole").len(), 1);
}

#[test]
fn a_second_owner_is_told_who_the_first_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let _first = Store::open(folder.path()).expect("a new store");
    let second = Store::open(folder.path())
        .err()
        .expect("one owner at a time");
    assert_eq!(second.code(), "store.locked");
    assert!(
        second.to_string().contains(&std::process::id().to_string()),
        "{second}"
    );
}

#[test]
fn what_is_no_store_is_left_alone() {
    for content in [
        &b"not a database, but long enough to look at"[..],
        b"SQLite format 3\0",
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("flow.db");
        std::fs::write(&path, content).expect("a file");
        let error = Store::open(folder.path()).err().expect("it is refused");
        assert!(
            ["store.not_a_store", "store.corrupt"].contains(&error.code()),
            "{error}"
        );
        assert_eq!(
            std::fs::read(&path).expect("readable"),
            content,
            "untouched"
        );
    }
}

#[test]
fn a_newer_store_and_a_foreign_one_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(Store::open(folder.path()).expect("a new store"));
    change(folder.path(), "PRAGMA user_version = 99");
    assert_eq!(
        Store::open(folder.path()).err().expect("refused").code(),
        "store.newer"
    );
    change(
        folder.path(),
        "PRAGMA user_version = 1; PRAGMA application_id = 7",
    );
    assert_eq!(
        Store::open(folder.path()).err().expect("refused").code(),
        "store.not_a_store"
    );
}

#[test]
fn a_changed_row_is_found_on_reading() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a new store");
    commit(&store, 1).expect("it is on disk");
    drop(store);
    change(
        folder.path(),
        "UPDATE events SET body = replace(body, 'test', 'tess')",
    );
    let reader = Store::reader(folder.path())
        .expect("readable")
        .expect("it is there");
    assert_eq!(
        reader.journal("r").expect_err("it was changed").code(),
        "store.corrupt"
    );
}

#[test]
fn a_blob_is_whole_or_not_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a new store");
    let blobs = store.blobs();
    let mut abandoned = blobs.create().expect("a blob");
    abandoned.write_all(b"half").expect("it can be written");
    drop(abandoned);
    let blob = blobs.put(b"whole", "text/plain").expect("a blob");
    assert_eq!(
        blobs.put(b"whole", "text/plain").expect("the same").hash,
        blob.hash
    );
    let mut content = String::new();
    blobs
        .open(blob.hash)
        .and_then(|mut reader| std::io::Read::read_to_string(&mut reader, &mut content))
        .expect("readable");
    assert_eq!(content, "whole");
    let kept: Vec<_> = std::fs::read_dir(folder.path().join("blobs/new"))
        .expect("readable")
        .collect();
    assert!(kept.is_empty(), "{kept:?}");
}

#[cfg(unix)]
#[test]
fn the_folder_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join(".flow");
    drop(Store::open(&store).expect("a new store"));
    let mode = |path: &std::path::Path| {
        std::fs::metadata(path)
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!((mode(&store), mode(&store.join("flow.db"))), (0o700, 0o600));
}
