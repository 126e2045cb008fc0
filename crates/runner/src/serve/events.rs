//! Triggers that hear of events: what runs emit, how runs end, successes of operations.
//!
//! A trigger remembers the number of the last event that it has seen. The number moves on in the transaction that records
//! what is to start, so each event starts at most and at least one run of a trigger. Nobody asks the store while nothing
//! happens: its writer says which events it has written.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use flow_engine::run::Failure;
use flow_engine::run::announce::{CAUSES_MAX, heard_by, hears};
use flow_engine::time::Timestamp;
use flow_engine::value::{Value, journal};
use flow_engine::workflow::Starts;
use flow_local::clock::now;
use flow_local::start::new_id;
use flow_local::store::{
    Happened, Logged, Look, LookOutcome, Occurrence, Outcome, Reader, meaning_of_event,
};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use super::daemon::{Daemon, Source, called};
use super::library::{Library, Loaded};
use super::log::Level;

/// How many events are taken in one transaction.
const TOGETHER_MAX: u32 = 200;

/// So long a trigger may have seen what is not for it before the store is told.
const TOLD_AGAIN_MS: u64 = 60_000;

/// A trigger that listens.
struct Listener {
    source: Source,
    loaded: Arc<Loaded>,
    wanted: Arc<str>,
    /// The number of the last event that it has seen.
    position: i64,
    /// When the store was told of a position.
    told: Timestamp,
}

/// Lets triggers that never listened begin: what was before does not count.
pub(super) async fn begin(daemon: &Daemon) {
    listeners(daemon, &daemon.now_served()).await;
}

/// Listens for what is served until the daemon stops.
pub(super) async fn listen(daemon: Arc<Daemon>) {
    let mut happened = daemon.owner.store().happened();
    let mut changes = daemon.library.subscribe();
    let reader = match daemon.owner.reader() {
        Ok(reader) => Mutex::new(reader),
        Err(trouble) => return daemon.log.say(Level::Error, "events", &trouble.message),
    };
    let mut before: Vec<Source> = Vec::new();
    loop {
        let library = changes.borrow_and_update().clone();
        for source in before.drain(..) {
            if !library.workflows.contains_key(&*source.0) {
                forget(&daemon, &source);
            }
        }
        let mut listeners = listeners(&daemon, &library).await;
        before.extend(listeners.iter().map(|listener| listener.source.clone()));
        // Events of the time in which nobody listened.
        for listener in &mut listeners {
            listener.hear(&daemon, &reader).await;
        }
        loop {
            let first = tokio::select! {
                () = daemon.stopping.cancelled() => return,
                anew = changes.changed() => match anew {
                    Ok(()) => break,
                    Err(_) => return,
                },
                what = happened.recv() => what,
            };
            let Some(news) = News::gather(first, &mut happened) else {
                return;
            };
            let heard = listeners
                .iter_mut()
                .filter(|listener| news.concern(&listener.wanted));
            for listener in heard {
                listener.hear(&daemon, &reader).await;
            }
        }
    }
}

/// What was written since somebody looked the last time.
pub(super) struct News {
    /// Names of events.
    pub(super) events: BTreeSet<Arc<str>>,
    /// Runs of which a step was called back.
    pub(super) called_back: BTreeSet<Arc<str>>,
    /// There was more than could be told.
    pub(super) missed: bool,
}

impl News {
    /// All that has come; `None` if nothing comes any more.
    pub(super) fn gather(
        first: Result<Happened, RecvError>,
        happened: &mut Receiver<Happened>,
    ) -> Option<News> {
        let mut news = News {
            events: BTreeSet::new(),
            called_back: BTreeSet::new(),
            missed: false,
        };
        let mut next = first;
        loop {
            match next {
                Ok(Happened::Event(name)) => {
                    news.events.insert(name);
                }
                Ok(Happened::Callback(run)) => {
                    news.called_back.insert(run);
                }
                Err(RecvError::Lagged(_)) => news.missed = true,
                Err(RecvError::Closed) => return None,
            }
            next = match happened.try_recv() {
                Ok(what) => Ok(what),
                Err(TryRecvError::Lagged(count)) => Err(RecvError::Lagged(count)),
                Err(TryRecvError::Empty | TryRecvError::Closed) => return Some(news),
            };
        }
    }

    fn concern(&self, wanted: &str) -> bool {
        self.missed || self.events.iter().any(|name| hears(wanted, name))
    }
}

/// The triggers that listen, each from where it was.
async fn listeners(daemon: &Daemon, library: &Library) -> Vec<Listener> {
    let read = || {
        let reader = daemon.owner.reader().map_err(|trouble| trouble.message)?;
        let known = reader.triggers().map_err(|error| error.to_string())?;
        let last = reader.last_event().map_err(|error| error.to_string())?;
        Ok::<_, String>((known, last))
    };
    let (known, last) = match tokio::task::block_in_place(read) {
        Ok(found) => found,
        Err(error) => {
            daemon.log.say(Level::Error, "events", &error);
            return Vec::new();
        }
    };
    let mut listeners = Vec::new();
    for loaded in library.workflows.values() {
        for trigger in loaded.triggers() {
            let Starts::Event(wanted) = &trigger.starts else {
                continue;
            };
            let source: Source = (loaded.workflow.name.clone(), trigger.name.clone());
            let meaning = meaning_of_event(wanted);
            let row = known
                .iter()
                .find(|row| (&*row.workflow, &*row.trigger) == (&*source.0, &*source.1));
            let position = row.filter(|row| row.meaning == meaning);
            let position = position.and_then(|row| row.position.as_ref()?.parse().ok());
            let mut listener = Listener {
                source,
                loaded: loaded.clone(),
                wanted: wanted.clone(),
                position: position.unwrap_or(last),
                told: Timestamp::default(),
            };
            if position.is_none() && !daemon.is_paused(&listener.source) {
                listener.tell(daemon, Vec::new(), now()).await;
            }
            listeners.push(listener);
        }
    }
    // A trigger that is not there any more, or listens for something else, has nothing yet to see.
    for row in known {
        let Some(loaded) = library.workflows.get(&row.workflow) else {
            continue;
        };
        let trigger = loaded.trigger(&row.trigger);
        let listens = trigger.is_some_and(|trigger| matches!(trigger.starts, Starts::Event(_)));
        if row.listens() && row.position.is_some() && !listens {
            forget(daemon, &(row.workflow.into(), row.trigger.into()));
        }
    }
    listeners
}

