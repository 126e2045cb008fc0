//! `flow triggers`: what starts runs, how it is, and what became of everything it noticed.

use std::collections::BTreeMap;
use std::fmt::Write;

use flow_engine::time::Timestamp;
use flow_local::clock::now;
use flow_local::store::{Reader, Seen, Store, TriggerRow};

use super::resume::no_store;
use super::{Folders, StoreArguments, print, print_json};
use crate::discover::{candidates, is_workflow};
use crate::exit::{Exit, Trouble};
use crate::host::Backend;
use crate::host::order::Pause;
use crate::load;
use crate::services;
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
    if let Some(name) = &arguments.trigger {
        return one(&folders, name, arguments.number, arguments.json);
    }
    let reader = Store::reader(&folders.store)?;
    let known = known(reader.as_ref(), &folders)?;
    if known.is_empty() && reader.is_none() {
        return Err(no_store(&folders));
    }
    if arguments.json {
        let rows = known.iter();
        let rows = rows.map(|(row, noticed)| rows::trigger(row, *noticed));
        print_json(&rows.collect());
        return Ok(Exit::Success);
    }
    let mut text = String::new();
    for (row, noticed) in &known {
        let _ = writeln!(text, "{}", line(row, *noticed));
    }
    if known.is_empty() {
        anstream::eprintln!("no workflow here has a trigger under `on:`");
    } else if !Store::is_owned(&folders.store) {
        let nobody = "nobody serves them: `flow serve` does";
        anstream::eprintln!("{}", paint(DIM, nobody));
    }
    print(&text);
    Ok(Exit::Success)
}

/// A trigger, with when it noticed something last.
type Row = (TriggerRow, Option<Timestamp>);

/// What the store knows; and while nobody serves, the triggers of the project's files too.
fn known(reader: Option<&Reader>, folders: &Folders) -> Result<Vec<Row>, Trouble> {
    let mut known: BTreeMap<(String, String), TriggerRow> = BTreeMap::new();
    let mut noticed = BTreeMap::new();
    if let Some(reader) = reader {
        noticed = reader.noticed_last()?;
        let rows = reader.triggers()?.into_iter();
        known.extend(rows.map(|row| ((row.workflow.clone(), row.trigger.clone()), row)));
    }
    if !Store::is_owned(&folders.store) {
        for (workflow, trigger) in of_files(folders)? {
            let row = TriggerRow {
                workflow: workflow.clone(),
                trigger: trigger.clone(),
                ..TriggerRow::default()
            };
            known.entry((workflow, trigger)).or_insert(row);
        }
    }
    let with = |(name, row)| (row, noticed.get(&name).copied());
    Ok(known.into_iter().map(with).collect())
}

/// The triggers of the project's files that start runs, as far as these can be read.
fn of_files(folders: &Folders) -> Result<Vec<(String, String)>, Trouble> {
    let Ok(files) = candidates(&[], &folders.project) else {
        return Ok(Vec::new());
    };
    let catalog = services::connectors(&folders.project)?.catalog();
    let mut found = Vec::new();
    for file in files {
        let Ok(Ok(source)) = load::read(&file.path) else {
            continue;
        };
        if !is_workflow(&source) {
            continue;
        }
        let checked = load::check(&source, &catalog, &load::DiskFiles);
        let Some(workflow) = checked.workflow else {
            continue;
        };
        let triggers = workflow.triggers.values().filter(|trigger| trigger.enabled);
        let named = triggers.map(|trigger| (workflow.name.to_string(), trigger.name.to_string()));
        found.extend(named);
    }
    Ok(found)
}

/// One trigger with what it noticed last, and why what started no run did not.
pub(super) fn one(folders: &Folders, name: &str, number: u32, json: bool) -> Result<Exit, Trouble> {
    let reader = Store::reader(&folders.store)?;
    let known = known(reader.as_ref(), folders)?;
    let (workflow, trigger) = split(name)?;
    let row = find(&known, name, workflow, trigger)?;
    let seen = match &reader {
        Some(reader) => reader.occurrences(workflow, trigger, number)?,
        None => Vec::new(),
    };
    Ok(show(row, &seen, json))
}

fn show((row, noticed): &Row, seen: &[Seen], json: bool) -> Exit {
    if json {
        let seen: Vec<_> = seen.iter().map(rows::seen).collect();
        let mut all = rows::trigger(row, *noticed);
        all["noticed"] = seen.into();
        print_json(&all);
        return Exit::Success;
    }
    let mut text = format!("{}\n", line(row, *noticed));
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
fn line(row: &TriggerRow, noticed: Option<Timestamp>) -> String {
    let name = paint(BOLD, format!("{}/{}", row.workflow, row.trigger));
    let ago = |at: Timestamp| format!("{} ago", elapsed(now().since(at)));
    if let Some(since) = row.paused_at {
        let paused = format!("paused {}", ago(since));
        return format!("{name} {}", paint(YELLOW, paused));
    }
    let found = match row.found_at.max(noticed) {
        Some(at) => format!("noticed something {}", ago(at)),
        None => "noticed nothing yet".to_owned(),
    };
    let Some(error) = &row.error else {
        return format!("{name} {} {found}", paint(GREEN, "well;"));
    };
    let failed = match row.failures {
        0 | 1 => "failed;".to_owned(),
        many => format!("failed {many} times in a row;"),
    };
    let well = row.saw_at.map(|at| format!("; looked well {}", ago(at)));
    let well = well.unwrap_or_default();
    format!("{name} {} {found}{well}\n  {error}", paint(RED, failed))
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
    known: &'k [Row],
    name: &str,
    workflow: &str,
    trigger: &str,
) -> Result<&'k Row, Trouble> {
    let is_it = |(row, _): &&Row| row.workflow == workflow && row.trigger == trigger;
    known.iter().find(is_it).ok_or_else(|| {
        let names: Vec<String> = known
            .iter()
            .map(|(row, _)| format!("{}/{}", row.workflow, row.trigger))
            .collect();
        let near = flow_engine::finding::nearest(name, names.iter().map(String::as_str));
        let trouble = Trouble::new(
            Exit::Usage,
            "run.trigger",
            format!("there is no trigger `{name}`"),
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
    let known = known(Store::reader(&folders.store)?.as_ref(), &folders)?;
    find(&known, &one.trigger, workflow, trigger)?;
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
