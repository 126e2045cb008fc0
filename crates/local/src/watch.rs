//! Waiting in the foreground for the trigger of a workflow: `flow run` on a file whose steps read `trigger`.

use std::sync::Arc;
use std::time::Duration;

use flow_backend::context::StepContext;
use flow_backend::look::take_look;
use flow_engine::expr::Scope;
use flow_engine::run::evaluate::arguments;
use flow_engine::run::{Failure, LookSpec, NodeId, Values};
use flow_engine::value::{Map, Value};
use flow_engine::workflow::{Stop, Watch, Workflow};

use crate::clock::now;
use crate::driver::Services;

/// First wait after a look that could not be taken; doubled each time, up to five minutes.
const FAILING_FIRST: Duration = Duration::from_secs(2);
const FAILING_MAX: Duration = Duration::from_secs(300);

/// Waits for the next event of a poll trigger, whose parameters see `inputs` and secrets; with `existing` the newest item that is there already counts.
///
/// # Errors
/// A failure that waiting does not mend.
pub async fn next_event(
    workflow: &Arc<Workflow>,
    watch: &Watch,
    inputs: &Map,
    services: &Services,
    context: &StepContext,
    existing: bool,
) -> Result<Value, Failure> {
    let values = Arc::new(Values {
        secrets: Values::secrets_of(workflow),
        inputs: Value::from(inputs.clone()),
        ..Values::default()
    });
    let rendered = arguments(watch.call.arguments.iter(), &Scope::new(&*values), workflow)
        .map_err(Stop::into_failure)?;
    // With an empty state everything that is there is news.
    let mut state = existing.then(|| Value::list([]));
    let mut failing = FAILING_FIRST;
    loop {
        let spec = LookSpec {
            node: NodeId::default(),
            step: 0,
            arguments: rendered.clone(),
            state: state.clone(),
            since: None,
            now: now(),
            values: values.clone(),
        };
        match take_look(workflow, watch, None, spec, &*services.runner, context).await {
            Ok(outcome) => {
                let found = outcome.found.into_iter();
                if let Some(event) = if existing {
                    found.last()
                } else {
                    found.into_iter().next()
                } {
                    return Ok(event.item);
                }
                state = outcome.state.or(state);
                failing = FAILING_FIRST;
                tokio::time::sleep(Duration::from_millis(watch.every.0)).await;
            }
            Err(failure) if failure.kind.is_transient() => {
                tokio::time::sleep(failing).await;
                failing = (failing * 2).min(FAILING_MAX);
            }
            Err(failure) => return Err(failure),
        }
    }
}
