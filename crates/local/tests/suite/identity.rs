//! The database that lies in a folder is the one that belongs there, or nothing is written.

use std::fs;
use std::path::Path;

use flow_local::store::Store;

use crate::support::{change, commit, refused, send};

/// A store with a few commits, closed.
fn closed() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a new store");
    for seq in 1..=3 {
        commit(&store, seq).expect("it is on disk");
    }
    folder
}

/// What a person copies: the files named, as they are now.
fn copy(from: &Path, names: &[&str]) -> tempfile::TempDir {
    let to = tempfile::tempdir().expect("a folder");
    for name in names {
        fs::copy(from.join(name), to.path().join(name)).expect("copied");
    }
    to
}

#[test]
fn a_store_that_is_whole_opens_again_and_again() {
    let folder = closed();
    for _ in 0..3 {
        drop(Store::open(folder.path()).expect("the same store"));
    }
}

#[test]
fn a_database_that_is_gone_or_empty_is_no_new_store() {
    let folder = closed();
    let path = folder.path().join("flow.db");
    let kept = fs::read(&path).expect("readable");
    fs::remove_file(&path).expect("removed");
    assert_eq!(refused(folder.path()), "store.missing");
    assert_eq!(
        Store::reader(folder.path()).err().expect("refused").code(),
        "store.missing"
    );
    assert!(!path.exists(), "nothing was made");
    fs::write(&path, "").expect("emptied");
    assert_eq!(refused(folder.path()), "store.missing");
    fs::write(&path, kept).expect("brought back");
    drop(Store::open(folder.path()).expect("the same store"));
    // Even without what names it, blobs are a sign that there was one.
    fs::remove_file(&path).expect("removed");
    fs::remove_file(folder.path().join("identity.json")).expect("removed");
    fs::create_dir_all(folder.path().join("blobs/ab")).expect("made");
    assert_eq!(refused(folder.path()), "store.missing");
}

#[test]
fn the_database_of_another_store_is_refused_and_untouched() {
    let (folder, other) = (closed(), closed());
    let path = folder.path().join("flow.db");
    fs::copy(other.path().join("flow.db"), &path).expect("copied");
    let before = fs::read(&path).expect("readable");
    assert_eq!(refused(folder.path()), "store.replaced");
    assert_eq!(fs::read(&path).expect("readable"), before);
    // A person who has nothing better takes it.
    drop(Store::accept(folder.path()).expect("accepted"));
    drop(Store::open(folder.path()).expect("it belongs here now"));
}

#[test]
fn files_of_different_times_are_refused() {
    let folder = closed();
    let store = Store::open(folder.path()).expect("the same store");
    let old = copy(folder.path(), &["flow.db"]);
    commit(&store, 4).expect("it is on disk");
    // A copy of a store that is in use, without its log.
    let cut = copy(folder.path(), &["flow.db", "identity.json", "mark"]);
    assert_eq!(refused(cut.path()), "store.half_copied");
    let log = copy(folder.path(), &["flow.db-wal", "identity.json", "mark"]);
    assert_eq!(refused(log.path()), "store.half_copied");
    let bare = copy(folder.path(), &["flow.db", "flow.db-wal"]);
    assert_eq!(refused(bare.path()), "store.half_copied");
    drop(store);
    let whole = copy(folder.path(), &["flow.db", "identity.json", "mark"]);
    drop(Store::open(whole.path()).expect("all that there is"));
    // An older database in the place of the newer one.
    fs::copy(old.path().join("flow.db"), folder.path().join("flow.db")).expect("copied");
    assert_eq!(refused(folder.path()), "store.half_copied");
}

