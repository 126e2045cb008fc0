//! Writes a changed text back into its file: whole or not at all, with the permissions that the file had.

use std::io::Write;
use std::path::Path;

use similar::TextDiff;

use crate::exit::{Exit, Trouble};

/// Lines around a change that a diff shows.
const CONTEXT_LINES: usize = 3;

/// Replaces the content of a file. A link stays a link.
pub(crate) fn replace(path: &Path, text: &str) -> Result<(), Trouble> {
    write(path, text).map_err(|error| {
        let message = format!("{}: {error}", path.display());
        Trouble::new(Exit::Usage, "file.unwritable", message)
            .help("the file is as it was: check that it and its folder can be written")
    })
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let path = path.canonicalize()?;
    let permissions = std::fs::metadata(&path)?.permissions();
    if permissions.readonly() {
        return Err(std::io::ErrorKind::PermissionDenied.into());
    }
    let folder = path.parent().unwrap_or(Path::new("/"));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(permissions)?;
    file.as_file().sync_all()?;
    file.persist(&path).map_err(|error| error.error)?;
    Ok(())
}

/// What changes in a file, as a unified diff.
pub(crate) fn diff(name: &str, before: &str, after: &str) -> String {
    TextDiff::from_lines(before, after)
        .unified_diff()
        .context_radius(CONTEXT_LINES)
        .header(&format!("a/{name}"), &format!("b/{name}"))
        .to_string()
}
