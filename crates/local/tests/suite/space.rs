//! A full disk: nothing is damaged, reads answer, and work goes on when space comes back.

use std::path::Path;
use std::time::{Duration, Instant};

use flow_local::store::{Reader, Store};

use crate::support::{commit, send};

fn reader(folder: &Path) -> Reader {
    Store::reader(folder)
        .expect("readable")
        .expect("it is there")
}

fn integrity(folder: &Path) -> String {
    let connection = rusqlite::Connection::open(folder.join("flow.db")).expect("a database");
    connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .expect("readable")
}

#[test]
fn a_commit_waits_for_space_and_goes_on_by_itself() {
    let large = "x".repeat(3000);
    for pages in [16, 17, 18, 20, 25, 40, 80] {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a new store");
        let mut trouble = store.trouble();
        store.limit_pages(pages);
        let mut acknowledged = 0;
        let waiting = loop {
            let answer = send(&store, "r", acknowledged + 1, &large);
            match answer.recv_timeout(Duration::from_millis(400)) {
                Ok(result) => result.expect("it is on disk"),
                Err(_) => break answer,
            }
            acknowledged += 1;
        };
        let said = trouble.borrow_and_update().clone();
        assert_eq!(said.expect("it is said").code(), "store.full", "{pages}");
        let rows = reader(folder.path()).rows("r").expect("reads answer");
        assert_eq!(rows.len() as u64, acknowledged);
        store.limit_pages(0);
        let result = waiting.recv_timeout(Duration::from_secs(5));
        result.expect("within a second").expect("it is on disk");
        assert_eq!(*trouble.borrow_and_update(), None);
        commit(&store, acknowledged + 2).expect("and so is what follows");
        drop(store);
        assert_eq!(integrity(folder.path()), "ok");
    }
}

#[test]
fn what_waits_can_be_given_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a new store");
    store.limit_pages(1);
    let large = "x".repeat(100_000);
    let answer = send(&store, "r", 1, &large);
    std::thread::sleep(Duration::from_millis(100));
    let asked = Instant::now();
    store.stop_waiting();
    let result = answer.recv().expect("answered");
    assert_eq!(result.expect_err("given up").code(), "store.full");
    assert!(asked.elapsed() < Duration::from_secs(1));
}

#[test]
fn another_program_that_holds_the_database_is_waited_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a new store");
    commit(&store, 1).expect("it is on disk");
    let mut trouble = store.trouble();
    let other = rusqlite::Connection::open(folder.path().join("flow.db")).expect("a database");
    other.execute_batch("BEGIN IMMEDIATE").expect("held");
    let answer = send(&store, "r", 2, "test");
    let told = Instant::now();
    while trouble.borrow_and_update().is_none() && told.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(50));
    }
    let said = trouble.borrow().clone();
    assert_eq!(said.expect("it is said").code(), "store.busy");
    other.execute_batch("COMMIT").expect("let go");
    answer.recv().expect("answered").expect("it is on disk");
}

/// The bound that is stated in `docs/store.md`.
const LOG_BYTES_MAX: u64 = 16 << 20;

#[test]
fn the_log_stays_small_while_others_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a new store");
    let reader = reader(folder.path());
    let mut longest = 0;
    let mut last = None;
    for seq in 1..=50_000 {
        last = Some(send(
            &store,
            "r",
            seq,
            "a person with a name of some length, as in life",
        ));
        if seq % 500 == 0 {
            last.take()
                .expect("sent")
                .recv()
                .expect("answered")
                .expect("on disk");
            reader.runs(20).expect("readable");
            let log = folder.path().join("flow.db-wal").metadata().expect("there");
            longest = longest.max(log.len());
        }
    }
    assert!(last.is_none(), "all are on disk");
    assert!(longest < LOG_BYTES_MAX, "{longest} bytes");
    std::thread::sleep(Duration::from_millis(2500));
    let log = folder.path().join("flow.db-wal").metadata().expect("there");
    assert_eq!(log.len(), 0, "what is idle is tidied");
}
