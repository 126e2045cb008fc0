//! What the store knows of runs for times of the past, and that it goes on to know it.

use std::path::Path;
use std::sync::mpsc::channel;

use flow_engine::bundle::Bundle;
use flow_engine::journal::{Event, StartedBy};
use flow_engine::run::Projection;
use flow_engine::time::Timestamp;
use flow_local::store::{
    Backfill, Filter, Followed, Notice, Occurrence, Of, Outcome, Planned, Reader, Stands, Store,
};

use crate::support::{change, ended, ended_by};

fn never(_: &Bundle, _: Vec<(Timestamp, Event)>) -> Result<Projection, String> {
    Err("nothing to replay with".to_owned())
}

fn reader(folder: &Path) -> Reader {
    Store::reader_of_any(folder)
        .expect("readable")
        .expect("it is there")
}

fn backfill(id: &str, parallel: u32) -> Backfill {
    Backfill {
        backfill: id.to_owned(),
        workflow: "w".to_owned(),
        trigger: "nightly".to_owned(),
        from: Timestamp(0),
        to: Timestamp(1000),
        made_at: Timestamp(10),
        parallel,
        file: "w.yml".to_owned(),
        inputs: vec![("who".to_owned(), "it's me".to_owned())],
        sandbox: true,
        cancelled_at: None,
    }
}

/// Times 100, 200 and 300 with the runs `a`, `b` and `c`.
fn times() -> Vec<Planned> {
    let times = [(100, "a"), (200, "b"), (300, "c")];
    let times = times.into_iter().map(|(due, run)| Planned {
        due: Timestamp(due),
        run: run.to_owned(),
        ended: None,
    });
    times.collect()
}

/// A run of a backfill that ended.
fn run_of(store: &Store, run: &str, backfill: &str) {
    let by = StartedBy {
        kind: "backfill".to_owned(),
        backfill: Some(backfill.to_owned()),
        ..StartedBy::default()
    };
    ended_by(store, run, 50, by);
}

/// The schedule itself starts a run for the time 300.
fn meet(store: &Store) {
    let (sender, receiver) = channel();
    store.notice(Notice {
        workflow: "w".to_owned(),
        trigger: "nightly".to_owned(),
        occurrences: vec![Occurrence {
            key: Timestamp(300).to_string(),
            at: Timestamp(300),
            due: Some(Timestamp(300)),
            payload: "{}".to_owned(),
            digest: None,
            causes: 0,
            outcome: Outcome::Queued {
                run: "z".to_owned(),
            },
        }],
        look: None,
        done: Box::new(move |result| {
            let _ = sender.send(result);
        }),
    });
    let noted = receiver.recv().expect("the writer answers");
    noted.expect("it is on disk");
}

fn stand(folder: &Path) -> Vec<String> {
    let reader = reader(folder);
    let known = reader.backfill("f").expect("readable").expect("known");
    let times = reader.backfill_times(&known).expect("readable");
    times
        .iter()
        .map(|time| time.stands.as_str().to_owned())
        .collect()
}

#[test]
fn times_know_how_they_stand_after_their_runs_are_gone() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a new store");
    store
        .record_backfill(backfill("f", 1), times())
        .expect("on disk");
    assert_eq!(stand(folder.path()), ["open"; 3]);
    run_of(&store, "a", "f");
    meet(&store);
    let met = "met by the schedule";
    assert_eq!(stand(folder.path()), ["succeeded", "open", met]);
    store.delete(&["a".to_owned()]).expect("deleted");
    assert_eq!(stand(folder.path()), ["succeeded", "open", met]);
    let times_now = reader(folder.path()).planned("f").expect("readable");
    let now = reader(folder.path()).stand("w", "nightly", times_now);
    assert_eq!(
        now.expect("readable")[0].stands,
        Stands::Deleted("succeeded".to_owned())
    );
    // Asked for again it is the same, but for how much goes at once.
    store
        .record_backfill(backfill("f", 3), times())
        .expect("on disk");
    assert_eq!(stand(folder.path()), ["succeeded", "open", met]);
    let known = reader(folder.path()).backfill("f").expect("readable");
    assert_eq!(known, Some(backfill("f", 3)));
    // The first cancel counts.
    for at in [70, 80] {
        store.cancel_backfill("f", Timestamp(at)).expect("on disk");
    }
    let known = reader(folder.path()).backfill("f").expect("readable");
    assert_eq!(known.expect("there").cancelled_at, Some(Timestamp(70)));
}

