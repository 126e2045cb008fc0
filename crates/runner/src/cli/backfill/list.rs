//! `flow backfill list` and `flow backfill show`.

use std::fmt::Write;
use std::io::IsTerminal;

use anstyle::Style;
use comfy_table::{ContentArrangement, Table};
use flow_local::store::{Backfill, BackfillTime, Stands, Store};

use crate::backfills::{Shown, find, run_of, time_json};
use crate::cli::resume::no_store;
use crate::cli::{StoreArguments, print, print_json};
use crate::exit::{Exit, Trouble};
use crate::show::style::{BLUE, DIM, GREEN, RED, YELLOW, paint};
use crate::show::values::plural;

/// How wide the bar is that shows how far one has come.
const BAR: usize = 20;

#[derive(clap::Args)]
pub(super) struct ListArguments {
    /// How many.
    #[arg(short = 'n', long, default_value_t = 20)]
    limit: u32,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(clap::Args)]
pub(super) struct ShowArguments {
    /// The backfill's id or its beginning.
    #[arg(value_name = "BACKFILL")]
    backfill: String,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

pub(super) fn list(arguments: &ListArguments) -> Result<Exit, Trouble> {
    let folders = arguments.store.folders()?;
    let mut all = Vec::new();
    if let Some(reader) = Store::reader(&folders.store)? {
        for backfill in reader.backfills(None, arguments.limit)? {
            all.push(Shown::of(&reader, &folders.store, backfill)?);
        }
    }
    if arguments.json {
        print_json(&all.iter().map(Shown::to_json).collect());
        return Ok(Exit::Success);
    }
    if all.is_empty() {
        anstream::eprintln!("no backfills yet: `flow backfill FILE --from TIME` makes one");
        return Ok(Exit::Success);
    }
    print(&table(&all, std::io::stdout().is_terminal()));
    for (shown, next) in all.iter().filter_map(|it| Some((it, it.go_on()?))) {
        let backfill = &shown.backfill.backfill;
        anstream::eprintln!("{}", paint(DIM, format!("{backfill} goes on: `{next}`")));
    }
    Ok(Exit::Success)
}

fn table(all: &[Shown], bars: bool) -> String {
    let mut table = Table::new();
    table
        .load_style(comfy_table::presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["BACKFILL", "TRIGGER", "RANGE", "ENDED", "FAILED", "STATE"]);
    for shown in all {
        let counts = shown.counts();
        let ended = format!("{} of {}", counts.ended(), shown.times.len());
        let mut state = paint(of_state(shown.state), shown.state);
        if bars {
            state = format!("{} {state}", bar(shown));
        }
        table.add_row([
            shown.backfill.backfill.clone(),
            shown.trigger(),
            shown.range(),
            ended,
            counts.failed.to_string(),
            state,
        ]);
    }
    let text = table.trim_fmt();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    format!("{}\n", lines.join("\n"))
}

/// How far it has come: what went well, what did not, and what is left.
fn bar(shown: &Shown) -> String {
    let counts = shown.counts();
    let times = shown.times.len().max(1);
    let bad = counts.failed + counts.cancelled;
    let upto = |count: usize| count * BAR / times;
    let well = upto(counts.ended() - bad);
    let ended = upto(counts.ended());
    let part = |style: Style, sign: &str, width: usize| match width {
        0 => String::new(),
        _ => paint(style, sign.repeat(width)),
    };
    let well_part = part(GREEN, "━", well);
    let bad_part = part(RED, "━", ended - well);
    let left = part(DIM, "─", BAR - ended);
    format!("{well_part}{bad_part}{left}")
}

fn of_state(state: &str) -> Style {
    match state {
        "running" => BLUE,
        "paused" => YELLOW,
        "ended" => GREEN,
        _ => DIM,
    }
}

pub(super) fn show(arguments: &ShowArguments) -> Result<Exit, Trouble> {
    let folders = arguments.store.folders()?;
    let reader = Store::reader(&folders.store)?.ok_or_else(|| no_store(&folders))?;
    let backfill = find(&reader, &arguments.backfill)?;
    let shown = Shown::of(&reader, &folders.store, backfill)?;
    if arguments.json {
        let mut form = shown.to_json();
        form["each"] = shown.times.iter().map(time_json).collect();
        print_json(&form);
        return Ok(Exit::Success);
    }
    let mut text = head(&shown);
    for time in &shown.times {
        let _ = writeln!(text, "{}", line(time));
    }
    print(&text);
    if let Some(next) = shown.go_on() {
        anstream::eprintln!("it goes on: `{next}`");
    }
    Ok(Exit::Success)
}

fn head(shown: &Shown) -> String {
    let Backfill {
        backfill,
        made_at,
        parallel,
        inputs,
        sandbox,
        cancelled_at,
        ..
    } = &shown.backfill;
    let mut notes = vec![
        format!("made {made_at}"),
        format!("at most {parallel} at once"),
    ];
    notes.extend(inputs.iter().map(|(name, text)| format!("{name}={text}")));
    notes.extend(sandbox.then(|| "sandbox".to_owned()));
    notes.extend(cancelled_at.map(|at| format!("cancelled {at}")));
    format!(
        "backfill {} {} {}\n{}\n{}: {}\n",
        shown.trigger(),
        shown.range(),
        paint(of_state(shown.state), shown.state),
        paint(DIM, format!("({backfill}, {})", notes.join(", "))),
        plural(shown.times.len() as u64, "time"),
        counted(&shown.times),
    )
}

/// How many times stand how.
pub(super) fn counted(times: &[BackfillTime]) -> String {
    let mut words: Vec<&str> = times.iter().map(|time| time.stands.as_str()).collect();
    words.sort_unstable();
    let groups = words.chunk_by(|one, other| one == other);
    let groups = groups.map(|group| format!("{} {}", group.len(), group[0]));
    groups.collect::<Vec<String>>().join(", ")
}

/// A time, what has become of it, and its run.
pub(super) fn line(time: &BackfillTime) -> String {
    let run = run_of(time).map_or_else(String::new, |run| format!(" {run}"));
    let style = match &time.stands {
        Stands::Open | Stands::Met(_) => YELLOW,
        Stands::Run(status) | Stands::Deleted(status) if status == "succeeded" => GREEN,
        Stands::Run(status) if matches!(&**status, "running" | "waiting") => BLUE,
        Stands::Run(_) | Stands::Deleted(_) => RED,
    };
    format!("{} {}{run}", time.due, paint(style, time.stands.as_str()))
}
