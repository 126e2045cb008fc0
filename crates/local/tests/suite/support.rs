//! Small runs, committed by hand.

use std::path::Path;
use std::sync::mpsc::{Receiver, channel};

use flow_engine::journal::{CancelAsked, Event, Row, RunEnded, RunStarted, RunStatus, StartedBy};
use flow_engine::run::Projection;
use flow_engine::time::Timestamp;
use flow_engine::value::{Blob, Value};
use flow_local::store::{Commit, RunHead, Store, StoreError};

/// One row of the run `r`, which goes on.
pub(crate) fn commit(store: &Store, seq: u64) -> Result<(), StoreError> {
    send(store, "r", seq, "test")
        .recv()
        .expect("the writer answers")
}

/// Hands one row to the writer.
pub(crate) fn send(
    store: &Store,
    run: &str,
    seq: u64,
    by: &str,
) -> Receiver<Result<(), StoreError>> {
    let event = Event::CancelAsked(CancelAsked {
        by: by.to_owned(),
        hard: false,
    });
    let row = Row::new(seq, Timestamp(1), &event);
    let first = seq == 1;
    give(store, run, first.then(|| head("")), vec![row], "running")
}

fn head(bundle: &str) -> RunHead {
    RunHead {
        workflow: "w".to_owned(),
        started_at: 1,
        bundle: bundle.to_owned(),
        sandbox: false,
        backfill: None,
    }
}

fn give(
    store: &Store,
    run: &str,
    head: Option<RunHead>,
    rows: Vec<Row>,
    status: &'static str,
) -> Receiver<Result<(), StoreError>> {
    let (sender, receiver) = channel();
    store.commit(Commit {
        run: run.to_owned(),
        head,
        rows,
        projection: Projection {
            places: false,
            making: Vec::new(),
            awaited: Vec::new(),
            status,
            due: None,
            waits_for: None,
            open: Vec::new(),
        },
        announced: Vec::new(),
        done: Box::new(move |result| {
            let _ = sender.send(result);
        }),
    });
    receiver
}

/// A whole run that ended: its bundle and its only value are blobs. Gives both.
pub(crate) fn ended(store: &Store, run: &str, at: i64, parent: Option<&str>) -> [Blob; 2] {
    let kind = if parent.is_some() {
        "workflow"
    } else {
        "manual"
    };
    let by = StartedBy {
        kind: kind.to_owned(),
        key: parent.map(str::to_owned),
        ..StartedBy::default()
    };
    ended_by(store, run, at, by)
}

/// The same of a run that something else started.
pub(crate) fn ended_by(store: &Store, run: &str, at: i64, by: StartedBy) -> [Blob; 2] {
    let put = |text: String| {
        store
            .blobs()
            .put(text.as_bytes(), "text/plain")
            .expect("a blob")
    };
    let (bundle, value) = (
        put(format!("bundle of {run}")),
        put(format!("value of {run}")),
    );
    let started = RunStarted {
        run: run.to_owned(),
        workflow: "w".to_owned(),
        bundle: bundle.hash.to_string(),
        inputs: Value::map([("large", Value::from(value.clone()))]),
        started_by: by.clone(),
        trigger: Value::Null,
        sandbox: false,
        seed: 1,
        project: None,
        retry_of: None,
        budget: None,
    };
    let ended = RunEnded {
        status: RunStatus::Succeeded,
        outputs: Value::Null,
        failure: None,
        not_undone: Vec::new(),
        spent: flow_engine::money::Amount::default(),
    };
    let rows = vec![
        Row::new(1, Timestamp(1), &Event::RunStarted(started)),
        Row::new(2, Timestamp(at), &Event::RunEnded(ended)),
    ];
    let head = RunHead {
        backfill: by.backfill,
        ..head(&bundle.hash.to_string())
    };
    give(store, run, Some(head), rows, "succeeded")
        .recv()
        .expect("the writer answers")
        .expect("it is on disk");
    [bundle, value]
}

/// Changes a database that nobody owns.
pub(crate) fn change(folder: &Path, sql: &str) {
    let connection = rusqlite::Connection::open(folder.join("flow.db")).expect("a database");
    connection.execute_batch(sql).expect("it can be changed");
}

/// The code with which a store is refused.
#[track_caller]
pub(crate) fn refused(folder: &Path) -> String {
    let error = Store::open(folder).err().expect("it is refused");
    error.code().to_owned()
}
