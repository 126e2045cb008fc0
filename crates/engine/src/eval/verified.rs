//! A reader of stored content that tells at its end whether the content is still what was stored.

use std::fmt;
use std::io::{self, Read};

use sha2::{Digest, Sha256};

use crate::value::Hash;

/// Content under its hash: the read that meets the end fails with [`Changed`] if the bytes before it are others.
pub(super) struct Verified {
    content: Box<dyn Read + Send>,
    digest: Sha256,
    expected: Hash,
    ended: bool,
}

/// The content of a stored value is not the one that its name says.
#[derive(Debug)]
pub(super) struct Changed;

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("its content is not what was stored")
    }
}

impl std::error::Error for Changed {}

impl Changed {
    /// Whether an error says so.
    pub(super) fn is(error: &io::Error) -> bool {
        let inner = error.get_ref();
        inner
            .and_then(|inner| inner.downcast_ref::<Changed>())
            .is_some()
    }
}

impl Verified {
    pub(super) fn new(content: Box<dyn Read + Send>, expected: Hash) -> Verified {
        Verified {
            content,
            digest: Sha256::new(),
            expected,
            ended: false,
        }
    }
}

impl Read for Verified {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.content.read(buffer)?;
        if read > 0 {
            self.digest.update(&buffer[..read]);
        } else if !buffer.is_empty() && !self.ended {
            self.ended = true;
            let digest = std::mem::take(&mut self.digest);
            if Hash::from_bytes(digest.finalize().into()) != self.expected {
                return Err(io::Error::new(io::ErrorKind::InvalidData, Changed));
            }
        }
        Ok(read)
    }
}
