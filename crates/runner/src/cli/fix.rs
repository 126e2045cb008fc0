//! `flow fix`: mends what findings offer edits for.

use std::path::PathBuf;

use flow_engine::catalog::Catalog;
use flow_engine::edit::{self, Edit, Mended};
use flow_engine::finding::Finding;
use flow_engine::source::SourceFile;

use super::{StoreArguments, print};
use crate::discover;
use crate::exit::{Exit, Trouble};
use crate::load;
use crate::rewrite;
use crate::services;
use crate::show::values::plural;
use crate::show::{diagnostics, style};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Workflow files, and folders with workflows; the project folder if none is given.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Write nothing: print what would change as a unified diff.
    #[arg(long, visible_alias = "diff")]
    dry_run: bool,
    #[command(flatten)]
    store: StoreArguments,
}

pub(super) fn fix(arguments: &Arguments) -> Result<Exit, Trouble> {
    let folders = arguments.store.folders()?;
    let connectors = services::connectors(&folders.project)?;
    let catalog = connectors.catalog();
    let (mut files, mut mended, mut errors) = (0, 0, 0);
    for candidate in discover::candidates(&arguments.paths, &folders.project)? {
        let source = match load::read(&candidate.path)? {
            Ok(source) if !candidate.named && !discover::is_workflow(&source) => continue,
            Ok(source) => source,
            Err(checked) => {
                diagnostics::print(&checked.source, &checked.findings);
                errors += 1;
                continue;
            }
        };
        let (changed, done, left) = edit::mend(&source, |text| findings(text, &catalog));
        if !done.is_empty() {
            files += 1;
            mended += done.len() as u64;
            if arguments.dry_run {
                print(&rewrite::diff(source.name(), source.text(), changed.text()));
            } else {
                rewrite::replace(&candidate.path, &load::with_mark(&candidate.path, &changed))?;
            }
        }
        for one in &done {
            said(one);
        }
        diagnostics::print(&changed, &left);
        errors += left.iter().filter(|it| it.is_error()).count() as u64;
    }
    let verb = if arguments.dry_run {
        "can be mended"
    } else {
        "mended"
    };
    anstream::eprintln!(
        "{} {verb} in {}, {} left",
        plural(mended, "finding"),
        plural(files, "file"),
        plural(errors, "error")
    );
    Ok(if errors > 0 {
        Exit::Invalid
    } else {
        Exit::Success
    })
}

fn findings(source: &SourceFile, catalog: &Catalog) -> Vec<Finding> {
    let mut findings = load::check(source, catalog, &load::DiskFiles).findings;
    // What stands in a file that it includes is mended there.
    for finding in &mut findings {
        let own = |edit: &Edit| edit.span.end as usize <= source.text().len();
        if !finding.edits.iter().all(own) {
            finding.edits.clear();
        }
    }
    findings
}

/// One line: where, what, and the change if it is short.
fn said(mended: &Mended) {
    let Mended { finding, source } = mended;
    let position = source.position(finding.span.start);
    let place = format!("{}:{}:{}", source.name(), position.line, position.column);
    let change = match finding.edits.as_slice() {
        [edit] if !source.slice(edit.span).contains('\n') => {
            format!("{} → {}", source.slice(edit.span), edit.text.trim())
        }
        edits => format!(
            "{} at {}",
            finding.message,
            plural(edits.len() as u64, "place")
        ),
    };
    let sign = style::paint(style::GREEN, "✓");
    let code = style::paint(style::DIM, finding.code);
    anstream::eprintln!("{sign} {place} {code} {change}");
}
