//! `flow triggers`: what starts runs, how it is, and what became of everything it noticed.

use std::fmt::Write;

use flow_engine::time::Timestamp;
use flow_local::clock::now;
use flow_local::store::{Reader, Seen, Store, TriggerRow};

use super::resume::no_store;
use super::{StoreArguments, print, print_json};
use crate::exit::{Exit, Trouble};
use crate::host::Backend;
use crate::host::order::Pause;
use crate::show::rows;
use crate::show::style::{BOLD, DIM, GREEN, RED, YELLOW, paint};
use crate::show::values::elapsed;

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// One trigger, as WORKFLOW/TRIGGER: what it noticed, newest first, and why what started no run did not.
    #[arg(value_name = "TRIGGER")]
    trigger: Option<String>,
    /// How much of what it noticed.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    number: u32,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Let a trigger start nothing until it is resumed.
    Pause(One),
    /// Let a paused trigger go on; what came in between is not made up for.
    Resume(One),
}

#[derive(clap::Args)]
struct One {
    /// The trigger, as WORKFLOW/TRIGGER.
    #[arg(value_name = "TRIGGER")]
    trigger: String,
    #[command(flatten)]
    store: StoreArguments,
}

pub(super) async fn triggers(arguments: Arguments) -> Result<Exit, Trouble> {
    match arguments.command {
        Some(Command::Pause(one)) => pause(one, true).await,
        Some(Command::Resume(one)) => pause(one, false).await,
        None => list(&arguments),
    }
}

fn list(arguments: &Arguments) -> Result<Exit, Trouble> {
    let folders = arguments.store.folders()?;
    let reader = Store::reader(&folders.store)?.ok_or_else(|| no_store(&folders))?;
    if let Some(name) = &arguments.trigger {
        return one(&reader, name, arguments.number, arguments.json);
    }
    let known = reader.triggers()?;
    if arguments.json {
        print_json(&known.iter().map(rows::trigger).collect());
        return Ok(Exit::Success);
    }
    let mut text = String::new();
    for row in &known {
        let _ = writeln!(text, "{}", line(row));
    }
    if known.is_empty() {
        anstream::eprintln!("no trigger has looked yet: `flow serve` lets those of a folder look");
    }
    print(&text);
    Ok(Exit::Success)
}

/// One trigger with what it noticed last, and why what started no run did not.
pub(super) fn one(reader: &Reader, name: &str, number: u32, json: bool) -> Result<Exit, Trouble> {
    let known = reader.triggers()?;
    let (workflow, trigger) = split(name)?;
    let row = find(&known, name, workflow, trigger)?;
    let seen = reader.occurrences(workflow, trigger, number)?;
    Ok(show(row, &seen, json))
}

fn show(row: &TriggerRow, seen: &[Seen], json: bool) -> Exit {
    if json {
        let seen: Vec<_> = seen.iter().map(rows::seen).collect();
        let mut all = rows::trigger(row);
        all["noticed"] = seen.into();
        print_json(&all);
        return Exit::Success;
    }
    let mut text = format!("{}\n", line(row));
    for seen in seen {
        let (style, what) = match (&*seen.state, &seen.run, &seen.reason) {
            ("passed", _, reason) => (YELLOW, reason.clone().unwrap_or_default()),
            (state, Some(run), _) => (GREEN, format!("{state} run {run}")),
            (state, ..) => (DIM, state.to_owned()),
        };
        let when = seen.due.unwrap_or(seen.at);
        let _ = writeln!(
            text,
            "  {} {} {}",
            paint(DIM, when),
            seen.key,
            paint(style, what)
        );
    }
    print(&text);
    Exit::Success
}

/// One trigger: how it is.
fn line(row: &TriggerRow) -> String {
    let name = paint(BOLD, format!("{}/{}", row.workflow, row.trigger));
    let ago = |at: Option<Timestamp>| {
        at.map_or("never".to_owned(), |at| {
            format!("{} ago", elapsed(now().since(at)))
        })
    };
    if let Some(since) = row.paused_at {
        return format!(
            "{name} {}",
            paint(YELLOW, format!("paused {}", ago(Some(since))))
        );
    }
    let found = format!("found something {}", ago(row.found_at));
    match &row.error {
        None => format!("{name} {} {found}", paint(GREEN, "well;")),
        Some(error) => format!(
            "{name} {} {found}; looked well {}\n  {error}",
            paint(RED, format!("failed {} times in a row;", row.failures)),
            ago(row.saw_at)
        ),
    }
}

fn split(name: &str) -> Result<(&str, &str), Trouble> {
    // Names of workflows may have `/`, those of triggers have none.
    name.rsplit_once('/').ok_or_else(|| {
        let message = format!("`{name}` is not of the form WORKFLOW/TRIGGER");
        Trouble::new(Exit::Usage, "run.trigger", message)
            .help(format!("the only trigger of a workflow is `{name}/main`"))
    })
}

fn find<'k>(
    known: &'k [TriggerRow],
    name: &str,
    workflow: &str,
    trigger: &str,
) -> Result<&'k TriggerRow, Trouble> {
    let is_it = |row: &&TriggerRow| row.workflow == workflow && row.trigger == trigger;
    known.iter().find(is_it).ok_or_else(|| {
        let names: Vec<String> = known
            .iter()
            .map(|row| format!("{}/{}", row.workflow, row.trigger))
            .collect();
        let near = flow_engine::finding::nearest(name, names.iter().map(String::as_str));
        let trouble = Trouble::new(
            Exit::Usage,
            "run.trigger",
            format!("no trigger `{name}` has looked yet"),
        );
        match near {
            Some(near) => trouble.help(format!("did you mean `{near}`?")),
            None => trouble.help("`flow triggers` lists them"),
        }
    })
}

async fn pause(one: One, paused: bool) -> Result<Exit, Trouble> {
    let folders = one.store.folders()?;
    let (workflow, trigger) = split(&one.trigger)?;
    if let Some(reader) = Store::reader(&folders.store)? {
        is_known(&reader, &one.trigger, workflow, trigger)?;
    }
    let mut backend = Backend::attach(&folders.store).await?;
    let wish = Pause {
        workflow: workflow.to_owned(),
        trigger: trigger.to_owned(),
        paused,
    };
    backend.pause(wish).await?;
    backend.close().await;
    let what = if paused { "is paused" } else { "goes on" };
    anstream::eprintln!("{} {what}", one.trigger);
    Ok(Exit::Success)
}

/// Triggers that are delivered never look: their deliveries make them known.
fn is_known(reader: &Reader, name: &str, workflow: &str, trigger: &str) -> Result<(), Trouble> {
    if !reader.occurrences(workflow, trigger, 1)?.is_empty() {
        return Ok(());
    }
    find(&reader.triggers()?, name, workflow, trigger).map(|_| ())
}
