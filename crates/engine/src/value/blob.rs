//! Values that live in the blob store: what is known of them without reading them.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::View;

/// The SHA-256 of some bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; 32]);

impl Hash {
    /// The hash of these bytes.
    pub fn of(bytes: &[u8]) -> Hash {
        Hash(Sha256::digest(bytes).into())
    }

    /// A hash that was computed elsewhere.
    pub fn from_bytes(bytes: [u8; 32]) -> Hash {
        Hash(bytes)
    }

    /// Its 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads 64 hexadecimal digits; `None` for anything else.
    pub fn parse(text: &str) -> Option<Hash> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let high = (pair[0] as char).to_digit(16)?;
            let low = (pair[1] as char).to_digit(16)?;
            *byte = u8::try_from(high * 16 + low).ok()?;
        }
        Some(Hash(bytes))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A large value or a stream, by the hash of its content. Its facts can be used without reading it.
#[derive(Debug, Clone)]
pub struct Blob {
    /// SHA-256 of the content.
    pub hash: Hash,
    /// Length of the content in bytes.
    pub bytes: u64,
    /// Media type, such as `application/json`, [`Blob::JSON_LINES`] or `application/octet-stream`.
    pub media: Arc<str>,
    /// How many items, if it holds a list or JSON Lines and they were counted.
    pub count: Option<u64>,
    /// The members that reading an item adds to it; for one JSON value, those of the value itself.
    pub item_view: Option<Arc<View>>,
    /// Name of the file it came from, if it is an input of type `file`.
    pub name: Option<Arc<str>>,
}

impl Blob {
    /// Media type of JSON Lines: one JSON value a line.
    pub const JSON_LINES: &str = "application/x-ndjson";
    /// Media type of one JSON value.
    pub const JSON: &str = "application/json";

    /// A blob of which nothing but hash, length and media type is known.
    pub fn new(hash: Hash, bytes: u64, media: impl Into<Arc<str>>) -> Blob {
        Blob {
            hash,
            bytes,
            media: media.into(),
            count: None,
            item_view: None,
            name: None,
        }
    }

    /// Whether its content is one JSON value a line.
    pub fn is_json_lines(&self) -> bool {
        &*self.media == Blob::JSON_LINES
    }

    /// Whether its content is one JSON value.
    pub fn is_json(&self) -> bool {
        &*self.media == Blob::JSON
    }
}

impl PartialEq for Blob {
    fn eq(&self, other: &Blob) -> bool {
        self.hash == other.hash && self.media == other.media
    }
}
