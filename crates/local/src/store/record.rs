//! What one commit changes in the tables: rows of the journal, and the projections of its run.

use std::collections::HashSet;
use std::sync::Arc;

use flow_engine::run::Projection;
use flow_engine::time::Timestamp;
use rusqlite::{Transaction, params};

use super::Commit;

/// Writes the rows and the projections of one commit; `before` is what the tables say of its run, where that is known.
pub(super) fn write_one(
    transaction: &Transaction<'_>,
    commit: &Commit,
    before: Option<&Projection>,
) -> rusqlite::Result<()> {
    let projection = &commit.projection;
    if let Some(head) = &commit.head {
        transaction
            .prepare_cached("INSERT INTO runs (run, workflow, status, started_at, bundle, sandbox, backfill) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
            .execute(params![commit.run, head.workflow, projection.status, head.started_at, head.bundle, head.sandbox, head.backfill])?;
        super::occurrences::started(transaction, &commit.run)?;
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
    super::made::write(transaction, &commit.run, &commit.rows, before, projection)?;
    for event in &commit.announced {
        super::event_log::write(transaction, event)?;
    }
    let last = commit.rows.last().map(|row| row.at);
    match before {
        Some(before) => write_changes(transaction, &commit.run, before, projection, last),
        None => write_projection(transaction, &commit.run, projection, last),
    }
}

/// Whether a run with this projection has ended.
pub(super) fn has_ended(projection: &Projection) -> bool {
    matches!(projection.status, "succeeded" | "failed" | "cancelled")
}

/// Writes what the tables say of a run; `last` is the time of its last row, which is its end if it has ended.
pub(super) fn write_projection(
    transaction: &Transaction<'_>,
    run: &str,
    projection: &Projection,
    last: Option<Timestamp>,
) -> rusqlite::Result<()> {
    write_status(transaction, run, projection, last)?;
    write_wait(transaction, run, projection)?;
    super::awaited::write(transaction, run, projection)?;
    transaction
        .prepare_cached("DELETE FROM attempts_open WHERE run = ?1")?
        .execute([run])?;
    write_open(transaction, run, &projection.open)
}

/// The same where it is known what they say: a page that need not change is not touched.
fn write_changes(
    transaction: &Transaction<'_>,
    run: &str,
    before: &Projection,
    now: &Projection,
    last: Option<Timestamp>,
) -> rusqlite::Result<()> {
    if has_ended(now) || (before.status, &before.waits_for) != (now.status, &now.waits_for) {
        write_status(transaction, run, now, last)?;
    }
    if has_ended(now) || (before.due, before.places) != (now.due, now.places) {
        write_wait(transaction, run, now)?;
    }
    if before.awaited != now.awaited {
        super::awaited::write(transaction, run, now)?;
    }
    let still: HashSet<_> = now.open.iter().collect();
    let known: HashSet<_> = before.open.iter().collect();
    let mut delete =
        transaction.prepare_cached("DELETE FROM attempts_open WHERE run = ?1 AND step = ?2")?;
    for (step, _) in known.difference(&still) {
        delete.execute(params![run, step.as_ref()])?;
    }
    write_open(transaction, run, still.difference(&known).copied())
}

fn write_status(
    transaction: &Transaction<'_>,
    run: &str,
    projection: &Projection,
    last: Option<Timestamp>,
) -> rusqlite::Result<()> {
    let ended_at = last.filter(|_| has_ended(projection)).map(|at| at.0);
    transaction
        .prepare_cached(
            "UPDATE runs SET status = ?2, waits_for = ?3, ended_at = ?4 WHERE run = ?1",
        )?
        .execute(params![
            run,
            projection.status,
            projection.waits_for,
            ended_at
        ])?;
    Ok(())
}

fn write_wait(
    transaction: &Transaction<'_>,
    run: &str,
    projection: &Projection,
) -> rusqlite::Result<()> {
    if has_ended(projection) {
        for sql in [
            "DELETE FROM waits WHERE run = ?1",
            "DELETE FROM taken_up WHERE run = ?1",
        ] {
            transaction.prepare_cached(sql)?.execute([run])?;
        }
    } else {
        transaction
            .prepare_cached("INSERT INTO waits (run, due, places) VALUES (?1, ?2, ?3) ON CONFLICT (run) DO UPDATE SET due = excluded.due, places = excluded.places")?
            .execute(params![run, projection.due.map(|due| due.0), projection.places])?;
    }
    Ok(())
}

fn write_open<'a>(
    transaction: &Transaction<'_>,
    run: &str,
    open: impl IntoIterator<Item = &'a (Arc<str>, u32)>,
) -> rusqlite::Result<()> {
    let mut insert = transaction
        .prepare_cached("INSERT INTO attempts_open (run, step, attempt) VALUES (?1, ?2, ?3)")?;
    for (step, attempt) in open {
        insert.execute(params![run, step.as_ref(), attempt])?;
    }
    Ok(())
}
