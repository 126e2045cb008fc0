//! The machine: who asks, who goes, who waits.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::demand::{Claim, Demand, Key, Kind, WhenFull};
use super::places::{Places, Who};
use crate::time::Timestamp;

/// A number that a run gives to each thing that it asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// What a run asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// Under which number.
    pub ticket: Ticket,
    /// The step; none for the run itself.
    pub step: Option<Arc<str>>,
    /// For what.
    pub demand: Demand,
    /// Since when it waits.
    pub since: Timestamp,
    /// It has it already, from before a restart: it counts, and nothing is answered.
    pub held: bool,
}

/// An answer, and for whom.
#[derive(Debug, Clone, PartialEq)]
pub struct Word {
    /// The run.
    pub run: Arc<str>,
    /// What it asked under this number.
    pub ticket: Ticket,
    /// What is answered.
    pub answer: Answer,
}

/// What becomes of something that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// It may go.
    Granted,
    /// It waits, which is said once.
    Waits(Standing),
    /// There is no room, and it does not want to wait.
    Full(Standing),
    /// It had, or waited for, what another takes in its place: that one, in words.
    Replaced(String),
}

/// Why there is no room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// What there is no room at, as people know it.
    pub name: Arc<str>,
    /// Who holds its places, in words; a few of them.
    pub taken_by: Vec<String>,
    /// How many do.
    pub taken: u64,
    /// How many wait before it.
    pub before: u64,
    /// When there is room, if that is only a question of time.
    pub until: Option<Timestamp>,
}

/// How many holders are named.
const NAMED_MAX: usize = 4;

/// The order of those who wait: priority, time, arrival.
pub(super) type Order = (Reverse<i32>, Timestamp, u64);

/// One that asked.
#[derive(Debug)]
struct Asked {
    order: Order,
    step: Option<Arc<str>>,
    demand: Demand,
    granted: bool,
    /// Another takes its place: it was told.
    replaced: bool,
    told: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Admission {
    asked: BTreeMap<Who, Asked>,
    waiting: BTreeMap<Order, Who>,
    places: BTreeMap<Key, Places>,
    /// When a key may have room by time alone.
    times: BTreeSet<(Timestamp, Key)>,
    words: VecDeque<Word>,
    count: u64,
    now: Timestamp,
}

impl Admission {
    /// Somebody asks.
    pub fn ask(&mut self, now: Timestamp, run: &Arc<str>, ask: Ask) {
        self.now = self.now.max(now);
        self.count += 1;
        let who: Who = (run.clone(), ask.ticket);
        let order = (Reverse(ask.demand.priority), ask.since, self.count);
        let asked = Asked {
            order,
            step: ask.step,
            demand: ask.demand,
            granted: false,
            replaced: false,
            told: false,
        };
        self.asked.insert(who.clone(), asked);
        if ask.held {
            self.grant(&who);
            return;
        }
        self.waiting.insert(order, who.clone());
        let Some(lacking) = self.decide(&who) else {
            return;
        };
        let standing = self.standing(&who, &lacking);
        match self.asked[&who].demand.when_full {
            WhenFull::Skip => {
                self.say(&who, Answer::Full(standing));
                self.forget(&who);
            }
            WhenFull::Replace => {
                self.replace(&who);
                self.wait(&who, standing);
            }
            WhenFull::Queue => self.wait(&who, standing),
        }
    }

    /// Somebody lets go of what it holds or waits for. `rest`: until when the service that it called asked to be left alone.
    pub fn release(
        &mut self,
        now: Timestamp,
        run: &Arc<str>,
        ticket: Ticket,
        rest: Option<Timestamp>,
    ) {
        self.now = self.now.max(now);
        let who = (run.clone(), ticket);
        if let (Some(rest), Some(asked)) = (rest, self.asked.get(&who)) {
            for claim in &asked.demand.claims {
                if claim.key.kind == Kind::Calls {
                    let places = self.places.entry(claim.key.clone()).or_default();
                    places.rest_until(rest);
                }
            }
        }
        self.forget(&who);
    }

    /// A run is over, or is not driven any more: it holds nothing and waits for nothing.
    pub fn gone(&mut self, now: Timestamp, run: &str) {
        self.now = self.now.max(now);
        let run: Arc<str> = run.into();
        let own = self.asked.range((run.clone(), Ticket(0))..);
        let own = own.take_while(|((other, _), _)| *other == run);
        let own: Vec<Who> = own.map(|(who, _)| who.clone()).collect();
        let keys = own.iter().flat_map(|who| self.remove(who)).collect();
        self.go_on(keys);
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        let mut keys = BTreeSet::new();
        while let Some((at, _)) = self.times.first()
            && *at <= self.now
        {
            if let Some((_, key)) = self.times.pop_first() {
                keys.insert(key);
            }
        }
        self.go_on(keys);
    }

    /// When time alone may let somebody go.
    pub fn due(&self) -> Option<Timestamp> {
        self.times.first().map(|(at, _)| *at)
    }

    /// The next answer.
    pub fn poll(&mut self) -> Option<Word> {
        self.words.pop_front()
    }

