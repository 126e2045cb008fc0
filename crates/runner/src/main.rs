//! The binary `flow`: the command line, progress, diagnostics. The only crate that prints.
//!
//! Read in this order: `cli` (commands and their options), `project` (which folder is meant), `discover` (which files),
//! `load` (files to checked workflows), `rewrite` (texts back into files), `services` (connectors, secrets, sandbox), `inputs`, `starting`, `stored` and `again` (what a run begins with: given, by a trigger, once more), `approvals` (what waits for a person), `host` (where runs are driven), `tokens` and `serve` (the daemon), then `show` (everything that people see).

mod again;
mod approvals;
mod backfills;
mod cli;
mod discover;
mod exit;
mod host;
mod inputs;
mod load;
mod project;
mod retention;
mod rewrite;
mod secrets;
mod serve;
mod services;
mod show;
mod starting;
mod stored;
mod tokens;

use std::process::ExitCode;

/// Checking and driving make many small values of one life; this allocator halves what the system's takes for them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
