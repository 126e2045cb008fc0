//! Runs that are taken up, and how often in a row the process died of it: a run that kills whoever drives it must not take
//! all the others with it at every start.
//!
//! The table has one row for each run that was taken up and not let go: by whom (the epoch of the store), after which row of
//! its journal, and how many processes had died before. It is written before anything of the run is read. It is no
//! projection of the journal: who died cannot write so there.

use std::collections::BTreeMap;

use flow_engine::journal::Event;
use rusqlite::{Connection, OptionalExtension, params};

use super::{Reader, Store, StoreError, lock};

/// So many processes may die in a row while they drive one run that comes no further.
pub const DEATHS_MAX: u32 = 3;

/// What became of the wish to take up a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakeUp {
    /// It may be driven; that somebody does is on disk.
    Goes,
    /// So many processes died of it: nobody drives it without being told to.
    Quarantined {
        /// How many, in a row.
        deaths: u32,
    },
}

impl Store {
    /// Notes that a run is about to be taken up; on disk when this returns. `force` forgets who died before. Blocking.
    ///
    /// # Errors
    /// As the store gives them; then the run must not be driven.
    pub fn take_up(&self, run: &str, force: bool) -> Result<TakeUp, StoreError> {
        let (run, epoch, path) = (
            run.to_owned(),
            self.epoch(),
            super::open::database(self.folder()),
        );
        self.work(move |connection| {
            take_up(connection, &run, epoch, force)
                .map_err(|error| StoreError::sqlite(&path, &error))
        })
    }

    /// Notes that a run is let go in order, or is above suspicion. On disk some time later: if it never is, the end of the
    /// process counts as a death.
    pub fn let_go(&self, run: &str) {
        let run = run.to_owned();
        self.later(move |connection| {
            let _ = connection.execute("DELETE FROM taken_up WHERE run = ?1", [run]);
        });
    }
}

impl Reader {
    /// The runs that nobody drives without being told to, and how many processes died of each.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn quarantined(&self) -> Result<BTreeMap<String, u32>, StoreError> {
        let sqlite = |error: rusqlite::Error| StoreError::sqlite(&self.path, &error);
        let mut found = BTreeMap::new();
        if !self.has_table("taken_up")? {
            return Ok(found);
        }
        let sql = "SELECT run, epoch, seq, deaths FROM taken_up WHERE deaths > 0";
        let often = self.query_with(sql, [], |row| Ok((row.get::<_, String>(0)?, noted(row)?)))?;
        let mut living = None;
        for (run, noted) in often {
            if noted.deaths + 1 < DEATHS_MAX {
                continue;
            }
            if living.is_none() {
                living = Some(self.living_epoch()?);
            }
            let deaths = noted.deaths(&self.connection, &run, living.flatten());
            let deaths = deaths.map_err(sqlite)?;
            if deaths >= DEATHS_MAX {
                found.insert(run, deaths);
            }
        }
        Ok(found)
    }

    /// The runs that a process has died of already: whoever drives many takes these up alone, so that the next death is
    /// theirs.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn suspects(&self) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT run FROM taken_up WHERE deaths > 0 ORDER BY run";
        self.query_with(sql, [], |row| row.get(0))
    }

    /// The epoch of the process that owns the store, if one does.
    fn living_epoch(&self) -> Result<Option<i64>, StoreError> {
        let folder = self.path.parent().unwrap_or(&self.path);
        if !lock::is_held(folder) {
            return Ok(None);
        }
        let sql = "SELECT epoch FROM identity";
        Ok(self.query_with(sql, [], |row| row.get(0))?.pop())
    }
}

/// A row of the table.
struct Noted {
    epoch: i64,
    seq: i64,
    deaths: u32,
}

/// Reads the columns `epoch, seq, deaths`, which stand after the run.
fn noted(row: &rusqlite::Row<'_>) -> rusqlite::Result<Noted> {
    Ok(Noted {
        epoch: row.get(1)?,
        seq: row.get(2)?,
        deaths: row.get(3)?,
    })
}

impl Noted {
    /// How many processes have died in a row; the one of the epoch `living` has not.
    fn deaths(
        &self,
        connection: &Connection,
        run: &str,
        living: Option<i64>,
    ) -> rusqlite::Result<u32> {
        if came_further(connection, run, self.seq)? {
            return Ok(0);
        }
        Ok(self.deaths + u32::from(Some(self.epoch) != living))
    }
}

fn take_up(
    connection: &mut Connection,
    run: &str,
    epoch: i64,
    force: bool,
) -> rusqlite::Result<TakeUp> {
    let known = connection
        .prepare_cached("SELECT run, epoch, seq, deaths FROM taken_up WHERE run = ?1")?
        .query_row([run], noted)
        .optional()?;
    let deaths = match known {
        Some(known) if !force => known.deaths(connection, run, Some(epoch))?,
        _ => 0,
    };
    if deaths >= DEATHS_MAX {
        return Ok(TakeUp::Quarantined { deaths });
    }
    connection
        .prepare_cached(
            "INSERT INTO taken_up (run, epoch, seq, deaths) SELECT ?1, ?2, coalesce(max(seq), 0), ?3 FROM events WHERE run = ?1
             ON CONFLICT (run) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq, deaths = excluded.deaths",
        )?
        .execute(params![run, epoch, deaths])?;
    Ok(TakeUp::Goes)
}

/// Whether a run has come further since a row of its journal.
fn came_further(connection: &Connection, run: &str, seq: i64) -> rusqlite::Result<bool> {
    let mut statement = connection
        .prepare_cached("SELECT kind, body FROM events WHERE run = ?1 AND seq > ?2 ORDER BY seq")?;
    let mut rows = statement.query(params![run, seq])?;
    while let Some(row) = rows.next()? {
        let (kind, body): (String, String) = (row.get(0)?, row.get(1)?);
        if Event::from_body(&kind, &body).is_ok_and(|event| event.is_progress()) {
            return Ok(true);
        }
    }
    Ok(false)
}
