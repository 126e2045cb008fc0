//! An event as it is stored: numbered, dated, checked.

use sha2::{Digest, Sha256};

use super::Event;
use crate::time::Timestamp;

/// The format that is written.
pub const FORMAT: u32 = 3;

/// One row of a run's journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Position in the run, from 1, without gaps.
    pub seq: u64,
    /// Format of the body.
    pub format: u32,
    /// When it was decided.
    pub at: Timestamp,
    /// The event's name.
    pub kind: String,
    /// The event as JSON.
    pub body: String,
    /// The first eight bytes of SHA-256 over seq, format, time, kind and body.
    pub checksum: i64,
}

/// Why a row cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// A byte of it was changed.
    #[error("row {seq} of the journal does not match its checksum")]
    Checksum {
        /// Its position.
        seq: u64,
    },
    /// It was written by a newer program.
    #[error(
        "row {seq} of the journal has format {format}; this program reads formats up to {FORMAT}"
    )]
    Format {
        /// Its position.
        seq: u64,
        /// Its format.
        format: u32,
    },
    /// It is not an event of its format.
    #[error("row {seq} of the journal is no `{kind}` event: {message}")]
    Body {
        /// Its position.
        seq: u64,
        /// Its name.
        kind: String,
        /// What is wrong.
        message: String,
    },
}

impl Row {
    /// Writes an event.
    pub fn new(seq: u64, at: Timestamp, event: &Event) -> Row {
        let kind = event.kind().to_owned();
        let body = event.to_body();
        let checksum = checksum(seq, FORMAT, at, &kind, &body);
        Row {
            seq,
            format: FORMAT,
            at,
            kind,
            body,
            checksum,
        }
    }

    /// Reads the event.
    ///
    /// # Errors
    /// [`RowError`] if the row was changed or is not of a format that this program reads.
    pub fn event(&self) -> Result<Event, RowError> {
        if checksum(self.seq, self.format, self.at, &self.kind, &self.body) != self.checksum {
            return Err(RowError::Checksum { seq: self.seq });
        }
        if !(1..=FORMAT).contains(&self.format) {
            return Err(RowError::Format {
                seq: self.seq,
                format: self.format,
            });
        }
        Event::from_body(&self.kind, &self.body).map_err(|message| RowError::Body {
            seq: self.seq,
            kind: self.kind.clone(),
            message,
        })
    }
}

fn checksum(seq: u64, format: u32, at: Timestamp, kind: &str, body: &str) -> i64 {
    let mut hash = Sha256::new();
    hash.update(seq.to_be_bytes());
    hash.update(format.to_be_bytes());
    hash.update(at.0.to_be_bytes());
    hash.update(kind.as_bytes());
    hash.update([0]);
    hash.update(body.as_bytes());
    let digest = hash.finalize();
    i64::from_be_bytes(digest[..8].try_into().expect("a digest has 32 bytes"))
}
