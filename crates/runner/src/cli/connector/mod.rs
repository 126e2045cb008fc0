//! `flow connector`: descriptors, from a document of a service to a connector that was tried.

mod check;
mod fitting;
mod import;
mod probe;
mod test;

use crate::exit::{Exit, Trouble};

#[derive(clap::Subcommand)]
pub(super) enum Command {
    #[command(about = "Make a descriptor of an OpenAPI document (3.0 or 3.1, JSON or YAML)")]
    Import(import::Arguments),
    /// Check descriptors without calling anything.
    Check(check::Arguments),
    /// Try what only reads, or the operation that is named, against the service.
    Test(test::Arguments),
}

pub(super) async fn run(command: Command) -> Result<Exit, Trouble> {
    match command {
        Command::Import(arguments) => import::import(&arguments),
        Command::Check(arguments) => check::check(&arguments),
        Command::Test(arguments) => test::test(arguments).await,
    }
}
