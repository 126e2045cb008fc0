//! `flow schema`: a JSON Schema for editors.

use std::io;
use std::path::{Path, PathBuf};

use flow_connector::descriptor;
use flow_engine::schema;
use flow_local::store::private_folder;

use super::{StoreArguments, print};
use crate::exit::{Exit, Trouble};
use crate::services;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The schema of workflow files, with the operations of all connectors: what is printed if nothing is said.
    #[arg(long)]
    workflow: bool,
    /// The schema of descriptors, the documents in `connectors/`.
    #[arg(long, conflicts_with = "workflow")]
    connector: bool,
    /// Write it to a file; the folder is made if it is not there.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    store: StoreArguments,
}

pub(super) fn schema(arguments: &Arguments) -> Result<Exit, Trouble> {
    let folders = arguments.store.folders()?;
    let schema = if arguments.connector {
        descriptor::schema()
    } else {
        schema::workflow(&services::connectors(&folders.project)?.catalog())
    };
    let text = format!(
        "{}\n",
        serde_json::to_string_pretty(&schema).unwrap_or_default()
    );
    let Some(path) = &arguments.output else {
        print(&text);
        return Ok(Exit::Success);
    };
    make_folder(path, &folders.store)?;
    std::fs::write(path, text).map_err(|error| unwritable(path, &error))?;
    Ok(Exit::Success)
}

/// Makes the folder that the file lies in, if there is none. The store's own is made as the store makes it.
fn make_folder(path: &Path, store: &Path) -> Result<(), Trouble> {
    let full = std::path::absolute(path).map_err(|error| unwritable(path, &error))?;
    match full.parent() {
        Some(folder) if folder == store => Ok(private_folder(store)?),
        Some(folder) => std::fs::create_dir_all(folder).map_err(|error| unwritable(path, &error)),
        None => Ok(()),
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Trouble {
    let message = format!("{}: {error}", path.display());
    Trouble::new(Exit::Usage, "file.io", message)
        .help("name a file that can be written, such as `.flow/workflow.schema.json`")
}