fn forget(daemon: &Daemon, source: &Source) {
    let store = daemon.owner.store();
    let forgotten = tokio::task::block_in_place(|| store.forget_position(&source.0, &source.1));
    if let Err(error) = forgotten {
        daemon
            .log
            .say(Level::Error, &called(source), &error.to_string());
    }
}

impl Listener {
    /// Takes every event after the last that it has seen.
    async fn hear(&mut self, daemon: &Daemon, reader: &Mutex<Reader>) {
        while !daemon.stopping.is_cancelled() && !daemon.is_paused(&self.source) {
            let names = heard_by(&self.wanted);
            let read = || {
                let reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
                reader.events_after(&names, self.position, TOGETHER_MAX)
            };
            let found = match tokio::task::block_in_place(read) {
                Ok(found) => found,
                Err(error) => {
                    let error = error.to_string();
                    return daemon.log.say(Level::Error, &called(&self.source), &error);
                }
            };
            let Some(last) = found.last().map(|logged| logged.id) else {
                return;
            };
            let at = now();
            let occurrences = tokio::task::block_in_place(|| {
                let starts = found
                    .iter()
                    .filter_map(|logged| self.occurrence(daemon, logged, at));
                starts.collect::<Vec<_>>()
            });
            let before = std::mem::replace(&mut self.position, last);
            let is_quiet = occurrences.is_empty() && at.since(self.told).0 < TOLD_AGAIN_MS;
            if !is_quiet && !self.tell(daemon, occurrences, at).await {
                // They are there the next time.
                self.position = before;
                return;
            }
        }
    }

    /// What an event is to this trigger; nothing if `where` does not hold for it.
    fn occurrence(&self, daemon: &Daemon, logged: &Logged, at: Timestamp) -> Option<Occurrence> {
        let cause = logged.event.cause.as_ref();
        let causes = cause.map_or(0, |cause| cause.causes).saturating_add(1);
        let passed = |reason: String| Outcome::Passed { reason };
        let payload = self.payload(&logged.event.data);
        let let_through = payload.as_ref().map_err(Clone::clone);
        let outcome = match let_through
            .and_then(|payload| daemon.lets_through(&self.loaded, &self.source.1, payload))
        {
            Ok(false) => return None,
            Err(failure) => passed(format!(
                "`where` cannot be judged: [{}] {}",
                failure.code, failure.message
            )),
            Ok(true) => match cause {
                Some(cause) if cause.sandbox != daemon.sandbox => {
                    let other = if cause.sandbox { "" } else { "not " };
                    passed(format!(
                        "run {} went {other}against the sandbox, and this daemon does{}",
                        cause.run,
                        if cause.sandbox { " not" } else { "" }
                    ))
                }
                _ if causes > CAUSES_MAX => passed(format!(
                    "{CAUSES_MAX} events led to it already, each from a run that the one before started"
                )),
                _ => Outcome::Queued { run: new_id() },
            },
        };
        Some(Occurrence {
            key: logged.id.to_string(),
            at,
            due: None,
            payload: payload.as_ref().map(journal::to_string).unwrap_or_default(),
            digest: None,
            causes,
            outcome,
        })
    }

    /// What `trigger` means in its run: what belongs to the event; of an event of a connector what its descriptor names.
    fn payload(&self, data: &str) -> Result<Value, Failure> {
        let data = journal::from_str(data)
            .map_err(|error| Failure::permanent("store.corrupt", error.to_string()))?;
        Ok(match self.wanted.split_once('.') {
            Some((connector, event)) => self.loaded.connectors.delivered(connector, event, &data),
            None => data,
        })
    }

    /// Writes down what is to start, and how far it has come; whether it is on disk.
    async fn tell(&mut self, daemon: &Daemon, occurrences: Vec<Occurrence>, at: Timestamp) -> bool {
        for occurrence in &occurrences {
            if let Outcome::Passed { reason } = &occurrence.outcome {
                let said = format!("event {} starts no run: {reason}", occurrence.key);
                daemon.log.say(Level::Warning, &called(&self.source), &said);
            }
        }
        let look = Look {
            at,
            meaning: meaning_of_event(&self.wanted),
            outcome: LookOutcome::Saw {
                position: Some(self.position.to_string()),
                found: occurrences.len(),
            },
        };
        match daemon.notice(&self.source, occurrences, Some(look)).await {
            Ok(_) => {
                self.told = at;
                true
            }
            Err(error) => {
                let said = error.to_string();
                daemon.log.say(Level::Error, &called(&self.source), &said);
                false
            }
        }
    }
}
