//! What the tables beside the journals say of a run, to be compared with its journal.

use super::doctor::Told;
use super::{Reader, StoreError};

impl Reader {
    /// What the tables say of a run.
    pub(super) fn kept(&self, run: &str) -> Result<Kept, StoreError> {
        let backfill = self.backfill_column()?;
        let sql = format!(
            "SELECT workflow, status, started_at, ended_at, waits_for, bundle, sandbox, {backfill} FROM runs WHERE run = ?1"
        );
        let row = self.query_with(&sql, [run], |row| {
            Ok(Listed {
                workflow: row.get(0)?,
                status: row.get(1)?,
                started_at: row.get(2)?,
                ended_at: row.get(3)?,
                waits_for: row.get(4)?,
                bundle: row.get(5)?,
                sandbox: row.get(6)?,
                backfill: row.get(7)?,
            })
        })?;
        let sql = "SELECT due FROM waits WHERE run = ?1";
        let due = self.query_with(sql, [run], |row| row.get(0))?;
        let sql = "SELECT step, attempt FROM attempts_open WHERE run = ?1 ORDER BY step";
        let open = self.query_with(sql, [run], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let sql = "SELECT step, kind, name FROM awaited WHERE run = ?1 ORDER BY step";
        let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        let awaited = if self.has_table("awaited")? {
            self.query_with(sql, [run], read)?
        } else {
            Vec::new()
        };
        Ok(Kept {
            row: row.into_iter().next(),
            due,
            open,
            awaited,
        })
    }
}

/// What the tables say of a run; `due` has the row of `waits`, if there is one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kept {
    row: Option<Listed>,
    due: Vec<Option<i64>>,
    open: Vec<(String, u32)>,
    awaited: Vec<(String, String, String)>,
}

impl Kept {
    /// Whether they say what they should. When a run that goes has something to do, and whether it waits for a place, the
    /// process that drives it knows alone: a look that finds nothing is not in the journal, nor is who stands before it.
    pub(super) fn agrees(&self, wanted: &Kept) -> bool {
        let goes = |kept: &Kept| {
            let of = kept.row.as_ref();
            of.is_some_and(|row| matches!(&*row.status, "running" | "waiting"))
        };
        if !(goes(self) && goes(wanted)) {
            return self == wanted;
        }
        let told = |kept: &Kept| kept.row.as_ref().map(Listed::told);
        told(self) == told(wanted)
            && self.due.len() == wanted.due.len()
            && self.open == wanted.open
            && self.awaited == wanted.awaited
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Listed {
    workflow: String,
    status: String,
    started_at: i64,
    ended_at: Option<i64>,
    waits_for: Option<String>,
    bundle: String,
    sandbox: bool,
    backfill: Option<String>,
}

impl Listed {
    /// The same without what only its driver knows.
    fn told(&self) -> Listed {
        Listed {
            status: String::new(),
            waits_for: None,
            ..self.clone()
        }
    }
}

/// What they should say.
pub(super) fn wanted(told: &Told) -> Kept {
    let projection = &told.projection;
    let mut open: Vec<(String, u32)> = projection
        .open
        .iter()
        .map(|(step, attempt)| (step.to_string(), *attempt))
        .collect();
    open.sort();
    let awaited = projection.awaited.iter().map(|awaited| {
        let name = awaited.event.as_deref().unwrap_or_default();
        let kind = awaited.signal.as_str();
        (awaited.step.to_string(), kind.to_owned(), name.to_owned())
    });
    let mut awaited: Vec<_> = awaited.collect();
    awaited.sort();
    Kept {
        row: Some(Listed {
            workflow: told.head.workflow.clone(),
            status: projection.status.to_owned(),
            started_at: told.head.started_at,
            ended_at: told.ended_at.map(|at| at.0),
            waits_for: projection.waits_for.clone(),
            bundle: told.head.bundle.clone(),
            sandbox: told.head.sandbox,
            backfill: told.head.backfill.clone(),
        }),
        due: told
            .ended_at
            .is_none()
            .then(|| projection.due.map(|due| due.0))
            .into_iter()
            .collect(),
        open,
        awaited,
    }
}
