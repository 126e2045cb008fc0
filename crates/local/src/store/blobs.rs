//! Blobs as files named by the hash of their content: written to a temporary name, synced, renamed.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use flow_backend::context::{BlobWriter, Blobs};
use flow_engine::eval::BlobRead;
use flow_engine::value::{Blob, Hash};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::StoreError;

/// A folder of blobs, two levels deep.
#[derive(Debug)]
pub struct BlobFolder {
    folder: PathBuf,
}

impl BlobFolder {
    /// Opens a folder, making it if need be. What a killed process left half-written is removed.
    ///
    /// # Errors
    /// As the system gives them.
    pub fn open(folder: &Path) -> Result<BlobFolder, StoreError> {
        let temporary = folder.join("new");
        let open = || -> io::Result<()> {
            fs::create_dir_all(&temporary)?;
            for entry in fs::read_dir(&temporary)? {
                fs::remove_file(entry?.path())?;
            }
            Ok(())
        };
        open().map_err(|error| StoreError::io(folder, &error))?;
        Ok(BlobFolder {
            folder: folder.to_owned(),
        })
    }

    /// The blobs of a store, to be read beside whoever owns it: nothing is made and nothing is removed.
    pub fn reading(store: &Path) -> BlobFolder {
        BlobFolder {
            folder: store.join("blobs"),
        }
    }

    /// Stores bytes that are at hand.
    ///
    /// # Errors
    /// As the system gives them.
    pub fn put(&self, bytes: &[u8], media: &str) -> io::Result<Blob> {
        let mut writer = self.create()?;
        writer.write_all(bytes)?;
        writer.finish(media)
    }

    /// Reads a blob whole.
    ///
    /// # Errors
    /// As the system gives them.
    pub fn get(&self, hash: Hash) -> io::Result<Vec<u8>> {
        fs::read(self.path(hash))
    }

    fn path(&self, hash: Hash) -> PathBuf {
        let name = hash.to_string();
        self.folder.join(&name[..2]).join(&name[2..])
    }
}

impl BlobRead for BlobFolder {
    fn open(&self, hash: Hash) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(File::open(self.path(hash))?))
    }

    fn open_at(&self, hash: Hash, at: u64) -> io::Result<Box<dyn Read + Send>> {
        let mut file = File::open(self.path(hash))?;
        file.seek(SeekFrom::Start(at))?;
        Ok(Box::new(file))
    }
}

impl Blobs for BlobFolder {
    fn create(&self) -> io::Result<Box<dyn BlobWriter>> {
        let file = NamedTempFile::new_in(self.folder.join("new"))?;
        Ok(Box::new(Writing {
            file,
            hash: Sha256::new(),
            bytes: 0,
            folder: self.folder.clone(),
        }))
    }
}

struct Writing {
    file: NamedTempFile,
    hash: Sha256,
    bytes: u64,
    folder: PathBuf,
}

impl Write for Writing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl BlobWriter for Writing {
    fn finish(self: Box<Self>, media: &str) -> io::Result<Blob> {
        let Writing {
            file,
            hash,
            bytes,
            folder,
        } = *self;
        let hash = Hash::from_bytes(hash.finalize().into());
        let blobs = BlobFolder { folder };
        let path = blobs.path(hash);
        let blob = Blob::new(hash, bytes, media);
        if path.exists() {
            return Ok(blob);
        }
        file.as_file().sync_all()?;
        let parent = path.parent().expect("a blob lies in a folder");
        if !parent.is_dir() {
            fs::create_dir_all(parent)?;
            File::open(&blobs.folder)?.sync_all()?;
        }
        file.persist(&path).map_err(|error| error.error)?;
        File::open(parent)?.sync_all()?;
        Ok(blob)
    }
}
