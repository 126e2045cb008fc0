//! `flow diff`: what is different between two runs.

use std::fmt::Write;

use flow_engine::report::{Report, report};
use flow_engine::value::{Map, Value};
use flow_local::clock::now;
use flow_local::start::{Stored, load};
use flow_local::store::{Reader, Store};
use serde_json::json;
use similar::TextDiff;

use super::resume::no_store;
use super::{Folders, StoreArguments, print, print_json};
use crate::exit::{Exit, Trouble};
use crate::host::troubles::load_trouble;
use crate::show::style::{BOLD, GREEN, RED, paint};
use crate::show::values;
use crate::stored::find;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The earlier run.
    #[arg(value_name = "RUN")]
    before: String,
    /// The later run; the one that the other is a retry of, or the newest of the same workflow, if not given.
    #[arg(value_name = "RUN")]
    after: Option<String>,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

/// A run with what it pinned.
struct Side {
    stored: Stored,
    report: Report,
}

pub(super) fn diff(arguments: &Arguments) -> Result<Exit, Trouble> {
    let folders = arguments.store.folders()?;
    let reader = Store::reader(&folders.store)?.ok_or_else(|| no_store(&folders))?;
    let mut before = side(&reader, &folders, &arguments.before)?;
    let after = if let Some(after) = &arguments.after {
        side(&reader, &folders, after)?
    } else {
        let other = other(&reader, &before)?;
        let other = side(&reader, &folders, &other)?;
        // The earlier one is always left.
        if other.report.started_at < before.report.started_at {
            std::mem::replace(&mut before, other)
        } else {
            other
        }
    };
    let inputs = values_that_differ(&before.report.started.inputs, &after.report.started.inputs);
    let outputs = values_that_differ(&outputs(&before.report), &outputs(&after.report));
    let steps = steps(&before.report, &after.report);
    let definition = definition(&before, &after);
    if arguments.json {
        print_json(&json!({
            "before": before.report.started.run,
            "after": after.report.started.run,
            "status": [before.stored.row.status, after.stored.row.status],
            "definition": definition,
            "inputs": members(&inputs),
            "steps": members(&steps),
            "outputs": members(&outputs),
        }));
        return Ok(Exit::Success);
    }
    let mut text = String::new();
    for (sign, side, style) in [("-", &before, RED), ("+", &after, GREEN)] {
        let row = &side.stored.row;
        text.push_str(&paint(
            style,
            format!(
                "{sign} {} {} {} ({})\n",
                row.run, row.workflow, row.status, row.started_at
            ),
        ));
    }
    for (title, found) in [("inputs", inputs), ("steps", steps), ("outputs", outputs)] {
        if !found.is_empty() {
            let _ = writeln!(text, "{}", paint(BOLD, title));
        }
        for (name, before, after) in found {
            let _ = writeln!(
                text,
                "  {name}\n    {}\n    {}",
                paint(RED, format!("- {before}")),
                paint(GREEN, format!("+ {after}"))
            );
        }
    }
    if !definition.is_empty() {
        let _ = writeln!(text, "{}", paint(BOLD, "definition"));
        for line in definition.lines() {
            let painted = match line.as_bytes().first() {
                Some(b'-') => paint(RED, line),
                Some(b'+') => paint(GREEN, line),
                _ => line.to_owned(),
            };
            let _ = writeln!(text, "  {painted}");
        }
    }
    if text.lines().count() == 2 {
        text.push_str("no difference but the time\n");
    }
    print(&text);
    Ok(Exit::Success)
}

fn side(reader: &Reader, folders: &Folders, run: &str) -> Result<Side, Trouble> {
    let row = find(reader, run)?;
    let stored = load(reader, &folders.store, row).map_err(|error| load_trouble(&error))?;
    let report = report(stored.events.iter().map(|(at, event)| (*at, event)));
    let report = report.ok_or_else(|| {
        let message = format!("the journal of run {run} has no start");
        Trouble::new(Exit::Unavailable, "store.corrupt", message)
    })?;
    Ok(Side { stored, report })
}

/// The run to compare with, if only one was named.
fn other(reader: &Reader, side: &Side) -> Result<String, Trouble> {
    if let Some(run) = &side.report.started.retry_of {
        return Ok(run.clone());
    }
    let own = &side.stored.row;
    let rows = reader.runs(1000)?.into_iter();
    let same = rows.filter(|row| row.workflow == own.workflow && row.run != own.run);
    same.map(|row| row.run).next().ok_or_else(|| {
        let message = format!("{} has no other run to compare with", own.workflow);
        Trouble::new(Exit::Usage, "run.unknown", message)
            .help("name two runs; `flow runs` lists them")
    })
}

fn outputs(report: &Report) -> Value {
    let ended = report.ended.as_ref();
    ended
        .map(|(_, ended)| ended.outputs.clone())
        .unwrap_or_default()
}

type Difference = (String, String, String);

fn values_that_differ(before: &Value, after: &Value) -> Vec<Difference> {
    let names = |value: &Value| -> Vec<String> {
        let map = value.as_map();
        map.into_iter()
            .flat_map(Map::iter)
            .map(|(name, _)| name.to_string())
            .collect()
    };
    let mut all = names(before);
    all.extend(names(after));
    all.sort();
    all.dedup();
    let text = |value: Option<&Value>| {
        value.map_or("nothing".to_owned(), |value| {
            values::to_json(value).to_string()
        })
    };
    all.into_iter()
        .map(|name| {
            let (old, new) = (text(before.get(&name)), text(after.get(&name)));
            (name, old, new)
        })
        .filter(|(_, old, new)| old != new)
        .collect()
}

/// Steps that ended otherwise, with other values, after another number of attempts, or not at all.
fn steps(before: &Report, after: &Report) -> Vec<Difference> {
    let told = |report: &Report, name: &str| {
        let Some(step) = report.steps.get(name) else {
            return ("did not begin".to_owned(), String::new());
        };
        let brief = match (&step.value, &step.failure) {
            (Some(value), _) => values::to_json(value).to_string(),
            (None, Some(failure)) => format!("{}: {}", failure.code, failure.message),
            (None, None) => String::new(),
        };
        let tries = if step.attempts > 1 {
            format!(", {} attempts", step.attempts)
        } else {
            String::new()
        };
        let took = values::elapsed(step.ended_at.unwrap_or_else(now).since(step.started_at));
        let short: String = brief.chars().take(200).collect();
        (
            format!("{}{tries} {brief}", step.state.as_str()),
            format!("{}{tries} in {took} {short}", step.state.as_str()),
        )
    };
    let mut names: Vec<&String> = before.steps.keys().collect();
    names.extend(
        after
            .steps
            .keys()
            .filter(|name| !before.steps.contains_key(*name)),
    );
    names
        .into_iter()
        .filter_map(|name| {
            let ((same, old), (as_this, new)) = (told(before, name), told(after, name));
            (same != as_this).then(|| (name.clone(), old, new))
        })
        .collect()
}

fn definition(before: &Side, after: &Side) -> String {
    let (old, new) = (&before.stored.bundle, &after.stored.bundle);
    if old.text == new.text {
        return String::new();
    }
    let diff = TextDiff::from_lines(old.text.as_str(), new.text.as_str());
    diff.unified_diff()
        .context_radius(2)
        .header(&old.file, &new.file)
        .to_string()
}

fn members(found: &[Difference]) -> serde_json::Value {
    let member =
        |(name, old, new): &Difference| (name.clone(), json!({ "before": old, "after": new }));
    found
        .iter()
        .map(member)
        .collect::<serde_json::Map<_, _>>()
        .into()
}
