//! `log`: a line for people; whoever shows the run shows it.

use flow_engine::run::Failure;
use flow_engine::value::{Map, Value};

use super::LocalCall;

/// Performs an operation: its name is the level.
pub(super) fn perform(call: &LocalCall) -> Result<Value, Failure> {
    if call.arguments.iter().any(|(_, value)| value.has_secret()) {
        return Err(Failure::permanent(
            "secret.placement",
            "a secret cannot stand in a line of the log",
        ));
    }
    let mut line = Map::new();
    line.insert("level", Value::from(call.operation.clone()));
    line.insert("message", call.argument("message").clone());
    if let Some(data) = call.arguments.get("data") {
        line.insert("data", data.clone());
    }
    Ok(Value::from(line))
}
