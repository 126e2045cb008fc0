//! One look of a trigger: its query's answer, and what is news in it.

use std::sync::Arc;

use flow_engine::collections::IndexMap;
use flow_engine::run::look::{LookOutcome, look};
use flow_engine::run::poll::{ItemsLook, look_for_items};
use flow_engine::run::values::apply_output;
use flow_engine::run::{Failure, LookSpec, Values};
use flow_engine::time::Timestamp;
use flow_engine::value::{Map, Value};
use flow_engine::workflow::trigger::Items;
use flow_engine::workflow::{CallShape, Stop, Watch, Workflow};

use crate::attempt::{blocking, connection_of};
use crate::context::StepContext;
use crate::spill::spill;
use crate::step::{Call, StepRunner};

/// Takes a look for a trigger. `step` is its place in the pinned definition, if it holds a run; without one it waits to
/// start a run.
///
/// # Errors
/// Failures of the query, or of the trigger's conditions.
pub async fn take_look(
    workflow: &Arc<Workflow>,
    watch: &Watch,
    step: Option<usize>,
    spec: LookSpec,
    runner: &dyn StepRunner,
    context: &StepContext,
) -> Result<LookOutcome, Failure> {
    let call = call_of_watch(workflow, watch, &spec.arguments, &spec.values, context)?;
    let page = runner.perform(&call, context).await?;
    let news = judge(
        workflow,
        watch,
        spec.state.as_ref(),
        page,
        spec.now,
        &spec.values,
        context,
    );
    let mut outcome = news.await?;
    let Some(step) = step else {
        return Ok(outcome);
    };
    let (workflow, context) = (workflow.clone(), context.clone());
    blocking(move || {
        if let Some(first) = outcome.found.first_mut() {
            let blobs = &*context.blobs;
            let value = std::mem::take(&mut first.item);
            let reading = spec.values.reading(blobs);
            let value =
                apply_output(&workflow, step, value, &reading).map_err(Stop::into_failure)?;
            first.item = spill(value, blobs)?;
        }
        Ok(outcome)
    })
    .await
}

/// The query that a trigger looks with, everything rendered.
///
/// # Errors
/// If the trigger has no query; failures of the connection's settings.
pub fn call_of_watch(
    workflow: &Workflow,
    watch: &Watch,
    arguments: &Value,
    values: &Values,
    context: &StepContext,
) -> Result<Call, Failure> {
    let Some(query) = query_of(watch) else {
        return Err(Failure::permanent(
            "descriptor.look",
            "this trigger has no query to look with",
        ));
    };
    let arguments = arguments.as_map().cloned().unwrap_or_default();
    call_of_query(workflow, &watch.call, query, arguments, values, context)
}

/// The query of a `poll:`; `from` is the position of its cursor.
///
/// # Errors
/// Failures of the connection's settings.
pub fn call_of_items(
    workflow: &Workflow,
    polled: &Items,
    arguments: &Value,
    from: Option<Value>,
    values: &Values,
    context: &StepContext,
) -> Result<Call, Failure> {
    let mut arguments = arguments.as_map().cloned().unwrap_or_default();
    if let (Some(cursor), Some(from)) = (&polled.cursor, from) {
        arguments.insert(cursor.param.clone(), from);
    }
    let operation = polled.call.operation.clone();
    call_of_query(
        workflow,
        &polled.call,
        operation,
        arguments,
        values,
        context,
    )
}

/// What is news of a trigger in the answer of its query.
///
/// # Errors
/// Failures of the trigger's conditions.
pub async fn judge(
    workflow: &Arc<Workflow>,
    watch: &Watch,
    state: Option<&Value>,
    page: Value,
    now: Timestamp,
    values: &Arc<Values>,
    context: &StepContext,
) -> Result<LookOutcome, Failure> {
    let (workflow, watch, context) = (workflow.clone(), watch.clone(), context.clone());
    let (state, values) = (state.cloned(), values.clone());
    blocking(move || {
        let blobs = &*context.blobs;
        look(
            &workflow,
            &watch,
            state.as_ref(),
            &page,
            now,
            &values,
            blobs,
        )
    })
    .await
}

/// What is news of a `poll:` in the answer of its query.
///
/// # Errors
/// Failures of its path, key, position or `where`.
pub async fn judge_items(
    workflow: &Arc<Workflow>,
    look: ItemsLook,
    page: Value,
    values: &Arc<Values>,
    context: &StepContext,
) -> Result<LookOutcome, Failure> {
    let (workflow, values, context) = (workflow.clone(), values.clone(), context.clone());
    blocking(move || look_for_items(&workflow, &look, &page, &values, &*context.blobs)).await
}

fn call_of_query(
    workflow: &Workflow,
    shape: &CallShape,
    operation: Arc<str>,
    arguments: Map,
    values: &Values,
    context: &StepContext,
) -> Result<Call, Failure> {
    Ok(Call {
        connection: connection_of(workflow, shape, values, context)?,
        operation,
        arguments,
        functions: IndexMap::default(),
        pages: None,
        with_response: false,
        repeated: false,
        key: "".into(),
    })
}

fn query_of(watch: &Watch) -> Option<Arc<str>> {
    use flow_engine::catalog::Look;
    match &watch.look {
        Look::Level(level) => Some(level.query.clone()),
        Look::Edge(edge) => Some(edge.query.clone()),
        Look::Either { .. } | Look::Time | Look::Signal(_) | Look::Success(_) => None,
    }
}
