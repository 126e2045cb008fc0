//! The local connectors. Read in this order: `data` and what it is made of (`items`, `format`), then `file`,
//! `shell`, `http`, `log`, `time`.

mod batches;
mod data;
mod file;
mod format;
pub(crate) mod http;
mod items;
mod log;
mod read_ahead;
mod shell;
mod time;

use std::sync::Arc;

use flow_backend::context::{Blobs, StepContext};
use flow_backend::step::Call;
use flow_engine::catalog::{Connector, Operation, ParameterKind};
use flow_engine::collections::IndexMap;
use flow_engine::eval::{ItemFunction, load};
use flow_engine::money::Costs;
use flow_engine::run::{Failure, Prepared};
use flow_engine::value::{Hash, Map, Value, journal};
use tokio_util::sync::CancellationToken;

use crate::arguments;
use crate::blocking::blocking;
use crate::local::http::HttpCall;
use crate::processes::Ledger;
use crate::request::spill;
use crate::service::perform::Performer;

/// A local connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Local {
    Batches,
    Data,
    File,
    Http,
    Log,
    Shell,
    Time,
}

impl Local {
    /// By the connector's name.
    pub(crate) fn named(name: &str) -> Option<Local> {
        Some(match name {
            "batches" => Local::Batches,
            "data" => Local::Data,
            "file" => Local::File,
            "http" => Local::Http,
            "log" => Local::Log,
            "shell" => Local::Shell,
            "time" => Local::Time,
            _ => return None,
        })
    }
}

/// A call of an operation that blocks: its arguments are checked.
pub(crate) struct LocalCall {
    pub(crate) operation: Arc<str>,
    pub(crate) arguments: Map,
    pub(crate) functions: IndexMap<Arc<str>, Arc<dyn ItemFunction>>,
    pub(crate) context: StepContext,
}

impl LocalCall {
    fn new(entry: &Connector, call: &Call, context: &StepContext) -> Result<LocalCall, Failure> {
        let operation = entry
            .operations
            .get(&call.operation)
            .ok_or_else(|| unknown(&call.operation))?;
        check_functions(operation, call)?;
        Ok(LocalCall {
            operation: call.operation.clone(),
            arguments: arguments::check(operation, &call.arguments)?,
            functions: call.functions.clone(),
            context: context.clone(),
        })
    }

    pub(crate) fn blobs(&self) -> &dyn Blobs {
        &*self.context.blobs
    }

    pub(crate) fn cancel(&self) -> &CancellationToken {
        &self.context.cancel
    }

    /// An argument, null if it was not given.
    pub(crate) fn argument(&self, name: &str) -> &Value {
        self.arguments.get(name).unwrap_or(&Value::Null)
    }

    /// An argument that was stored because it is large, read back.
    pub(crate) fn loaded(&self, name: &str) -> Result<Value, Failure> {
        match self.argument(name) {
            Value::Blob(blob) => load(blob, self.blobs()),
            value => Ok(value.clone()),
        }
    }

    /// A text argument, empty if it was not given.
    pub(crate) fn text(&self, name: &str) -> &str {
        arguments::text(&self.arguments, name).unwrap_or_default()
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.argument(name).as_bool() == Some(true)
    }

    /// A function that was given.
    pub(crate) fn function(&self, name: &str) -> Option<&dyn ItemFunction> {
        self.functions.get(name).map(AsRef::as_ref)
    }
}

/// Makes the call durable: large arguments are stored.
pub(crate) async fn prepare(
    local: Local,
    entry: &Connector,
    call: &Call,
    context: &StepContext,
) -> Result<Prepared, Failure> {
    let key = call.key.to_string();
    let call = LocalCall::new(entry, call, context)?;
    blocking(move || {
        if local == Local::Http {
            return HttpCall::build(&call, &key)?.prepare(call.blobs(), &key);
        }
        let stored = call
            .arguments
            .iter()
            .map(|(name, value)| Ok((name.clone(), spill(value, call.blobs())?)));
        let arguments = Value::from(stored.collect::<Result<Map, Failure>>()?);
        let text = format!("{}\n{}", call.operation, journal::to_string(&arguments));
        Ok(Prepared {
            request: Value::map([("arguments", arguments)]),
            hash: Hash::of(text.as_bytes()),
            count: None,
            bound: Costs::default(),
            key,
        })
    })
    .await
}

/// Performs what was prepared.
pub(crate) async fn send(
    local: Local,
    call: &Call,
    prepared: &Prepared,
    context: &StepContext,
    performer: &Performer<'_>,
) -> Result<Value, Failure> {
    if local == Local::Http {
        let http = HttpCall::from_prepared(prepared)?;
        return http
            .perform(performer, call.pages, call.with_response)
            .await;
    }
    let arguments = prepared
        .request
        .get("arguments")
        .and_then(Value::as_map)
        .cloned()
        .ok_or_else(|| {
            Failure::permanent(
                "call.prepared",
                "the prepared call is not in a form that this version knows",
            )
        })?;
    let call = LocalCall {
        operation: call.operation.clone(),
        arguments,
        functions: call.functions.clone(),
        context: context.clone(),
    };
    run(local, call, performer.ledger).await
}

/// Performs a call at once.
pub(crate) async fn perform(
    local: Local,
    entry: &Connector,
    call: &Call,
    context: &StepContext,
    performer: &Performer<'_>,
) -> Result<Value, Failure> {
    let checked = LocalCall::new(entry, call, context)?;
    if local == Local::Http {
        let key = call.key.clone();
        let http = blocking(move || HttpCall::build(&checked, &key)).await?;
        return http
            .perform(performer, call.pages, call.with_response)
            .await;
    }
    run(local, checked, performer.ledger).await
}

async fn run(
    local: Local,
    call: LocalCall,
    ledger: Option<&Arc<Ledger>>,
) -> Result<Value, Failure> {
    match local {
        Local::Batches => blocking(move || batches::perform(&call)).await,
        Local::Data => blocking(move || data::perform(&call)).await,
        Local::File => blocking(move || file::perform(&call)).await,
        Local::Log => log::perform(&call),
        Local::Time => time::perform(&call),
        Local::Shell => shell::perform(call, ledger).await,
        Local::Http => Err(unknown(&call.operation)),
    }
}

fn check_functions(operation: &Operation, call: &Call) -> Result<(), Failure> {
    let missing = operation.parameters.iter().find(|(name, parameter)| {
        parameter.required
            && parameter.kind != ParameterKind::Value
            && !call.functions.contains_key(*name)
    });
    match missing {
        None => Ok(()),
        Some((name, parameter)) => {
            let message = format!(
                "the parameter `{name}` is missing: {}",
                parameter.description
            );
            Err(Failure::permanent("call.missing_parameter", message))
        }
    }
}

/// An operation that the catalog does not have.
pub(crate) fn unknown(operation: &str) -> Failure {
    Failure::permanent(
        "call.unknown_operation",
        format!("there is no operation `{operation}`"),
    )
}
