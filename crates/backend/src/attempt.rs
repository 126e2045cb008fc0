//! One attempt, one evaluation: what a driver does between an output of the machine and the next input.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use flow_engine::collections::IndexMap;
use flow_engine::eval::window;
use flow_engine::expr::{Roots, Scope};
use flow_engine::run::evaluate::{Control, SEGMENTS, What, arguments, evaluate};
use flow_engine::run::values::apply_output;
use flow_engine::run::{
    AttemptNo, AttemptSpec, Done, Failure, FailureKind, FetchSpec, Half, Input, Values, Window,
};
use flow_engine::value::{INLINE_BYTES_MAX, Map, Value};
use flow_engine::workflow::{Argument, CallShape, Does, Stop, Workflow};
use tokio::time::timeout;

use crate::bound::{BoundExpression, BoundTemplate};
use crate::context::{Rest, StepContext};
use crate::meter::Meter;
use crate::picked::picked;
use crate::segment::joined;
use crate::spill::spill;
use crate::step::{Call, Connection, StepRunner};

/// How long an attempt that took too long has to stop: commands get a grace before they are killed, and the next attempt
/// must not begin beside this one.
const STOPPING_MAX: Duration = Duration::from_secs(20);

/// Performs (the half of) an attempt and says how it went.
pub async fn perform(
    workflow: &Arc<Workflow>,
    spec: &AttemptSpec,
    runner: &dyn StepRunner,
    context: &StepContext,
) -> Input {
    // What the service says of itself belongs to this attempt; what it cost is known even if it failed afterwards.
    let meter = Meter::default();
    let context = &StepContext {
        rest: Rest::default(),
        meter: meter.clone(),
        ..context.clone()
    };
    let work = async {
        match &spec.half {
            Half::Prepare => {
                let result = match call_of(workflow, spec, context).await {
                    Ok(call) => runner.prepare(&call, context).await,
                    Err(failure) => Err(failure),
                };
                Input::Prepared {
                    node: spec.node,
                    attempt: spec.attempt,
                    result,
                }
            }
            half => {
                let (result, answer, made) =
                    match whole(workflow, spec, half, runner, context).await {
                        Ok(Whole {
                            value,
                            answer,
                            made,
                        }) => (Ok(value), answer, made),
                        Err(failure) => (Err(failure), None, None),
                    };
                Input::AttemptEnded {
                    node: spec.node,
                    attempt: spec.attempt,
                    result,
                    answer,
                    made,
                    rest: context.rest.asked(),
                    costs: meter.take(),
                }
            }
        }
    };
    let Some(limit) = spec.timeout else {
        return work.await;
    };
    let mut work = pin!(work);
    if let Ok(input) = timeout(Duration::from_millis(limit.0), &mut work).await {
        return input;
    }
    context.cancel.cancel();
    // What it says now is that it was stopped.
    drop(timeout(STOPPING_MAX, work).await);
    let sent = spec.half != Half::Prepare;
    let done = if sent { Done::Unknown } else { Done::NotDone };
    let failure = Failure::of(
        FailureKind::Timeout,
        done,
        "step.attempt_timeout",
        format!("the attempt took longer than {limit}"),
    );
    Input::AttemptEnded {
        node: spec.node,
        attempt: spec.attempt,
        result: Err(failure),
        answer: None,
        made: None,
        rest: context.rest.asked(),
        costs: meter.take(),
    }
}

/// What an attempt gave.
struct Whole {
    /// The value of the step.
    value: Value,
    /// What the service answered, if that is another value and others may hear of it.
    answer: Option<Value>,
    /// The id of what it made.
    made: Option<String>,
}

