//! `flow backfill`: runs on purpose for times of the past, and what they are together.
//!
//! Read in this order: `make` (what is asked for, written down), `follow` (its runs, so many at once), `list` and `cancel`.

mod cancel;
mod follow;
mod list;
mod make;

use std::path::PathBuf;

use flow_engine::time::Timestamp;

use super::{StoreArguments, runs};
use crate::backfills::TIMES;
use crate::exit::{Exit, Trouble};
use crate::inputs;

/// The most runs that go at once.
const PARALLEL_MAX: i64 = 100;

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// The workflow file, or the name of a workflow in the project.
    #[arg(value_name = "FILE|WORKFLOW", required = true)]
    file: Option<PathBuf>,
    /// The trigger, where the workflow has several that are made of times.
    #[arg(long, value_name = "NAME")]
    trigger: Option<String>,
    /// The first instant: a time, a day, or how long ago, such as 7d.
    #[arg(long, value_name = "TIME", value_parser = runs::time, required = true)]
    from: Option<Timestamp>,
    /// The end, itself outside; now if not given.
    #[arg(long, value_name = "TIME", value_parser = runs::time)]
    to: Option<Timestamp>,
    /// How many runs it may be, at most 10,000.
    #[arg(long, value_name = "N", default_value_t = TIMES)]
    max: u32,
    /// How many of them go at once.
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=PARALLEL_MAX))]
    at_most_parallel: u32,
    /// An input, as name=value.
    #[arg(long = "input", value_name = "NAME=VALUE", value_parser = inputs::pair)]
    inputs: Vec<(String, String)>,
    /// Run against the built-in loopback Claude API: no key, no network.
    #[arg(long)]
    sandbox: bool,
    /// Start nothing: tell the times, and what has become of each.
    #[arg(long)]
    dry_run: bool,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(clap::Subcommand)]
enum Command {
    /// List backfills, newest first.
    List(list::ListArguments),
    /// Show one backfill: each of its times, and its run.
    Show(list::ShowArguments),
    /// Let no more runs of a backfill start, and cancel those that go.
    Cancel(cancel::Arguments),
}

pub(super) async fn backfill(mut arguments: Arguments) -> Result<Exit, Trouble> {
    match arguments.command.take() {
        Some(Command::List(list)) => list::list(&list),
        Some(Command::Show(show)) => list::show(&show),
        Some(Command::Cancel(cancel)) => Box::pin(cancel::cancel(cancel)).await,
        None => Box::pin(make::make(arguments)).await,
    }
}
