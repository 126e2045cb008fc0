//! How batches end: when, and which share of their requests without success.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::disk;

/// The most seconds that a batch may take.
const SECONDS_MAX: f64 = 86_400.0;

/// How the batches end that are made from now on; a member left out is as before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endings {
    /// How many seconds after its creation a batch ends; else 3.
    #[serde(default)]
    pub seconds: Option<f64>,
    /// The share of a batch's valid requests that end as `errored`, from 0 to 1; else 0.02.
    #[serde(default)]
    pub errored: Option<f64>,
    /// The share of a batch's valid requests that end as `expired`, from 0 to 1; else 0.01.
    #[serde(default)]
    pub expired: Option<f64>,
}

impl Endings {
    pub(crate) fn seconds(self) -> f64 {
        self.seconds.unwrap_or(3.0)
    }

    pub(crate) fn errored(self) -> f64 {
        self.errored.unwrap_or(0.02)
    }

    pub(crate) fn expired(self) -> f64 {
        self.expired.unwrap_or(0.01)
    }

    /// These, and where they say nothing, `before`.
    fn or(self, before: Endings) -> Endings {
        Endings {
            seconds: self.seconds.or(before.seconds),
            errored: self.errored.or(before.errored),
            expired: self.expired.or(before.expired),
        }
    }

    /// What is out of its bounds, in words.
    pub(crate) fn check(self) -> Result<(), String> {
        let (errored, expired) = (self.errored(), self.expired());
        for (name, share) in [
            ("errored", errored),
            ("expired", expired),
            ("errored + expired", errored + expired),
        ] {
            if !(0.0..=1.0).contains(&share) {
                return Err(format!("{name} must be from 0 to 1, not {share}"));
            }
        }
        let seconds = self.seconds();
        if (0.0..=SECONDS_MAX).contains(&seconds) {
            return Ok(());
        }
        Err(format!(
            "seconds must be from 0 to {SECONDS_MAX}, not {seconds}"
        ))
    }
}

/// The endings that hold now. What a control request said stays with the state folder.
#[derive(Debug)]
pub(crate) struct Ends {
    path: PathBuf,
    now: Mutex<Endings>,
}

impl Ends {
    /// What `config` says, and where it says nothing what was said to an earlier process.
    pub(crate) fn open(path: &Path, config: Endings) -> io::Result<Ends> {
        let said = match disk::read_json(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Endings::default(),
            said => said?,
        };
        let now = config.or(said);
        now.check()
            .map_err(|wrong| io::Error::new(io::ErrorKind::InvalidInput, wrong))?;
        Ok(Ends {
            path: path.to_owned(),
            now: Mutex::new(now),
        })
    }

    pub(crate) fn now(&self) -> Endings {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes them; on disk when this returns. Blocks.
    pub(crate) fn change(&self, endings: Endings) -> io::Result<Endings> {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let next = endings.or(*now);
        next.check()
            .map_err(|wrong| io::Error::new(io::ErrorKind::InvalidInput, wrong))?;
        disk::write_json(&self.path, &next)?;
        *now = next;
        Ok(next)
    }
}
