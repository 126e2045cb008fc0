//! `flow runs --cost`: what runs cost, each and all together, or by day.

use std::collections::BTreeMap;

use comfy_table::{ContentArrangement, Table};
use flow_engine::money::{Costs, Total, usd};
use flow_local::store::{Reader, RunRow};
use serde_json::{Value as Json, json};

use super::runs::row_json;
use super::{print, print_json};
use crate::exit::Trouble;
use crate::show::money::{self, number};
use crate::show::style::of_status;

/// Runs with the run that started each, the newest first.
type Listed = [(RunRow, Option<String>)];

/// What runs cost together; what the sandbox answered is not paid.
#[derive(Default)]
struct Sums {
    runs: u64,
    paid: Costs,
    sandbox: Costs,
}

impl Sums {
    /// What was paid for once counts once, in the run that came first.
    fn add(&mut self, row: &RunRow, costs: &Costs) {
        self.runs += 1;
        let sum = if row.sandbox {
            &mut self.sandbox
        } else {
            &mut self.paid
        };
        sum.extend(costs);
    }

    fn to_json(&self) -> Json {
        json!({ "runs": self.runs, "paid": money::to_json(&self.paid), "sandbox": money::to_json(&self.sandbox) })
    }
}

/// Prints what each run cost by its own calls, and all of them.
pub(super) fn each(reader: &Reader, rows: &Listed, as_json: bool) -> Result<(), Trouble> {
    let mut sums = Sums::default();
    let mut costs = Vec::new();
    for (row, _) in rows.iter().rev() {
        let of_run = reader.costs(&row.run)?;
        sums.add(row, &of_run);
        costs.push(of_run);
    }
    costs.reverse();
    if as_json {
        let runs = rows.iter().zip(&costs).map(|(row, costs)| {
            let mut form = row_json(row);
            form["costs"] = money::to_json(costs);
            form
        });
        let runs: Vec<Json> = runs.collect();
        print_json(&json!({ "runs": runs, "total": sums.to_json() }));
        return Ok(());
    }
    let mut table = table(["RUN", "WORKFLOW", "STATUS", "STARTED"]);
    for ((row, parent), costs) in rows.iter().zip(&costs) {
        let (sign, _) = of_status(&row.status);
        let sandbox = row.sandbox.then(|| "sandbox".to_owned());
        let parent = parent.as_ref().map(|parent| format!("started by {parent}"));
        let notes: Vec<String> = sandbox.into_iter().chain(parent).collect();
        let started = row.started_at.to_string();
        let status = format!("{sign} {}", row.status);
        let first = [row.run.clone(), row.workflow.clone(), status, started];
        table.add_row(
            first
                .into_iter()
                .chain(cells(&costs.total(), notes.join(", "))),
        );
    }
    show(&table, &sums);
    Ok(())
}

/// Prints what runs cost by the day on which they started, in UTC.
pub(super) fn by_day(reader: &Reader, rows: &Listed, as_json: bool) -> Result<(), Trouble> {
    let mut sums = Sums::default();
    let mut days: BTreeMap<String, Sums> = BTreeMap::new();
    for (row, _) in rows.iter().rev() {
        let costs = reader.costs(&row.run)?;
        let day = row.started_at.to_string();
        let day = day.split('T').next().unwrap_or_default().to_owned();
        sums.add(row, &costs);
        days.entry(day).or_default().add(row, &costs);
    }
    if as_json {
        let days = days.iter().map(|(day, sums)| {
            let mut form = sums.to_json();
            form["day"] = day.as_str().into();
            form
        });
        let days: Vec<Json> = days.collect();
        print_json(&json!({ "days": days, "total": sums.to_json() }));
        return Ok(());
    }
    let mut table = table(["DAY", "RUNS"]);
    for (day, sums) in &days {
        let first = [day.clone(), sums.runs.to_string()];
        table.add_row(
            first
                .into_iter()
                .chain(cells(&sums.paid.total(), of_sandbox(sums))),
        );
    }
    show(&table, &sums);
    Ok(())
}

fn table<const N: usize>(first: [&str; N]) -> Table {
    let mut table = Table::new();
    table
        .load_style(comfy_table::presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(first.into_iter().chain(["CALLS", "TOKENS", "COST", ""]));
    table
}

fn cells(total: &Total, notes: String) -> [String; 4] {
    let unpriced = match total.unpriced {
        0 => String::new(),
        some => format!(" + {} without a price", number(some)),
    };
    [
        number(total.calls),
        number(total.tokens.all()),
        format!("{}{unpriced}", usd(total.nano_usd)),
        notes,
    ]
}

fn of_sandbox(sums: &Sums) -> String {
    if sums.sandbox.is_empty() {
        return String::new();
    }
    format!("sandbox, not paid: {}", money::words(&sums.sandbox.total()))
}

fn show(table: &Table, sums: &Sums) {
    let text = table.trim_fmt();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let mut text = format!(
        "{}\ntotal: {}\n",
        lines.join("\n"),
        money::words(&sums.paid.total())
    );
    let sandbox = of_sandbox(sums);
    if !sandbox.is_empty() {
        text.push_str(&sandbox);
        text.push('\n');
    }
    print(&text);
}
