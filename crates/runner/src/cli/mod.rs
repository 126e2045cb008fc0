//! The commands and their options.

mod api;
mod approve;
mod backfill;
mod backup;
mod call;
mod cancel;
mod check;
mod connector;
mod connectors;
mod diff;
mod doctor;
mod drive;
mod emit;
mod fix;
mod fmt;
mod follow;
mod given;
mod graph;
mod listed;
mod logs;
mod named;
mod owner;
mod plan;
mod prune;
mod resume;
mod retry;
mod run;
mod runs;
mod sandbox;
mod schedule;
mod schema;
mod serve;
mod signals;
mod spent;
mod test;
mod token;
mod triggers;
mod webhook;
mod why;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::exit::{Exit, Trouble};
use crate::project;
use crate::show::diagnostics;
pub(crate) use test::{Loaded, Ran};

/// Runs YAML pipelines as durable graphs of triggers, actions and queries.
#[derive(Parser)]
#[command(
    name = "flow",
    version,
    propagate_version = true,
    disable_help_subcommand = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a workflow.
    Run(run::Arguments),
    /// Go on with a run that has not ended.
    Resume(resume::Arguments),
    /// Try a run again: a new one, in which what succeeded is not done again.
    Retry(retry::Arguments),
    /// End a run, in order or at once.
    Cancel(cancel::Arguments),
    /// Decide what a step waits for; without arguments, list what waits.
    Approve(approve::Arguments),
    /// List the steps that wait for a person's decision.
    Approvals(approve::ListArguments),
    /// Say that something happened: workflows with `on: { event: NAME }` start.
    Emit(emit::Arguments),
    /// Check workflows without running them.
    Check(check::Arguments),
    /// Mend what is wrong with workflows, as far as it can be mended mechanically.
    Fix(fix::Arguments),
    /// Write workflows as they are written here: indentation, blanks, ends of lines.
    Fmt(fmt::Arguments),
    /// Run the cases of workflows in virtual time.
    Test(test::Arguments),
    /// Say what a run would do, call and cost, without calling anything.
    Plan(plan::Arguments),
    /// Draw the graph of a workflow.
    Graph(graph::Arguments),
    /// Tell when triggers made of times are due, and why.
    #[command(subcommand)]
    Schedule(schedule::Command),
    /// Start runs for times of the past, on purpose; list, show or cancel backfills.
    Backfill(backfill::Arguments),
    /// List runs, newest first.
    Runs(runs::ListArguments),
    /// Show one run: its steps, outputs and failures.
    Show(runs::ShowArguments),
    /// Print what happened to a run; with `-f`, also what happens.
    Logs(logs::Arguments),
    /// Say why a run, or a step of it, stands where it stands.
    Why(why::Arguments),
    /// Compare two runs: definition, inputs, steps, outputs.
    Diff(diff::Arguments),
    /// Look the store over: where it is, how large, whether it is whole; mend it.
    Doctor(doctor::Arguments),
    /// Copy the store, beside whatever runs in it.
    Backup(backup::Arguments),
    /// Put a backup in the place of the store.
    Restore(backup::RestoreArguments),
    /// Call one operation.
    Call(call::Arguments),
    /// List connectors, their operations, or the parameters of one.
    Connectors(connectors::Arguments),
    /// Make, check and try descriptors: connectors of your own.
    #[command(subcommand)]
    Connector(connector::Command),
    /// Print a JSON Schema for editors.
    Schema(schema::Arguments),
    /// Serve the loopback Claude API.
    Sandbox(sandbox::Arguments),
    /// Show what starts runs, and what became of what it noticed; pause it.
    Triggers(triggers::Arguments),
    /// Make deliveries by hand.
    #[command(subcommand)]
    Webhook(webhook::Command),
    /// Serve the workflows of a folder: start a run when one of their triggers notices something.
    Serve(serve::Arguments),
    /// Make, list and end tokens for the daemon's API.
    #[command(subcommand)]
    Token(token::Command),
    /// Describe the daemon's API.
    #[command(subcommand)]
    Api(api::Command),
    /// Drive the runs of a store in the background.
    #[command(hide = true)]
    Owner(owner::Arguments),
}

