//! What is old goes by itself, as `[retention]` of `flow.toml` says: runs, what triggers noticed, stored values.

use std::sync::Arc;
use std::time::Duration;

use flow_engine::duration::Millis;
use flow_engine::time::Timestamp;
use flow_local::clock::now;

use super::daemon::Daemon;
use super::library::said;
use super::log::Level;
use crate::exit::Trouble;
use crate::retention::{delete, events_before, of_project, old};

/// It is looked at so often: a tenth of the time for which runs are kept, but not more seldom or oftener than this.
const OFTEN: Duration = Duration::from_secs(10);
const SELDOM: Duration = Duration::from_secs(3600);
/// What triggers noticed is kept for a day at least, if the project says nothing else: for so long a delivery is known when it
/// comes again.
const NOTICED_MIN: Millis = Millis::seconds(24 * 3600);
/// Stored values are looked through so often: that reads every journal, and they are kept for an hour in any case.
const SWEPT: Millis = Millis::seconds(3600);
/// The first time it is sooner: a daemon that never lives for an hour keeps its store small, too.
const FIRST_SWEPT: i64 = 600_000;

/// Deletes what is old, until the daemon stops.
pub(super) async fn keep(daemon: Arc<Daemon>) {
    let hour = i64::try_from(SWEPT.0).unwrap_or(i64::MAX);
    let mut swept_at = Timestamp(now().0 - hour + FIRST_SWEPT);
    loop {
        let round = || clean(&daemon, &mut swept_at);
        let wait = tokio::task::block_in_place(round).unwrap_or_else(|trouble| {
            daemon.log.say(Level::Error, "retention", &said(&trouble));
            SELDOM
        });
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = daemon.stopping.cancelled() => return,
        }
    }
}

/// One round; gives the time to the next one.
fn clean(daemon: &Daemon, swept_at: &mut Timestamp) -> Result<Duration, Trouble> {
    let kept = of_project(&daemon.project)?;
    let at = now();
    let rules = old(&kept, at);
    let lengths = [kept.runs, kept.keep_failed, kept.noticed];
    let Some(longest) = lengths.into_iter().flatten().max() else {
        return Ok(SELDOM);
    };
    let runs = daemon.owner.reader()?.old(&rules)?;
    let store = daemon.owner.store();
    delete(store, &runs, &rules)?;
    let noticed = kept.noticed.unwrap_or(longest.max(NOTICED_MIN));
    let before = Timestamp(at.0 - i64::try_from(noticed.0).unwrap_or(i64::MAX));
    let noticed = store.forget(before)?;
    if let Some(before) = events_before(&rules) {
        store.prune_events(before)?;
    }
    let mut values = 0;
    // A commit that waits for space may be the only one to know of a value.
    if at.since(*swept_at).0 >= SWEPT.0 && daemon.store_trouble().is_none() {
        *swept_at = at;
        values = store.sweep()?.blobs;
    }
    if runs.len() + noticed > 0 || values > 0 {
        let message = format!(
            "deleted {} runs, {noticed} occurrences, {values} stored values",
            runs.len()
        );
        daemon.log.say(Level::Info, "retention", &message);
    }
    let shortest = lengths.into_iter().flatten().min();
    let often = shortest.map_or(SELDOM, |kept| Duration::from_millis(kept.0 / 10));
    Ok(often.clamp(OFTEN, SELDOM))
}
