//! `on: { file: ... }`: each version of a file starts one run, once it is whole.
//!
//! Whole is what has not changed for two seconds: how it came there does not count. What the position of a trigger holds
//! is each file with its version and its hash, so that nothing that came while nobody looked is missed. Read `scan` first.

mod scan;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flow_engine::time::Timestamp;
use flow_engine::value::Value;
use flow_engine::workflow::Starts;
use flow_local::clock::now;
use flow_local::start::new_id;
use flow_local::store::{Look, LookOutcome, Occurrence, Outcome};
use serde::{Deserialize, Serialize};
use tokio::task::{JoinSet, block_in_place};
use tokio_util::sync::CancellationToken;

use super::daemon::{Daemon, Source, called};
use super::files::Files;
use super::library::{Library, Loaded};
use super::log::Level;
use scan::{Pattern, Stamp, hash};

/// What has not changed for so long is whole.
const SETTLED: Duration = Duration::from_secs(2);
/// While something is not whole yet it is looked at so often.
const SOON: Duration = Duration::from_millis(500);
/// Without any notice of a change the files are looked at so often: notices may be lost, or never come.
const SELDOM: Duration = Duration::from_secs(10);
/// How many versions are written down in one transaction.
const TOGETHER_MAX: usize = 1000;

/// A version of a file that is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Version {
    stamp: Stamp,
    sha256: String,
}

type Versions = BTreeMap<String, Version>;

/// A trigger that watches files.
struct Dropped {
    source: Source,
    loaded: Arc<Loaded>,
    pattern: Pattern,
    meaning: String,
    /// What was there when it looked last; `None` before its first look ever.
    known: Option<Versions>,
    /// What is not whole yet, and since when it is as it is.
    unsettled: BTreeMap<String, (Stamp, Instant)>,
    /// What cannot be read, as it is now: that was said.
    unreadable: BTreeMap<String, Stamp>,
    failing: bool,
}

/// Watches the files of what is served until the daemon stops.
pub(super) async fn watch(daemon: Arc<Daemon>) {
    let of = |daemon: &Arc<Daemon>, library: &Library, stop: &CancellationToken| {
        let mut tasks = JoinSet::new();
        for dropped in triggers(daemon, library) {
            tasks.spawn(dropped.look_on(daemon.clone(), stop.clone()));
        }
        tasks
    };
    Daemon::keep(daemon, of).await;
}

fn triggers(daemon: &Daemon, library: &Library) -> Vec<Dropped> {
    let mut found = Vec::new();
    for loaded in library.workflows.values() {
        for trigger in loaded.triggers() {
            let Starts::File(text) = &trigger.starts else {
                continue;
            };
            let source: Source = (loaded.workflow.name.clone(), trigger.name.clone());
            let pattern = match Pattern::parse(text, &daemon.project) {
                Ok(pattern) => pattern,
                Err(why) => {
                    let said = format!("does not look: {why}");
                    daemon.log.say(Level::Error, &called(&source), &said);
                    continue;
                }
            };
            let meaning = format!("file {text}");
            found.push(Dropped {
                known: remembered(daemon, &source, &meaning),
                source,
                loaded: loaded.clone(),
                pattern,
                meaning,
                unsettled: BTreeMap::new(),
                unreadable: BTreeMap::new(),
                failing: false,
            });
        }
    }
    found
}

fn remembered(daemon: &Daemon, source: &Source, meaning: &str) -> Option<Versions> {
    let read = || {
        let reader = daemon.owner.reader().ok()?;
        reader.trigger(&source.0, &source.1).ok()?
    };
    let known = block_in_place(read)?;
    let position = known.position.filter(|_| known.meaning == meaning)?;
    serde_json::from_str(&position).ok()
}

impl Dropped {
    async fn look_on(mut self, daemon: Arc<Daemon>, stop: CancellationToken) {
        let mut files = Files::watch(&self.pattern.folder, Vec::new());
        loop {
            if !daemon.is_paused(&self.source) {
                let looked = self.look(&daemon, &stop).await;
                self.tell(&daemon, looked).await;
            }
            let wait = if self.unsettled.is_empty() {
                SELDOM
            } else {
                SOON
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
                () = files.changed() => {}
            }
        }
    }

