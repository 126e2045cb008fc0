//! The one writer: commits of many runs become one transaction, and only then is anyone told.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use flow_engine::journal::Row;
use flow_engine::run::Projection;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::StoreError;

/// How many commits one transaction takes at most.
const GROUP_MAX: usize = 1000;

/// What one round of a run makes durable.
pub struct Commit {
    /// The run.
    pub run: String,
    /// What is known of it from its start; with its first commit.
    pub head: Option<RunHead>,
    /// New rows of its journal.
    pub rows: Vec<Row>,
    /// Its projection after them.
    pub projection: Projection,
    /// Called by the writer's thread after the transaction; must not block.
    pub done: Box<dyn FnOnce(Result<(), StoreError>) + Send>,
}

/// The part of a run's projection that never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunHead {
    /// The workflow's name.
    pub workflow: String,
    /// Milliseconds since 1970.
    pub started_at: i64,
    /// Hash of its bundle.
    pub bundle: String,
    /// Whether it runs against the sandbox.
    pub sandbox: bool,
}

/// The writer's thread. It ends when the last sender is gone, after everything sent is written.
pub(super) struct Writer {
    sender: Option<Sender<Commit>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(connection: Connection, path: PathBuf) -> Writer {
        let (sender, receiver) = channel();
        let thread = std::thread::Builder::new()
            .name("flow-store".to_owned())
            .spawn(move || write_all(connection, &path, &receiver))
            .expect("a thread can be started");
        Writer {
            sender: Some(sender),
            thread: Some(thread),
        }
    }

    pub(super) fn send(&self, commit: Commit) {
        if let Some(sender) = &self.sender {
            // The thread lives as long as this sender.
            let _ = sender.send(commit);
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn write_all(mut connection: Connection, path: &std::path::Path, receiver: &Receiver<Commit>) {
    // A run of which a commit was lost takes no other: its journal would have a gap.
    let mut broken: HashMap<String, StoreError> = HashMap::new();
    while let Ok(first) = receiver.recv() {
        let more = receiver.try_iter().take(GROUP_MAX - 1);
        let (lost, group): (Vec<Commit>, Vec<Commit>) = std::iter::once(first)
            .chain(more)
            .partition(|commit| broken.contains_key(&commit.run));
        for commit in lost {
            let error = broken[&commit.run].clone();
            (commit.done)(Err(error));
        }
        if group.is_empty() {
            continue;
        }
        let result =
            write(&mut connection, &group).map_err(|error| StoreError::sqlite(path, &error));
        for commit in group {
            if let Err(error) = &result {
                broken.insert(commit.run.clone(), error.clone());
            }
            (commit.done)(result.clone());
        }
    }
    let _ = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
}

fn write(connection: &mut Connection, group: &[Commit]) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for commit in group {
        write_one(&transaction, commit)?;
    }
    transaction.commit()
}

fn write_one(transaction: &Transaction<'_>, commit: &Commit) -> rusqlite::Result<()> {
    let projection = &commit.projection;
    if let Some(head) = &commit.head {
        transaction
            .prepare_cached("INSERT INTO runs (run, workflow, status, started_at, bundle, sandbox) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute(params![commit.run, head.workflow, projection.status, head.started_at, head.bundle, head.sandbox])?;
    }
    let mut insert = transaction
        .prepare_cached("INSERT INTO events (run, seq, format, at, kind, body, checksum) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
    for row in &commit.rows {
        let seq = i64::try_from(row.seq).unwrap_or(i64::MAX);
        insert.execute(params![
            commit.run,
            seq,
            row.format,
            row.at.0,
            row.kind,
            row.body,
            row.checksum
        ])?;
    }
    let last = commit.rows.last().map(|row| row.at.0);
    let ended = matches!(projection.status, "succeeded" | "failed" | "cancelled");
    transaction
        .prepare_cached(
            "UPDATE runs SET status = ?2, waits_for = ?3, ended_at = ?4 WHERE run = ?1",
        )?
        .execute(params![
            commit.run,
            projection.status,
            projection.waits_for,
            last.filter(|_| ended)
        ])?;
    if ended {
        transaction
            .prepare_cached("DELETE FROM waits WHERE run = ?1")?
            .execute([&commit.run])?;
    } else {
        transaction
            .prepare_cached("INSERT INTO waits (run, due) VALUES (?1, ?2) ON CONFLICT (run) DO UPDATE SET due = excluded.due")?
            .execute(params![commit.run, projection.due.map(|due| due.0)])?;
    }
    transaction
        .prepare_cached("DELETE FROM attempts_open WHERE run = ?1")?
        .execute([&commit.run])?;
    let mut open = transaction
        .prepare_cached("INSERT INTO attempts_open (run, step, attempt) VALUES (?1, ?2, ?3)")?;
    for (step, attempt) in &projection.open {
        open.execute(params![commit.run, step.as_ref(), attempt])?;
    }
    Ok(())
}