#[test]
fn what_happens_to_the_files_of_a_running_store_is_seen_before_anything_is_acknowledged() {
    type Harm = fn(&Path);
    let harms: [(&str, Harm); 5] = [
        ("store.missing", |path| {
            fs::remove_file(path).expect("removed");
        }),
        ("store.missing", |path| {
            fs::write(path, "").expect("emptied");
        }),
        ("store.missing", |path| {
            fs::remove_file(path.with_extension("db-wal")).expect("removed");
        }),
        ("store.replaced", |path| {
            let other = path.with_extension("other");
            fs::copy(path, &other).expect("copied");
            fs::rename(other, path).expect("put in its place");
        }),
        ("store.missing", |path| {
            let folder = path.parent().expect("a folder");
            fs::rename(folder, folder.with_extension("moved")).expect("moved");
        }),
    ];
    for (at, (code, harm)) in harms.into_iter().enumerate() {
        let outer = tempfile::tempdir().expect("a folder");
        let folder = outer.path().join("flow");
        let store = Store::open(&folder).expect("a new store");
        commit(&store, 1).expect("it is on disk");
        harm(&folder.join("flow.db"));
        let error = commit(&store, 2).expect_err("it is seen");
        assert_eq!(error.code(), code, "harm {at}");
        let again = send(&store, "other", 1, "test").recv().expect("answered");
        assert_eq!(again.expect_err("nothing is written any more").code(), code);
    }
}

#[test]
fn a_store_of_the_first_version_is_copied_and_brought_up() {
    let folder = closed();
    change(
        folder.path(),
        "DROP TABLE identity; DROP TABLE taken_up; DROP TABLE made; DROP TABLE occurrences; DROP TABLE triggers; DROP TABLE event_log; DROP TABLE awaited; DROP TABLE callbacks; DROP TABLE keys; DROP TABLE backfills; DROP TABLE backfill_times; DROP INDEX runs_of_backfill; ALTER TABLE runs DROP COLUMN backfill; DROP INDEX waits_with_places; ALTER TABLE waits DROP COLUMN places; DROP INDEX runs_live; DROP INDEX runs_ended; PRAGMA user_version = 1",
    );
    for name in ["identity.json", "mark"] {
        fs::remove_file(folder.path().join(name)).expect("removed");
    }
    let journal = |folder: &Path| {
        let reader = Store::reader(folder).expect("readable").expect("there");
        reader.rows("r").expect("readable").len()
    };
    assert_eq!(journal(folder.path()), 3, "readers need no migration");
    drop(Store::open(folder.path()).expect("migrated"));
    assert_eq!(journal(folder.path()), 3);
    let kept = folder.path().join("flow.db.v1");
    let old = rusqlite::Connection::open(kept).expect("the copy");
    let rows: i64 = old
        .query_row("SELECT count(*) FROM events", [], |row| row.get(0))
        .expect("readable");
    assert_eq!(rows, 3);
    drop(Store::open(folder.path()).expect("once is enough"));
}

#[test]
fn sqlite_is_new_enough() {
    // Versions before it could lose the reset of a write-ahead log.
    assert!(
        rusqlite::version_number() >= 3_051_003,
        "{}",
        rusqlite::version()
    );
}

/// As a process leaves it that is killed while it makes the database: some pages written, and the way back beside it.
#[test]
fn what_was_killed_while_it_was_made_is_made_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let connection = rusqlite::Connection::open(folder.path().join("flow.db")).expect("a database");
    let fill = "INSERT INTO t SELECT randomblob(2000) FROM
        (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) SELECT i FROM n)";
    let begun = "PRAGMA cache_size = 1; BEGIN; CREATE TABLE t (x);";
    connection.execute_batch(begun).expect("it is begun");
    connection.execute_batch(fill).expect("it is filled");
    made_anew(folder.path(), &["flow.db", "flow.db-journal"]);
    drop(connection);

    let folder = tempfile::tempdir().expect("a folder");
    let connection = rusqlite::Connection::open(folder.path().join("flow.db")).expect("a database");
    let logged = "PRAGMA journal_mode = WAL; PRAGMA cache_size = 1; BEGIN; CREATE TABLE t (x);";
    connection.execute_batch(logged).expect("it is begun");
    connection.execute_batch(fill).expect("it is filled");
    made_anew(folder.path(), &["flow.db", "flow.db-wal"]);
    drop(connection);
}

/// Files that are no store yet become one.
fn made_anew(from: &Path, names: &[&str]) {
    let store = copy(from, names);
    let found = Store::reader(store.path()).expect("nothing is wrong with it");
    assert!(found.is_none(), "there is no store yet");
    drop(Store::open(store.path()).expect("it is made"));
    let found = Store::reader(store.path()).expect("readable");
    assert!(found.is_some());
}
