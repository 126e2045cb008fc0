//! `time.now`, the one operation of `time` that is performed: the others are triggers of the machine's clock.

use flow_engine::run::Failure;
use flow_engine::value::Value;

use super::{LocalCall, unknown};

/// Performs an operation.
pub(super) fn perform(call: &LocalCall) -> Result<Value, Failure> {
    match &*call.operation {
        "now" => Ok(Value::from(jiff::Timestamp::now().to_string())),
        other => Err(unknown(other)),
    }
}
