//! Commands that a killed `flow` left running: ended before anything else happens, and said.

use std::sync::Arc;

use flow_connector::processes::{Ledger, LeftOver};
use flow_local::store::Store;

use crate::exit::{Exit, Trouble};

/// The notes of the store about commands. What is left over from a killed owner of the store is ended first.
pub(super) fn ledger(store: &Store) -> Result<Arc<Ledger>, Trouble> {
    let (ledger, left_over) = Ledger::open(store.folder()).map_err(|error| {
        let message = format!("{}: {error}", store.folder().display());
        Trouble::new(Exit::Unavailable, "store.io", message)
    })?;
    for left in left_over {
        anstream::eprintln!("{}", said(&left));
    }
    Ok(ledger)
}

fn said(left: &LeftOver) -> String {
    let LeftOver { run, step, .. } = left;
    let processes = match left.processes {
        1 => "a process".to_owned(),
        more => format!("{more} processes"),
    };
    if left.ended {
        format!(
            "ended {processes} of step `{step}` of run {run}: left running when flow was killed"
        )
    } else {
        format!(
            "{processes} of step `{step}` of run {run}, left running when flow was killed, cannot be ended: end them as their user"
        )
    }
}
