//! `flow plan`: what a run would do, call and cost.

use std::path::PathBuf;
use std::sync::Arc;

use flow_backend::virtual_world::memory::MemoryBlobs;
use flow_backend::virtual_world::rehearsal::{Harmless, Rehearsal};
use flow_engine::catalog::{Catalog, OperationKind};
use flow_engine::money::Costs;
use flow_engine::value::Value;
use flow_local::clock::now;
use flow_local::store::Store;

use super::given::Given;
use super::run::{checked, refused};
use super::{StoreArguments, print, print_json};
use crate::exit::{Exit, Trouble};
use crate::inputs;
use crate::services;
use crate::show::plan::{Shown, json, text};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The workflow file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    given: Given,
    /// Expect answers as long as those of earlier runs against the sandbox, not of real ones.
    #[arg(long)]
    sandbox: bool,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

/// Local connectors that only compute and tell.
const PURE: [&str; 4] = ["batches", "data", "log", "time"];

pub(super) async fn plan(arguments: &Arguments) -> Result<Exit, Trouble> {
    let folders = arguments.store.folders()?;
    let connectors = services::connectors(&folders.project)?;
    let Some(workflow) = checked(&arguments.file, &connectors)? else {
        return Ok(Exit::Invalid);
    };
    let workflow = Arc::new(workflow);
    let (given, errors) = arguments.given.inputs(&workflow);
    if !errors.is_empty() {
        return Err(refused(&workflow, &errors));
    }
    let event = arguments.given.event()?;
    if workflow.uses_trigger && event.is_none() {
        let message = "the workflow reads `trigger`, and a plan waits for none";
        let trouble = Trouble::new(Exit::Usage, "run.trigger", message);
        let help = "give the event by hand with `--event NAME=VALUE` or `--event-file FILE`";
        return Err(trouble.help(help));
    }
    let blobs = Arc::new(MemoryBlobs::default());
    let given = inputs::with_defaults(&workflow, &given);
    let given = inputs::store_files(&workflow, &given, &folders.project, &*blobs)?;
    let usual = match Store::reader(&folders.store)? {
        Some(reader) => reader.usual_costs(&workflow.name, arguments.sandbox)?,
        None => Costs::default(),
    };
    let rehearsal = Rehearsal {
        harmless: harmless(connectors.catalog()),
        others: Arc::new(connectors),
        folder: folders.project,
        now: now(),
        blobs,
    };
    let event = event.unwrap_or_else(|| Value::map::<&str>([]));
    let steps = rehearsal.plan(&workflow, Value::from(given), event).await;
    let shown = Shown::new(&workflow, steps, &usual);
    if arguments.json {
        print_json(&json(&shown));
    } else {
        print(&text(&shown));
    }
    Ok(Exit::Success)
}

/// What only computes, and what reads files of the project.
fn harmless(catalog: Catalog) -> Harmless {
    Arc::new(move |connector, operation| {
        let known = catalog.connectors.get(connector);
        let known = known.filter(|known| known.local);
        let reads = known.and_then(|known| known.operations.get(operation));
        let reads = reads.is_some_and(|known| known.kind == OperationKind::Query);
        known.is_some() && (PURE.contains(&connector) || connector == "file" && reads)
    })
}
