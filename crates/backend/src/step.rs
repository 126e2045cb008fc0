//! What performs operations: connectors implement [`StepRunner`], drivers call it.

use std::sync::Arc;

use flow_engine::collections::IndexMap;
use flow_engine::eval::ItemFunction;
use flow_engine::money::{Estimate, Prices};
use flow_engine::run::{Failure, Found, Prepared};
use flow_engine::time::Timestamp;
use flow_engine::value::{Map, Value};
use futures_util::future::BoxFuture;

use crate::adopt::Records;
use crate::context::StepContext;

/// A connector plus credentials and address, as a workflow names it.
#[derive(Debug, Clone, PartialEq)]
pub struct Connection {
    /// Its name in the workflow, or the connector's own.
    pub name: Arc<str>,
    /// The connector's handle.
    pub connector: Arc<str>,
    /// Rendered settings; credentials are secret handles.
    pub settings: Map,
    /// What the tokens of its models cost.
    pub prices: Arc<Prices>,
}

/// One call of an operation, everything rendered.
#[derive(Clone)]
pub struct Call {
    /// Where it goes.
    pub connection: Arc<Connection>,
    /// The operation's name inside its connector, such as `message_batches.create`.
    pub operation: Arc<str>,
    /// Parameters of kind value, by name.
    pub arguments: Map,
    /// Parameters of kind expression and template, by name.
    pub functions: IndexMap<Arc<str>, Arc<dyn ItemFunction>>,
    /// How many pages to read at most; `None` for all.
    pub pages: Option<u32>,
    /// Whether to add status, headers and request id under `response`.
    pub with_response: bool,
    /// Whether this very request may have been sent before: that what it deletes is gone is then a success.
    pub repeated: bool,
    /// The idempotency key.
    pub key: Arc<str>,
}

/// Performs operations. An attempt has two halves, so that a driver can make the request durable before it is sent.
pub trait StepRunner: Send + Sync {
    /// Renders and checks the request; has no effect outside blobs.
    fn prepare<'a>(
        &'a self,
        call: &'a Call,
        context: &'a StepContext,
    ) -> BoxFuture<'a, Result<Prepared, Failure>>;

    /// Sends that request and nothing else, and reads the answer. `call` is as it was prepared, but its arguments and
    /// functions must not be used: after a restart they are gone.
    fn send<'a>(
        &'a self,
        call: &'a Call,
        prepared: &'a Prepared,
        context: &'a StepContext,
    ) -> BoxFuture<'a, Result<Value, Failure>>;

    /// Looks once for what an attempt made that sent this request after `since`, or did not get so far. `call` is as for
    /// [`StepRunner::send`]. Whoever cannot look leaves it to a person.
    fn look_for<'a>(
        &'a self,
        _call: &'a Call,
        _prepared: &'a Prepared,
        _since: Timestamp,
        _records: &'a dyn Records,
        _context: &'a StepContext,
    ) -> BoxFuture<'a, Result<Found, Failure>> {
        Box::pin(async {
            Ok(Found::Unclear(
                "nobody can look for what it made".to_owned(),
            ))
        })
    }

    /// What a call would cost, as far as its request tells; `None` if it costs nothing that is known. Has no effect.
    fn estimate<'a>(
        &'a self,
        _call: &'a Call,
        _context: &'a StepContext,
    ) -> BoxFuture<'a, Result<Option<Estimate>, Failure>> {
        Box::pin(async { Ok(None) })
    }

    /// Both halves, for effects that may be repeated freely. Operations that only compute override this to stream
    /// without a prepared request.
    fn perform<'a>(
        &'a self,
        call: &'a Call,
        context: &'a StepContext,
    ) -> BoxFuture<'a, Result<Value, Failure>> {
        Box::pin(async move {
            let prepared = self.prepare(call, context).await?;
            self.send(call, &prepared, context).await
        })
    }
}
