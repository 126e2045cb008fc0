//! `flow owner`, which nobody types: the process behind `flow run --detach`.

use super::StoreArguments;
use super::signals::Signals;
use crate::exit::{Exit, Trouble};
use crate::host::background;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    store: StoreArguments,
}

pub(super) async fn owner(arguments: Arguments) -> Result<Exit, Trouble> {
    let folders = arguments.store.folders()?;
    let mut signals = Signals::listen();
    background::own(&folders.store, signals.next()).await
}
