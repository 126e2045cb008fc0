//! The log of events of a world: what its runs emit, and how they end.

use std::sync::{Arc, Mutex, PoisonError};

use flow_engine::journal::Event;
use flow_engine::run::announce::hears;
use flow_engine::run::{Announced, Failure};
use flow_engine::time::Timestamp;
use flow_engine::value::Value;

use super::Journal;
use crate::log_look::EventLog;

/// An event that was written.
#[derive(Clone)]
struct Entry {
    at: Timestamp,
    run: Arc<str>,
    event: Announced,
}

/// All of them, in order; the number of one is its place, from 1.
#[derive(Clone, Default)]
pub(super) struct Log {
    entries: Arc<Mutex<Vec<Entry>>>,
    /// How many of them were told.
    told: usize,
}

impl Log {
    pub(super) fn write(&mut self, at: Timestamp, run: &str, event: Announced) {
        let run = run.into();
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.push(Entry { at, run, event });
    }

    /// Writes what a run emitted before.
    pub(super) fn read(&mut self, run: &str, journal: &Journal) {
        for (at, event) in journal {
            if let Event::Emitted(emitted) = event {
                let event = Announced {
                    name: emitted.event.as_str().into(),
                    data: emitted.data.clone(),
                };
                self.write(*at, run, event);
            }
        }
    }

    /// The names of what was written since the last time.
    pub(super) fn news(&mut self) -> Vec<Arc<str>> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let new = entries[self.told..].iter();
        let names = new.map(|entry| entry.event.name.clone()).collect();
        self.told = entries.len();
        names
    }

    /// As one run sees it.
    pub(super) fn of(&self, run: &str) -> LogOfRun {
        LogOfRun {
            log: self.clone(),
            run: run.into(),
        }
    }
}

/// See [`Log::of`].
pub(super) struct LogOfRun {
    log: Log,
    run: Arc<str>,
}

impl EventLog for LogOfRun {
    fn events(
        &self,
        wanted: &str,
        since: Timestamp,
        after: i64,
    ) -> Result<Vec<(i64, Value)>, Failure> {
        let entries = self
            .log
            .entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let numbered = (1..).zip(entries.iter());
        let heard = numbered.filter(|(id, entry)| {
            *id > after
                && entry.at >= since
                && entry.run != self.run
                && hears(wanted, &entry.event.name)
        });
        Ok(heard
            .map(|(id, entry)| (id, entry.event.data.clone()))
            .collect())
    }

    /// What calls back is a word of somebody outside.
    fn called_back(&self, _: &str) -> Result<Option<Value>, Failure> {
        Ok(None)
    }
}
