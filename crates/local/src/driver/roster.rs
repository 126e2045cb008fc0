//! The runs of the loop, found by what concerns them: their ids, the time at which each is to be looked at, and what is
//! written into the log. What happens to one run costs the others nothing.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use flow_engine::run::announce::hears;
use flow_engine::time::Timestamp;

use super::driven::Driven;
use super::sleep::Asleep;
use super::{Census, Progress};
use crate::store::Happened;

/// All runs that are driven here.
#[derive(Default)]
pub(super) struct Roster {
    /// Those in memory.
    pub(super) awake: HashMap<Arc<str>, Driven>,
    /// Those that wait, and of which only the store knows the rest.
    pub(super) asleep: HashMap<Arc<str>, Asleep>,
    alarms: Alarms,
    listeners: Listeners,
}

/// What a run waits for.
#[derive(Default, PartialEq, Eq)]
pub(super) struct Hopes {
    /// When it is to be looked at, whatever happens.
    pub(super) alarm: Option<Timestamp>,
    /// The events that it listens for.
    pub(super) events: Vec<Arc<str>>,
    /// Whether it is to be called back.
    pub(super) callback: bool,
}

impl Roster {
    pub(super) fn is_empty(&self) -> bool {
        self.awake.is_empty() && self.asleep.is_empty()
    }

    pub(super) fn contains(&self, run: &str) -> bool {
        self.awake.contains_key(run) || self.asleep.contains_key(run)
    }

    pub(super) fn census(&self) -> Census {
        Census {
            awake: self.awake.len(),
            asleep: self.asleep.len(),
        }
    }

    /// Tells whoever observes any of them.
    pub(super) fn tell(&self, progress: &Progress) {
        self.awake
            .values()
            .for_each(|driven| driven.tell(progress.clone()));
        self.asleep
            .values()
            .for_each(|asleep| asleep.tell(progress.clone()));
    }

    /// Remembers what a run waits for from now on; nothing if it is gone.
    pub(super) fn expect(&mut self, run: &Arc<str>, hopes: Hopes) {
        self.alarms.set(run, hopes.alarm);
        self.listeners.set(run, hopes.events, hopes.callback);
    }

    /// When somebody is to be looked at.
    pub(super) fn next_alarm(&self) -> Option<Timestamp> {
        self.alarms.next()
    }

    /// Those whose time has come.
    pub(super) fn due(&self, at: Timestamp) -> Vec<Arc<str>> {
        self.alarms.until(at)
    }

    /// Those who wait for what is in the log now; all that wait for anything if it is not known what.
    pub(super) fn concerned(&self, happened: Option<&Happened>) -> Vec<Arc<str>> {
        self.listeners.of(happened)
    }
}

/// One time a run.
#[derive(Default)]
struct Alarms {
    order: BTreeSet<(Timestamp, Arc<str>)>,
    of: HashMap<Arc<str>, Timestamp>,
}

impl Alarms {
    fn set(&mut self, run: &Arc<str>, alarm: Option<Timestamp>) {
        let before = match alarm {
            Some(at) => self.of.insert(run.clone(), at),
            None => self.of.remove(run),
        };
        if before == alarm {
            return;
        }
        if let Some(before) = before {
            self.order.remove(&(before, run.clone()));
        }
        if let Some(at) = alarm {
            self.order.insert((at, run.clone()));
        }
    }

    fn next(&self) -> Option<Timestamp> {
        self.order.first().map(|(at, _)| *at)
    }

    fn until(&self, at: Timestamp) -> Vec<Arc<str>> {
        let due = self.order.iter().take_while(|(due, _)| *due <= at);
        due.map(|(_, run)| run.clone()).collect()
    }
}

/// Who waits for what is written into the log.
#[derive(Default)]
struct Listeners {
    by_event: HashMap<Arc<str>, HashSet<Arc<str>>>,
    events: HashMap<Arc<str>, Vec<Arc<str>>>,
    called_back: HashSet<Arc<str>>,
}

impl Listeners {
    fn set(&mut self, run: &Arc<str>, events: Vec<Arc<str>>, callback: bool) {
        if callback {
            self.called_back.insert(run.clone());
        } else {
            self.called_back.remove(run);
        }
        if self.events.get(run).map_or(&[][..], Vec::as_slice) == events {
            return;
        }
        for event in self.events.remove(run).unwrap_or_default() {
            if let Some(runs) = self.by_event.get_mut(&event) {
                runs.remove(run);
                if runs.is_empty() {
                    self.by_event.remove(&event);
                }
            }
        }
        for event in &events {
            let runs = self.by_event.entry(event.clone()).or_default();
            runs.insert(run.clone());
        }
        if !events.is_empty() {
            self.events.insert(run.clone(), events);
        }
    }

    fn of(&self, happened: Option<&Happened>) -> Vec<Arc<str>> {
        match happened {
            None => {
                let all = self.events.keys().chain(&self.called_back);
                all.cloned().collect()
            }
            Some(Happened::Event(name)) => {
                let heard = self.by_event.iter().filter(|(event, _)| hears(event, name));
                heard.flat_map(|(_, runs)| runs).cloned().collect()
            }
            Some(Happened::Callback(run)) => {
                self.called_back.get(run).cloned().into_iter().collect()
            }
        }
    }
}
