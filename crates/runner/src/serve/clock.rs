//! Triggers made of times: each time that is due is a row of its own before anything starts.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use flow_engine::schedule::{Due, owed};
use flow_engine::time::Timestamp;
use flow_engine::workflow::{Starts, Trigger};
use flow_local::clock::now;
use flow_local::store::{Look, LookOutcome, Noted, Occurrence, Outcome, TriggerRow};

use super::daemon::{Daemon, Source, called};
use super::library::{Library, Loaded, said};
use super::log::Level;
use super::queue::Word;
use crate::exit::Trouble;

/// No sleep is longer, so that a clock that jumps is noticed.
const SLEEP_MAX: Duration = Duration::from_secs(30);
/// After so long what could not be recorded is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// One trigger made of times.
struct Timed {
    loaded: Arc<Loaded>,
    /// Everything up to here is settled, and that is on disk.
    mark: Timestamp,
    meaning: String,
}

/// Keeps the time until the daemon stops.
pub(super) async fn keep_time(daemon: Arc<Daemon>) {
    let mut changes = daemon.library.subscribe();
    let mut timed: BTreeMap<Source, Timed> = BTreeMap::new();
    let mut next: BinaryHeap<Reverse<(Timestamp, Source)>> = BinaryHeap::new();
    adopt(&daemon, &mut timed, &mut next).await;
    loop {
        let wait = match next.peek() {
            Some(Reverse((at, _))) => Duration::from_millis(at.since(now()).0).min(SLEEP_MAX),
            None => SLEEP_MAX,
        };
        tokio::select! {
            () = daemon.stopping.cancelled() => return,
            () = tokio::time::sleep(wait) => due(&daemon, &mut timed, &mut next).await,
            anew = changes.changed() => {
                if anew.is_err() {
                    return;
                }
                // A time belongs to the timetable that was valid when it came.
                due(&daemon, &mut timed, &mut next).await;
                adopt(&daemon, &mut timed, &mut next).await;
            }
        }
    }
}

/// Takes over the triggers of what is served now.
async fn adopt(
    daemon: &Arc<Daemon>,
    timed: &mut BTreeMap<Source, Timed>,
    next: &mut BinaryHeap<Reverse<(Timestamp, Source)>>,
) {
    let Some(kept) = marks(daemon).await else {
        return;
    };
    let library: Arc<Library> = daemon.now_served();
    let mut before = std::mem::take(timed);
    next.clear();
    let mut adopted = Vec::new();
    for loaded in library.workflows.values() {
        let is_timed = |trigger: &&Trigger| {
            let starts = &trigger.starts;
            matches!(starts, Starts::Schedule(_) | Starts::Every(..))
        };
        for trigger in loaded.triggers().filter(is_timed) {
            let source: Source = (loaded.workflow.name.clone(), trigger.name.clone());
            let meaning = meaning(&trigger.starts);
            let known = match before.remove(&source) {
                Some(before) if before.meaning == meaning => Some(before.mark),
                Some(_) => None,
                None => kept.get(&(source.clone(), meaning.clone())).copied(),
            };
            adopted.push(async move {
                let mark = match known {
                    Some(mark) => mark,
                    None => first_seen(daemon, &source, &meaning).await,
                };
                let loaded = loaded.clone();
                let kept = Timed {
                    loaded,
                    mark,
                    meaning,
                };
                (source, kept)
            });
        }
    }
    // Those that are new are written in one transaction, or a few.
    for (source, kept) in futures_util::future::join_all(adopted).await {
        plan(&source, &kept, next);
        timed.insert(source, kept);
    }
}

/// Records what is due by now.
async fn due(
    daemon: &Arc<Daemon>,
    timed: &mut BTreeMap<Source, Timed>,
    next: &mut BinaryHeap<Reverse<(Timestamp, Source)>>,
) {
    let at = now();
    let mut settled = Vec::new();
    while next.peek().is_some_and(|Reverse((due, _))| *due <= at) {
        let Some(Reverse((_, source))) = next.pop() else {
            break;
        };
        if let Some(trigger) = timed.get(&source) {
            settled.push(settle(daemon, source, trigger, at));
        }
    }
    // Together they are one transaction, or a few.
    for (source, mark) in futures_util::future::join_all(settled).await {
        let Some(trigger) = timed.get_mut(&source) else {
            continue;
        };
        if let Some(mark) = mark {
            trigger.mark = mark;
            plan(&source, trigger, next);
        } else {
            let again = Timestamp(at.0 + i64::try_from(AGAIN.as_millis()).unwrap_or(0));
            next.push(Reverse((again, source)));
        }
    }
}

fn plan(source: &Source, trigger: &Timed, next: &mut BinaryHeap<Reverse<(Timestamp, Source)>>) {
    let timetable = trigger.loaded.timetable(&source.1);
    if let Some(due) = timetable.and_then(|timetable| timetable.next_after(trigger.mark)) {
        next.push(Reverse((due.at, source.clone())));
    }
}