/// Where the store is.
#[derive(Args, Clone)]
struct StoreArguments {
    /// The store's folder; `.flow` in the project folder if not given.
    #[arg(long, value_name = "DIR", global = true)]
    store: Option<PathBuf>,
}

/// The folders that a command works with.
struct Folders {
    project: PathBuf,
    store: PathBuf,
}

impl StoreArguments {
    fn folders(&self) -> Result<Folders, Trouble> {
        let here = std::env::current_dir().map_err(|error| {
            Trouble::new(
                Exit::Usage,
                "file.unreadable",
                format!("the current folder: {error}"),
            )
        })?;
        let project = project::folder(&here);
        let store = project::store(&project, self.store.as_deref());
        Ok(Folders { project, store })
    }
}

/// Runs the command that was typed.
pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        // Each thread keeps memory of its own, and many short tasks would make hundreds.
        .max_blocking_threads(32)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            diagnostics::print_trouble(&Trouble::new(
                Exit::Unavailable,
                "internal.runtime",
                format!("the runtime cannot start: {error}"),
            ));
            return Exit::Unavailable.into();
        }
    };
    let result = runtime.block_on(run_command(cli.command));
    // While the runtime still waits for them: no command outlives this process.
    flow_connector::processes::end_all();
    // What still goes on must not keep the process: it is on disk, or may be repeated.
    runtime.shutdown_background();
    match result {
        Ok(exit) => exit.into(),
        Err(trouble) => {
            diagnostics::print_trouble(&trouble);
            trouble.exit.into()
        }
    }
}

async fn run_command(command: Command) -> Result<Exit, Trouble> {
    match command {
        Command::Run(arguments) => Box::pin(run::run(arguments)).await,
        Command::Resume(arguments) => resume::resume(arguments).await,
        Command::Retry(arguments) => Box::pin(retry::retry(arguments)).await,
        Command::Cancel(arguments) => cancel::cancel(arguments).await,
        Command::Logs(arguments) => logs::logs(&arguments).await,
        Command::Why(arguments) => why::why(&arguments),
        Command::Diff(arguments) => diff::diff(&arguments),
        Command::Triggers(arguments) => triggers::triggers(arguments).await,
        Command::Webhook(command) => webhook::webhook(&command).await,
        Command::Serve(arguments) => serve::serve(arguments).await,
        Command::Token(command) => token::token(&command),
        Command::Api(command) => Ok(api::api(&command)),
        Command::Owner(arguments) => owner::owner(arguments).await,
        Command::Approve(arguments) => approve::approve(arguments).await,
        Command::Approvals(arguments) => approve::list(&arguments),
        Command::Emit(arguments) => emit::emit(arguments).await,
        Command::Check(arguments) => check::check(&arguments),
        Command::Fix(arguments) => fix::fix(&arguments),
        Command::Fmt(arguments) => fmt::fmt(&arguments),
        Command::Test(arguments) => test::test(arguments).await,
        Command::Plan(arguments) => plan::plan(&arguments).await,
        Command::Graph(arguments) => graph::graph(&arguments),
        Command::Schedule(command) => schedule::schedule(&command),
        Command::Backfill(arguments) => Box::pin(backfill::backfill(arguments)).await,
        Command::Runs(arguments) => runs::list(&arguments),
        Command::Show(arguments) => runs::show(&arguments),
        Command::Doctor(arguments) => doctor::doctor(&arguments),
        Command::Backup(arguments) => backup::backup(&arguments),
        Command::Restore(arguments) => backup::restore(&arguments),
        Command::Call(arguments) => call::call(arguments).await,
        Command::Connectors(arguments) => connectors::connectors(&arguments),
        Command::Connector(command) => connector::run(command).await,
        Command::Schema(arguments) => schema::schema(&arguments),
        Command::Sandbox(arguments) => sandbox::sandbox(arguments).await,
    }
}

/// Writes data to stdout. A reader that has seen enough is no fault.
fn print(text: &str) {
    use std::io::Write;
    let mut out = anstream::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Writes one JSON document to stdout.
fn print_json(value: &serde_json::Value) {
    print(&format!(
        "{}\n",
        serde_json::to_string_pretty(value).unwrap_or_default()
    ));
}
