//! `flow schema`: a JSON Schema for editors.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use flow_engine::schema;

use super::{StoreArguments, print};
use crate::exit::{Exit, Trouble};
use crate::services;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Write it to a file; the folder is made if it is not there.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    store: StoreArguments,
}

pub(super) fn schema(arguments: &Arguments) -> Result<Exit, Trouble> {
    let folders = arguments.store.folders()?;
    let schema = schema::workflow(&services::connectors(&folders.project)?.catalog());
    let text = format!(
        "{}\n",
        serde_json::to_string_pretty(&schema).unwrap_or_default()
    );
    let Some(path) = &arguments.output else {
        print(&text);
        return Ok(Exit::Success);
    };
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    folder
        .map_or(Ok(()), make)
        .and_then(|()| std::fs::write(path, text))
        .map_err(|error| {
            Trouble::new(
                Exit::Usage,
                "file.io",
                format!("{}: {error}", path.display()),
            )
            .help("name a file that can be written, such as `.flow/workflow.schema.json`")
        })?;
    Ok(Exit::Success)
}

/// Makes a folder as the store makes its own: for nobody else.
fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}
