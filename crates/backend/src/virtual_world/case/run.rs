//! Runs a case in a world of its own.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, PoisonError};

use flow_engine::collections::IndexMap;
use flow_engine::duration::Millis;
use flow_engine::finding::Finding;
use flow_engine::journal::RunEnded;
use flow_engine::report::{StepReport, StepState, report};
use flow_engine::time::Timestamp;
use flow_engine::value::Value;
use flow_engine::workflow::Workflow;

use super::inputs::{inputs, started_by, trigger_of};
use super::lines::join;
use super::real::Real;
use super::{Case, plain};
use crate::step::StepRunner;
use crate::virtual_world::memory::MemoryBlobs;
use crate::virtual_world::script::Script;
use crate::virtual_world::{Child, Clock, Journal, Rest, World};

/// What became of a case.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// When it began.
    pub began: Timestamp,
    /// What happened in its run.
    pub journal: Journal,
    /// What happened in the runs that it started.
    pub children: Vec<Child>,
    /// `succeeded`, `failed`, `cancelled`, `interrupted`, `waiting` or `endless`.
    pub status: &'static str,
    /// How the run ended, if it did.
    pub ended: Option<RunEnded>,
    /// From the start to the end; to the last event, if it did not end.
    pub took: Millis,
    /// All steps to which something happened, by path.
    pub steps: IndexMap<String, StepReport>,
    /// How often what the case asks for was called.
    pub calls: BTreeMap<String, u64>,
    /// Calls that the case does not answer: operations and paths.
    pub refused: Vec<(String, String)>,
    /// Files of the project folder that the case asks for; `None` where there is none.
    pub files: BTreeMap<String, Option<String>>,
    /// The content of stored values.
    pub blobs: Arc<MemoryBlobs>,
}

/// Runs a case. Operations that it allows are performed by `others`, in `folder`, which should be empty.
///
/// # Errors
/// What is wrong with the case: inputs that the workflow does not take, files that cannot be written.
pub async fn run(
    case: &Case,
    workflow: &Arc<Workflow>,
    others: Arc<dyn StepRunner>,
    folder: &Path,
) -> Result<Outcome, Vec<Finding>> {
    place_files(case, folder)?;
    let clock = Clock::default();
    let real = Arc::new(Real {
        others,
        allowed: case.real.iter().map(|name| name.text.to_string()).collect(),
        clock: clock.clone(),
        refused: std::sync::Mutex::default(),
    });
    let script = case.operations.iter();
    let script = Value::map(script.map(|(name, answers)| (name.text.clone(), answers.clone())));
    let words = case.people.iter();
    let words = words.map(|(_, after, word)| (*after, word.clone()));
    let mut world = World::new(Script::new(&script), real.clone())
        .beginning_at(case.at, clock)
        .in_folder(folder.to_owned())
        .with_words(words);
    let (inputs, findings) = inputs(case, workflow, world.blobs());
    if !findings.is_empty() {
        return Err(findings);
    }
    let event = case.event.clone();
    let event = event.unwrap_or_else(|| Value::map::<&str>([]));
    let by = started_by(trigger_of(case, workflow));
    let (journal, rest) = world.run_by(workflow.clone(), inputs, event, by).await;
    let refused = real.refused.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(outcome(
        case,
        &world,
        journal,
        rest,
        refused.clone(),
        folder,
    ))
}

fn outcome(
    case: &Case,
    world: &World,
    journal: Journal,
    rest: Rest,
    refused: Vec<(String, String)>,
    folder: &Path,
) -> Outcome {
    let mut steps = IndexMap::default();
    let told = report(journal.iter().map(|(at, event)| (*at, event)));
    let ended = told.as_ref().and_then(|report| report.ended.clone());
    steps.extend(told.map(|report| report.steps).unwrap_or_default());
    for child in world.children() {
        let told = report(child.journal.iter().map(|(at, event)| (*at, event)));
        let inner = told.map(|report| report.steps).unwrap_or_default();
        steps.extend(
            inner
                .into_iter()
                .map(|(path, step)| (join(&child.step, &path), step)),
        );
    }
    let interrupted = |step: &StepReport| step.state == StepState::Interrupted;
    let status = match (rest, &ended) {
        (Rest::Endless, _) => "endless",
        (_, Some((_, ended))) => ended.status.as_str(),
        _ if steps.values().any(interrupted) => "interrupted",
        _ => "waiting",
    };
    let last = journal.last().map_or(case.at, |(at, _)| *at);
    let asked = case.expect.calls.iter();
    let calls = asked.map(|(name, _)| {
        let calls = world.calls(&name.text);
        (name.text.to_string(), calls as u64)
    });
    let files = case.expect.files.iter().map(|(name, _)| {
        let content = std::fs::read(folder.join(&*name.text)).ok();
        let content = content.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        (name.text.to_string(), content)
    });
    Outcome {
        began: case.at,
        children: world.children().to_vec(),
        status,
        took: ended.as_ref().map_or(last, |(at, _)| *at).since(case.at),
        ended: ended.map(|(_, ended)| ended),
        steps,
        calls: calls.collect(),
        refused,
        files: files.collect(),
        blobs: world.blobs().clone(),
        journal,
    }
}

impl Outcome {
    /// The outputs as a case would write them; null if there are none.
    pub fn outputs(&self) -> Value {
        match &self.ended {
            Some(ended) => plain::plain(&ended.outputs, &*self.blobs),
            None => Value::Null,
        }
    }
}

/// Writes the files that the case places in its folder.
fn place_files(case: &Case, folder: &Path) -> Result<(), Vec<Finding>> {
    let mut findings = Vec::new();
    for (name, content) in &case.files {
        let relative = Path::new(&*name.text);
        let inside = relative
            .components()
            .all(|part| matches!(part, std::path::Component::Normal(_)));
        let text = match content {
            Value::String(text) => text.to_string(),
            other => other.to_json().unwrap_or_default(),
        };
        let path = folder.join(relative);
        let written = if inside {
            let parent = path.parent().map_or(Ok(()), std::fs::create_dir_all);
            parent.and_then(|()| std::fs::write(&path, text))
        } else {
            Err(std::io::Error::other("the path leads out of the folder"))
        };
        if let Err(error) = written {
            let message = format!("`{}` cannot be placed: {error}", name.text);
            findings.push(Finding::error("test.file", name.span, message));
        }
    }
    if findings.is_empty() {
        return Ok(());
    }
    Err(findings)
}
