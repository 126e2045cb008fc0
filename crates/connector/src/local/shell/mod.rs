//! `shell.run`. Read in this order: `command` (what is asked for), `start` (which program that is), `process` (how it runs
//! and ends), `capture` and `clean` (what it writes), `output` (the value).

mod capture;
mod clean;
mod command;
mod output;
mod process;
mod start;

use flow_engine::run::Failure;
use flow_engine::value::Value;

use super::LocalCall;
use crate::blocking::blocking;
use crate::processes::Ledger;
use crate::request::secrets::Opener;

use std::sync::Arc;

/// Starts the command, waits for its end, and reads what it wrote.
pub(super) async fn perform(
    call: LocalCall,
    ledger: Option<&Arc<Ledger>>,
) -> Result<Value, Failure> {
    let call = Arc::new(call);
    let opener = Opener::Open {
        secrets: call.context.secrets.clone(),
        overrides: Arc::default(),
    };
    let prepared = {
        let call = call.clone();
        blocking(move || command::prepare(&call, &opener)).await?
    };
    let ended = process::run(prepared, call.clone(), ledger).await?;
    blocking(move || {
        // What it left in the background may still write the files that are kept.
        ended.running.clear();
        let value = output::value(&ended, &call);
        ended.running.end();
        value
    })
    .await
}
