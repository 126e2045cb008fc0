//! Which files a pattern means, and which version of each is there.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use flow_engine::value::Hash;
use glob::MatchOptions;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How many files one pattern may mean.
const FILES_MAX: usize = 10_000;
/// How deep folders are looked into.
const DEPTH_MAX: usize = 64;

/// A pattern of paths below the project folder.
pub(super) struct Pattern {
    text: String,
    glob: glob::Pattern,
    /// The folder in which everything lies that it can mean.
    pub(super) folder: PathBuf,
}

/// Tells one version of a file from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    pub(super) size: u64,
    /// When its content changed, and when anything about it did, in nanoseconds.
    modified: i128,
    changed: i128,
}

impl Stamp {
    fn of(metadata: &fs::Metadata) -> Stamp {
        let nanos =
            |seconds: i64, nanos: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
        Stamp {
            size: metadata.len(),
            modified: nanos(metadata.mtime(), metadata.mtime_nsec()),
            changed: nanos(metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

impl Pattern {
    /// Reads a pattern of a workflow.
    pub(super) fn parse(text: &str, project: &Path) -> Result<Pattern, String> {
        let glob = glob::Pattern::new(text)
            .map_err(|error| format!("[file.glob] `{text}` is not a pattern: {error}"))?;
        let mut parts: Vec<&str> = text.split('/').collect();
        // The last part is the name of a file, or of many.
        parts.pop();
        let fixed = parts
            .iter()
            .take_while(|part| !part.contains(['*', '?', '[']));
        let folder = fixed.fold(project.to_owned(), |folder, part| folder.join(part));
        Ok(Pattern {
            text: text.to_owned(),
            glob,
            folder,
        })
    }

    /// The regular files that it means now, by their paths below the project folder. Names that begin with a dot are left
    /// out, and links are not followed. Blocking.
    pub(super) fn files(&self, project: &Path) -> Result<BTreeMap<String, Stamp>, String> {
        let mut found = BTreeMap::new();
        // A link in the way would lead out of the project as well as one in it.
        let mut way = project.to_owned();
        for part in self.folder.strip_prefix(project).unwrap_or(Path::new("")) {
            way.push(part);
            match fs::symlink_metadata(&way) {
                Ok(there) if there.is_dir() => {}
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(unreadable(&way, &error));
                }
                _ => return Ok(found),
            }
        }
        let mut folders = vec![(self.folder.clone(), 0)];
        while let Some((folder, depth)) = folders.pop() {
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                // What goes while it is looked at is gone.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(unreadable(&folder, &error)),
            };
            for entry in entries {
                let entry = entry.map_err(|error| unreadable(&folder, &error))?;
                if entry.file_name().to_string_lossy().starts_with('.') {
                    continue;
                }
                let path = entry.path();
                let Ok(there) = fs::symlink_metadata(&path) else {
                    continue;
                };
                if there.is_dir() && depth < DEPTH_MAX {
                    folders.push((path, depth + 1));
                } else if there.is_file()
                    && let Some(name) = path.strip_prefix(project).ok().and_then(Path::to_str)
                    && self.means(name)
                {
                    found.insert(name.to_owned(), Stamp::of(&there));
                    if found.len() > FILES_MAX {
                        let text = &self.text;
                        return Err(format!(
                            "[file.too_many] `{text}` means more than {FILES_MAX} files: move files away once they are done"
                        ));
                    }
                }
            }
        }
        Ok(found)
    }

    fn means(&self, path: &str) -> bool {
        let options = MatchOptions {
            require_literal_separator: true,
            ..MatchOptions::default()
        };
        self.glob.matches_with(path, options)
    }
}

/// The SHA-256 of a file, in hex, if it is the same version before and after it was read. Blocking.
pub(super) fn hash(path: &Path, stamp: Stamp) -> io::Result<Option<String>> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => hash.update(&buffer[..read]),
        }
    }
    let after = Stamp::of(&fs::symlink_metadata(path)?);
    let read = Stamp::of(&file.metadata()?);
    let is_same = after == stamp && read == stamp;
    Ok(is_same.then(|| Hash::from_bytes(hash.finalize().into()).to_string()))
}

fn unreadable(path: &Path, error: &io::Error) -> String {
    format!("[file.unreadable] {}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_means_files_in_the_project_and_follows_no_link() {
        let folder = tempfile::tempdir().expect("a folder");
        let outside = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        for name in [
            "in/a.csv",
            "in/b.txt",
            "in/.c.csv",
            "in/deep/d.csv",
            "e.csv",
        ] {
            let path = root.join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, name).expect("written");
        }
        fs::write(outside.path().join("f.csv"), "f").expect("written");
        std::os::unix::fs::symlink(outside.path(), root.join("in/out")).expect("a link");
        std::os::unix::fs::symlink(outside.path().join("f.csv"), root.join("in/f.csv"))
            .expect("a link");
        std::os::unix::fs::symlink(outside.path(), root.join("away")).expect("a link");
        for (pattern, expected) in [
            ("in/*.csv", "in/a.csv"),
            ("in/**/*.csv", "in/a.csv in/deep/d.csv"),
            ("**/*.csv", "e.csv in/a.csv in/deep/d.csv"),
            ("in/a.csv", "in/a.csv"),
            ("in/?.txt", "in/b.txt"),
            ("away/*.csv", ""),
            ("nowhere/*", ""),
        ] {
            let pattern_of = Pattern::parse(pattern, root).expect(pattern);
            let files = pattern_of.files(root).expect(pattern);
            let files: Vec<String> = files.into_keys().collect();
            assert_eq!(files.join(" "), expected, "{pattern}");
        }
        assert!(Pattern::parse("in/[", root).is_err());
    }
}
