//! What is said of a run that nobody drives because processes died of it.

use crate::exit::{Exit, Trouble};

/// It is not driven until a person says so.
pub(super) fn trouble(run: &str, deaths: u32) -> Trouble {
    let message = format!("run {run} is quarantined: {}", why(deaths));
    Trouble::new(Exit::Interrupted, "run.quarantined", message).help(next(run))
}

/// Why it is so.
pub(crate) fn why(deaths: u32) -> String {
    format!("{deaths} processes in a row died while they drove it, and it came no further")
}

/// What to do.
pub(crate) fn next(run: &str) -> String {
    format!(
        "`flow why {run}` tells what went on; `flow resume {run} --force` lets it go again, `flow cancel {run}` ends it and does nothing more of it"
    )
}
