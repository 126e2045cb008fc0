//! `flow runs` and `flow show`: what ran, what runs, and how one run stands.

use std::path::Path;

use std::fmt::Write;

use flow_engine::duration::Millis;
use flow_engine::report::report;
use flow_engine::time::Timestamp;
use flow_engine::value::Value;
use flow_local::clock::now;
use flow_local::start::load;
use flow_local::store::{Filter, Of, Reader, RunRow, Store, Waiting};

use super::resume::no_store;
use super::{StoreArguments, listed, print, print_json, spent};
use crate::backfills;
use crate::exit::{Exit, Trouble};
use crate::host::quarantine;
use crate::host::troubles::load_trouble;
use crate::load::check;
use crate::services;
use crate::show::queued::{self, QUEUED};
use crate::show::rows::ALL_STATUSES;
use crate::show::style::{DIM, of_status, paint};
use crate::show::{money, rows, summary, values};
use crate::stored::{Found, look_up};

#[derive(clap::Args)]
pub(super) struct ListArguments {
    #[command(subcommand)]
    command: Option<ListCommand>,
    /// How many: 20 if not given, and all with `--by`.
    #[arg(short = 'n', long)]
    limit: Option<u32>,
    /// Only with this status; may be given several times.
    #[arg(long, value_name = "STATUS", value_parser = ALL_STATUSES)]
    status: Vec<String>,
    /// Only of this workflow.
    #[arg(long, value_name = "NAME")]
    workflow: Option<String>,
    /// Only those that started since: a time, or how long ago, such as 2h or 7d.
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
    /// Only those that started before: a time, or how long ago.
    #[arg(long, value_name = "TIME", value_parser = time)]
    before: Option<Timestamp>,
    /// The next page: only those that come after this run, or this backfill, in the list.
    #[arg(long, value_name = "RUN")]
    after: Option<String>,
    /// Only the runs of this backfill, one by one.
    #[arg(long, value_name = "BACKFILL")]
    backfill: Option<String>,
    /// What they cost, each by its own calls, and all together.
    #[arg(long)]
    cost: bool,
    /// With `--cost`: the sums of what.
    #[arg(long, value_name = "WHAT", value_parser = ["day"], requires = "cost")]
    by: Option<String>,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(clap::Subcommand)]
enum ListCommand {
    /// Delete runs that ended long ago.
    Prune(super::prune::Arguments),
}

#[derive(clap::Args)]
pub(super) struct ShowArguments {
    /// The run's id or its beginning.
    #[arg(value_name = "RUN")]
    run: String,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

pub(super) fn list(arguments: &ListArguments) -> Result<Exit, Trouble> {
    if let Some(ListCommand::Prune(prune)) = &arguments.command {
        return super::prune::prune(prune, &arguments.store);
    }
    let folders = arguments.store.folders()?;
    let reader = Store::reader(&folders.store)?;
    let waiting = match &reader {
        Some(reader) => waiting(reader, arguments)?,
        None => Vec::new(),
    };
    if (arguments.cost || arguments.json)
        && let Some(code) = for_programs(reader.as_ref(), &waiting, arguments)?
    {
        return Ok(code);
    }
    for waiting in &waiting {
        print(&queued::text(waiting, Store::is_owned(&folders.store)));
    }
    let entries = match &reader {
        Some(reader) => {
            tell_queued(reader, arguments)?;
            entries(reader, &folders.store, arguments)?
        }
        None => Vec::new(),
    };
    if entries.is_empty() {
        if !waiting.is_empty() {
            return Ok(Exit::Success);
        }
        let none = if arguments.filters() {
            "no run is of this kind"
        } else {
            "no runs yet: `flow run FILE` starts one"
        };
        anstream::eprintln!("{none}");
        return Ok(Exit::Success);
    }
    print(&listed::table(&entries, &folders.store));
    if entries.len() == arguments.limit() as usize
        && let Some(last) = entries.last()
    {
        let of = arguments.backfill.as_ref();
        let of = of.map_or_else(String::new, |backfill| format!(" --backfill {backfill}"));
        let next = format!("the next page: `flow runs{of} --after {}`", last.id());
        anstream::eprintln!("{}", paint(DIM, next));
    }
    Ok(Exit::Success)
}

/// The runs one by one: what they cost, or as JSON. `None` if there is nothing to add up.
fn for_programs(
    reader: Option<&Reader>,
    waiting: &[Waiting],
    arguments: &ListArguments,
) -> Result<Option<Exit>, Trouble> {
    let rows = match reader {
        Some(reader) => listed_one_by_one(reader, arguments)?,
        None => Vec::new(),
    };
    match reader {
        Some(reader) if arguments.cost && (arguments.json || !rows.is_empty()) => {
            match arguments.by {
                Some(_) => spent::by_day(reader, &rows, arguments.json)?,
                None => spent::each(reader, &rows, arguments.json)?,
            }
        }
        _ if arguments.json => {
            let queued = waiting.iter().map(queued::to_json);
            print_json(&queued.chain(rows.iter().map(row_json)).collect());
        }
        _ => return Ok(None),
    }
    Ok(Some(Exit::Success))
}

impl ListArguments {
    fn limit(&self) -> u32 {
        let usual = if self.by.is_some() { u32::MAX } else { 20 };
        self.limit.unwrap_or(usual)
    }

