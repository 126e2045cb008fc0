//! What triggers notice: once each, with the position in one transaction, and taken back by nothing.

use std::path::Path;
use std::sync::mpsc::channel;

use flow_engine::time::Timestamp;
use flow_local::store::{
    Look, LookOutcome, Noted, Notice, Occurrence, Outcome, Reader, Store, StoreError,
};

use crate::support::send;

fn occurrence(key: &str, run: &str, digest: &str) -> Occurrence {
    Occurrence {
        key: key.to_owned(),
        at: Timestamp(5),
        due: None,
        payload: "{\"n\":1}".to_owned(),
        digest: Some(digest.to_owned()),
        causes: 0,
        outcome: Outcome::Queued {
            run: run.to_owned(),
        },
    }
}

fn notice(
    store: &Store,
    occurrences: Vec<Occurrence>,
    look: Option<Look>,
) -> Result<Vec<Noted>, StoreError> {
    let (sender, noted) = channel();
    store.notice(Notice {
        workflow: "w".to_owned(),
        trigger: "t".to_owned(),
        occurrences,
        look,
        done: Box::new(move |result| {
            let _ = sender.send(result);
        }),
    });
    noted.recv().expect("the writer answers")
}

fn looked(store: &Store, meaning: &str, outcome: LookOutcome) {
    let look = Look {
        at: Timestamp(9),
        meaning: meaning.to_owned(),
        outcome,
    };
    notice(store, Vec::new(), Some(look)).expect("on disk");
}

fn saw(position: Option<&str>, found: usize) -> LookOutcome {
    LookOutcome::Saw {
        position: position.map(str::to_owned),
        found,
    }
}

fn reader(folder: &Path) -> Reader {
    Store::reader(folder).expect("readable").expect("there")
}

#[test]
fn one_key_is_one_run_whoever_says_it_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a store");
    let first = notice(&store, vec![occurrence("a", "r1", "x")], None);
    assert_eq!(first, Ok(vec![Noted::New]));
    let again = vec![
        occurrence("a", "r2", "x"),
        occurrence("a", "r3", "y"),
        occurrence("b", "r4", "x"),
    ];
    let known = |same| Noted::Known {
        reason: None,
        run: Some("r1".to_owned()),
        same,
    };
    let answers = notice(&store, again, None);
    assert_eq!(answers, Ok(vec![known(true), known(false), Noted::New]));
    let runs = |folder| {
        let queued = reader(folder).queued("w", 0, 10).expect("readable");
        queued
            .into_iter()
            .map(|queued| queued.run)
            .collect::<Vec<_>>()
    };
    assert_eq!(runs(folder.path()), ["r1", "r4"]);
    // The first commit of its run takes it out of the queue.
    send(&store, "r1", 1, "test")
        .recv()
        .expect("answered")
        .expect("on disk");
    assert_eq!(runs(folder.path()), ["r4"]);
    drop(store);
    let store = Store::open(folder.path()).expect("the same store");
    assert_eq!(
        notice(&store, vec![occurrence("a", "r5", "x")], None),
        Ok(vec![known(true)])
    );
    let queued = reader(folder.path())
        .queued("w", 0, 10)
        .expect("readable")
        .remove(0);
    store.pass(queued.id, "nobody wants it").expect("on disk");
    assert!(runs(folder.path()).is_empty());
    let again = store.pass(queued.id, "nor anybody else");
    assert!(!again.expect("readable"));
    let why = reader(folder.path()).never_started(&queued.run);
    assert_eq!(why.expect("readable").as_deref(), Some("nobody wants it"));
    let seen = reader(folder.path())
        .occurrences("w", "t", 10)
        .expect("readable");
    let states: Vec<(&str, &str)> = seen.iter().map(|seen| (&*seen.key, &*seen.state)).collect();
    assert_eq!(states, [("b", "passed"), ("a", "started")]);
    assert_eq!(seen[0].reason.as_deref(), Some("nobody wants it"));
}

#[test]
fn a_position_is_worth_something_for_what_it_was_made_of() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a store");
    let row = || {
        reader(folder.path())
            .trigger("w", "t")
            .expect("readable")
            .expect("known")
    };
    looked(&store, "orders", saw(Some("7"), 2));
    assert_eq!(row().position.as_deref(), Some("7"));
    // Nothing new leaves it where it is.
    looked(&store, "orders", saw(None, 0));
    assert_eq!(row().position.as_deref(), Some("7"));
    let failed = || LookOutcome::Failed {
        error: "down".to_owned(),
    };
    for times in 1..=3 {
        looked(&store, "orders", failed());
        assert_eq!(
            (row().failures, row().error.as_deref()),
            (times, Some("down"))
        );
    }
    assert_eq!(row().position.as_deref(), Some("7"));
    looked(&store, "customers", saw(None, 0));
    assert_eq!((row().position, row().failures), (None, 0));
}

#[test]
fn who_goes_on_after_a_pause_begins_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a store");
    let row = || {
        reader(folder.path())
            .trigger("w", "t")
            .expect("readable")
            .expect("known")
    };
    looked(&store, "orders", saw(Some("7"), 1));
    store.pause("w", "t", Some(Timestamp(3))).expect("on disk");
    assert_eq!(
        (row().paused_at, row().position.as_deref()),
        (Some(Timestamp(3)), Some("7"))
    );
    store.pause("w", "t", None).expect("on disk");
    assert_eq!((row().paused_at, row().position), (None, None));
}
