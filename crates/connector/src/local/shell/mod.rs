//! `shell.run`. Read in this order: `command` (what is started), `process` (how it runs and ends), `capture` (what it
//! writes), `output` (the value).

mod capture;
mod command;
mod output;
mod process;

use flow_engine::run::Failure;
use flow_engine::value::Value;

use super::LocalCall;
use crate::blocking::blocking;
use crate::request::secrets::Opener;

use std::sync::Arc;

/// Starts the command, waits for its end, and reads what it wrote.
pub(super) async fn perform(call: LocalCall) -> Result<Value, Failure> {
    let call = Arc::new(call);
    let opener = Opener::Open {
        secrets: call.context.secrets.clone(),
        overrides: Arc::default(),
    };
    let prepared = {
        let call = call.clone();
        blocking(move || command::prepare(&call, &opener)).await?
    };
    let secrets = prepared.secrets.clone();
    let ended = process::run(prepared, call.clone()).await?;
    blocking(move || output::value(&ended, &secrets, &call)).await
}
