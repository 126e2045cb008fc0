//! `flow check`: everything that can be known before running.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use flow_engine::catalog::Catalog;
use flow_engine::finding::{Finding, Severity};
use flow_engine::source::Span;
use flow_engine::workflow::{Starts, Workflow};
use indicatif::{ProgressBar, ProgressStyle};

use super::{StoreArguments, print_json, test};
use crate::discover::{self, Candidate};
use crate::exit::{Exit, Trouble};
use crate::load::{self, Checked};
use crate::services;
use crate::show::values::plural;
use crate::show::{check_json, diagnostics, sarif, style};

/// From how many files on a bar is shown, where somebody watches.
const BAR_FILES_MIN: usize = 20;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Workflow files, and folders with workflows; the project folder if none is given.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Print files and findings as one JSON object.
    #[arg(long, conflicts_with = "sarif")]
    json: bool,
    /// Print findings as a SARIF 2.1.0 log, as code scanners take it.
    #[arg(long)]
    sarif: bool,
    #[command(flatten)]
    store: StoreArguments,
}

pub(super) fn check(arguments: &Arguments) -> Result<Exit, Trouble> {
    let folders = arguments.store.folders()?;
    let connectors = services::connectors(&folders.project)?;
    let candidates = discover::candidates(&arguments.paths, &folders.project)?;
    let (mut files, skipped) = check_all(&candidates, &connectors.catalog(), &folders.project)?;
    same_names(&mut files);
    let count = |severity| {
        let findings = files.iter().flat_map(|file| &file.findings);
        findings.filter(|it| it.severity == severity).count() as u64
    };
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    if arguments.json {
        print_json(&check_json::log(&files, &skipped));
    } else if arguments.sarif {
        print_json(&sarif::log(&files));
    } else {
        for file in &files {
            diagnostics::print(&file.source, &file.findings);
            if !file.findings.iter().any(Finding::is_error) {
                anstream::eprintln!("{} {}", style::paint(style::GREEN, "✓"), file.source.name());
                for note in &file.notes {
                    anstream::eprintln!("{}", style::paint(style::DIM, note));
                }
            }
        }
        for name in &skipped {
            let note = format!("- {name} is left out: no `steps` or `flow` at its top level");
            anstream::eprintln!("{}", style::paint(style::DIM, note));
        }
        summary(files.len() as u64, errors, warnings);
    }
    Ok(if errors > 0 {
        Exit::Invalid
    } else {
        Exit::Success
    })
}

/// Checks the files against one catalog; also the names of those that are no workflows and were not named.
fn check_all(
    candidates: &[Candidate],
    catalog: &Catalog,
    project: &Path,
) -> Result<(Vec<Checked>, Vec<String>), Trouble> {
    let bar = bar(candidates.len());
    let (mut files, mut skipped) = (Vec::new(), Vec::new());
    for candidate in candidates {
        if test::is_case_file(&candidate.path) {
            let (source, findings) = test::findings(&candidate.path, project)?;
            files.push(Checked::of_cases(source, findings));
            bar.inc(1);
            continue;
        }
        match load::read(&candidate.path)? {
            Ok(source) if !candidate.named && !discover::is_workflow(&source) => {
                skipped.push(source.name().to_owned());
            }
            Ok(source) => {
                let mut checked = load::check(&source, catalog, &load::DiskFiles);
                // Only what was found is needed, and there may be thousands.
                checked.notes = in_utc(checked.workflow.as_ref());
                load::free_aside(checked.workflow.take(), source.text().len());
                files.push(checked);
            }
            Err(checked) => files.push(*checked),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok((files, skipped))
}

fn bar(files: usize) -> ProgressBar {
    if files < BAR_FILES_MIN || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let form = ProgressStyle::with_template("checking {pos}/{len} {bar:30}");
    ProgressBar::new(files as u64).with_style(form.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// A workflow's name is its identity: two files that share one are an error, said at the later one.
fn same_names(files: &mut [Checked]) {
    let mut first: HashMap<String, (String, Option<Span>)> = HashMap::new();
    for file in files {
        let path = file.source.name().to_owned();
        let (name, span) = match &file.name {
            Some((name, span)) => (name.to_string(), Some(*span)),
            None => (identity(&path), None),
        };
        let Some((other, _)) = first.get(&name) else {
            first.insert(name, (path, span));
            continue;
        };
        let message = format!("the workflow `{name}` is defined twice: in {other} and in {path}");
        let place = span.unwrap_or_default();
        let finding = Finding::error("load.duplicate_name", place, message)
            .help("a workflow is known by its name: give one of the two another `name:`");
        file.findings.push(finding);
        file.findings.sort_by_key(|finding| finding.span.start);
    }
}

/// The name of a workflow whose file gives it none.
fn identity(path: &str) -> String {
    let path = path.trim_start_matches("./");
    let stem = path.strip_suffix(".yml").or(path.strip_suffix(".yaml"));
    stem.unwrap_or(path).to_owned()
}

fn summary(files: u64, errors: u64, warnings: u64) {
    let counts = format!(
        "{}, {}",
        plural(errors, "error"),
        plural(warnings, "warning")
    );
    if files > 1 {
        anstream::eprintln!("{} checked: {counts}", plural(files, "file"));
    } else if errors + warnings > 0 {
        anstream::eprintln!("{counts}");
    }
}

/// Calendar times without a time zone are told in UTC: worth a word, and no warning.
fn in_utc(workflow: Option<&Workflow>) -> Vec<String> {
    let triggers = workflow
        .into_iter()
        .flat_map(|known| known.triggers.values());
    let in_utc = triggers.filter(
        |trigger| matches!(&trigger.starts, Starts::Schedule(schedule) if schedule.timezone.is_none()),
    );
    let note = |name: &str| format!("  `{name}` has no `timezone`: its times are UTC");
    in_utc.map(|trigger| note(&trigger.name)).collect()
}
