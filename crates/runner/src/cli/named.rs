//! A workflow by its name.

use std::path::PathBuf;

use flow_engine::catalog::Catalog;

use super::Folders;
use crate::discover::{candidates, is_workflow};
use crate::exit::Trouble;
use crate::load;

/// The file of the workflow of this name in the project, or the names of those that are there.
pub(super) fn file_of(
    name: &str,
    folders: &Folders,
    catalog: &Catalog,
) -> Result<Result<PathBuf, Vec<String>>, Trouble> {
    let mut known = Vec::new();
    for candidate in candidates(&[], &folders.project)? {
        let Ok(source) = load::read(&candidate.path)? else {
            continue;
        };
        if !is_workflow(&source) {
            continue;
        }
        let Some(workflow) = load::check(&source, catalog, &load::DiskFiles).workflow else {
            continue;
        };
        if &*workflow.name == name {
            return Ok(Ok(candidate.path));
        }
        known.push(workflow.name.to_string());
    }
    Ok(Err(known))
}