async fn whole(
    workflow: &Arc<Workflow>,
    spec: &AttemptSpec,
    half: &Half,
    runner: &dyn StepRunner,
    context: &StepContext,
) -> Result<Whole, Failure> {
    let value = if let Half::Send(prepared) = half {
        let call = shell_of(workflow, spec, context)?;
        runner.send(&call, prepared, context).await?
    } else {
        let call = call_of(workflow, spec, context).await?;
        runner.perform(&call, context).await?
    };
    let shape = &workflow.steps[spec.step];
    let (made, heard) = match &shape.does {
        Does::Call(step) => {
            let made = step.adopt.as_ref().and_then(|adopt| adopt.id_of(&value));
            (made, shape.output.is_some() && !step.announces.is_empty())
        }
        _ => (None, false),
    };
    let answer = if heard {
        let (value, blobs) = (value.clone(), context.blobs.clone());
        Some(blocking(move || spill(value, &*blobs)).await?)
    } else {
        None
    };
    let (values, context) = (spec.values.clone(), context.clone());
    let value = finish(workflow.clone(), spec.step, value, values, context).await?;
    Ok(Whole {
        value,
        answer,
        made,
    })
}

/// Applies `output:` and stores what is large; off the async threads where values are large or stored.
pub(crate) async fn finish(
    workflow: Arc<Workflow>,
    step: usize,
    value: Value,
    values: Arc<Values>,
    context: StepContext,
) -> Result<Value, Failure> {
    // The effect has happened: what fails from here on does not undo it.
    let done = |failure: Failure| Failure {
        done: Done::Done,
        ..failure
    };
    if !value.is_longer_than(INLINE_BYTES_MAX) {
        match apply_output(&workflow, step, value.clone(), &*values) {
            Ok(value) if !value.is_longer_than(INLINE_BYTES_MAX) => return Ok(value),
            Ok(value) => {
                return blocking(move || spill(value, &*context.blobs).map_err(done)).await;
            }
            Err(Stop::NeedsContent) => {}
            Err(Stop::Failed(failure)) => return Err(done(failure)),
        }
    }
    let work = move || {
        let value = apply_output(&workflow, step, value, &values.reading(&*context.blobs))
            .map_err(|stop| done(stop.into_failure()))?;
        spill(value, &*context.blobs).map_err(done)
    };
    blocking(work).await
}

/// Evaluates a control expression that reads stored values.
pub async fn evaluate_control(
    workflow: Arc<Workflow>,
    control: Control,
    step: Option<usize>,
    values: Arc<Values>,
    context: StepContext,
) -> Input {
    let result = blocking(move || {
        let blobs = &*context.blobs;
        if control.what == What::Results
            && let Some(parts) = values.root(SEGMENTS)
        {
            return joined(parts.as_list().unwrap_or_default(), blobs);
        }
        if let (What::Items, Some(step)) = (control.what, step) {
            return picked(&workflow, step, &values, blobs);
        }
        let value = evaluate(&workflow, step, control.what, &values, Some(blobs))
            .map_err(Stop::into_failure)?;
        spill(value, blobs)
    })
    .await;
    Input::Evaluated { control, result }
}

/// How many items are read from a stored source at once.
const WINDOW_ITEMS: usize = 256;

/// Reads items of a loop.
pub async fn fetch(spec: FetchSpec, context: StepContext) -> Input {
    let (node, at) = (spec.node, spec.at);
    let read = move || {
        let (items, next) = window(&spec.source, at, WINDOW_ITEMS, &*context.blobs)?;
        Ok(Window { items, next })
    };
    let result = blocking(read).await;
    Input::Fetched { node, at, result }
}

/// Renders everything of a call.
async fn call_of(
    workflow: &Arc<Workflow>,
    spec: &AttemptSpec,
    context: &StepContext,
) -> Result<Call, Failure> {
    let Does::Call(step) = &workflow.steps[spec.step].does else {
        return Err(Failure::permanent(
            "internal.not_a_call",
            "the step calls no operation",
        ));
    };
    let call = shell_of(workflow, spec, context)?;
    let functions = functions(workflow, &step.call, spec, context);
    let arguments = match render(workflow, &step.call, &*spec.values) {
        Ok(arguments) => arguments,
        Err(Stop::Failed(failure)) => return Err(failure),
        Err(Stop::NeedsContent) => {
            let (rendered, spec, context) = (workflow.clone(), spec.clone(), context.clone());
            blocking(move || render_stored(&rendered, &spec, &context)).await?
        }
    };
    Ok(Call {
        arguments,
        functions,
        ..call
    })
}