    /// Grants what can be granted now, else gives what there is no room at and keeps its turn there.
    fn decide(&mut self, who: &Who) -> Option<Claim> {
        let asked = &self.asked[who];
        let order = asked.order;
        let mut lacking: Option<Claim> = None;
        for claim in &asked.demand.claims {
            let places = self.places.entry(claim.key.clone()).or_default();
            let turn = places.turns.first().is_none_or(|first| *first >= order);
            let room = places.room(claim.most, self.now);
            if let Err(Some(until)) = room {
                self.times.insert((until, claim.key.clone()));
            }
            if !turn || room.is_err() {
                places.turns.insert(order);
                lacking.get_or_insert_with(|| claim.clone());
            }
        }
        if lacking.is_none() {
            self.grant(who);
            self.say(who, Answer::Granted);
        }
        lacking
    }

    fn grant(&mut self, who: &Who) {
        let Some(asked) = self.asked.get_mut(who) else {
            return;
        };
        asked.granted = true;
        let order = asked.order;
        self.count += 1;
        for claim in &asked.demand.claims {
            let places = self.places.entry(claim.key.clone()).or_default();
            places.turns.remove(&order);
            places.take(self.count, who.clone(), claim.most, self.now);
        }
        self.waiting.remove(&order);
    }

    /// Whatever it held is free, whatever it waited for is the next one's turn.
    fn forget(&mut self, who: &Who) {
        let keys = self.remove(who);
        self.go_on(keys);
    }

    /// The keys at which something changed.
    fn remove(&mut self, who: &Who) -> BTreeSet<Key> {
        let mut keys = BTreeSet::new();
        let Some(asked) = self.asked.remove(who) else {
            return keys;
        };
        self.waiting.remove(&asked.order);
        for claim in asked.demand.claims {
            if let Some(places) = self.places.get_mut(&claim.key) {
                places.turns.remove(&asked.order);
                places.held.retain(|_, holder| holder != who);
                keys.insert(claim.key);
            }
        }
        keys
    }

    /// Lets those go whose turn it is at these keys.
    fn go_on(&mut self, mut keys: BTreeSet<Key>) {
        while let Some(key) = keys.pop_first() {
            while let Some(first) = self.first_at(&key) {
                if self.decide(&first).is_some() {
                    break;
                }
                // It held its turn elsewhere too.
                let claims = &self.asked[&first].demand.claims;
                keys.extend(claims.iter().map(|claim| claim.key.clone()));
            }
            let idle = |places: &Places| places.is_idle(self.now);
            if self.places.get(&key).is_some_and(idle) {
                self.places.remove(&key);
            }
        }
    }

    fn first_at(&self, key: &Key) -> Option<Who> {
        let first = self.places.get(key)?.turns.first()?;
        self.waiting.get(first).cloned()
    }

    fn wait(&mut self, who: &Who, standing: Standing) {
        if let Some(asked) = self.asked.get_mut(who)
            && !std::mem::replace(&mut asked.told, true)
        {
            self.say(who, Answer::Waits(standing));
        }
    }

    /// Tells the one that went first to end; if all are about to, the one that waits longest gives up its turn.
    fn replace(&mut self, who: &Who) {
        let keys: Vec<Key> = self.asked[who]
            .demand
            .claims
            .iter()
            .filter(|claim| matches!(claim.key.kind, Kind::Runs | Kind::Steps))
            .map(|claim| claim.key.clone())
            .collect();
        let by = self.words_of(who);
        for key in keys {
            let Some(places) = self.places.get(&key) else {
                continue;
            };
            let holders = places.held.values().cloned();
            let waiting = places
                .turns
                .iter()
                .filter_map(|order| self.waiting.get(order).cloned());
            let candidates: Vec<Who> = holders.chain(waiting).collect();
            let victim = candidates.into_iter().find(|other| {
                let asked = self.asked.get(other);
                other != who && asked.is_some_and(|asked| !asked.replaced)
            });
            if let Some(victim) = victim {
                if let Some(asked) = self.asked.get_mut(&victim) {
                    asked.replaced = true;
                }
                self.say(&victim, Answer::Replaced(by.clone()));
            }
        }
    }

    fn standing(&self, who: &Who, lacking: &Claim) -> Standing {
        let order = self.asked[who].order;
        let Some(places) = self.places.get(&lacking.key) else {
            return Standing {
                name: lacking.name.clone(),
                taken_by: Vec::new(),
                taken: 0,
                before: 0,
                until: None,
            };
        };
        let named = places.held.values().take(NAMED_MAX);
        let of_key = self.times.iter().find(|(_, key)| *key == lacking.key);
        Standing {
            name: lacking.name.clone(),
            taken_by: named.map(|holder| self.words_of(holder)).collect(),
            taken: places.held.len() as u64,
            before: places.turns.range(..order).count() as u64,
            until: of_key.map(|(at, _)| *at),
        }
    }

    fn words_of(&self, who: &Who) -> String {
        match self.asked.get(who).and_then(|asked| asked.step.as_ref()) {
            Some(step) => format!("run {} step {step}", who.0),
            None => format!("run {}", who.0),
        }
    }

    fn say(&mut self, who: &Who, answer: Answer) {
        self.words.push_back(Word {
            run: who.0.clone(),
            ticket: who.1,
            answer,
        });
    }
}