    /// Whether runs that have begun are not wanted.
    fn asks_for_queued_alone(&self) -> bool {
        !self.status.is_empty() && self.status.iter().all(|status| status == QUEUED)
    }

    /// Whether only some runs are wanted.
    fn filters(&self) -> bool {
        let times = self.since.or(self.before).is_some();
        times
            || !self.status.is_empty()
            || self.workflow.is_some()
            || self.after.is_some()
            || self.backfill.is_some()
    }
}

/// Runs that have begun, and backfills.
fn entries(
    reader: &Reader,
    store: &Path,
    arguments: &ListArguments,
) -> Result<Vec<listed::Entry>, Trouble> {
    if arguments.asks_for_queued_alone() {
        return Ok(Vec::new());
    }
    listed::entries(reader, store, filter(reader, arguments)?, arguments.limit())
}

/// The runs asked for that have not begun: only who asks for them sees each.
fn waiting(reader: &Reader, arguments: &ListArguments) -> Result<Vec<Waiting>, Trouble> {
    if !arguments.status.iter().any(|status| status == QUEUED) {
        return Ok(Vec::new());
    }
    let workflow = arguments.workflow.as_deref();
    Ok(reader.waiting(workflow, 0, arguments.limit())?)
}

/// Says that there are such runs to whoever sees all others.
fn tell_queued(reader: &Reader, arguments: &ListArguments) -> Result<(), Trouble> {
    let count: u64 = reader.queued_by_workflow()?.iter().map(|of| of.1).sum();
    if count > 0 && !arguments.filters() {
        let are = if count == 1 { "run is" } else { "runs are" };
        let queued = format!("{count} {are} queued: `flow runs --status queued`");
        anstream::eprintln!("{}", paint(DIM, queued));
    }
    Ok(())
}

/// One run that has not begun.
pub(super) fn queued(waiting: &Waiting, is_served: bool, json: bool) {
    if json {
        print_json(&queued::to_json(waiting));
    } else {
        print(&queued::text(waiting, is_served));
    }
}

/// The runs asked for, each with the run that started it.
fn listed_one_by_one(
    reader: &Reader,
    arguments: &ListArguments,
) -> Result<Vec<(RunRow, Option<String>)>, Trouble> {
    if arguments.asks_for_queued_alone() {
        return Ok(Vec::new());
    }
    let rows = reader.list(&filter(reader, arguments)?, arguments.limit())?;
    let with_parent = |row: RunRow| {
        let parent = reader.parent(&row.run)?;
        Ok((row, parent))
    };
    rows.into_iter().map(with_parent).collect()
}

fn filter(reader: &Reader, arguments: &ListArguments) -> Result<Filter, Trouble> {
    let after = arguments.after.as_deref();
    let after = after.map(|id| listed::place(reader, id)).transpose()?;
    let backfill = arguments.backfill.as_deref();
    let backfill = backfill.map(|id| backfills::find(reader, id)).transpose()?;
    Ok(Filter {
        statuses: arguments.status.clone(),
        workflow: arguments.workflow.clone(),
        since: arguments.since,
        before: arguments.before,
        after,
        of: backfill.map_or(Of::All, |found| Of::Backfill(found.backfill)),
    })
}

/// A time, or how long ago.
pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    let ago = Millis::parse(text).map(|ago| {
        let ago = i64::try_from(ago.0).unwrap_or(i64::MAX);
        Timestamp(now().0.saturating_sub(ago))
    });
    let day = || Timestamp::parse(&format!("{text}T00:00:00Z"));
    ago.or_else(|| Timestamp::parse(text))
        .or_else(day)
        .ok_or_else(|| {
            "expected a time such as 2026-11-22T08:00:00Z, a day, or how long ago, such as 2h or 7d"
                .to_owned()
        })
}