    /// Looks at what is there, and records the versions that are whole.
    async fn look(&mut self, daemon: &Daemon, stop: &CancellationToken) -> Result<(), String> {
        let there = block_in_place(|| self.pattern.files(&daemon.project))?;
        let is_first = self.known.is_none();
        let known = self.known.clone().unwrap_or_default();
        let mut next = known.clone();
        next.retain(|path, _| there.contains_key(path));
        let since = |path: &String, stamp: &Stamp| {
            let unsettled = self.unsettled.get(path);
            unsettled
                .filter(|(before, _)| before == stamp)
                .map(|(_, since)| *since)
        };
        let mut unsettled = BTreeMap::new();
        let mut whole = Vec::new();
        for (path, stamp) in &there {
            if known.get(path).is_some_and(|known| known.stamp == *stamp)
                || self.unreadable.get(path) == Some(stamp)
            {
                continue;
            }
            // The first look takes what is there as it is.
            let since = since(path, stamp).unwrap_or_else(Instant::now);
            if is_first || since.elapsed() >= SETTLED {
                whole.push((path.clone(), *stamp));
            } else {
                unsettled.insert(path.clone(), (*stamp, since));
            }
        }
        let mut found = Vec::new();
        for (path, stamp) in whole {
            if stop.is_cancelled() {
                return Ok(());
            }
            let read = block_in_place(|| hash(&daemon.project.join(&path), stamp));
            match read {
                Ok(Some(sha256)) => {
                    let is_new = known.get(&path).is_none_or(|known| known.sha256 != sha256);
                    if is_new && !is_first {
                        found.push((path.clone(), stamp.size, sha256.clone()));
                    }
                    next.insert(path, Version { stamp, sha256 });
                }
                // It changes while it is read.
                Ok(None) => {
                    unsettled.insert(path, (stamp, Instant::now()));
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => {
                    let said = format!("cannot read `{path}`: {error}");
                    daemon.log.say(Level::Error, &called(&self.source), &said);
                    self.unreadable.insert(path, stamp);
                }
            }
        }
        self.unreadable.retain(|path, _| there.contains_key(path));
        self.unsettled = unsettled;
        if is_first || next != known || self.failing {
            self.record(daemon, found, &next).await?;
        }
        self.known = Some(next);
        Ok(())
    }

    /// What was found and what is known from now on are one transaction, if it is not too much: the last one then says what
    /// is known. What is written twice is known by its key.
    async fn record(
        &self,
        daemon: &Daemon,
        found: Vec<(String, u64, String)>,
        next: &Versions,
    ) -> Result<(), String> {
        let at = now();
        let count = found.len();
        let rows: Result<Vec<Occurrence>, String> = found
            .into_iter()
            .map(|version| self.occurrence(daemon, at, version))
            .collect();
        let mut rows = block_in_place(|| rows)?;
        while rows.len() > TOGETHER_MAX {
            let rest = rows.split_off(TOGETHER_MAX);
            let noted = daemon.notice(&self.source, rows, None).await;
            noted.map_err(|error| error.to_string())?;
            rows = rest;
        }
        let position = serde_json::to_string(next).map_err(|error| error.to_string())?;
        let look = self.looked(
            at,
            LookOutcome::Saw {
                position: Some(position),
                found: count,
            },
        );
        let noted = daemon.notice(&self.source, rows, Some(look)).await;
        noted.map(|_| ()).map_err(|error| error.to_string())
    }

    fn occurrence(
        &self,
        daemon: &Daemon,
        at: Timestamp,
        (path, size, sha256): (String, u64, String),
    ) -> Result<Occurrence, String> {
        let key = format!("{path}@{sha256}");
        let payload = Value::map([
            ("path", Value::from(path)),
            ("size", Value::from(size)),
            ("sha256", Value::from(sha256)),
        ]);
        let let_through = daemon.lets_through(&self.loaded, &self.source.1, &payload);
        let outcome = match let_through {
            Ok(true) => Outcome::Queued { run: new_id() },
            Ok(false) => Outcome::Passed {
                reason: "`where` does not hold for it".to_owned(),
            },
            Err(failure) => Outcome::Passed {
                reason: format!("`where` cannot be judged: {}", failure.message),
            },
        };
        Ok(Occurrence {
            key,
            at,
            due: None,
            payload: daemon.payload(payload)?,
            digest: None,
            causes: 0,
            outcome,
        })
    }

    /// Says once that it cannot look, and once that it can again.
    async fn tell(&mut self, daemon: &Daemon, looked: Result<(), String>) {
        let about = called(&self.source);
        match looked {
            Ok(()) if self.failing => daemon.log.say(Level::Done, &about, "looks again"),
            Err(error) if !self.failing => {
                daemon
                    .log
                    .say(Level::Error, &about, &format!("cannot look: {error}"));
                let look = self.looked(now(), LookOutcome::Failed { error });
                let _ = daemon.notice(&self.source, Vec::new(), Some(look)).await;
                self.failing = true;
                return;
            }
            Ok(()) => {}
            Err(_) => return,
        }
        self.failing = false;
    }

    fn looked(&self, at: Timestamp, outcome: LookOutcome) -> Look {
        Look {
            at,
            meaning: self.meaning.clone(),
            outcome,
        }
    }
}
