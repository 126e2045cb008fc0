//! `flow test`: the cases of workflows, in virtual time.

mod record;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use flow_backend::virtual_world::case::coverage::{Coverage, percent};
use flow_backend::virtual_world::case::{self, Case, CaseFile, Mismatch, Outcome};
use flow_connector::Connectors;
use flow_engine::document::resolve;
use flow_engine::finding::Finding;
use flow_engine::source::SourceFile;
use flow_engine::workflow::Workflow;
use serde_json::json;
use tokio::task::JoinSet;

use super::{StoreArguments, print_json};
use crate::exit::{Exit, Trouble};
use crate::load::{self, DiskFiles};
use crate::services;
use crate::show::{cases, coverage, diagnostics};

/// How deep folders are searched for case files.
const DEPTH_MAX: usize = 32;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Case files (`NAME.test.yml`), or folders of them; the project folder if none is given.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Run only the cases of this name.
    #[arg(long, value_name = "NAME")]
    case: Option<String>,
    /// Make a case of a run of the store, and add it to the case file of its workflow, or to PATH; `-` prints it.
    #[arg(long, value_name = "RUN")]
    record: Option<String>,
    /// Show which steps ran and which ways through them were never taken.
    #[arg(long)]
    coverage: bool,
    /// Fail where less than this share of ways was taken, in per cent.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    min_coverage: Option<u8>,
    /// Print results as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

/// A case file with the workflow that it is about.
pub(crate) struct Loaded {
    pub(crate) file: CaseFile,
    pub(crate) workflow: Arc<Workflow>,
    runner: Arc<Connectors>,
}

/// A case that was run.
pub(crate) struct Ran {
    /// Its file, by its place among those that were loaded.
    pub(crate) file: usize,
    /// Its place in the file.
    pub(crate) case: usize,
    /// What became of it, or what is wrong with it.
    pub(crate) outcome: Result<Outcome, Vec<Finding>>,
    /// What is not as expected.
    pub(crate) mismatches: Vec<Mismatch>,
    /// How long it really took.
    pub(crate) real: Duration,
}

pub(super) async fn test(arguments: Arguments) -> Result<Exit, Trouble> {
    let folders = arguments.store.folders()?;
    if let Some(run) = &arguments.record {
        let target = arguments.paths.first().map(PathBuf::as_path);
        return record::record(run, arguments.case.as_deref(), target, &folders);
    }
    let paths = found(&arguments.paths, &folders.project)?;
    let mut loaded = Vec::new();
    let mut wrong = false;
    for path in &paths {
        let (source, file) = load_file(path, &folders.project)?;
        match file {
            Ok(file) => loaded.push(file),
            Err(findings) => {
                diagnostics::print(&source, &findings);
                wrong = true;
            }
        }
    }
    let ran = run_all(&loaded, arguments.case.as_deref()).await?;
    if let Some(name) = arguments.case.filter(|_| ran.is_empty() && !wrong) {
        let message = format!("no case is called `{name}`");
        return Err(Trouble::new(Exit::Usage, "test.no_case", message));
    }
    let asked = arguments.coverage || arguments.min_coverage.is_some();
    let covered = if asked {
        coverage_of(&loaded, &ran)
    } else {
        Vec::new()
    };
    if arguments.json {
        let cases: Vec<_> = ran.iter().map(|ran| cases::to_json(&loaded, ran)).collect();
        let covered: Vec<_> = covered.iter().map(coverage::to_json).collect();
        print_json(&if asked {
            json!({ "cases": cases, "coverage": covered })
        } else {
            json!(cases)
        });
    } else {
        for ran in &ran {
            cases::print(&loaded, ran);
        }
        cases::print_sum(&ran);
        covered.iter().for_each(coverage::print);
    }
    let least = usize::from(arguments.min_coverage.unwrap_or(0));
    let uncovered: Vec<&str> = covered
        .iter()
        .filter(|(_, covered)| percent(covered.sum()) < least)
        .map(|(name, _)| name.as_str())
        .collect();
    if !uncovered.is_empty() {
        anstream::eprintln!("less than {least} % covered: {}", uncovered.join(", "));
    }
    let invalid = ran.iter().any(|ran| ran.outcome.is_err());
    let failed = !uncovered.is_empty() || ran.iter().any(|ran| !ran.mismatches.is_empty());
    Ok(match (wrong || invalid, failed) {
        (true, _) => Exit::Invalid,
        (false, true) => Exit::Failed,
        (false, false) => Exit::Success,
    })
}

/// The case files that were meant, sorted within each folder.
fn found(paths: &[PathBuf], project: &Path) -> Result<Vec<PathBuf>, Trouble> {
    let mut files = Vec::new();
    let here = std::env::current_dir().unwrap_or_default();
    let whole = if project == here {
        PathBuf::from(".")
    } else {
        project.to_owned()
    };
    let whole = [whole];
    let paths = if paths.is_empty() { &whole } else { paths };
    for path in paths {
        if path.is_dir() {
            search(path, DEPTH_MAX, &mut files);
        } else {
            files.push(path.clone());
        }
    }
    if files.is_empty() {
        let message = "there is no file `*.test.yml` here";
        let trouble = Trouble::new(Exit::Usage, "test.no_case", message);
        return Err(trouble.help("write `NAME.test.yml` beside `NAME.yml`: see docs/testing.md"));
    }
    Ok(files)
}

