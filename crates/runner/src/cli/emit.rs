//! `flow emit`: says that something happened.

use std::path::PathBuf;

use super::{StoreArguments, print_json};
use crate::exit::{Exit, Trouble};
use crate::host::Backend;
use crate::host::order::Emit;
use crate::inputs;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The event's name, such as report.ready.
    #[arg(value_name = "NAME")]
    event: String,
    /// Members of what belongs to it, as name=value; text that is JSON keeps its type.
    #[arg(value_name = "NAME=VALUE", value_parser = inputs::pair)]
    data: Vec<(String, String)>,
    /// A JSON or YAML file with what belongs to it.
    #[arg(long, value_name = "FILE")]
    data_file: Option<PathBuf>,
    /// The same key is one event, however often it is said.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

pub(super) async fn emit(arguments: Arguments) -> Result<Exit, Trouble> {
    let data = inputs::event(&arguments.data, arguments.data_file.as_deref())?;
    let wish = Emit::said(&arguments.event, arguments.key.as_deref(), data)?;
    let folders = arguments.store.folders()?;
    let mut backend = Backend::attach(&folders.store).await?;
    backend.emit(wish).await?;
    backend.close().await;
    if arguments.json {
        print_json(&serde_json::json!({ "event": arguments.event }));
    } else {
        anstream::eprintln!("`{}` is in the log of events", arguments.event);
    }
    Ok(Exit::Success)
}
