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

use super::tables::wanted;
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
                Ok(kept) if kept.agrees(&wanted(&told)) => {}
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
        let events = self
            .checked(run, 0, &rows)
            .map_err(|error| failed(&error))?;
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
            backfill: started.started_by.backfill.clone(),
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
                places: false,
                making: Vec::new(),
                awaited: Vec::new(),
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