fn search(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let hidden = name.starts_with('.') || name == "target" || name == "node_modules";
        if path.is_dir() && !path.is_symlink() && !hidden && depth > 0 {
            search(&path, depth - 1, files);
        } else if is_case_file(&path) {
            files.push(path.strip_prefix("./").unwrap_or(&path).to_owned());
        }
    }
}

/// Whether a file is one of cases, by its name.
pub(super) fn is_case_file(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(".test.yml") || name.ends_with(".test.yaml")
}

/// What is wrong with a case file.
pub(super) fn findings(path: &Path, project: &Path) -> Result<(SourceFile, Vec<Finding>), Trouble> {
    let (source, loaded) = load_file(path, project)?;
    Ok((source, loaded.err().unwrap_or_default()))
}

/// A case file and its workflow, or what is wrong.
type LoadResult = (SourceFile, Result<Loaded, Vec<Finding>>);

/// Reads a case file and its workflow. What is wrong with the workflow is its own business: `flow check` tells.
fn load_file(path: &Path, project: &Path) -> Result<LoadResult, Trouble> {
    let source = match load::read(path)? {
        Ok(source) => source,
        Err(checked) => return Ok((checked.source, Err(checked.findings))),
    };
    let (file, mut findings) = case::parse(&source, &DiskFiles);
    let target = match &file.workflow {
        Some(word) => resolve(source.name(), &word.text),
        None => source.name().replacen(".test.y", ".y", 1),
    };
    let beside = path.parent().unwrap_or(Path::new(""));
    let runner = services::connectors_in(&[project, beside])?;
    let why = match load::check_file(Path::new(&target), &runner.catalog()) {
        Err(trouble) => trouble.message,
        Ok(checked) => match checked.workflow {
            Some(workflow) => {
                findings.extend(case::check(&file, &workflow));
                let loaded = Loaded {
                    file,
                    workflow: Arc::new(workflow),
                    runner: Arc::new(runner),
                };
                let result = if findings.is_empty() {
                    Ok(loaded)
                } else {
                    Err(findings)
                };
                return Ok((source, result));
            }
            None => format!("`{target}` has mistakes: `flow check {target}` shows them"),
        },
    };
    let span = file.workflow.as_ref().map_or(file.span, |word| word.span);
    let finding = Finding::error("test.workflow", span, why);
    let help = "these cases are of the file of the same name without `.test`, or of that after `workflow:`";
    findings.push(finding.help(help));
    Ok((source, Err(findings)))
}

/// Runs all cases side by side; the results are in the order of the files.
async fn run_all(loaded: &[Loaded], only: Option<&str>) -> Result<Vec<Ran>, Trouble> {
    let mut running = JoinSet::new();
    for (at, file) in loaded.iter().enumerate() {
        for (no, case) in file.file.cases.iter().enumerate() {
            if only.is_none_or(|name| &*case.name.text == name) {
                let (workflow, runner) = (file.workflow.clone(), file.runner.clone());
                running.spawn(run_one((at, no), case.clone(), workflow, runner));
            }
        }
    }
    let mut ran = Vec::new();
    while let Some(one) = running.join_next().await {
        let one = one.map_err(|error| anyhow::anyhow!("a case: {error}"))?;
        ran.push(one?);
    }
    ran.sort_by_key(|ran| (ran.file, ran.case));
    Ok(ran)
}

/// What the cases of each workflow covered, by the workflow's file.
fn coverage_of(loaded: &[Loaded], ran: &[Ran]) -> Vec<(String, Coverage)> {
    let mut all: Vec<(String, Coverage)> = Vec::new();
    for (at, file) in loaded.iter().enumerate() {
        let name = file.workflow.source.name();
        let known = all.iter().position(|(known, _)| known == name);
        let covered = known.unwrap_or_else(|| {
            all.push((name.to_owned(), Coverage::new(&file.workflow)));
            all.len() - 1
        });
        let outcomes = ran.iter().filter(|ran| ran.file == at);
        for outcome in outcomes.filter_map(|ran| ran.outcome.as_ref().ok()) {
            all[covered].1.take(&file.workflow, outcome);
        }
    }
    all
}

async fn run_one(
    (file, no): (usize, usize),
    case: Case,
    workflow: Arc<Workflow>,
    runner: Arc<Connectors>,
) -> Result<Ran, Trouble> {
    let began = Instant::now();
    let folder = tempfile::tempdir().map_err(|error| {
        let message = format!("a folder for the case: {error}");
        Trouble::new(Exit::Unavailable, "store.io", message)
    })?;
    let outcome = case::run(&case, &workflow, runner, folder.path()).await;
    let mismatches = match &outcome {
        Ok(outcome) => case::compare(&case, outcome),
        Err(_) => Vec::new(),
    };
    Ok(Ran {
        file,
        case: no,
        outcome,
        mismatches,
        real: began.elapsed(),
    })
}