/// Records what one trigger owes; gives its new mark, or nothing if that could not be recorded.
async fn settle(
    daemon: &Arc<Daemon>,
    source: Source,
    trigger: &Timed,
    at: Timestamp,
) -> (Source, Option<Timestamp>) {
    let Some(timetable) = trigger.loaded.timetable(&source.1) else {
        return (source, None);
    };
    let owed = owed(&timetable, trigger.mark, at);
    let mut occurrences = Vec::new();
    if daemon.is_paused(&source) {
        // What comes while it is paused is owed by nobody.
        return (source, Some(owed.mark));
    }
    if let Some(skipped) = &owed.skipped {
        occurrences.push(Occurrence {
            key: format!("skipped {} to {}", skipped.first, skipped.last),
            at,
            due: Some(skipped.last),
            payload: String::new(),
            digest: None,
            causes: 0,
            outcome: Outcome::Passed {
                reason: skipped.to_string(),
            },
        });
        daemon
            .log
            .say(Level::Warning, &called(&source), &skipped.to_string());
    }
    for due in &owed.due {
        let outcome = daemon.turn(&source, &trigger.loaded, timetable.misfire());
        if let Outcome::Passed { reason } = &outcome {
            let said = format!("due {}: starts no run: {reason}", due.at);
            daemon.log.say(Level::Warning, &called(&source), &said);
        }
        occurrences.push(Occurrence {
            key: due.at.to_string(),
            at,
            due: Some(due.at),
            payload: "{}".to_owned(),
            digest: None,
            causes: 0,
            outcome,
        });
    }
    if occurrences.is_empty() {
        return (source, Some(owed.mark));
    }
    let queued: Vec<bool> = occurrences
        .iter()
        .map(|occurrence| matches!(occurrence.outcome, Outcome::Queued { .. }))
        .collect();
    let look = look(at, &trigger.meaning, owed.mark, owed.due.len());
    let noted = daemon.notice(&source, occurrences, Some(look)).await;
    let is_lost = |at: usize| match &noted {
        Ok(noted) => noted[at] != Noted::New,
        Err(_) => true,
    };
    let lost = (0..queued.len())
        .filter(|at| queued[*at] && is_lost(*at))
        .count();
    daemon.count(&source, |going| {
        going.waiting = going.waiting.saturating_sub(lost);
    });
    match noted {
        Ok(_) => {
            owed.due.iter().for_each(|due| wake(daemon, &source, due));
            (source, Some(owed.mark))
        }
        Err(error) => {
            daemon
                .log
                .say(Level::Error, &called(&source), &error.to_string());
            (source, None)
        }
    }
}

/// A run that starts later than it is due is looked at again then.
fn wake(daemon: &Arc<Daemon>, source: &Source, due: &Due) {
    let wait = Duration::from_millis(due.start.since(now()).0);
    if wait.is_zero() {
        return;
    }
    let (daemon, workflow) = (daemon.clone(), source.0.clone());
    tokio::spawn(async move {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = daemon.stopping.cancelled() => return,
        }
        let _ = daemon.queue.send(Word::Queued(workflow));
    });
}

/// Tells one timetable of a trigger from another.
fn meaning(starts: &Starts) -> String {
    match starts {
        Starts::Schedule(schedule) => format!(
            "{} {} {:?} {:?}",
            schedule.pattern,
            schedule.timezone.as_deref().unwrap_or("UTC"),
            schedule.gap,
            schedule.overlap
        ),
        Starts::Every(every, _) => format!("every {every}"),
        other => other.word().to_owned(),
    }
}

/// Up to when each trigger is settled, as the store knows it, by its timetable too; nothing once the daemon stops. A store that
/// cannot be read is asked again: a trigger that is taken for new is owed nothing.
async fn marks(daemon: &Daemon) -> Option<HashMap<(Source, String), Timestamp>> {
    let read = || Ok::<_, Trouble>(daemon.owner.reader()?.triggers()?);
    let rows = loop {
        match tokio::task::block_in_place(read) {
            Ok(rows) => break rows,
            Err(trouble) => daemon.log.say(Level::Error, "serve", &said(&trouble)),
        }
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => {}
            () = daemon.stopping.cancelled() => return None,
        }
    };
    let mark = |row: TriggerRow| {
        let source: Source = (row.workflow.into(), row.trigger.into());
        let mark = row.position?.parse().ok().map(Timestamp)?;
        Some(((source, row.meaning), mark))
    };
    Some(rows.into_iter().filter_map(mark).collect())
}

/// A trigger that is new begins now; that is on disk before it is relied upon.
async fn first_seen(daemon: &Daemon, source: &Source, meaning: &str) -> Timestamp {
    let at = now();
    let look = look(at, meaning, at, 0);
    if let Err(error) = daemon.notice(source, Vec::new(), Some(look)).await {
        daemon
            .log
            .say(Level::Error, &called(source), &error.to_string());
    }
    at
}

fn look(at: Timestamp, meaning: &str, mark: Timestamp, found: usize) -> Look {
    Look {
        at,
        meaning: meaning.to_owned(),
        outcome: LookOutcome::Saw {
            position: Some(mark.0.to_string()),
            found,
        },
    }
}