fn render(workflow: &Workflow, call: &CallShape, roots: &dyn Roots) -> Result<Map, Stop> {
    let value = arguments(call.arguments.iter(), &Scope::new(roots), workflow)?;
    Ok(value.as_map().cloned().unwrap_or_default())
}

/// The same where stored values are read.
fn render_stored(
    workflow: &Workflow,
    spec: &AttemptSpec,
    context: &StepContext,
) -> Result<Map, Failure> {
    let Does::Call(step) = &workflow.steps[spec.step].does else {
        return Ok(Map::new());
    };
    let reading = spec.values.reading(&*context.blobs);
    render(workflow, &step.call, &reading).map_err(Stop::into_failure)
}

/// A call without its arguments: what is known of it after a restart.
pub(crate) fn shell_of_call(
    workflow: &Workflow,
    step: usize,
    attempt: AttemptNo,
    key: &Arc<str>,
    values: &Values,
    context: &StepContext,
) -> Result<Call, Failure> {
    let Does::Call(step) = &workflow.steps[step].does else {
        return Err(Failure::permanent(
            "internal.not_a_call",
            "the step calls no operation",
        ));
    };
    Ok(Call {
        connection: connection_of(workflow, &step.call, values, context)?,
        operation: step.call.operation.clone(),
        arguments: Map::new(),
        functions: IndexMap::default(),
        pages: step.call.pages,
        with_response: step.call.with_response,
        repeated: attempt > AttemptNo::FIRST,
        key: key.clone(),
    })
}

fn shell_of(
    workflow: &Workflow,
    spec: &AttemptSpec,
    context: &StepContext,
) -> Result<Call, Failure> {
    let AttemptSpec { step, attempt, .. } = *spec;
    shell_of_call(workflow, step, attempt, &spec.key, &spec.values, context)
}

fn functions(
    workflow: &Arc<Workflow>,
    call: &CallShape,
    spec: &AttemptSpec,
    context: &StepContext,
) -> IndexMap<Arc<str>, Arc<dyn flow_engine::eval::ItemFunction>> {
    let mut functions: IndexMap<Arc<str>, Arc<dyn flow_engine::eval::ItemFunction>> =
        IndexMap::default();
    for (name, argument) in &call.arguments {
        let (workflow, values, blobs) =
            (workflow.clone(), spec.values.clone(), context.blobs.clone());
        match argument {
            Argument::Value(_) => {}
            Argument::Expression(bare) => {
                functions.insert(
                    name.clone(),
                    Arc::new(BoundExpression {
                        workflow,
                        bare: bare.clone(),
                        values,
                        blobs,
                    }),
                );
            }
            Argument::Template(tree) => {
                functions.insert(
                    name.clone(),
                    Arc::new(BoundTemplate {
                        workflow,
                        tree: tree.clone(),
                        values,
                        blobs,
                    }),
                );
            }
        }
    }
    functions
}

/// The connection of a call, its settings rendered; a local connector needs none.
pub(crate) fn connection_of(
    workflow: &Workflow,
    call: &CallShape,
    values: &Values,
    context: &StepContext,
) -> Result<Arc<Connection>, Failure> {
    let connection = workflow.connections.get(&call.connection);
    let settings = match connection {
        None => Map::new(),
        Some(connection) => {
            let reading = values.reading(&*context.blobs);
            let value = connection
                .settings
                .render(&Scope::new(&reading), &workflow.source)
                .map_err(Stop::into_failure)?;
            value.as_map().cloned().unwrap_or_default()
        }
    };
    Ok(Arc::new(Connection {
        name: call.connection.clone(),
        connector: call.connector.clone(),
        settings,
        prices: connection.map_or_else(Arc::default, |connection| connection.prices.clone()),
    }))
}

/// Runs what may read files or compute for long off the async threads. A panic in it becomes a failure of the step.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| {
        Err(
            Failure::permanent("internal.panic", "a bug in flow ended this step")
                .help("please report it with the run's id"),
        )
    })
}
