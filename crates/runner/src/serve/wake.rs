//! Runs that wait for an event or a callback and that nobody drives: they are taken up when it comes. Those that are
//! driven hear of it themselves.

use std::sync::Arc;

use flow_local::store::{Reader, RunRow, StoreError};

use super::daemon::Daemon;
use super::events::News;
use super::log::Level;
use super::take_up::resume;

/// Wakes runs until the daemon stops; at first those for which something came while there was none.
pub(super) async fn wake(daemon: Arc<Daemon>) {
    let mut happened = daemon.owner.store().happened();
    let reader = match daemon.owner.reader() {
        Ok(reader) => reader,
        Err(trouble) => return daemon.log.say(Level::Error, "events", &trouble.message),
    };
    wake_those(&daemon, found(&reader, Reader::answered)).await;
    loop {
        let first = tokio::select! {
            () = daemon.stopping.cancelled() => return,
            what = happened.recv() => what,
        };
        let Some(news) = News::gather(first, &mut happened) else {
            return;
        };
        let rows = found(&reader, |reader| {
            if news.missed {
                return reader.answered();
            }
            let mut runs: Vec<String> = news.called_back.iter().map(ToString::to_string).collect();
            for name in &news.events {
                runs.extend(reader.awaiting_event(name)?);
            }
            Ok(runs)
        });
        wake_those(&daemon, rows).await;
    }
}

/// Those of the runs that have not ended. Blocking.
fn found(
    reader: &Reader,
    runs: impl FnOnce(&Reader) -> Result<Vec<String>, StoreError>,
) -> Result<Vec<RunRow>, StoreError> {
    let read = || {
        let mut rows = Vec::new();
        for run in runs(reader)? {
            rows.extend(reader.run(&run)?.filter(|row| !row.has_ended()));
        }
        Ok(rows)
    };
    tokio::task::block_in_place(read)
}

async fn wake_those(daemon: &Arc<Daemon>, rows: Result<Vec<RunRow>, StoreError>) {
    match rows {
        Ok(rows) => {
            for row in rows {
                if row.status != "quarantined" {
                    resume(daemon, row, false).await;
                }
            }
        }
        Err(error) => daemon.log.say(Level::Error, "events", &error.to_string()),
    }
}
