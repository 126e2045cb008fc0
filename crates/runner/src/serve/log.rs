//! What the daemon says of itself: one line each on stderr, as text or JSON.

use flow_local::clock::now;
use serde_json::{Map, Value};

use crate::show::style::{BOLD, DIM, GREEN, RED, Style, YELLOW, paint};

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// One JSON document a line.
    Json,
}

/// What a line means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// Something went on.
    Info,
    /// Something was done.
    Done,
    /// Something needs a look.
    Warning,
    /// Something failed.
    Error,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Level::Info | Level::Done => "info",
            Level::Warning => "warning",
            Level::Error => "error",
        }
    }

    fn style(self) -> Style {
        match self {
            Level::Info => Style::new(),
            Level::Done => GREEN,
            Level::Warning => YELLOW,
            Level::Error => RED,
        }
    }
}

/// Writes lines. One that cannot be written is lost: the daemon goes on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Log(pub(super) Format);

impl Log {
    /// Says something of a workflow, a trigger or the daemon itself (`about`).
    pub(super) fn say(self, level: Level, about: &str, message: &str) {
        self.say_of_run(level, about, None, message);
    }

    /// The same of a run.
    pub(super) fn say_of_run(self, level: Level, about: &str, run: Option<&str>, message: &str) {
        use std::io::Write;
        let at = now().to_string();
        let line = match self.0 {
            Format::Json => {
                let mut line = Map::new();
                line.insert("at".to_owned(), at.into());
                line.insert("level".to_owned(), level.word().into());
                line.insert("about".to_owned(), about.into());
                if let Some(run) = run {
                    line.insert("run".to_owned(), run.into());
                }
                line.insert("message".to_owned(), message.into());
                Value::from(line).to_string()
            }
            Format::Text => {
                let run = run.map(|run| format!("{} ", paint(DIM, run)));
                format!(
                    "{} {} {}{}",
                    paint(DIM, at),
                    paint(BOLD, about),
                    run.unwrap_or_default(),
                    paint(level.style(), message)
                )
            }
        };
        let _ = writeln!(anstream::stderr().lock(), "{line}");
    }
}
