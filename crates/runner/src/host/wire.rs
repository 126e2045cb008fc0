//! How a process speaks with the owner of a store: one JSON document a line, over a Unix socket in the store's folder.
//!
//! The first line is a [`Wish`], the first answer a [`Reply`]. After [`Reply::Following`] come [`Said`] lines until the
//! run ends, is interrupted or stops; the other side may send [`STOP`]. Who hangs up stops nothing.

use flow_engine::journal::{Event, RunEnded};
use flow_engine::time::Timestamp;
use flow_local::driver::{Progress, Word};
use flow_local::store::StoreError;
use serde::{Deserialize, Serialize};

use super::order::{Approve, Cancel, Emit, EndBackfill, Pause, Record, Resume, Start};
use crate::exit::{Exit, Trouble};

/// Raised when the lines change their meaning: both sides must be of one kind.
pub(super) const VERSION: u32 = 5;

/// No line is longer: a bundle of the largest workflow fits.
pub(super) const LINE_BYTES_MAX: usize = 64 << 20;

/// Stops the run that is followed, in order.
pub(super) const STOP: &str = "stop";

/// What is asked for.
#[derive(Serialize, Deserialize)]
pub(super) struct Wish {
    pub(super) version: u32,
    pub(super) wish: What,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum What {
    Start(Box<Start>),
    Resume(Resume),
    Cancel(Cancel),
    Pause(Pause),
    Emit(Emit),
    Approve(Box<Approve>),
    Record(Box<Record>),
    EndBackfill(EndBackfill),
}

/// The first answer.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reply {
    Following { run: String },
    Told,
    Exists,
    Trouble(Told),
}

/// A trouble, as it crosses the socket.
#[derive(Serialize, Deserialize)]
pub(super) struct Told {
    exit: u8,
    code: String,
    message: String,
    help: Option<String>,
}

/// What happens to a run that is followed.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Said {
    Event { at: i64, kind: String, body: String },
    Looking { step: usize },
    Waits(Option<Word>),
    Ended(RunEnded),
    Interrupted,
    Stopped,
    StoreWaits(Option<StoreError>),
    StoreFailed(StoreError),
}

impl From<&Trouble> for Told {
    fn from(trouble: &Trouble) -> Told {
        Told {
            exit: trouble.exit as u8,
            code: trouble.code.clone(),
            message: trouble.message.clone(),
            help: trouble.help.clone(),
        }
    }
}

impl From<Told> for Trouble {
    fn from(told: Told) -> Trouble {
        let exit = [
            Exit::Usage,
            Exit::Invalid,
            Exit::Failed,
            Exit::Cancelled,
            Exit::Interrupted,
            Exit::Unavailable,
        ];
        let exit = exit.into_iter().find(|exit| *exit as u8 == told.exit);
        Trouble {
            exit: exit.unwrap_or(Exit::Bug),
            code: told.code,
            message: told.message,
            help: told.help,
        }
    }
}

impl Said {
    /// As it crosses the socket.
    pub(super) fn of(progress: &Progress) -> Said {
        match progress {
            Progress::Event { at, event } => Said::Event {
                at: at.0,
                kind: event.kind().to_owned(),
                body: event.to_body(),
            },
            Progress::Looking { step } => Said::Looking { step: *step },
            Progress::Waits(whose) => Said::Waits(*whose),
            Progress::StoreWaits(waits) => Said::StoreWaits(waits.clone()),
            Progress::Ended(ended) => Said::Ended((**ended).clone()),
            Progress::Interrupted => Said::Interrupted,
            Progress::Stopped => Said::Stopped,
            Progress::StoreFailed(error) => Said::StoreFailed(error.clone()),
        }
    }

    /// Whether nothing follows.
    pub(super) fn is_last(&self) -> bool {
        !matches!(
            self,
            Said::Event { .. } | Said::Looking { .. } | Said::Waits(_) | Said::StoreWaits(_)
        )
    }

    pub(super) fn into_progress(self) -> Option<Progress> {
        Some(match self {
            Said::Event { at, kind, body } => Progress::Event {
                at: Timestamp(at),
                event: Box::new(Event::from_body(&kind, &body).ok()?),
            },
            Said::Looking { step } => Progress::Looking { step },
            Said::Waits(whose) => Progress::Waits(whose),
            Said::Ended(ended) => Progress::Ended(Box::new(ended)),
            Said::Interrupted => Progress::Interrupted,
            Said::Stopped => Progress::Stopped,
            Said::StoreWaits(waits) => Progress::StoreWaits(waits),
            Said::StoreFailed(error) => Progress::StoreFailed(error),
        })
    }
}