#[test]
fn a_backfill_goes_with_its_last_run_unless_somebody_follows_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a new store");
    store
        .record_backfill(backfill("f", 1), times())
        .expect("on disk");
    for run in ["a", "b"] {
        run_of(&store, run, "f");
    }
    let pruned = |before: i64| store.prune_backfills(Timestamp(before)).expect("pruned");
    store.delete(&["a".to_owned()]).expect("deleted");
    assert_eq!(pruned(1000), 0, "one of its runs is there");
    store.delete(&["b".to_owned()]).expect("deleted");
    assert_eq!(pruned(5), 0, "it is too young");
    let followed = Followed::take(folder.path(), "f").expect("a lock");
    assert!(followed.is_some() && Followed::is(folder.path(), "f"));
    assert!(
        Followed::take(folder.path(), "f")
            .expect("a lock")
            .is_none()
    );
    assert_eq!(pruned(1000), 0, "it is followed");
    drop(followed);
    assert!(!Followed::is(folder.path(), "f"));
    // A process was killed before it could write its backfill down.
    drop(Followed::take(folder.path(), "g").expect("a lock"));
    assert_eq!(pruned(1000), 1);
    let reader = reader(folder.path());
    assert_eq!(reader.backfills(None, 9).expect("readable"), []);
    assert_eq!(reader.planned("f").expect("readable"), []);
    let left = std::fs::read_dir(folder.path().join("backfills"));
    assert_eq!(left.expect("readable").count(), 0);
}

#[test]
fn what_a_store_knows_of_backfills_is_checked_made_again_and_saved() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a new store");
    store
        .record_backfill(backfill("f", 1), times())
        .expect("on disk");
    for run in ["a", "b"] {
        run_of(&store, run, "f");
    }
    store.delete(&["b".to_owned()]).expect("deleted");
    drop(store);
    let complaints = || {
        let found = reader(folder.path()).examine(folder.path(), &never);
        found.expect("readable").complaints.len()
    };
    assert_eq!(complaints(), 0);
    change(folder.path(), "UPDATE runs SET backfill = 'another'");
    assert_eq!(complaints(), 1);
    let store = Store::open(folder.path()).expect("the same store");
    store.rebuild(&never).expect("rebuilt");
    drop(store);
    assert_eq!(complaints(), 0);
    let into = tempfile::tempdir().expect("a folder");
    let new = Store::open(into.path()).expect("a new store");
    let salvaged = reader(folder.path()).salvage(folder.path(), &new, &never);
    assert_eq!(salvaged.expect("saved").lost, []);
    assert_eq!(stand(into.path()), ["succeeded", "succeeded", "open"]);
    let outer = tempfile::tempdir().expect("a folder");
    let copy = outer.path().join("copy");
    let copied = reader(folder.path()).backup(folder.path(), &copy);
    copied.expect("copied");
    assert_eq!(stand(&copy), ["succeeded", "succeeded", "open"]);
}

#[test]
fn runs_are_listed_with_regard_to_backfills() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a new store");
    store
        .record_backfill(backfill("f", 1), times())
        .expect("on disk");
    run_of(&store, "a", "f");
    run_of(&store, "x", "gone");
    ended(&store, "y", 50, None);
    let cases = [
        (Of::All, vec!["y", "x", "a"]),
        (Of::Backfill("f".to_owned()), vec!["a"]),
        // Nothing is left of what it belonged to.
        (Of::None, vec!["y", "x"]),
    ];
    for (of, expected) in cases {
        let filter = Filter {
            of,
            ..Filter::default()
        };
        let rows = reader(folder.path()).list(&filter, 9).expect("readable");
        let runs: Vec<&str> = rows.iter().map(|row| row.run.as_str()).collect();
        assert_eq!(runs, expected, "{:?}", filter.of);
    }
}

#[test]
fn a_store_from_before_backfills_is_read_and_brought_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a new store");
    ended(&store, "a", 50, None);
    drop(store);
    change(
        folder.path(),
        "DROP TABLE backfills; DROP TABLE backfill_times; DROP INDEX runs_of_backfill; ALTER TABLE runs DROP COLUMN backfill; DROP INDEX waits_with_places; ALTER TABLE waits DROP COLUMN places; PRAGMA user_version = 6",
    );
    let count = |of: Of| {
        let filter = Filter {
            of,
            ..Filter::default()
        };
        let rows = reader(folder.path()).list(&filter, 9).expect("readable");
        rows.len()
    };
    let of_one = || count(Of::Backfill("f".to_owned()));
    assert_eq!((count(Of::All), count(Of::None), of_one()), (1, 1, 0));
    let old = reader(folder.path());
    assert_eq!(old.backfills(None, 9).expect("readable"), []);
    let found = old.examine(folder.path(), &never).expect("readable");
    assert_eq!(found.complaints, []);
    let store = Store::open(folder.path()).expect("brought up");
    assert!(folder.path().join("flow.db.v6").exists());
    store
        .record_backfill(backfill("f", 1), times())
        .expect("on disk");
    // The run was there before; its time knows it.
    assert_eq!(stand(folder.path()), ["succeeded", "open", "open"]);
    assert_eq!((count(Of::All), count(Of::None), of_one()), (1, 1, 0));
}
