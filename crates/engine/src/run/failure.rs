//! How an attempt failed, in the terms that decide what happens next.

use serde::{Deserialize, Serialize};

use crate::duration::Millis;

/// What is known about the effect of a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Done {
    /// The effect did not happen: connect refused, 4xx, 429, 529.
    NotDone,
    /// The effect happened, and what came after it failed (an answer that cannot be read).
    Done,
    /// Nobody can know: a timeout, a reset after sending, 500, 502, 504, a crash.
    Unknown,
}

/// The kind of a failure: what `retry.on` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// Repeating it gives the same failure.
    Permanent,
    /// No connection could be made.
    Connect,
    /// The connection broke after sending.
    Reset,
    /// Nothing came in time.
    Timeout,
    /// 429.
    RateLimited,
    /// 529, 503.
    Overloaded,
    /// Another failure that may pass: 408, 409 where documented, 5xx.
    Transient,
}

impl FailureKind {
    /// Whether trying again may help.
    pub fn is_transient(self) -> bool {
        self != FailureKind::Permanent
    }
}

/// A failed attempt, as it is journaled and shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// Stable code, `area.what`, such as `http.404` or `template.undefined`; each has a page in `docs/errors/`,
    /// where all `http.4xx` and `http.5xx` share one.
    pub code: String,
    /// One or more sentences for people; foreign text in it is cut and free of control characters.
    pub message: String,
    /// What is known about its effect.
    pub done: Done,
    /// Decides whether it is retried.
    pub kind: FailureKind,
    /// HTTP status, exit code's sibling for services.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// How long the service asked to wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<Millis>,
    /// What to type or do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// Bytes of the pinned workflow it is about, if narrower than the step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<(u32, u32)>,
}

impl Failure {
    /// A failure that repeating does not mend, and that had no effect.
    pub fn permanent(code: impl Into<String>, message: impl Into<String>) -> Failure {
        Failure {
            code: code.into(),
            message: message.into(),
            done: Done::NotDone,
            kind: FailureKind::Permanent,
            status: None,
            retry_after: None,
            help: None,
            span: None,
        }
    }

    /// A failure of this kind.
    pub fn of(
        kind: FailureKind,
        done: Done,
        code: impl Into<String>,
        message: impl Into<String>,
    ) -> Failure {
        Failure {
            done,
            kind,
            ..Failure::permanent(code, message)
        }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Failure {
        self.help = Some(help.into());
        self
    }

    /// Adds the place in the workflow.
    #[must_use]
    pub fn at(mut self, span: crate::source::Span) -> Failure {
        self.span = Some((span.start, span.end));
        self
    }
}
