//! What was written into the log of the store, for one run.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use flow_backend::log_look::EventLog;
use flow_engine::run::Failure;
use flow_engine::run::announce::heard_by;
use flow_engine::time::Timestamp;
use flow_engine::value::{Value, journal};

use crate::store::{Reader, Store, StoreError};

/// The log of a store.
#[derive(Clone)]
pub(super) struct Log {
    folder: Arc<PathBuf>,
}

impl Log {
    pub(super) fn new(store: &Path) -> Log {
        Log {
            folder: Arc::new(store.to_owned()),
        }
    }

    /// As one run sees it.
    pub(super) fn of(&self, run: &str, sandbox: bool) -> LogOfRun {
        LogOfRun {
            folder: self.folder.clone(),
            run: run.to_owned(),
            sandbox,
        }
    }
}

/// See [`Log`].
pub(super) struct LogOfRun {
    folder: Arc<PathBuf>,
    run: String,
    sandbox: bool,
}

impl LogOfRun {
    fn reader(&self) -> Result<Reader, Failure> {
        Store::reader_of(&self.folder).map_err(failed)
    }
}

impl EventLog for LogOfRun {
    fn events(
        &self,
        wanted: &str,
        since: Timestamp,
        after: i64,
    ) -> Result<Vec<(i64, Value)>, Failure> {
        let reader = self.reader()?;
        let (names, own) = (heard_by(wanted), (&*self.run, self.sandbox));
        let mut after = after;
        loop {
            let found = reader.events_for(&names, since, after, own);
            let (found, last) = found.map_err(failed)?;
            // A page of which nothing counts is not the last.
            if found.is_empty() && last != after {
                after = last;
                continue;
            }
            let value = |text: &str| journal::from_str(text).map_err(|error| corrupt(&error));
            let values = found
                .into_iter()
                .map(|logged| Ok((logged.id, value(&logged.event.data)?)));
            return values.collect();
        }
    }

    fn called_back(&self, step: &str) -> Result<Option<Value>, Failure> {
        let body = self.reader()?.callback(&self.run, step).map_err(failed)?;
        body.map(|body| journal::from_str(&body).map_err(|error| corrupt(&error)))
            .transpose()
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to `map_err`")]
fn failed(error: StoreError) -> Failure {
    Failure::permanent(error.code(), error.to_string())
}

fn corrupt(error: &impl std::fmt::Display) -> Failure {
    Failure::permanent("store.corrupt", error.to_string())
}
