//! The project folder as steps see it: paths below it, opened relative to it, so that no link leads out of it.
//!
//! `.flow/` is never opened; `flow.toml` and `connectors/` are never written. Files are made with mode 0600, folders
//! with 0700. A path is relative, made of names, without `..`.

use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, DirBuilder, DirBuilderExt, File, OpenOptions, OpenOptionsExt};
use flow_backend::context::{Blobs, StepContext};
use flow_engine::run::Failure;
use flow_engine::value::Blob;

use crate::request::multipart::media_of;
use crate::request::store;

/// How many entries one listing may have.
pub(crate) const ENTRIES_MAX: usize = 100_000;

/// The open project folder.
pub(crate) struct Project {
    dir: Dir,
}

/// What may be done with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

impl Project {
    /// Opens it.
    pub(crate) fn open(context: &StepContext) -> Result<Project, Failure> {
        let dir = Dir::open_ambient_dir(&*context.project, ambient_authority())
            .map_err(|error| failure(".", &error))?;
        Ok(Project { dir })
    }

    /// The path as it is opened: checked, and where its links lead checked too.
    pub(crate) fn path<'p>(&self, path: &'p str, access: Access) -> Result<&'p str, Failure> {
        let clean = clean(path)?;
        protect(clean, clean, access)?;
        // Where its existing part leads in truth.
        let mut existing = Some(Path::new(clean));
        while let Some(part) = existing.filter(|part| !part.as_os_str().is_empty()) {
            match self.dir.canonicalize(part) {
                Ok(real) => {
                    let rest = Path::new(clean).strip_prefix(part).unwrap_or(Path::new(""));
                    let real = if rest.as_os_str().is_empty() {
                        real
                    } else {
                        real.join(rest)
                    };
                    protect(clean, &real.to_string_lossy(), access)?;
                    break;
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => existing = part.parent(),
                Err(error) => return Err(failure(clean, &error)),
            }
        }
        Ok(clean)
    }

    /// Opens a regular file for reading, and gives its length.
    pub(crate) fn read(&self, path: &str) -> Result<(File, u64), Failure> {
        let path = self.path(path, Access::Read)?;
        // Looked at before it is opened: opening a pipe would wait for its writer.
        let before = self
            .dir
            .metadata(path)
            .map_err(|error| failure(path, &error))?;
        if !before.is_file() {
            return Err(not_regular(path));
        }
        let file = self.dir.open(path).map_err(|error| failure(path, &error))?;
        let metadata = file.metadata().map_err(|error| failure(path, &error))?;
        if !metadata.is_file() {
            return Err(not_regular(path));
        }
        Ok((file, metadata.len()))
    }

    /// Copies a file into the store.
    pub(crate) fn store(&self, path: &str, blobs: &dyn Blobs) -> Result<Blob, Failure> {
        let (mut file, _) = self.read(path)?;
        let name = path.rsplit('/').next().unwrap_or(path);
        let mut blob = store(blobs, media_of(name), |out| {
            io::copy(&mut file, out).map(|_| ())
        })?;
        blob.name = Some(name.into());
        Ok(blob)
    }

    /// Reads a file whole, up to `limit` bytes.
    pub(crate) fn read_whole(&self, path: &str, limit: u64) -> Result<Vec<u8>, Failure> {
        let (file, _) = self.read(path)?;
        let mut bytes = Vec::new();
        file.take(limit + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| failure(path, &error))?;
        if bytes.len() as u64 > limit {
            let message = format!("`{path}` is longer than {limit} bytes");
            return Err(Failure::permanent("value.too_large", message));
        }
        Ok(bytes)
    }

    /// Replaces a file as a whole: what `write` writes is there in full, or what was there before is.
    pub(crate) fn replace(
        &self,
        path: &str,
        write: impl FnOnce(&mut File) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let path = self.path(path, Access::Write)?;
        let (folder, name) = self.parent(path)?;
        if folder
            .symlink_metadata(name)
            .is_ok_and(|metadata| !metadata.is_file() && !metadata.is_symlink())
        {
            return Err(not_regular(path));
        }
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let temporary = format!(".flow-{}-{number}.tmp", std::process::id());
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut file = folder
            .open_with(&temporary, &options)
            .map_err(|error| failure(path, &error))?;
        let written = write(&mut file).and_then(|()| {
            file.sync_all()
                .and_then(|()| folder.rename(&temporary, &folder, name))
                .and_then(|()| sync_folder(&folder))
                .map_err(|error| failure(path, &error))
        });
        if written.is_err() {
            drop(folder.remove_file(&temporary));
        }
        written
    }

    /// Opens a file to write at its end; it is made if it is not there.
    pub(crate) fn append(&self, path: &str) -> Result<File, Failure> {
        let path = self.path(path, Access::Write)?;
        let (folder, name) = self.parent(path)?;
        if folder
            .metadata(name)
            .is_ok_and(|metadata| !metadata.is_file())
        {
            return Err(not_regular(path));
        }
        let mut options = OpenOptions::new();
        options.append(true).create(true).mode(0o600);
        folder
            .open_with(name, &options)
            .map_err(|error| failure(path, &error))
    }

    /// Moves a file; the target is replaced.
    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<(), Failure> {
        let from = self.path(from, Access::Write)?;
        let to = self.path(to, Access::Write)?;
        self.read(from)?;
        let (folder, name) = self.parent(to)?;
        self.dir
            .rename(from, &folder, name)
            .and_then(|()| sync_folder(&folder))
            .map_err(|error| failure(from, &error))
    }

    /// Deletes a file; says whether it was there.
    pub(crate) fn delete(&self, path: &str) -> Result<bool, Failure> {
        let path = self.path(path, Access::Write)?;
        match self.dir.symlink_metadata(path) {
            Ok(metadata) if metadata.is_dir() => return Err(not_regular(path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            _ => {}
        }
        match self.dir.remove_file(path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(failure(path, &error)),
        }
    }

    /// What a path is, following links; `None` if nothing is there.
    pub(crate) fn metadata(&self, path: &str) -> Result<Option<cap_std::fs::Metadata>, Failure> {
        let path = self.path(path, Access::Read)?;
        match self.dir.metadata(path) {
            Ok(metadata) => Ok(Some(metadata)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failure(path, &error)),
        }
    }

    /// Paths of all regular files below a folder (the project's own for an empty path), sorted; names that begin with a
    /// dot are left out, and links to folders are not entered.
    pub(crate) fn files_below(&self, folder: &str) -> Result<Vec<String>, Failure> {
        let mut files = Vec::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            let entries = if folder.is_empty() {
                self.dir.entries()
            } else {
                self.dir.read_dir(self.path(&folder, Access::Read)?)
            };
            for entry in entries.map_err(|error| failure(&folder, &error))? {
                let entry = entry.map_err(|error| failure(&folder, &error))?;
                let Ok(name) = entry.file_name().into_string() else {
                    continue;
                };
                if name.starts_with('.') {
                    continue;
                }
                let path = if folder.is_empty() {
                    name
                } else {
                    format!("{folder}/{name}")
                };
                let kind = entry.file_type().map_err(|error| failure(&path, &error))?;
                let is_file = kind.is_file()
                    || kind.is_symlink()
                        && self.dir.metadata(&path).is_ok_and(|found| found.is_file());
                if kind.is_dir() {
                    folders.push(path);
                } else if is_file {
                    files.push(path);
                }
                if files.len() + folders.len() > ENTRIES_MAX {
                    let message = format!("`{folder}` has more than {ENTRIES_MAX} entries");
                    return Err(Failure::permanent("file.too_many", message));
                }
            }
        }
        files.sort_unstable();
        Ok(files)
    }

    /// The folder of a path, made if it is not there, and the name in it.
    fn parent<'p>(&self, path: &'p str) -> Result<(Dir, &'p str), Failure> {
        let (folder, name) = path.rsplit_once('/').unwrap_or((".", path));
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        self.dir
            .create_dir_with(folder, &builder)
            .map_err(|error| failure(path, &error))?;
        let folder = self
            .dir
            .open_dir(folder)
            .map_err(|error| failure(path, &error))?;
        Ok((folder, name))
    }
}

