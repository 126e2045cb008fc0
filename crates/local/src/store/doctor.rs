//! Looking a store over: the database, every row of every journal, every blob, and whether the tables beside the journals say
//! what those say. Nothing is written.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use flow_engine::bundle::Bundle;
use flow_engine::journal::{Event, Row};
use flow_engine::run::Projection;
use flow_engine::time::Timestamp;
use flow_engine::value::Hash;

use super::{BlobFolder, Reader, RunHead, StoreError, refs};

/// Replays a run that has not ended: its bundle, its events, and what the tables should say of it.
pub type Replay<'a> = dyn Fn(&Bundle, Vec<(Timestamp, Event)>) -> Result<Projection, String> + 'a;

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// A code of the store.
    pub code: &'static str,
    /// The run it is about.
    pub run: Option<String>,
    /// What was found.
    pub message: String,
    /// Whether making the tables again from the journals mends it.
    pub rebuilds: bool,
}

/// What was looked at, and what is wrong.
#[derive(Debug, Default)]
pub struct Findings {
    /// Runs.
    pub runs: u64,
    /// Rows of journals.
    pub rows: u64,
    /// Different blobs.
    pub blobs: u64,
    /// What is wrong.
    pub complaints: Vec<Complaint>,
}

/// One run as its journal tells it.
pub(super) struct Told {
    pub(super) head: RunHead,
    pub(super) ended_at: Option<Timestamp>,
    pub(super) projection: Projection,
    pub(super) rows: Vec<Row>,
    pub(super) blobs: BTreeSet<Hash>,
}

impl Reader {
    /// Checks everything.
    ///
    /// # Errors
    /// Only if the database cannot be read at all; what is wrong in it is a complaint.
    pub fn examine(&self, folder: &Path, replay: &Replay<'_>) -> Result<Findings, StoreError> {
        let mut found = Findings::default();
        self.integrity(&mut found)?;
        let blobs = BlobFolder::reading(folder);
        let mut seen: BTreeMap<Hash, Result<(), Complaint>> = BTreeMap::new();
        for run in self.all_runs(&mut found.complaints) {
            found.runs += 1;
            let told = match self.told(&run, &blobs, replay) {
                Ok(told) => told,
                Err(complaint) => {
                    found.complaints.push(complaint);
                    continue;
                }
            };
            found.rows += told.rows.len() as u64;
            for hash in &told.blobs {
                let whole = seen
                    .entry(*hash)
                    .or_insert_with(|| whole(&blobs, *hash, &run));
                if let Err(complaint) = whole {
                    let complaint = Complaint {
                        run: Some(run.clone()),
                        ..complaint.clone()
                    };
                    found.complaints.push(complaint);
                }
            }
            match self.kept(&run) {
                Ok(kept) if kept == wanted(&told) => {}
                Ok(kept) => found.complaints.push(Complaint {
                    code: "store.corrupt",
                    message: format!(
                        "the tables say {kept:?}, the journal says {:?}",
                        wanted(&told)
                    ),
                    run: Some(run),
                    rebuilds: true,
                }),
                Err(error) => found.complaints.push(complaint(&run, &error)),
            }
        }
        found.blobs = seen.len() as u64;
        Ok(found)
    }

    fn integrity(&self, found: &mut Findings) -> Result<(), StoreError> {
        let lines = self.query_with("PRAGMA integrity_check(100)", [], |row| {
            row.get::<_, String>(0)
        });
        let lines = match lines {
            Err(error @ StoreError::Corrupt { .. }) => vec![error.to_string()],
            other => other?,
        };
        let bad = lines.into_iter().filter(|line| line != "ok");
        found.complaints.extend(bad.map(|message| Complaint {
            code: "store.corrupt",
            run: None,
            message,
            rebuilds: false,
        }));
        Ok(())
    }

    /// Every run that either a journal or the list of runs knows, as far as they can be read.
    pub(super) fn all_runs(&self, complaints: &mut Vec<Complaint>) -> BTreeSet<String> {
        let mut runs = BTreeSet::new();
        for sql in ["SELECT DISTINCT run FROM events", "SELECT run FROM runs"] {
            let mut read = || -> rusqlite::Result<()> {
                let mut statement = self.connection.prepare(sql)?;
                let mut rows = statement.query([])?;
                while let Some(row) = rows.next()? {
                    runs.insert(row.get(0)?);
                }
                Ok(())
            };
            // What was read before the damage counts.
            if let Err(error) = read() {
                complaints.push(Complaint {
                    code: "store.corrupt",
                    run: None,
                    message: format!("not every run can be listed: {error}"),
                    rebuilds: false,
                });
            }
        }
        runs
    }

