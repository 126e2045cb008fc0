//! Texts as data and data as texts: JSON, JSON Lines, CSV, YAML.

mod csv_text;
mod read;
mod write;

pub(super) use read::{parse, parse_from};
pub(super) use write::{to_text, write};

use super::LocalCall;

/// How a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Text,
    Json,
    JsonLines,
    Csv,
    Yaml,
    Bytes,
}

impl Format {
    /// By its word.
    pub(super) fn named(word: &str) -> Option<Format> {
        Some(match word {
            "text" => Format::Text,
            "json" => Format::Json,
            "jsonl" => Format::JsonLines,
            "csv" => Format::Csv,
            "yaml" => Format::Yaml,
            "bytes" => Format::Bytes,
            _ => return None,
        })
    }

    /// By the end of a path.
    pub(super) fn of_path(path: &str) -> Option<Format> {
        let (_, end) = path.rsplit_once('.')?;
        Some(match end.to_ascii_lowercase().as_str() {
            "json" => Format::Json,
            "jsonl" | "ndjson" => Format::JsonLines,
            "csv" => Format::Csv,
            "yaml" | "yml" => Format::Yaml,
            "txt" | "md" | "log" | "html" => Format::Text,
            _ => return None,
        })
    }

    /// The call's `format`, which its type has checked.
    pub(super) fn of_call(call: &LocalCall) -> Format {
        Format::named(call.text("format")).unwrap_or(Format::Text)
    }
}
