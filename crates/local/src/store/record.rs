//! What one commit changes in the tables: rows of the journal, and the projections of its run.

use flow_engine::run::Projection;
use flow_engine::time::Timestamp;
use rusqlite::{Transaction, params};

use super::Commit;

/// Writes the rows and the projections of one commit.
pub(super) fn write_one(transaction: &Transaction<'_>, commit: &Commit) -> rusqlite::Result<()> {
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
    super::made::write(transaction, &commit.run, &commit.rows, projection)?;
    let last = commit.rows.last().map(|row| row.at);
    write_projection(transaction, &commit.run, projection, last)
}

/// Writes what the tables say of a run; `last` is the time of its last row, which is its end if it has ended.
pub(super) fn write_projection(
    transaction: &Transaction<'_>,
    run: &str,
    projection: &Projection,
    last: Option<Timestamp>,
) -> rusqlite::Result<()> {
    let ended = matches!(projection.status, "succeeded" | "failed" | "cancelled");
    transaction
        .prepare_cached(
            "UPDATE runs SET status = ?2, waits_for = ?3, ended_at = ?4 WHERE run = ?1",
        )?
        .execute(params![
            run,
            projection.status,
            projection.waits_for,
            last.filter(|_| ended).map(|at| at.0)
        ])?;
    if ended {
        for sql in [
            "DELETE FROM waits WHERE run = ?1",
            "DELETE FROM taken_up WHERE run = ?1",
        ] {
            transaction.prepare_cached(sql)?.execute([run])?;
        }
    } else {
        transaction
            .prepare_cached("INSERT INTO waits (run, due) VALUES (?1, ?2) ON CONFLICT (run) DO UPDATE SET due = excluded.due")?
            .execute(params![run, projection.due.map(|due| due.0)])?;
    }
    transaction
        .prepare_cached("DELETE FROM attempts_open WHERE run = ?1")?
        .execute([run])?;
    let mut open = transaction
        .prepare_cached("INSERT INTO attempts_open (run, step, attempt) VALUES (?1, ?2, ?3)")?;
    for (step, attempt) in &projection.open {
        open.execute(params![run, step.as_ref(), attempt])?;
    }
    Ok(())
}