pub(super) fn row_json((row, parent): &(RunRow, Option<String>)) -> serde_json::Value {
    rows::run(row, parent.as_deref())
}

pub(super) fn show(arguments: &ShowArguments) -> Result<Exit, Trouble> {
    let folders = arguments.store.folders()?;
    let reader = Store::reader(&folders.store)?.ok_or_else(|| no_store(&folders))?;
    let row = match look_up(&reader, &arguments.run)? {
        Found::Run(row) => row,
        Found::Queued(waiting) => {
            queued(&waiting, Store::is_owned(&folders.store), arguments.json);
            return Ok(Exit::Success);
        }
    };
    let stored = load(&reader, &folders.store, row).map_err(|error| load_trouble(&error))?;
    let Some(report) = report(stored.events.iter().map(|(at, event)| (*at, event))) else {
        return Err(Trouble::new(
            Exit::Unavailable,
            "store.corrupt",
            format!("the journal of run {} has no start", stored.row.run),
        ));
    };
    let costs = reader.costs_of_all(&report.started.run)?;
    if arguments.json {
        print_json(&summary::to_json(&report, &stored.row.status, &costs));
        return Ok(Exit::Success);
    }
    let status = &stored.row.status;
    let (sign, color) = of_status(status);
    let took = values::elapsed(summary::took(&report, now()));
    let sandbox = if stored.row.sandbox { ", sandbox" } else { "" };
    let mut text = format!(
        "{} {} {status} {}\n",
        paint(color, sign),
        report.started.workflow,
        paint(
            DIM,
            format!(
                "(run {}, {}, {took}{sandbox})",
                report.started.run, report.started_at
            )
        )
    );
    let width = report
        .steps
        .keys()
        .map(|name| name.chars().count())
        .max()
        .unwrap_or(0);
    if let Some(deaths) = reader.quarantined()?.get(&report.started.run) {
        let (why, next) = (
            quarantine::why(*deaths),
            quarantine::next(&report.started.run),
        );
        let _ = writeln!(text, "  {status}: {why}\n  {next}");
    }
    for (name, step) in &report.steps {
        text.push_str(&summary::step_line(name, width, step, now()));
        text.push('\n');
    }
    if !costs.is_empty() {
        let unpaid = if stored.row.sandbox {
            "; the sandbox is not paid"
        } else {
            ""
        };
        let words = money::words(&costs.total());
        let _ = writeln!(text, "cost: {words}{unpaid}");
    }
    if let Some((_, ended)) = &report.ended
        && matches!(&ended.outputs, Value::Map(map) if !map.is_empty())
    {
        let outputs = serde_yaml::to_string(&values::to_json(&ended.outputs)).unwrap_or_default();
        text.push_str("outputs:\n");
        for line in outputs.lines() {
            text.push_str("  ");
            text.push_str(line);
            text.push('\n');
        }
    }
    print(&text);
    // The failures at their lines, if the pinned workflow still reads.
    let source = stored.bundle.source();
    if let Some(workflow) = check(
        &source,
        &services::pinned(&stored.bundle)?.catalog(),
        &stored.bundle,
    )
    .workflow
    {
        summary::print_failures(&workflow, &report);
    }
    Ok(Exit::Success)
}
