//! Blobs in memory.

use std::collections::HashMap;
use std::io::{self, Cursor, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use flow_engine::eval::BlobRead;
use flow_engine::value::{Blob, Hash};

use crate::context::{BlobWriter, Blobs};

type Contents = Arc<Mutex<HashMap<Hash, Arc<[u8]>>>>;

/// A blob store that lives as long as its world.
#[derive(Debug, Default)]
pub struct MemoryBlobs {
    contents: Contents,
}

impl MemoryBlobs {
    /// Stores bytes that are at hand.
    pub fn put(&self, bytes: &[u8], media: &str) -> Blob {
        store(&self.contents, bytes, media)
    }
}

fn store(contents: &Contents, bytes: &[u8], media: &str) -> Blob {
    let hash = Hash::of(bytes);
    contents
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(hash, bytes.into());
    Blob::new(hash, bytes.len() as u64, media)
}

impl BlobRead for MemoryBlobs {
    fn open(&self, hash: Hash) -> io::Result<Box<dyn Read + Send>> {
        let contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = contents
            .get(&hash)
            .cloned()
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        Ok(Box::new(Cursor::new(bytes)))
    }
}

impl Blobs for MemoryBlobs {
    fn create(&self) -> io::Result<Box<dyn BlobWriter>> {
        Ok(Box::new(Writing {
            bytes: Vec::new(),
            contents: self.contents.clone(),
        }))
    }
}

struct Writing {
    bytes: Vec<u8>,
    contents: Contents,
}

impl Write for Writing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl BlobWriter for Writing {
    fn finish(self: Box<Self>, media: &str) -> io::Result<Blob> {
        Ok(store(&self.contents, &self.bytes, media))
    }
}
