//! How the process ends: documented exit codes, and what is said when a command cannot do its part.

use std::fmt;
use std::process::ExitCode;

/// The exit codes of `flow`. 1 is kept for bugs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Everything went well.
    Success = 0,
    /// A bug.
    Bug = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// Not valid before the start: the workflow, an input, a missing secret.
    Invalid = 3,
    /// The run failed or timed out.
    Failed = 4,
    /// The run was cancelled.
    Cancelled = 5,
    /// The run waits for a decision.
    Interrupted = 6,
    /// The store or the daemon is not available.
    Unavailable = 7,
    /// Stopped by Ctrl-C, nothing lost.
    Stopped = 130,
    /// Stopped by SIGTERM, nothing lost.
    Terminated = 143,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Why a command could not do its part.
#[derive(Debug)]
pub(crate) struct Trouble {
    pub(crate) exit: Exit,
    /// Stable code; empty if the findings were printed already.
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

impl Trouble {
    pub(crate) fn new(exit: Exit, code: impl Into<String>, message: impl Into<String>) -> Trouble {
        Trouble {
            exit,
            code: code.into(),
            message: message.into(),
            help: None,
        }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Trouble {
        self.help = Some(help.into());
        self
    }

    /// Everything was said already.
    pub(crate) fn said(exit: Exit) -> Trouble {
        Trouble::new(exit, "", "")
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<flow_local::store::StoreError> for Trouble {
    fn from(error: flow_local::store::StoreError) -> Trouble {
        Trouble::new(Exit::Unavailable, error.code(), error.to_string()).help(error.help())
    }
}

impl From<anyhow::Error> for Trouble {
    fn from(error: anyhow::Error) -> Trouble {
        Trouble::new(Exit::Bug, "internal.error", format!("{error:#}"))
            .help("this is a bug: please report it")
    }
}
