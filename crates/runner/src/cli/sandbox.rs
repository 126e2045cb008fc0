//! `flow sandbox`: the loopback Claude API in a process of its own.

use std::path::PathBuf;

use flow_sandbox::{Config, Endings, Faults};

use super::signals::Signals;
use super::{StoreArguments, print};
use crate::exit::{Exit, Trouble};
use crate::services;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The port on 127.0.0.1; any free one if not given.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Its state; `sandbox` in the store if not given.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Seconds from the creation of a batch to its end: 3 if nobody said otherwise.
    #[arg(long)]
    batch_seconds: Option<f64>,
    /// Share of valid batch requests that end as errored, from 0 to 1: 0.02 if nobody said otherwise.
    #[arg(long)]
    errored: Option<f64>,
    /// Share of valid batch requests that end as expired, from 0 to 1: 0.01 if nobody said otherwise.
    #[arg(long)]
    expired: Option<f64>,
    /// A JSON or YAML file with a script of faults.
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    #[command(flatten)]
    store: StoreArguments,
}

pub(super) async fn sandbox(arguments: Arguments) -> Result<Exit, Trouble> {
    let folders = arguments.store.folders()?;
    let mut config = Config::new(
        arguments
            .state
            .unwrap_or_else(|| folders.store.join("sandbox")),
    );
    config.port = arguments.port;
    config.endings = Endings {
        seconds: arguments.batch_seconds,
        errored: arguments.errored,
        expired: arguments.expired,
    };
    if let Some(file) = &arguments.faults {
        let invalid = |message: String| {
            Trouble::new(
                Exit::Invalid,
                "sandbox.faults",
                format!("{}: {message}", file.display()),
            )
        };
        let text = std::fs::read_to_string(file).map_err(|error| invalid(error.to_string()))?;
        config.faults = Faults::parse(&text).map_err(|error| invalid(error.to_string()))?;
    }
    let sandbox = services::start_sandbox(config).await?;
    // One line on stdout, so that a script can read the address.
    print(&format!("{}\n", sandbox.base_url()));
    anstream::eprintln!("the sandbox serves the Claude API; any key will do; Ctrl-C ends it");
    anstream::eprintln!(
        "  ANTHROPIC_BASE_URL={} ANTHROPIC_API_KEY=sandbox",
        sandbox.base_url()
    );
    Signals::listen().next().await;
    sandbox.stop().await;
    Ok(Exit::Success)
}
