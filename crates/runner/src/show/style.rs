//! Colours that mean something: green is done, red is failed, yellow waits for a person, blue goes on, dim did not run.

use anstyle::AnsiColor;
pub(crate) use anstyle::Style;

pub(crate) const GREEN: Style = AnsiColor::Green.on_default();
pub(crate) const RED: Style = AnsiColor::Red.on_default().bold();
pub(crate) const YELLOW: Style = AnsiColor::Yellow.on_default();
pub(crate) const BLUE: Style = AnsiColor::Cyan.on_default();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const BOLD: Style = Style::new().bold();

/// A sign and a style for a status of a step or run.
pub(crate) fn of_status(status: &str) -> (&'static str, Style) {
    match status {
        "succeeded" => ("✓", GREEN),
        "failed" | "timed_out" => ("✗", RED),
        "interrupted" | "quarantined" => ("!", YELLOW),
        "cancelled" | "skipped" => ("-", DIM),
        "backoff" => ("↻", YELLOW),
        "held" | "waiting" => ("…", BLUE),
        _ => ("•", BLUE),
    }
}

/// Text in a style.
pub(crate) fn paint(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}
