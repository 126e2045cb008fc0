//! `flow check`: everything that can be known before running.

use std::path::PathBuf;

use flow_engine::finding::{Finding, Severity};
use flow_engine::workflow::{Starts, Workflow};
use serde_json::json;

use super::{StoreArguments, print_json};
use crate::exit::{Exit, Trouble};
use crate::load;
use crate::services;
use crate::show::values::plural;
use crate::show::{diagnostics, style};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Workflow files.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print findings as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

pub(super) fn check(arguments: &Arguments) -> Result<Exit, Trouble> {
    let folders = arguments.store.folders()?;
    let connectors = services::connectors(&folders.project)?;
    let catalog = connectors.catalog();
    let mut all = Vec::new();
    let (mut errors, mut warnings) = (0, 0);
    for file in &arguments.files {
        let checked = load::check_file(file, &catalog)?;
        errors += checked
            .findings
            .iter()
            .filter(|finding| finding.is_error())
            .count() as u64;
        warnings += checked
            .findings
            .iter()
            .filter(|finding| finding.severity == Severity::Warning)
            .count() as u64;
        if arguments.json {
            all.extend(
                checked
                    .findings
                    .iter()
                    .map(|finding| diagnostics::to_json(&checked.source, finding)),
            );
        } else {
            diagnostics::print(&checked.source, &checked.findings);
            if !checked.findings.iter().any(Finding::is_error) {
                anstream::eprintln!("{} {}", style::paint(style::GREEN, "✓"), file.display());
                in_utc(checked.workflow.as_ref());
            }
        }
    }
    if arguments.json {
        print_json(&json!(all));
    } else if errors + warnings > 0 {
        anstream::eprintln!(
            "{}, {}",
            plural(errors, "error"),
            plural(warnings, "warning")
        );
    }
    Ok(if errors > 0 {
        Exit::Invalid
    } else {
        Exit::Success
    })
}

/// Calendar times without a time zone are told in UTC: worth a word, and no warning.
fn in_utc(workflow: Option<&Workflow>) {
    let triggers = workflow
        .into_iter()
        .flat_map(|known| known.triggers.values());
    for trigger in triggers {
        if let Starts::Schedule(schedule) = &trigger.starts
            && schedule.timezone.is_none()
        {
            let note = format!("  `{}` has no `timezone`: its times are UTC", trigger.name);
            anstream::eprintln!("{}", style::paint(style::DIM, note));
        }
    }
}
