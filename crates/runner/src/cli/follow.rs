//! Following the journal of a run, whoever drives it.

use std::path::Path;
use std::time::Duration;

use flow_engine::journal::Event;
use flow_engine::report::Report;
use flow_engine::time::Timestamp;
use flow_local::driver::Progress;
use flow_local::store::{Reader, RunRow, Store};

use super::drive::{Shown, finish};
use super::signals::Signals;
use crate::exit::{Exit, Trouble};

/// How often the journal is looked at.
const PAUSE: Duration = Duration::from_millis(150);

/// The journal of a run, read as it grows.
pub(super) struct Follower {
    reader: Reader,
    run: String,
    seen: u64,
}

impl Follower {
    pub(super) fn new(reader: Reader, run: &str) -> Follower {
        Follower {
            reader,
            run: run.to_owned(),
            seen: 0,
        }
    }

    /// What was written since the last time.
    pub(super) fn more(&mut self) -> Result<Vec<(Timestamp, Event)>, Trouble> {
        let more = self.reader.journal_after(&self.run, self.seen)?;
        self.seen += more.len() as u64;
        Ok(more)
    }

    /// Its row in the list of runs.
    pub(super) fn row(&self) -> Result<RunRow, Trouble> {
        crate::stored::find(&self.reader, &self.run)
    }

    /// Hands each event to `each` until the run has ended, nobody drives it, or a signal comes; what it was then.
    pub(super) async fn follow(
        &mut self,
        store: &Path,
        mut each: impl FnMut(Timestamp, Event),
    ) -> Result<Left, Trouble> {
        let mut signals = Signals::listen();
        loop {
            // Before the events: what is written between the two is read the next time.
            let owned = Store::is_owned(store);
            let row = self.row()?;
            let more = self.more()?;
            let idle = more.is_empty();
            for (at, event) in more {
                each(at, event);
            }
            if idle && row.has_ended() {
                return Ok(Left::Ended);
            }
            if idle && (!owned || row.status == "interrupted") {
                return Ok(Left::Undriven(row.status));
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                exit = signals.next() => return Ok(Left::Told(exit)),
            }
        }
    }
}

/// Why nothing more is followed.
pub(super) enum Left {
    /// The run has ended.
    Ended,
    /// Nothing goes on, and this is where it stands.
    Undriven(String),
    /// Somebody has seen enough; the run goes on.
    Told(Exit),
}

/// Shows how a run ends that is driven elsewhere, or has ended already; with `detach` only which run it is.
pub(super) async fn to_its_end(
    store: &Path,
    run: &str,
    shown: &Shown,
    detach: bool,
) -> Result<Exit, Trouble> {
    if detach {
        super::print(&format!("{run}\n"));
        return Ok(Exit::Success);
    }
    let reader = Store::reader(store)?;
    let gone = || Trouble::new(Exit::Unavailable, "store.io", "the store is gone");
    let mut follower = Follower::new(reader.ok_or_else(gone)?, run);
    let mut report: Option<Report> = None;
    let left = follower.follow(store, |at, event| {
        if let Event::RunStarted(started) = &event {
            report = Some(Report::new(started.clone(), at));
        } else if let Some(report) = &mut report {
            report.take(at, &event);
        }
    });
    if !shown.json {
        anstream::eprintln!("{}: run {run}", shown.workflow.name);
    }
    let left = left.await?;
    let report = report.ok_or_else(gone)?;
    let end = match (left, &report.ended) {
        (Left::Told(exit), _) => return Ok(exit),
        (Left::Ended, Some((_, ended))) => Progress::Ended(Box::new(ended.clone())),
        (Left::Undriven(status), _) if status == "interrupted" => Progress::Interrupted,
        _ => Progress::Stopped,
    };
    finish(&shown.workflow, &report, &end, None, shown.json)
}
