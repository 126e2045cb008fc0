//! Looking for what an attempt made whose answer nobody heard.

use std::sync::Arc;

use flow_engine::run::{AdoptSpec, Failure, Found, Input, Prepared};
use flow_engine::workflow::{Does, Workflow};

use crate::attempt::{finish, shell_of_call};
use crate::context::StepContext;
use crate::step::StepRunner;

/// What a store knows of things that its runs made. It speaks for one step: what that made itself counts as unknown.
pub trait Records: Send + Sync {
    /// Whether another step of the store made this one, or took it for its own.
    ///
    /// # Errors
    /// As the store gives them.
    fn is_recorded(&self, what: &str, id: &str) -> Result<bool, Failure>;

    /// The other steps of the store that may have made such a thing of that many items, or are about to.
    ///
    /// # Errors
    /// As the store gives them.
    fn rivals(&self, what: &str, count: Option<u64>) -> Result<Vec<Rival>, Failure>;

    /// Takes one for this step; `false` if another one was faster.
    fn claim(&self, what: &str, id: &str) -> bool;
}

/// Another step that may have made what is looked for.
#[derive(Debug)]
pub struct Rival {
    /// Which one, in words.
    pub words: String,
    /// Its request; `None` if it cannot be told.
    pub prepared: Option<Prepared>,
}

/// Takes one look.
pub async fn look_for(
    workflow: &Arc<Workflow>,
    spec: &AdoptSpec,
    runner: &dyn StepRunner,
    records: &dyn Records,
    context: &StepContext,
) -> Input {
    let result = found(workflow, spec, runner, records, context).await;
    Input::Adopted {
        node: spec.node,
        attempt: spec.attempt,
        result,
    }
}

async fn found(
    workflow: &Arc<Workflow>,
    spec: &AdoptSpec,
    runner: &dyn StepRunner,
    records: &dyn Records,
    context: &StepContext,
) -> Result<Found, Failure> {
    let Does::Call(step) = &workflow.steps[spec.step].does else {
        return Ok(Found::Nothing);
    };
    let Some(adopt) = &step.adopt else {
        return Ok(Found::Nothing);
    };
    let AdoptSpec { step, attempt, .. } = *spec;
    let call = shell_of_call(workflow, step, attempt, &spec.key, &spec.values, context)?;
    let found = runner
        .look_for(&call, &spec.prepared, spec.since, records, context)
        .await?;
    let Found::Made { id, value } = found else {
        return Ok(found);
    };
    // The step that made it may have heard of it only while this one looked.
    if records.is_recorded(&adopt.what, &id)? || !records.claim(&adopt.what, &id) {
        let why = format!("`{id}` was just taken by another step");
        return Ok(Found::Contested(why));
    }
    let (values, context) = (spec.values.clone(), context.clone());
    let value = finish(workflow.clone(), spec.step, value, values, context).await?;
    Ok(Found::Made { id, value })
}
