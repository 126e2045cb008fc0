//! What the store knows of things that its runs made, for one step that looks for its own.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use flow_backend::adopt::{Records, Rival};
use flow_engine::journal::Event;
use flow_engine::run::Failure;

use crate::store::{Reader, Store, StoreError};

/// A step of a run.
type Owner = (String, String);

/// What was found by a search and is not on disk yet: all searches of a store are made by the process that owns it.
pub(super) struct Claims {
    folder: PathBuf,
    taken: Mutex<HashMap<(String, String), Owner>>,
}

impl Claims {
    pub(super) fn new(store: &Path) -> Claims {
        Claims {
            folder: store.to_owned(),
            taken: Mutex::default(),
        }
    }

    /// For one step.
    pub(super) fn of(self: &Arc<Claims>, run: &str, step: &str) -> StepRecords {
        StepRecords {
            claims: self.clone(),
            owner: (run.to_owned(), step.to_owned()),
        }
    }
}

/// See [`Claims`].
pub(super) struct StepRecords {
    claims: Arc<Claims>,
    owner: Owner,
}

impl StepRecords {
    fn read<T>(&self, read: impl FnOnce(&Reader) -> Result<T, StoreError>) -> Result<T, Failure> {
        let reader = Store::reader_of(&self.claims.folder);
        let failed = |error: StoreError| Failure::permanent(error.code(), error.to_string());
        read(&reader.map_err(failed)?).map_err(failed)
    }
}

impl Records for StepRecords {
    fn is_recorded(&self, what: &str, id: &str) -> Result<bool, Failure> {
        let owner = self.read(|reader| reader.made_by(what, id))?;
        Ok(owner.is_some_and(|owner| owner != self.owner))
    }

    fn rivals(&self, what: &str, count: Option<u64>) -> Result<Vec<Rival>, Failure> {
        self.read(|reader| {
            let making = reader.making(what, count)?;
            let others = making.into_iter().filter(|owner| *owner != self.owner);
            others
                .map(|(run, step)| rival(reader, &run, &step))
                .collect()
        })
    }

    fn claim(&self, what: &str, id: &str) -> bool {
        let mut taken = self
            .claims
            .taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let owner = taken
            .entry((what.to_owned(), id.to_owned()))
            .or_insert_with(|| self.owner.clone());
        *owner == self.owner
    }
}

fn rival(reader: &Reader, run: &str, step: &str) -> Result<Rival, StoreError> {
    let events = reader.journal(run)?.into_iter().rev();
    let mut prepared = events.filter_map(|(_, event)| match event {
        Event::AttemptPrepared(event) if event.step == step => Some(event.prepared),
        _ => None,
    });
    Ok(Rival {
        words: format!(
            "step `{step}` of run {run} may have made one of the same size, and what becomes of it is not decided"
        ),
        prepared: prepared.next(),
    })
}
