//! Lines that are written together: a run that tells a lot costs one write for all that has come.

use std::io::Write;

use anstream::{AutoStream, ColorChoice, adapter::strip_str};

/// Lines for one of the two streams of the process, kept until [`Lines::flush`].
pub(crate) struct Lines<W> {
    stream: W,
    text: String,
    colors: bool,
}

impl Lines<std::io::Stderr> {
    /// For people.
    pub(crate) fn stderr() -> Self {
        let stream = std::io::stderr();
        let colors = AutoStream::choice(&stream) != ColorChoice::Never;
        Lines {
            stream,
            text: String::new(),
            colors,
        }
    }
}

impl Lines<std::io::Stdout> {
    /// For programs.
    pub(crate) fn stdout() -> Self {
        Lines {
            stream: std::io::stdout(),
            text: String::new(),
            colors: false,
        }
    }
}

impl<W: Write> Lines<W> {
    /// Adds a line.
    pub(crate) fn add(&mut self, line: &str) {
        if self.colors {
            self.text.push_str(line);
        } else {
            self.text.extend(strip_str(line));
        }
        self.text.push('\n');
    }

    /// Writes what has come. A reader that has seen enough is no fault.
    pub(crate) fn flush(&mut self) {
        if self.text.is_empty() {
            return;
        }
        let written = self.stream.write_all(self.text.as_bytes());
        let _ = written.and_then(|()| self.stream.flush());
        self.text.clear();
    }
}
