//! A run that is tried again: a new one, which takes over what the earlier one has done.

use std::collections::BTreeSet;
use std::sync::Arc;

use flow_engine::bundle::Bundle;
use flow_engine::journal::{Event, RunStarted, StartedBy};
use flow_engine::run::reuse::Earlier;
use flow_engine::value::{Map, Value};
use flow_engine::workflow::Workflow;
use flow_local::start::{Retry, Stored, new_id};
use flow_local::store::RunRow;

use crate::exit::{Exit, Trouble};
use crate::host::order::{SecretTexts, Start};
use crate::inputs;

/// What the new run is made of.
pub(crate) struct Again {
    pub(crate) workflow: Arc<Workflow>,
    pub(crate) bundle: Bundle,
    pub(crate) inputs: Map,
    started: RunStarted,
    retry: Retry,
}

/// Why a run cannot be tried again. `chosen`: it was said what is done again.
pub(crate) fn refuse(row: &RunRow, chosen: bool) -> Result<(), Trouble> {
    let run = &row.run;
    if !row.has_ended() {
        let trouble = Trouble::new(
            Exit::Usage,
            "run.not_ended",
            format!("run {run} has not ended"),
        );
        return Err(trouble.help(format!(
            "`flow resume {run}` goes on with it, `flow cancel {run}` ends it"
        )));
    }
    if row.status == "succeeded" && !chosen {
        let trouble = Trouble::new(Exit::Usage, "run.ended", format!("run {run} has succeeded"));
        return Err(trouble.help(format!(
            "say where to begin with `flow retry {run} --from STEP`, or start a new run with `flow run`"
        )));
    }
    Ok(())
}

/// How an earlier run began.
pub(crate) fn started(stored: &Stored) -> Result<&RunStarted, Trouble> {
    if let Some((_, Event::RunStarted(started))) = stored.events.first() {
        return Ok(started);
    }
    let message = format!("the journal of run {} has no start", stored.row.run);
    Err(Trouble::new(Exit::Unavailable, "store.corrupt", message))
}

/// The new run of a definition: `pinned` as the earlier run had it, `current` as it is now, if that is wanted. `from` are the
/// steps that are done again though they succeeded.
pub(crate) fn again(
    stored: &Stored,
    pinned: Arc<Workflow>,
    from: &BTreeSet<String>,
    current: Option<(Arc<Workflow>, Bundle)>,
) -> Result<Again, Trouble> {
    known_steps(&pinned, from)?;
    let mut anew = from.clone();
    let (workflow, bundle) = match current {
        Some((workflow, bundle)) => {
            anew.extend(changed(&stored.bundle, &bundle, &workflow));
            (workflow, bundle)
        }
        None => (pinned, stored.bundle.clone()),
    };
    let reused = Earlier::of(stored.events.iter().map(|(_, event)| event));
    let reused = reused.reused(&workflow, &anew);
    let started = started(stored)?.clone();
    let given = started.inputs.as_map().cloned().unwrap_or_default();
    Ok(Again {
        inputs: accepted(&workflow, &given)?,
        workflow,
        bundle,
        started,
        retry: Retry {
            of: stored.row.run.clone(),
            reused,
        },
    })
}

impl Again {
    /// Whether it runs against the sandbox, as the earlier one did.
    pub(crate) fn sandbox(&self) -> bool {
        self.started.sandbox
    }

    /// How many values it takes over.
    pub(crate) fn reused(&self) -> usize {
        self.retry.reused.len()
    }

    /// The order for it, under an id of its own.
    pub(crate) fn start(self, secrets: SecretTexts) -> Start {
        let started_by = StartedBy {
            // A backfill has one run for each of its times.
            backfill: None,
            ..self.started.started_by
        };
        Start {
            run: new_id(),
            bundle: self.bundle,
            inputs: Value::from(self.inputs),
            started_by,
            trigger: self.started.trigger,
            sandbox: self.started.sandbox,
            project: self.started.project,
            retry: Some(self.retry),
            secrets,
        }
    }
}

fn known_steps(workflow: &Workflow, paths: &BTreeSet<String>) -> Result<(), Trouble> {
    let unknown = paths
        .iter()
        .find(|path| workflow.step_of_path(path).is_none());
    let Some(path) = unknown else { return Ok(()) };
    let names = workflow.steps.iter().map(|step| &*step.name);
    let message = format!("the run has no step `{path}`");
    let trouble = Trouble::new(Exit::Usage, "run.unknown_step", message);
    Err(match flow_engine::finding::nearest(path, names) {
        Some(near) => trouble.help(format!("did you mean `{near}`?")),
        None => trouble.help("`flow show RUN` lists its steps"),
    })
}

/// Steps that are written otherwise than they were; all of them if what they share was changed.
fn changed(before: &Bundle, after: &Bundle, workflow: &Workflow) -> Vec<String> {
    let read = |bundle: &Bundle| serde_yaml::from_str::<serde_yaml::Value>(&bundle.text).ok();
    let (Some(old), Some(new)) = (read(before), read(after)) else {
        return Vec::new();
    };
    let shared = ["vars", "connections", "defaults", "inputs"];
    let all = shared.iter().any(|key| old.get(key) != new.get(key))
        || before.files != after.files
        || before.descriptors != after.descriptors;
    let step = |document: &serde_yaml::Value, name: &str| {
        let steps = document.get("steps").or_else(|| document.get("flow"));
        steps.and_then(|steps| steps.get(name)).cloned()
    };
    let own = workflow.bodies[0].steps.iter();
    let own = own.map(|step| workflow.steps[*step].name.to_string());
    own.filter(|name| all || step(&old, name) != step(&new, name))
        .collect()
}

/// The inputs of the earlier run, as the workflow wants them now.
fn accepted(workflow: &Workflow, given: &Map) -> Result<Map, Trouble> {
    let mut taken = Map::new();
    for input in workflow.inputs.values() {
        match given.get(&input.name) {
            Some(value) => taken.insert(input.name.clone(), value.clone()),
            None if input.required && input.default.is_none() => {
                let message = format!(
                    "input `{}` is required now, and the run that is tried again has none",
                    input.name
                );
                let trouble = Trouble::new(Exit::Invalid, "input.missing", message);
                return Err(trouble.help("start a new run with `flow run`, or give it a default"));
            }
            None => {}
        }
    }
    Ok(inputs::with_defaults(workflow, &taken))
}
