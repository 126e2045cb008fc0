//! What is known of one request of a batch without reading it: 32 bytes in the batch's index.

use std::fs;
use std::io;
use std::path::Path;

use sha2::{Digest, Sha256};

/// How a request ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Succeeded,
    /// Its `params` were bad.
    Invalid,
    /// Drawn: `overloaded_error`.
    Overloaded,
    /// Drawn: `api_error`.
    Failed,
    /// Drawn.
    Expired,
    /// Its batch was canceled before its turn. Never stored.
    Canceled,
}

/// One request: where it is stored, when its turn comes, and how it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Where its result stands among the others; entries are stored in this order.
    pub(crate) order: u64,
    /// Where its line begins in `requests.jsonl`.
    pub(crate) offset: u64,
    /// The bytes of its line, without the line feed.
    pub(crate) length: u32,
    /// When its turn comes, as a part of 2^32 of the batch's time.
    pub(crate) turn: u32,
    pub(crate) outcome: Outcome,
}

const SIZE: usize = 32;

impl Entry {
    /// Draws order, turn and outcome from a hash of batch and `custom_id`.
    ///
    /// `valid` says whether its `params` are good: bad ones always end as invalid.
    pub(crate) fn draw(
        seed: &str,
        custom_id: &str,
        valid: bool,
        errored_share: f64,
        expired_share: f64,
    ) -> Entry {
        let digest = digest(seed, custom_id);
        let word = |at: usize| {
            u32::from_be_bytes(
                digest[at..at + 4]
                    .try_into()
                    .expect("a digest has 32 bytes"),
            )
        };
        let drawn = f64::from(word(12)) / 2f64.powi(32);
        let outcome = match () {
            () if !valid => Outcome::Invalid,
            () if drawn < errored_share && digest[16].is_multiple_of(2) => Outcome::Overloaded,
            () if drawn < errored_share => Outcome::Failed,
            () if drawn < errored_share + expired_share => Outcome::Expired,
            () => Outcome::Succeeded,
        };
        let order = u64::from(word(0)) << 32 | u64::from(word(4));
        Entry {
            order,
            offset: 0,
            length: 0,
            turn: word(8),
            outcome,
        }
    }

    fn to_bytes(self) -> [u8; SIZE] {
        let mut bytes = [0; SIZE];
        bytes[..8].copy_from_slice(&self.order.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.offset.to_be_bytes());
        bytes[16..20].copy_from_slice(&self.length.to_be_bytes());
        bytes[20..24].copy_from_slice(&self.turn.to_be_bytes());
        bytes[24] = match self.outcome {
            Outcome::Succeeded => 0,
            Outcome::Invalid => 1,
            Outcome::Overloaded => 2,
            Outcome::Failed => 3,
            Outcome::Expired => 4,
            Outcome::Canceled => 5,
        };
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Entry> {
        let long = |at: usize| Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        let short = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let outcome = match bytes.get(24)? {
            0 => Outcome::Succeeded,
            1 => Outcome::Invalid,
            2 => Outcome::Overloaded,
            3 => Outcome::Failed,
            4 => Outcome::Expired,
            _ => return None,
        };
        Some(Entry {
            order: long(0)?,
            offset: long(8)?,
            length: short(16)?,
            turn: short(20)?,
            outcome,
        })
    }
}

/// The hash that all draws for a request are taken from.
pub(crate) fn digest(seed: &str, custom_id: &str) -> [u8; 32] {
    Sha256::new()
        .chain_update(seed)
        .chain_update([0])
        .chain_update(custom_id)
        .finalize()
        .into()
}

/// The entries as bytes, in the order of their results.
pub(crate) fn encode(mut entries: Vec<Entry>) -> Vec<u8> {
    entries.sort_unstable_by_key(|entry| (entry.order, entry.offset));
    entries.iter().flat_map(|entry| entry.to_bytes()).collect()
}

/// Reads what [`encode`] made.
pub(crate) fn read(path: &Path) -> io::Result<Vec<Entry>> {
    let bytes = fs::read(path)?;
    let damaged = || {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("`{}` is damaged", path.display()),
        )
    };
    bytes
        .chunks(SIZE)
        .map(|bytes| Entry::from_bytes(bytes).ok_or_else(damaged))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_survive_their_encoding() {
        let entries: Vec<Entry> = (0..50)
            .map(|at| Entry {
                offset: at * 10,
                length: 9,
                ..Entry::draw("seed", &format!("c{at}"), at % 7 != 0, 0.3, 0.3)
            })
            .collect();
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("index");
        fs::write(&path, encode(entries.clone())).expect("written");
        let mut back = read(&path).expect("read");
        assert!(back.is_sorted_by_key(|entry| entry.order));
        back.sort_by_key(|entry| entry.offset);
        assert_eq!(back, entries);
    }

    #[test]
    fn shares_are_kept() {
        let drawn: Vec<Outcome> = (0..10_000)
            .map(|at| Entry::draw("s", &at.to_string(), true, 0.2, 0.1).outcome)
            .collect();
        let count = |wanted: &[Outcome]| {
            drawn
                .iter()
                .filter(|outcome| wanted.contains(outcome))
                .count()
        };
        assert!((1_800..2_200).contains(&count(&[Outcome::Overloaded, Outcome::Failed])));
        assert!((850..1_150).contains(&count(&[Outcome::Expired])));
    }
}
