//! `flow graph`: the DAG as text.

use std::path::PathBuf;

use super::{StoreArguments, print};
use crate::exit::{Exit, Trouble};
use crate::load;
use crate::services;
use crate::show::{diagnostics, graph};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The workflow file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How to draw it.
    #[arg(long, value_enum, default_value = "tree")]
    format: Format,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Format {
    /// Lines for a terminal.
    Tree,
    /// A Mermaid flowchart.
    Mermaid,
    /// A Graphviz graph.
    Dot,
}

pub(super) fn graph(arguments: &Arguments) -> Result<Exit, Trouble> {
    let folders = arguments.store.folders()?;
    let catalog = services::connectors(&folders.project)?.catalog();
    let checked = load::check_file(&arguments.file, &catalog)?;
    let Some(workflow) = checked.workflow else {
        diagnostics::print(&checked.source, &checked.findings);
        return Ok(Exit::Invalid);
    };
    print(&match arguments.format {
        Format::Tree => graph::tree(&workflow),
        Format::Mermaid => graph::mermaid(&workflow),
        Format::Dot => graph::dot(&workflow),
    });
    Ok(Exit::Success)
}