fn sync_folder(folder: &Dir) -> io::Result<()> {
    // Not the handle itself: it is opened for finding paths only, and cannot be synced.
    folder.open(".")?.sync_all()
}

/// The path without `./` in front.
fn clean(path: &str) -> Result<&str, Failure> {
    let refused = |why: &str| {
        let message = format!("the path {path:?} {why}");
        Err(Failure::permanent("file.outside_root", message)
            .help("a path is relative to the project folder, and made of names without `..`"))
    };
    let mut rest = path;
    while let Some(shorter) = rest.strip_prefix("./") {
        rest = shorter;
    }
    if rest.is_empty() || rest == "." {
        return refused("names no file");
    }
    if rest.starts_with('/') || rest.contains('\\') || rest.contains('\0') {
        return refused("is not relative, or has a letter that paths cannot have");
    }
    if rest.ends_with('/')
        || rest
            .split('/')
            .any(|name| name.is_empty() || name == "." || name == "..")
    {
        return refused("leads elsewhere, or is not made of names");
    }
    if rest.split('/').any(|name| name.len() > 255) {
        return refused("has a name of more than 255 bytes");
    }
    Ok(rest)
}

fn protect(shown: &str, path: &str, access: Access) -> Result<(), Failure> {
    let first = path
        .trim_start_matches("./")
        .split('/')
        .next()
        .unwrap_or_default();
    let is_own = first == ".flow"
        || access == Access::Write
            && (first == "connectors" || path.trim_start_matches("./") == "flow.toml");
    if is_own {
        let message = format!("`{shown}` belongs to flow itself and is not for steps");
        return Err(Failure::permanent("file.protected", message));
    }
    Ok(())
}

fn not_regular(path: &str) -> Failure {
    Failure::permanent(
        "file.not_regular",
        format!("`{path}` is not a regular file"),
    )
}

/// What an error of the system means.
pub(crate) fn failure(path: &str, error: &io::Error) -> Failure {
    let code = match error.kind() {
        io::ErrorKind::NotFound => "file.not_found",
        // Leaving the folder is refused by the library, not by the system.
        io::ErrorKind::PermissionDenied if error.raw_os_error().is_none() => "file.outside_root",
        io::ErrorKind::PermissionDenied => "file.denied",
        io::ErrorKind::IsADirectory | io::ErrorKind::NotADirectory => "file.not_regular",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "file.no_space",
        _ => "file.io",
    };
    Failure::permanent(code, format!("`{path}`: {error}"))
}
