//! `flow check`: everything that can be known before running.

use std::path::PathBuf;

use flow_engine::finding::Severity;
use serde_json::json;

use super::{StoreArguments, print_json, test};
use crate::exit::{Exit, Trouble};
use crate::load;
use crate::services;
use crate::show::values::plural;
use crate::show::{diagnostics, style};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Workflow files, and files of cases (`NAME.test.yml`).
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
        let (source, findings) = if test::is_case_file(file) {
            test::findings(file, &folders.project)?
        } else {
            let checked = load::check_file(file, &catalog)?;
            (checked.source, checked.findings)
        };
        let count = |severity| {
            let alike = findings
                .iter()
                .filter(|finding| finding.severity == severity);
            alike.count() as u64
        };
        errors += count(Severity::Error);
        warnings += count(Severity::Warning);
        if arguments.json {
            let findings = findings.iter();
            all.extend(findings.map(|finding| diagnostics::to_json(&source, finding)));
        } else {
            diagnostics::print(&source, &findings);
            if count(Severity::Error) == 0 {
                anstream::eprintln!("{} {}", style::paint(style::GREEN, "✓"), file.display());
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