    /// Reads a run from its journal alone.
    pub(super) fn told(
        &self,
        run: &str,
        blobs: &BlobFolder,
        replay: &Replay<'_>,
    ) -> Result<Told, Complaint> {
        let failed = |error: &StoreError| complaint(run, error);
        let rows = self.rows(run).map_err(|error| failed(&error))?;
        let events = self.checked(run, &rows).map_err(|error| failed(&error))?;
        let corrupt = |message: &str| Complaint {
            code: "store.corrupt",
            run: Some(run.to_owned()),
            message: message.to_owned(),
            rebuilds: false,
        };
        let Some((started_at, Event::RunStarted(started))) = events.first() else {
            return Err(corrupt("its journal has no start"));
        };
        let head = RunHead {
            workflow: started.workflow.clone(),
            started_at: started_at.0,
            bundle: started.bundle.clone(),
            sandbox: started.sandbox,
        };
        let mut referred = BTreeSet::new();
        for row in &rows {
            refs::of_row(row, &mut referred);
        }
        let ended = match events.last() {
            Some((at, Event::RunEnded(ended))) => Some((*at, ended.status.as_str())),
            _ => None,
        };
        let projection = if let Some((_, status)) = ended {
            Projection {
                status,
                due: None,
                waits_for: None,
                open: Vec::new(),
            }
        } else {
            let bundle = bundle(blobs, &head.bundle).map_err(|message| Complaint {
                code: "store.blob_missing",
                ..corrupt(&format!("what it pinned cannot be read: {message}"))
            })?;
            replay(&bundle, events).map_err(|message| corrupt(&message))?
        };
        Ok(Told {
            head,
            ended_at: ended.map(|(at, _)| at),
            projection,
            rows,
            blobs: referred,
        })
    }

    /// What the tables say of a run.
    fn kept(&self, run: &str) -> Result<Kept, StoreError> {
        let sql = "SELECT workflow, status, started_at, ended_at, waits_for, bundle, sandbox FROM runs WHERE run = ?1";
        let row = self.query_with(sql, [run], |row| {
            Ok(Listed {
                workflow: row.get(0)?,
                status: row.get(1)?,
                started_at: row.get(2)?,
                ended_at: row.get(3)?,
                waits_for: row.get(4)?,
                bundle: row.get(5)?,
                sandbox: row.get(6)?,
            })
        })?;
        let sql = "SELECT due FROM waits WHERE run = ?1";
        let due = self.query_with(sql, [run], |row| row.get(0))?;
        let sql = "SELECT step, attempt FROM attempts_open WHERE run = ?1 ORDER BY step";
        let open = self.query_with(sql, [run], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Kept {
            row: row.into_iter().next(),
            due,
            open,
        })
    }
}

/// What the tables say of a run; `due` has the row of `waits`, if there is one.
#[derive(Debug, PartialEq, Eq)]
struct Kept {
    row: Option<Listed>,
    due: Vec<Option<i64>>,
    open: Vec<(String, u32)>,
}

#[derive(Debug, PartialEq, Eq)]
struct Listed {
    workflow: String,
    status: String,
    started_at: i64,
    ended_at: Option<i64>,
    waits_for: Option<String>,
    bundle: String,
    sandbox: bool,
}

fn wanted(told: &Told) -> Kept {
    let projection = &told.projection;
    let mut open: Vec<(String, u32)> = projection
        .open
        .iter()
        .map(|(step, attempt)| (step.to_string(), *attempt))
        .collect();
    open.sort();
    Kept {
        row: Some(Listed {
            workflow: told.head.workflow.clone(),
            status: projection.status.to_owned(),
            started_at: told.head.started_at,
            ended_at: told.ended_at.map(|at| at.0),
            waits_for: projection.waits_for.clone(),
            bundle: told.head.bundle.clone(),
            sandbox: told.head.sandbox,
        }),
        due: told
            .ended_at
            .is_none()
            .then(|| projection.due.map(|due| due.0))
            .into_iter()
            .collect(),
        open,
    }
}

fn complaint(run: &str, error: &StoreError) -> Complaint {
    let message = match error {
        StoreError::Corrupt { message, .. } => message.clone(),
        other => other.to_string(),
    };
    Complaint {
        code: error.code(),
        run: Some(run.to_owned()),
        message,
        rebuilds: false,
    }
}

/// Whether a blob is as it was stored.
pub(super) fn whole(blobs: &BlobFolder, hash: Hash, run: &str) -> Result<(), Complaint> {
    let (code, message) = match blobs.is_whole(hash) {
        Ok(true) => return Ok(()),
        Ok(false) => (
            "store.blob_changed",
            format!("the content of the stored value {hash} is another one"),
        ),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => (
            "store.blob_missing",
            format!("the stored value {hash} is gone"),
        ),
        Err(error) => ("store.io", format!("the stored value {hash}: {error}")),
    };
    Err(Complaint {
        code,
        run: Some(run.to_owned()),
        message,
        rebuilds: false,
    })
}

fn bundle(blobs: &BlobFolder, hash: &str) -> Result<Arc<Bundle>, String> {
    let hash = Hash::parse(hash).ok_or("its hash is not readable")?;
    let bytes = blobs.get(hash).map_err(|error| error.to_string())?;
    if Hash::of(&bytes) != hash {
        return Err("it was changed".to_owned());
    }
    Bundle::from_json(&bytes).map(Arc::new)
}
