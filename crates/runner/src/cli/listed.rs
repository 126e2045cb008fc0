//! The table of `flow runs`: runs, and backfills in the place of theirs.

use std::cmp::Reverse;
use std::path::Path;

use comfy_table::{ContentArrangement, Table};
use flow_engine::time::Timestamp;
use flow_local::clock::now;
use flow_local::store::{Backfill, Filter, Of, Reader, RunRow, Store};

use crate::backfills::{self, Shown};
use crate::exit::Trouble;
use crate::show::style::of_status;
use crate::show::values;
use crate::stored::find;

/// A row of the table.
pub(super) enum Entry {
    /// A run, with the run that started it.
    Run(RunRow, Option<String>),
    /// A backfill, with all of its runs.
    Backfill(Shown),
}

impl Entry {
    /// What comes after it is asked for by this id.
    pub(super) fn id(&self) -> &str {
        match self {
            Entry::Run(row, _) => &row.run,
            Entry::Backfill(shown) => &shown.backfill.backfill,
        }
    }

    /// Its place in the list.
    fn place(&self) -> (Timestamp, &str) {
        match self {
            Entry::Run(row, _) => (row.started_at, &row.run),
            Entry::Backfill(shown) => (shown.backfill.made_at, &shown.backfill.backfill),
        }
    }
}

/// The place in the list of the run or the backfill whose id begins like this.
pub(super) fn place(reader: &Reader, prefix: &str) -> Result<(Timestamp, String), Trouble> {
    match find(reader, prefix) {
        Ok(row) => Ok((row.started_at, row.run)),
        Err(trouble) => match backfills::find(reader, prefix) {
            Ok(backfill) => Ok((backfill.made_at, backfill.backfill)),
            Err(_) => Err(trouble),
        },
    }
}

/// Runs and backfills, the newest first. A filter that asks how runs stand, or for those of one backfill, is about runs alone.
pub(super) fn entries(
    reader: &Reader,
    store: &Path,
    filter: Filter,
    limit: u32,
) -> Result<Vec<Entry>, Trouble> {
    let together = filter.statuses.is_empty() && filter.of == Of::All;
    let mut entries = Vec::new();
    if together {
        let all = reader.backfills(filter.after.as_ref(), u32::MAX)?;
        let some = all.into_iter().filter(|backfill| fits(&filter, backfill));
        for backfill in some.take(limit as usize) {
            entries.push(Entry::Backfill(Shown::of(reader, store, backfill)?));
        }
    }
    let of = if together {
        Of::None
    } else {
        filter.of.clone()
    };
    for row in reader.list(&Filter { of, ..filter }, limit)? {
        let parent = reader.parent(&row.run)?;
        entries.push(Entry::Run(row, parent));
    }
    entries.sort_by(|one, other| Reverse(one.place()).cmp(&Reverse(other.place())));
    entries.truncate(limit as usize);
    Ok(entries)
}

fn fits(filter: &Filter, backfill: &Backfill) -> bool {
    let Filter {
        workflow,
        since,
        before,
        ..
    } = filter;
    workflow.as_ref().is_none_or(|it| *it == backfill.workflow)
        && since.is_none_or(|since| backfill.made_at >= since)
        && before.is_none_or(|before| backfill.made_at < before)
}

/// The table, a line an entry.
pub(super) fn table(entries: &[Entry], store: &Path) -> String {
    let mut table = Table::new();
    table
        .load_style(comfy_table::presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["RUN", "WORKFLOW", "STATUS", "STARTED", "TOOK", ""]);
    let owned = Store::is_owned(store);
    for entry in entries {
        table.add_row(match entry {
            Entry::Run(row, parent) => of_run(row, parent.as_deref(), owned),
            Entry::Backfill(shown) => of_backfill(shown),
        });
    }
    let text = table.trim_fmt();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    format!("{}\n", lines.join("\n"))
}

fn of_run(row: &RunRow, parent: Option<&str>, owned: bool) -> [String; 6] {
    let (sign, _) = of_status(&row.status);
    let took = row.ended_at.unwrap_or_else(now).since(row.started_at);
    let waits = row
        .waits_for
        .as_ref()
        .map(|what| format!("waits for {what}"));
    let left = match row.status.as_str() {
        "interrupted" => None,
        "quarantined" => Some(format!("processes died of it: flow why {}", row.run)),
        _ => (row.ended_at.is_none() && !owned).then(|| "nobody drives it: flow resume".to_owned()),
    };
    let sandbox = row.sandbox.then(|| "sandbox".to_owned());
    let parent = parent.map(|parent| format!("started by {parent}"));
    let of = row.backfill.as_ref();
    let of = of.map(|backfill| format!("of backfill {backfill}"));
    let notes = [waits, left, sandbox, parent, of].into_iter().flatten();
    [
        row.run.clone(),
        row.workflow.clone(),
        format!("{sign} {}", row.status),
        row.started_at.to_string(),
        values::elapsed(took),
        notes.collect::<Vec<String>>().join(", "),
    ]
}

fn of_backfill(shown: &Shown) -> [String; 6] {
    let Backfill {
        backfill, made_at, ..
    } = &shown.backfill;
    let sign = match shown.state {
        "running" => of_status("running"),
        "paused" => of_status("interrupted"),
        "ended" if shown.counts().failed > 0 => of_status("failed"),
        "ended" => of_status("succeeded"),
        _ => of_status("cancelled"),
    };
    let going = shown.state == "running";
    let took = going.then(|| values::elapsed(now().since(*made_at)));
    let sandbox = if shown.backfill.sandbox {
        ", sandbox"
    } else {
        ""
    };
    [
        backfill.clone(),
        format!("backfill {}", shown.trigger()),
        format!("{} {}", sign.0, shown.state),
        made_at.to_string(),
        took.unwrap_or_default(),
        format!("{}  {}{sandbox}", shown.range(), shown.words()),
    ]
}
