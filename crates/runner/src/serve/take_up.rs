//! Runs that have not ended: those with something to do are taken up at the start, the others when it is their time.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use flow_engine::money::Amount;
use flow_engine::time::Timestamp;
use flow_local::clock::now;
use flow_local::store::{Reader, RunRow, StoreError};
use tokio::time::timeout;

use super::daemon::{Daemon, Source};
use super::log::Level;
use super::queue::{Word, attend};
use crate::exit::Trouble;
use crate::host::order::Resume;
use crate::host::{Driven, Following};
use crate::services;

/// How many runs are read at once.
const PAGE: u32 = 200;
/// A run that processes died of is driven alone for so long before the others follow.
const ALONE: Duration = Duration::from_secs(1);
/// No sleep is shorter or longer.
const SLEEP_MIN: Duration = Duration::from_millis(50);
const SLEEP_MAX: Duration = Duration::from_secs(60);

/// Takes up what was left, then each run whose time comes, until the daemon stops.
pub(super) async fn take_up(daemon: Arc<Daemon>) {
    let left = left(&daemon).unwrap_or_else(|trouble| {
        daemon.log.say(Level::Error, "runs", &trouble.message);
        Vec::new()
    });
    for (row, suspect) in left {
        resume(&daemon, row, suspect).await;
    }
    daemon.taken_up.cancel();
    loop {
        let (due, next) = due(&daemon).unwrap_or_else(|trouble| {
            daemon.log.say(Level::Error, "runs", &trouble.message);
            (Vec::new(), None)
        });
        for row in due {
            resume(&daemon, row, false).await;
        }
        let wait = next.map_or(SLEEP_MAX, |at| Duration::from_millis(at.since(now()).0));
        tokio::select! {
            () = tokio::time::sleep(wait.clamp(SLEEP_MIN, SLEEP_MAX)) => {}
            () = daemon.stopping.cancelled() => return,
        }
    }
}

/// Runs that had something to do when their owner ended, or that others may wait for, and whether processes have died of them: those come first, so that
/// the next death is theirs alone.
fn left(daemon: &Daemon) -> Result<Vec<(RunRow, bool)>, Trouble> {
    tokio::task::block_in_place(|| {
        let reader = daemon.owner.reader()?;
        let suspects: HashSet<String> = reader.suspects()?.into_iter().collect();
        let mut found: Vec<RunRow> = Vec::new();
        for page in [
            Reader::with_open_attempts,
            Reader::running,
            Reader::with_places,
        ] {
            let mut after = String::new();
            loop {
                let rows: Vec<RunRow> = page(&reader, &after, PAGE)?;
                let Some(last) = rows.last() else { break };
                after.clone_from(&last.run);
                found.extend(rows);
            }
        }
        found.retain(|row| !matches!(&*row.status, "interrupted" | "quarantined"));
        found.sort_by(|one, other| one.run.cmp(&other.run));
        found.dedup_by(|one, other| one.run == other.run);
        let mut found: Vec<(RunRow, bool)> = found
            .into_iter()
            .map(|row| {
                let suspect = suspects.contains(&row.run);
                (row, suspect)
            })
            .collect();
        // Who waits for a place asks after those who hold one.
        let waits = |row: &RunRow| {
            let what = row.waits_for.as_deref();
            what.is_some_and(|what| what.contains("a place in "))
        };
        found.sort_by_key(|(row, suspect)| (!suspect, waits(row)));
        Ok(found)
    })
}

/// Runs with something to do by now, and when the next one has.
fn due(daemon: &Daemon) -> Result<(Vec<RunRow>, Option<Timestamp>), Trouble> {
    let read = || -> Result<_, StoreError> {
        let Ok(reader) = daemon.owner.reader() else {
            return Ok((Vec::new(), None));
        };
        let at = now();
        let mut found: Vec<RunRow> = Vec::new();
        let mut after: Option<(Timestamp, String)> = None;
        loop {
            let last = after.as_ref().map(|(at, run)| (*at, run.as_str()));
            let rows = reader.due(at, last, PAGE)?;
            let Some((due, row)) = rows.last() else { break };
            after = Some((*due, row.run.clone()));
            found.extend(rows.into_iter().map(|(_, row)| row));
        }
        found.retain(|row| !matches!(&*row.status, "interrupted" | "quarantined"));
        Ok((found, reader.next_due(at)?))
    };
    Ok(tokio::task::block_in_place(read)?)
}

/// Goes on with a run that is not driven; one that processes died of is alone for a while.
pub(super) async fn resume(daemon: &Arc<Daemon>, row: RunRow, suspect: bool) {
    let run = row.run.clone();
    if daemon.stopping.is_cancelled() || daemon.owner.drives(&run).await {
        return;
    }
    let say = |trouble: &Trouble| {
        daemon
            .log
            .say_of_run(Level::Error, "runs", Some(&run), &trouble.message);
    };
    let wish = match wish(daemon, row) {
        Ok(wish) => wish,
        Err(trouble) => return say(&trouble),
    };
    match daemon.owner.resume(wish).await {
        Ok(Driven::Following(following)) => {
            let source = source_of(daemon, &run);
            daemon.count(&source, |going| going.started += 1);
            let going = tokio::spawn(follow(daemon.clone(), source, following));
            if suspect {
                let _ = timeout(ALONE, going).await;
            }
        }
        Ok(Driven::Told | Driven::Exists) => {}
        Err(trouble) if trouble.code == "run.driven" => {}
        Err(trouble) => say(&trouble),
    }
}

async fn follow(daemon: Arc<Daemon>, source: Source, following: Following) {
    // It is none of the queue's, which may go on now.
    attend(&daemon, &source, &following.run, following.progress, false).await;
    let _ = daemon.queue.send(Word::Look);
}

fn wish(daemon: &Daemon, row: RunRow) -> Result<Resume, Trouble> {
    let run = row.run.clone();
    let ready = |row: RunRow| {
        let reader = daemon.owner.reader()?;
        let stored = flow_local::start::load(&reader, daemon.owner.store().folder(), row)
            .map_err(|error| crate::host::troubles::load_trouble(&error))?;
        let ready = crate::host::owner::checked(&stored.bundle)?;
        let inputs = stored.events.iter().find_map(|(_, event)| match event {
            flow_engine::journal::Event::RunStarted(started) => started.inputs.as_map().cloned(),
            _ => None,
        });
        Ok::<_, Trouble>((ready.workflow, inputs.unwrap_or_default()))
    };
    let (workflow, inputs) = tokio::task::block_in_place(|| ready(row))?;
    // One that is missing fails the step that needs it.
    let secrets = services::secrets_at_hand(&workflow, &inputs);
    Ok(Resume {
        run,
        decisions: Vec::new(),
        force: false,
        budget: Amount::default(),
        secrets: secrets.to_texts(),
    })
}

/// What started a run, as far as the store knows.
fn source_of(daemon: &Daemon, run: &str) -> Source {
    let read = || daemon.owner.reader().ok()?.noticed_by(run).ok()?;
    match tokio::task::block_in_place(read) {
        Some((workflow, trigger)) => (workflow.into(), trigger.into()),
        None => ("runs".into(), "taken up".into()),
    }
}
