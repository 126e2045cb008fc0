//! `flow schedule`: when triggers made of times are due.

use std::fmt::Write;
use std::path::PathBuf;

use comfy_table::{ContentArrangement, Table};
use flow_engine::finding::nearest;
use flow_engine::schedule::{Due, Timetable};
use flow_engine::time::Timestamp;
use flow_engine::workflow::trigger::Misfire;
use flow_engine::workflow::{Trigger, Workflow};
use flow_local::clock::now;
use serde_json::json;

use super::{StoreArguments, print, print_json, runs};
use crate::exit::{Exit, Trouble};
use crate::load;
use crate::services;
use crate::show::diagnostics;
use crate::show::rows;
use crate::show::style::{BOLD, DIM, paint};
use crate::show::values::elapsed;

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Tell when the triggers of a workflow are due next.
    Next(Arguments),
}

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The workflow file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How many times of each trigger.
    #[arg(short = 'n', long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    number: u32,
    /// The times after this one, not after now: a time, a day, or how long ago, such as 2h or 7d.
    #[arg(long, value_name = "TIME", value_parser = runs::time)]
    from: Option<Timestamp>,
    /// Only this trigger.
    #[arg(long, value_name = "NAME")]
    trigger: Option<String>,
    /// Say why: the pattern in words, changes of the clock, jitter, what becomes of times that pass.
    #[arg(long)]
    explain: bool,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

/// A trigger with its next times.
struct Listed {
    timetable: Timetable,
    enabled: bool,
    times: Vec<Due>,
}

pub(super) fn schedule(command: &Command) -> Result<Exit, Trouble> {
    let Command::Next(arguments) = command;
    let folders = arguments.store.folders()?;
    let catalog = services::connectors(&folders.project)?.catalog();
    let checked = load::check_file(&arguments.file, &catalog)?;
    let Some(workflow) = checked.workflow else {
        diagnostics::print(&checked.source, &checked.findings);
        return Ok(Exit::Invalid);
    };
    let from = arguments.from.unwrap_or_else(now);
    let listed = listed(&workflow, arguments, from)?;
    if arguments.json {
        let triggers: Vec<_> = listed.iter().map(to_json).collect();
        print_json(&json!({ "from": from.to_string(), "triggers": triggers }));
        return Ok(Exit::Success);
    }
    print(&if arguments.explain {
        explained(&listed, from)
    } else {
        table(&listed, from)
    });
    for trigger in listed.iter().filter(|it| !it.enabled) {
        let name = trigger.timetable.trigger();
        let note = format!("`{name}` starts nothing: `enabled: false`");
        anstream::eprintln!("{}", paint(DIM, note));
    }
    Ok(Exit::Success)
}

/// The triggers made of times, or the one that is asked for.
fn listed(
    workflow: &Workflow,
    arguments: &Arguments,
    from: Timestamp,
) -> Result<Vec<Listed>, Trouble> {
    let file = arguments.file.display();
    let timed = timed(workflow, &file.to_string(), arguments.trigger.as_deref())?;
    let listed = |(trigger, timetable): (&Trigger, Timetable)| Listed {
        times: timetable
            .after(from)
            .take(arguments.number as usize)
            .collect(),
        enabled: trigger.enabled,
        timetable,
    };
    Ok(timed.into_iter().map(listed).collect())
}

/// The triggers of a file that are made of times, or the one of this name; there is at least one.
pub(super) fn timed<'w>(
    workflow: &'w Workflow,
    file: &str,
    wanted: Option<&str>,
) -> Result<Vec<(&'w Trigger, Timetable)>, Trouble> {
    let refused = |message: String, help: String| {
        Err(Trouble::new(Exit::Usage, "schedule.trigger", message).help(help))
    };
    if let Some(name) = wanted {
        let known = || workflow.triggers.keys().map(AsRef::as_ref);
        let Some(trigger) = workflow.triggers.get(name) else {
            let names: Vec<&str> = known().collect();
            let help = match nearest(name, known()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("its triggers are {}", names.join(", ")),
            };
            return refused(format!("{file} has no trigger `{name}`"), help);
        };
        if Timetable::of(&workflow.name, trigger).is_none() {
            let word = trigger.starts.word();
            let message = format!("the trigger `{name}` waits for `{word}`, and has no times");
            let help = "name one with `schedule:`, or with `every:` alone".to_owned();
            return refused(message, help);
        }
    }
    let asked = workflow.triggers.values();
    let asked = asked.filter(|trigger| wanted.is_none_or(|name| name == &*trigger.name));
    let found: Vec<_> = asked
        .filter_map(|trigger| Some((trigger, Timetable::of(&workflow.name, trigger)?)))
        .collect();
    if found.is_empty() {
        return refused(
            format!("{file} has no trigger made of times"),
            "give it one, such as `on: { schedule: \"0 2 * * *\", timezone: Europe/Oslo }`"
                .to_owned(),
        );
    }
    Ok(found)
}

fn table(listed: &[Listed], from: Timestamp) -> String {
    let mut table = Table::new();
    table
        .load_style(comfy_table::presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["TRIGGER", "DUE", "ZONE", "UTC", "IN"]);
    for trigger in listed {
        let name = trigger.timetable.trigger();
        for due in &trigger.times {
            let words = trigger.timetable.explain(due);
            table.add_row([
                name.to_owned(),
                words.clock,
                format!("{} {}", words.zone, words.offset),
                due.at.to_string(),
                elapsed(due.at.since(from)),
            ]);
        }
        if trigger.times.is_empty() {
            table.add_row([name, "never again", "", "", ""]);
        }
    }
    let text = table.trim_fmt();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    format!("{}\n", lines.join("\n"))
}

fn explained(listed: &[Listed], from: Timestamp) -> String {
    let mut text = String::new();
    for trigger in listed {
        let timetable = &trigger.timetable;
        let _ = writeln!(
            text,
            "{}  {}",
            paint(BOLD, timetable.trigger()),
            timetable.words()
        );
        for due in &trigger.times {
            let words = timetable.explain(due);
            let _ = writeln!(
                text,
                "  {} {}  {}  in {}",
                words.clock,
                words.offset,
                due.at,
                elapsed(due.at.since(from))
            );
            for note in words.notes {
                let _ = writeln!(text, "      {note}");
            }
        }
        if trigger.times.is_empty() {
            text.push_str("  never again\n");
        }
        let passed = passed(timetable.misfire());
        let _ = writeln!(
            text,
            "  {}",
            paint(DIM, format!("times that pass while nothing runs: {passed}"))
        );
    }
    text
}

/// What becomes of times that pass, in words.
fn passed(misfire: Misfire) -> String {
    match misfire {
        Misfire::Skip => "none is made up for (`misfire: skip`)".to_owned(),
        Misfire::Latest => "the last one is made up for (`misfire: latest`)".to_owned(),
        Misfire::All(most) => {
            format!("the last {most} are made up for (`misfire: {{ all: {most} }}`)")
        }
    }
}

fn to_json(trigger: &Listed) -> serde_json::Value {
    let timetable = &trigger.timetable;
    let times = trigger.times.iter().map(|due| rows::due(timetable, due));
    json!({
        "trigger": timetable.trigger(),
        "words": timetable.words(),
        "enabled": trigger.enabled,
        "times": times.collect::<Vec<_>>(),
    })
}
