//! `flow api`: what the daemon's API is, without a daemon.

use super::print_json;
use crate::exit::Exit;
use crate::serve;

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Print the `OpenAPI` document of the daemon's API.
    Openapi,
}

pub(super) fn api(command: &Command) -> Exit {
    let Command::Openapi = command;
    print_json(&serve::openapi(serve::USUAL_SERVER));
    Exit::Success
}
