//! What is really performed in a case: what the case allows, and what touches nothing outside.

use std::sync::{Arc, Mutex, PoisonError};

use flow_engine::run::{Failure, Prepared};
use flow_engine::value::Value;
use futures_util::future::BoxFuture;

use crate::context::StepContext;
use crate::step::{Call, StepRunner};
use crate::virtual_world::Clock;
use crate::virtual_world::script::operation_of;

/// Connectors that only compute and tell.
const PURE: [&str; 2] = ["data", "log"];

/// Performs what may be performed, and refuses everything else.
pub(super) struct Real {
    pub(super) others: Arc<dyn StepRunner>,
    /// Operations that the case allows: names, and `connection.*`.
    pub(super) allowed: Vec<String>,
    pub(super) clock: Clock,
    /// What was refused: operations and the paths of the steps that called them.
    pub(super) refused: Mutex<Vec<(String, String)>>,
}

impl Real {
    fn may(&self, call: &Call, context: &StepContext) -> Result<(), Failure> {
        let operation = operation_of(call);
        let pure = PURE.contains(&&*call.connection.connector);
        if pure || self.allowed.iter().any(|name| fits(name, &operation)) {
            return Ok(());
        }
        let step = context.step.to_string();
        let message = format!("the case does not say what `{operation}` answers");
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.push((operation, step));
        Err(Failure::permanent("test.unscripted", message))
    }
}

/// Whether a name of an operation, or `connection.*`, means an operation.
pub(super) fn fits(name: &str, operation: &str) -> bool {
    match name.strip_suffix('*') {
        Some(start) => operation.starts_with(start),
        None => name == operation,
    }
}

impl StepRunner for Real {
    fn prepare<'a>(
        &'a self,
        call: &'a Call,
        context: &'a StepContext,
    ) -> BoxFuture<'a, Result<Prepared, Failure>> {
        match self.may(call, context) {
            Ok(()) => self.others.prepare(call, context),
            Err(failure) => Box::pin(async move { Err(failure) }),
        }
    }

    fn send<'a>(
        &'a self,
        call: &'a Call,
        prepared: &'a Prepared,
        context: &'a StepContext,
    ) -> BoxFuture<'a, Result<Value, Failure>> {
        match self.may(call, context) {
            Ok(()) => self.others.send(call, prepared, context),
            Err(failure) => Box::pin(async move { Err(failure) }),
        }
    }

    fn perform<'a>(
        &'a self,
        call: &'a Call,
        context: &'a StepContext,
    ) -> BoxFuture<'a, Result<Value, Failure>> {
        if &*call.connection.connector == "time" && &*call.operation == "now" {
            let now = Value::from(self.clock.now().to_string());
            return Box::pin(async move { Ok(now) });
        }
        match self.may(call, context) {
            Ok(()) => self.others.perform(call, context),
            Err(failure) => Box::pin(async move { Err(failure) }),
        }
    }
}
