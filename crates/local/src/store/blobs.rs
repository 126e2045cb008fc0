//! Blobs as files named by the hash of their content: written to a temporary name, synced, renamed.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use flow_backend::context::{BlobWriter, Blobs};
use flow_engine::eval::BlobRead;
use flow_engine::value::{Blob, Hash};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::identity::sync_folder;
use super::{StoreError, Swept};
use crate::faults;

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

    /// Every blob: its hash, its file. What is no blob is left out.
    pub(super) fn all(&self) -> io::Result<Vec<(Hash, PathBuf)>> {
        let mut found = Vec::new();
        for folder in fs::read_dir(&self.folder)? {
            let folder = folder?;
            let name = folder.file_name();
            let Some(begin) = name.to_str().filter(|name| name.len() == 2) else {
                continue;
            };
            for file in fs::read_dir(folder.path())? {
                let file = file?;
                let rest = file.file_name();
                let hash = rest
                    .to_str()
                    .and_then(|rest| Hash::parse(&format!("{begin}{rest}")));
                found.extend(hash.map(|hash| (hash, file.path())));
            }
        }
        Ok(found)
    }

    /// Removes every blob that is not in `kept` and was not written or asked for again within `young`.
    pub(super) fn sweep(&self, kept: &BTreeSet<Hash>, young: Duration) -> io::Result<Swept> {
        let mut swept = Swept::default();
        for (hash, path) in self.all()? {
            let found = path.metadata()?;
            let age = found.modified()?.elapsed().unwrap_or_default();
            if kept.contains(&hash) || age < young {
                continue;
            }
            faults::point("blob.delete.before");
            fs::remove_file(&path)?;
            faults::point("blob.delete.after");
            swept.blobs += 1;
            swept.bytes += found.len();
        }
        Ok(swept)
    }

    /// Copies a blob of another folder, checking its content; gives its length. Content that is another one is
    /// `InvalidData`, and is not kept.
    pub(super) fn take_from(&self, other: &BlobFolder, hash: Hash) -> io::Result<u64> {
        let mut from = File::open(other.path(hash))?;
        let mut writer = self.create()?;
        if copy_hashed(&mut from, &mut writer)? != hash {
            let message = "its content is another one";
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        writer.finish(Blob::JSON).map(|blob| blob.bytes)
    }

    /// Whether a blob is there and its content has its hash.
    ///
    /// # Errors
    /// As the system gives them; that it is not there is `NotFound`.
    pub fn is_whole(&self, hash: Hash) -> io::Result<bool> {
        let mut file = File::open(self.path(hash))?;
        copy_hashed(&mut file, &mut io::sink()).map(|found| found == hash)
    }

    /// The file of a blob, whether it is there or not.
    pub fn path(&self, hash: Hash) -> PathBuf {
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
        faults::point("blob.write.before");
        let file = NamedTempFile::new_in(self.folder.join("new"))?;
        Ok(Box::new(Writing {
            file,
            hash: Sha256::new(),
            bytes: 0,
            folder: self.folder.clone(),
        }))
    }
}

/// Copies to the end and gives the hash of what was copied.
pub(super) fn copy_hashed(from: &mut impl Read, to: &mut impl Write) -> io::Result<Hash> {
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return Ok(Hash::from_bytes(digest.finalize().into()));
        }
        digest.update(&buffer[..read]);
        to.write_all(&buffer[..read])?;
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
        // One that was cut is written again; one that is there becomes young again, so that no sweep takes it.
        if path.metadata().is_ok_and(|found| found.len() == bytes) {
            let now = std::time::SystemTime::now();
            let _ = File::open(&path).and_then(|file| file.set_modified(now));
            return Ok(blob);
        }
        faults::point("blob.sync.before");
        file.as_file().sync_all()?;
        faults::point("blob.sync.after");
        let parent = path.parent().expect("a blob lies in a folder");
        if !parent.is_dir() {
            fs::create_dir_all(parent)?;
            sync_folder(&blobs.folder)?;
        }
        faults::point("blob.rename.before");
        file.persist(&path).map_err(|error| error.error)?;
        faults::point("blob.rename.after");
        faults::point("blob.sync_folder.before");
        sync_folder(parent)?;
        faults::point("blob.sync_folder.after");
        Ok(blob)
    }
}
