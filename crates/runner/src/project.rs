//! The project folder: all commands agree on it.

use std::path::{Path, PathBuf};

/// The nearest folder upwards from `from` with `.flow/` or `flow.toml`, else `from` itself.
pub(crate) fn folder(from: &Path) -> PathBuf {
    let is_project =
        |folder: &&Path| folder.join(".flow").is_dir() || folder.join("flow.toml").is_file();
    from.ancestors().find(is_project).unwrap_or(from).to_owned()
}

/// The store of a project, unless another was named.
pub(crate) fn store(project: &Path, named: Option<&Path>) -> PathBuf {
    named.map_or_else(|| project.join(".flow"), Path::to_owned)
}
