//! What the cases of a workflow covered: a table, and what was never taken.

use comfy_table::{ContentArrangement, Table};
use flow_backend::virtual_world::case::coverage::{Coverage, Row, percent};
use serde_json::json;

use super::style::{BOLD, paint};

/// Prints the table of a workflow's file.
pub(crate) fn print((file, coverage): &(String, Coverage)) {
    let (taken, all) = coverage.sum();
    let title = format!("{file}: {} %", percent((taken, all)));
    anstream::eprintln!("\n{} ({taken} of {all} ways)", paint(BOLD, title));
    let mut table = Table::new();
    table
        .load_style(comfy_table::presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["STEP", "RAN", "SKIPPED", "FAILED", "NEVER TAKEN"]);
    let several = coverage.workflows().count() > 1;
    for (workflow, rows) in coverage.workflows() {
        for row in rows {
            let step = if several {
                format!("{workflow}: {}", row.step)
            } else {
                row.step.to_string()
            };
            table.add_row([
                step,
                row.ran.to_string(),
                row.skipped.to_string(),
                row.failed.to_string(),
                missing(row).join(", "),
            ]);
        }
    }
    anstream::eprintln!("{table}");
}

/// The same for programs.
pub(crate) fn to_json((file, coverage): &(String, Coverage)) -> serde_json::Value {
    let (taken, all) = coverage.sum();
    let mut steps = Vec::new();
    for (workflow, rows) in coverage.workflows() {
        steps.extend(rows.iter().map(|row| {
            json!({
                "workflow": workflow,
                "step": &*row.step,
                "ran": row.ran,
                "skipped": row.skipped,
                "failed": row.failed,
                "never_taken": missing(row),
            })
        }));
    }
    json!({ "file": file, "percent": percent((taken, all)), "taken": taken, "ways": all, "steps": steps })
}

fn missing(row: &Row) -> Vec<&'static str> {
    let ways = row.ways.iter();
    ways.filter(|way| !way.taken).map(|way| way.what).collect()
}
