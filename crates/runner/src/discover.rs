//! Which files are meant: those named, and the workflows in the folders named.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use flow_engine::source::SourceFile;
use flow_engine::yaml::{self, NodeKind};

use crate::exit::{Exit, Trouble};

/// Folders that hold no workflows; hidden ones (`.flow` among them) are left out too.
const SKIPPED_FOLDERS: [&str; 3] = ["connectors", "node_modules", "target"];
/// How deep folders are looked through: more is a mistake, or a file system that leads back into itself.
const DEPTH_MAX: usize = 64;
/// How many files one command takes.
const FILES_MAX: usize = 100_000;

/// A file to look at.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) path: PathBuf,
    /// Whether it was typed, and not found in a folder.
    pub(crate) named: bool,
}

/// The files behind the paths, each once; with no path those of the project folder.
pub(crate) fn candidates(paths: &[PathBuf], project: &Path) -> Result<Vec<Candidate>, Trouble> {
    let mut walk = Walk::default();
    if paths.is_empty() {
        let here = std::env::current_dir().is_ok_and(|here| here == project);
        let folder = if here { Path::new(".") } else { project };
        walk.folder(folder, 0)?;
    }
    for path in paths {
        if path.is_dir() {
            walk.folder(path, 0)?;
        } else {
            walk.add(path.clone(), true)?;
        }
    }
    if walk.found.is_empty() {
        let trouble = Trouble::new(
            Exit::Usage,
            "load.no_files",
            "there is no `.yml` or `.yaml` file in the folders named",
        );
        return Err(trouble.help("name a file, or a folder with workflows"));
    }
    Ok(walk.found)
}

#[derive(Default)]
struct Walk {
    found: Vec<Candidate>,
    seen: HashSet<PathBuf>,
}

impl Walk {
    fn add(&mut self, path: PathBuf, named: bool) -> Result<(), Trouble> {
        let identity = path.canonicalize().unwrap_or_else(|_| path.clone());
        if self.seen.insert(identity) {
            self.found.push(Candidate { path, named });
        }
        if self.found.len() > FILES_MAX {
            let message = format!("more than {FILES_MAX} files are named");
            return Err(Trouble::new(Exit::Usage, "load.too_many_files", message)
                .help("name fewer folders"));
        }
        Ok(())
    }

    fn folder(&mut self, folder: &Path, depth: usize) -> Result<(), Trouble> {
        let unreadable = |error: std::io::Error| {
            let message = format!("{}: {error}", folder.display());
            Trouble::new(Exit::Usage, "file.unreadable", message)
        };
        let mut entries = std::fs::read_dir(folder)
            .map_err(unreadable)?
            .collect::<Result<Vec<_>, _>>()
            .map_err(unreadable)?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let path = match folder.to_str() {
                Some(".") => PathBuf::from(entry.file_name()),
                _ => entry.path(),
            };
            let kind = entry.file_type().map_err(unreadable)?;
            if name.starts_with('.') {
                continue;
            }
            // A link to a folder is not followed: it may lead back here.
            if kind.is_dir() {
                if depth < DEPTH_MAX && !is_skipped_folder(&entry.file_name()) {
                    self.folder(&path, depth + 1)?;
                }
            } else if path.is_file() && has_extension(&path) {
                self.add(path, false)?;
            }
        }
        Ok(())
    }
}

/// Whether workflows are not looked for in folders of this name.
pub(crate) fn is_skipped_folder(name: &std::ffi::OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with('.') || SKIPPED_FOLDERS.contains(&&*name)
}

fn has_extension(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "yml" || extension == "yaml")
}

/// Whether a file that nobody named is taken for a workflow: `steps` or `flow` is a key at its top level. A text that
/// is not YAML is one if a line begins with such a key.
pub(crate) fn is_workflow(source: &SourceFile) -> bool {
    let key = |line: &str| {
        ["steps:", "flow:"]
            .iter()
            .any(|key| line.strip_prefix(key).is_some_and(blank_or_end))
    };
    if source.text().lines().any(key) {
        return true;
    }
    match yaml::read(source).0.kind {
        NodeKind::Map(entries) => entries
            .iter()
            .any(|entry| matches!(&*entry.key, "steps" | "flow")),
        _ => false,
    }
}

fn blank_or_end(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with([' ', '\t', '\r'])
}
