//! What is done in a rehearsal, and what is only prepared.

use std::sync::{Arc, Mutex, PoisonError};

use flow_engine::collections::IndexMap;
use flow_engine::run::{Failure, Prepared};
use flow_engine::value::Value;
use futures_util::future::BoxFuture;

use super::{Calls, Harmless};
use crate::context::StepContext;
use crate::step::{Call, StepRunner};
use crate::virtual_world::script::written;

/// The failure that stands for every call that is not made; nobody sees it.
pub(super) const NOT_MADE: &str = "plan.not_made";

/// Performs what is harmless; counts and prepares the rest.
pub(super) struct Performer {
    others: Arc<dyn StepRunner>,
    harmless: Harmless,
    /// By path, without items and rounds.
    calls: Mutex<IndexMap<String, Calls>>,
}

impl Performer {
    pub(super) fn new(others: Arc<dyn StepRunner>, harmless: Harmless) -> Performer {
        Performer {
            others,
            harmless,
            calls: Mutex::default(),
        }
    }

    /// The calls that would have been made.
    pub(super) fn calls(&self) -> IndexMap<String, Calls> {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.clone()
    }

    /// Prepares a call and notes it down.
    async fn note(&self, call: &Call, context: &StepContext) -> Failure {
        let prepared = self.others.prepare(call, context).await;
        let estimate = match &prepared {
            Ok(_) => self.others.estimate(call, context).await,
            Err(_) => Ok(None),
        };
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let noted = calls.entry(written(&context.step)).or_default();
        match (prepared, estimate) {
            (Ok(prepared), Ok(estimate)) => {
                noted.count += 1;
                if let Some(count) = prepared.count {
                    *noted.requests.get_or_insert(0) += count;
                }
                if let Some(estimate) = estimate {
                    noted.estimate.get_or_insert_default().extend(&estimate);
                }
            }
            (Err(failure), _) | (_, Err(failure)) => {
                noted.failure.get_or_insert(failure);
            }
        }
        Failure::permanent(NOT_MADE, "a plan calls nothing")
    }
}

impl StepRunner for Performer {
    fn prepare<'a>(
        &'a self,
        call: &'a Call,
        context: &'a StepContext,
    ) -> BoxFuture<'a, Result<Prepared, Failure>> {
        Box::pin(async move { Err(self.note(call, context).await) })
    }

    fn send<'a>(
        &'a self,
        _: &'a Call,
        _: &'a Prepared,
        _: &'a StepContext,
    ) -> BoxFuture<'a, Result<Value, Failure>> {
        Box::pin(async { Err(Failure::permanent(NOT_MADE, "a plan sends nothing")) })
    }

    fn perform<'a>(
        &'a self,
        call: &'a Call,
        context: &'a StepContext,
    ) -> BoxFuture<'a, Result<Value, Failure>> {
        if (self.harmless)(&call.connection.connector, &call.operation) {
            return self.others.perform(call, context);
        }
        Box::pin(async move { Err(self.note(call, context).await) })
    }
}
