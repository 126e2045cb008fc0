//! The states of a step, and the one function that changes them, live and in recovery.

use std::fmt;
use std::num::NonZeroU32;

use crate::journal::{Event, Outcome, Resolution};
use crate::time::Timestamp;

/// The number of an attempt, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptNo(NonZeroU32);

impl AttemptNo {
    /// The first attempt.
    pub const FIRST: AttemptNo = AttemptNo(NonZeroU32::MIN);

    /// The attempt of this number; 0 is taken as the first.
    pub fn new(number: u32) -> AttemptNo {
        AttemptNo(NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN))
    }

    /// The number.
    pub fn get(self) -> u32 {
        self.0.get()
    }

    /// The one after it.
    #[must_use]
    pub fn next(self) -> AttemptNo {
        AttemptNo(self.0.saturating_add(1))
    }
}

impl fmt::Display for AttemptNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// How far a running attempt is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Nothing that counts was sent, or the effect may be repeated freely.
    Begun,
    /// Its request is on disk and may have been sent.
    Sent,
    /// It ended; what follows is decided in the same round, unless what it made is looked for first.
    Over,
}

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepStatus {
    /// For steps that it needs; never zero.
    Waiting {
        /// How many of them have not ended.
        needs_left: NonZeroU32,
    },
    /// To be decided or started.
    Ready,
    /// An attempt runs.
    Running {
        /// Which.
        attempt: AttemptNo,
        /// How far it is.
        progress: Progress,
        /// When the step's time is up.
        deadline: Option<Timestamp>,
    },
    /// Between two attempts.
    Backoff {
        /// The attempt that comes next.
        next: AttemptNo,
        /// When.
        until: Timestamp,
        /// When the step's time is up.
        deadline: Option<Timestamp>,
    },
    /// A trigger holds the run: durable, costs no task.
    Held {
        /// When the step's time is up.
        deadline: Option<Timestamp>,
    },
    /// Things go on inside it: items, rounds, steps of its own, another run.
    Open {
        /// When the step's time is up.
        deadline: Option<Timestamp>,
    },
    /// The end of a `once` attempt was lost: waits for a person.
    Interrupted {
        /// That attempt.
        attempt: AttemptNo,
    },
    /// Over, for good.
    Ended(StepOutcome),
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StepOutcome {
    /// It has a value.
    Succeeded,
    /// It failed.
    Failed,
    /// Its time was up.
    TimedOut,
    /// It was cancelled.
    Cancelled,
    /// It did not run.
    Skipped,
}

impl StepOutcome {
    /// As expressions and people see it.
    pub fn as_str(self) -> &'static str {
        match self {
            StepOutcome::Succeeded => "succeeded",
            StepOutcome::Failed => "failed",
            StepOutcome::TimedOut => "timed_out",
            StepOutcome::Cancelled => "cancelled",
            StepOutcome::Skipped => "skipped",
        }
    }
}

/// An event that cannot happen to a step in its state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{event}` cannot follow {status}")]
pub struct IllegalEvent {
    event: &'static str,
    status: String,
}

/// The state of a step after an event.
///
/// # Errors
/// [`IllegalEvent`] if the event cannot happen in this state: a final state never changes.
pub fn next(status: &StepStatus, event: &Event) -> Result<StepStatus, IllegalEvent> {
    use StepOutcome::{Cancelled, Failed, Skipped, Succeeded, TimedOut};
    use StepStatus::{Backoff, Ended, Held, Interrupted, Open, Ready, Running};

    let live = !matches!(status, Ended(_));
    Ok(match (*status, event) {
        (_, Event::Evaluated(_)) if live => *status,
        (Ready, Event::StepSkipped(_)) => Ended(Skipped),
        (Ready, Event::AttemptStarted(started)) => Running {
            attempt: AttemptNo::new(started.attempt),
            progress: Progress::Begun,
            deadline: started.deadline,
        },
        // Its time is later than it was, if it was held up.
        (Backoff { next, .. }, Event::AttemptStarted(started)) if started.attempt == next.get() => {
            Running {
                attempt: next,
                progress: Progress::Begun,
                deadline: started.deadline,
            }
        }
        (
            Running {
                attempt, deadline, ..
            },
            Event::AttemptPrepared(prepared),
        ) if prepared.attempt == attempt.get() => Running {
            attempt,
            progress: Progress::Sent,
            deadline,
        },
        (
            Running {
                attempt, deadline, ..
            },
            Event::AttemptEnded(ended),
        ) if ended.attempt == attempt.get() => match ended.outcome {
            Outcome::Succeeded(_) => Ended(Succeeded),
            Outcome::Failed(_) | Outcome::Lost => Running {
                attempt,
                progress: Progress::Over,
                deadline,
            },
        },
        (
            Running {
                progress: Progress::Over,
                deadline,
                ..
            },
            Event::BackoffStarted(backoff),
        ) => Backoff {
            next: AttemptNo::new(backoff.next),
            until: backoff.until,
            deadline,
        },
        (
            Running {
                attempt,
                progress: Progress::Over,
                ..
            },
            Event::StepInterrupted(_),
        ) => Interrupted { attempt },
        (Interrupted { .. }, Event::InterruptionResolved(resolved)) => match resolved.resolution {
            Resolution::Retry => Ready,
            Resolution::Skip => Ended(Skipped),
            Resolution::Set(_) => Ended(Succeeded),
        },
        (Ready, Event::HoldStarted(started)) => Held {
            deadline: started.deadline,
        },
        (Ready, event) if opens(event).is_some() => Open {
            deadline: opens(event).flatten(),
        },
        (
            Open { .. },
            Event::ItemStarted(_)
            | Event::RangeStarted(_)
            | Event::RangeEnded(_)
            | Event::ItemsStored(_)
            | Event::RoundStarted(_)
            | Event::RoundsPaused(_)
            | Event::FinallyStarted(_)
            | Event::ChildSpent(_)
            | Event::StopAsked(_),
        )
        | (Ready, Event::Emitted(_))
        | (Ready | Backoff { .. }, Event::AdmissionWaited(_))
        | (Held { .. }, Event::HoldBaseline(_)) => *status,
        (Held { .. }, Event::HoldEnded(_)) => Ended(Succeeded),
        (running, Event::AttemptAdopted(_)) if is_over(&running) => Ended(Succeeded),
        (_, Event::StepSucceeded(_)) if live => Ended(Succeeded),
        (_, Event::StepFailed(_)) if live => Ended(Failed),
        (_, Event::StepTimedOut(_)) if live => Ended(TimedOut),
        (_, Event::StepCancelled(_)) if live => Ended(Cancelled),
        (status, event) => {
            return Err(IllegalEvent {
                event: event.kind(),
                status: format!("{status:?}"),
            });
        }
    })
}

/// Whether what follows an attempt is not decided yet.
fn is_over(status: &StepStatus) -> bool {
    let over = Progress::Over;
    matches!(status, StepStatus::Running { progress, .. } if *progress == over)
}

/// The deadline of an event after which things go on inside a step.
#[expect(
    clippy::option_option,
    reason = "no such event, no bound, and a bound are three things"
)]
fn opens(event: &Event) -> Option<Option<Timestamp>> {
    Some(match event {
        Event::GroupStarted(started) => started.deadline,
        Event::LoopStarted(started) => started.deadline,
        Event::RoundsStarted(started) => started.deadline,
        Event::ChildStarted(started) => started.deadline,
        _ => return None,
    })
}
