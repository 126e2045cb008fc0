//! A look of a step that waits for something to be written into the log: an event, or a callback.

use std::sync::Arc;

use flow_engine::catalog::Signal;
use flow_engine::run::look::{LookOutcome, Sighted, lets_through};
use flow_engine::run::values::apply_output;
use flow_engine::run::{Failure, LookSpec};
use flow_engine::time::Timestamp;
use flow_engine::value::Value;
use flow_engine::workflow::{Stop, Watch, Workflow};

use crate::attempt::blocking;
use crate::context::StepContext;
use crate::spill::spill;

/// What a driver has written down of the world outside, for one run.
pub trait EventLog: Send + Sync + 'static {
    /// Some of the events that whoever listens for `wanted` hears, in order, each with its number: those from `since` on,
    /// after the number `after`. None of the run itself. None are left if it gives none.
    ///
    /// # Errors
    /// As the store gives them.
    fn events(
        &self,
        wanted: &str,
        since: Timestamp,
        after: i64,
    ) -> Result<Vec<(i64, Value)>, Failure>;

    /// What a step was called back with, if it was.
    ///
    /// # Errors
    /// As the store gives them.
    fn called_back(&self, step: &str) -> Result<Option<Value>, Failure>;
}

/// Takes a look into the log for a step. What `where` does not let through, or cannot judge, is not looked at again: the
/// outcome's state is the number of the last event that was seen.
///
/// # Errors
/// Failures of the log and of `output:`.
pub async fn look_in_log(
    workflow: &Arc<Workflow>,
    watch: &Watch,
    step: usize,
    spec: LookSpec,
    log: impl EventLog,
    context: &StepContext,
) -> Result<LookOutcome, Failure> {
    let (workflow, watch, context) = (workflow.clone(), watch.clone(), context.clone());
    blocking(move || {
        let blobs = &*context.blobs;
        let values = spec.values.reading(blobs);
        let lets =
            |value: &Value| lets_through(&workflow, watch.condition.as_ref(), value, &values);
        let seen = spec.state.as_ref().and_then(Value::as_i64).unwrap_or(0);
        let mut last = seen;
        let mut found = None;
        let mut passed = None;
        if watch.signal() == Some(Signal::Callback) {
            found = log.called_back(&context.step)?;
        } else {
            let wanted = watch.event(&spec.arguments).unwrap_or_default();
            let since = spec.since.unwrap_or_default();
            'pages: loop {
                let page = log.events(&wanted, since, last)?;
                if page.is_empty() {
                    break;
                }
                for (id, value) in page {
                    last = id;
                    match lets(&value) {
                        Ok(true) => {
                            found = Some(value);
                            break 'pages;
                        }
                        Ok(false) => {}
                        // Whoever says something to all must not end one that waits.
                        Err(failure) => {
                            let Failure { code, message, .. } = failure;
                            passed = Some(format!("[{code}] {message}"));
                        }
                    }
                }
            }
        }
        let Some(value) = found else {
            let state = (last != seen).then(|| Value::from(last));
            return Ok(LookOutcome {
                state,
                found: Vec::new(),
                passed,
            });
        };
        let value = apply_output(&workflow, step, value, &values).map_err(Stop::into_failure)?;
        let sighted = Sighted {
            key: last.to_string(),
            item: spill(value, blobs)?,
        };
        Ok(LookOutcome {
            found: vec![sighted],
            ..LookOutcome::default()
        })
    })
    .await
}
