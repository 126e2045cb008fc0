//! The loop: one thing at a time, and the process may die between any two.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;

use flow_backend::virtual_world::BEGINNING;
use flow_backend::virtual_world::memory::MemoryBlobs;
use flow_engine::journal::{Event, Row};
use flow_engine::run::{Input, Output, Run};
use flow_engine::time::Timestamp;
use flow_engine::value::Value;
use flow_engine::workflow::Workflow;
use tokio::runtime::Runtime;

use super::chance::Chance;
use super::check::{nothing_is_left, replays};
use super::happening::{Happening, Id, event_told};
use super::plan::{Plan, Word};
use super::process::{Live, Process, started};
use super::store::{Events, Store};
use super::world::World;
use crate::support::runtime;

/// More happens in no world that comes to an end.
const HAPPENINGS_MAX: u64 = 200_000;

/// After how much idle time people look whether somebody waits for them.
const PATIENCE: u64 = 60_000;

/// A world that goes on.
pub(super) struct Simulation {
    pub(super) plan: Plan,
    pub(super) chance: Chance,
    told: bool,
    pub(super) runtime: Runtime,
    pub(super) world: Arc<World>,
    pub(super) blobs: Arc<MemoryBlobs>,
    /// The workflow of each run that was ever started.
    pub(super) workflows: BTreeMap<Id, Arc<Workflow>>,
    /// Who started a run.
    pub(super) parents: BTreeMap<Id, Id>,
    /// Runs that went on when their parent was over, as a crash left them, with how long their journals were then.
    pub(super) orphans: BTreeMap<Id, usize>,
    pub(super) store: Store,
    pub(super) process: Process,
    agenda: BTreeMap<(u64, u64), Happening>,
    order: u64,
    pub(super) time: u64,
    /// How far the clock is off.
    offset: i64,
    crashes: VecDeque<u64>,
    syncing: bool,
    /// Rows of each run that were synced: they are promised.
    promised: BTreeMap<Id, usize>,
    /// Halves of attempts that began outside.
    pub(super) begun: BTreeSet<(Id, String, u32, bool)>,
    pub(super) figures: Figures,
}

/// What was left at the end.
pub(super) struct Ended {
    pub(super) journals: BTreeMap<String, Events>,
    pub(super) figures: Figures,
}

/// How much happened.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Figures {
    pub(super) runs: u64,
    pub(super) happenings: u64,
    pub(super) events: u64,
    pub(super) crashes: u64,
    pub(super) lost: u64,
    pub(super) effects: u64,
    pub(super) decisions: u64,
    pub(super) refused: u64,
    pub(super) retried: u64,
}

impl Simulation {
    pub(super) fn new(plan: &Plan, told: bool) -> Simulation {
        Simulation {
            chance: Chance(plan.seed),
            told,
            runtime: runtime(),
            world: Arc::new(World::new(plan.seed, plan.steady, plan.mended)),
            blobs: Arc::default(),
            workflows: BTreeMap::new(),
            parents: BTreeMap::new(),
            orphans: BTreeMap::new(),
            store: Store::default(),
            process: Process {
                up: true,
                ..Process::default()
            },
            agenda: BTreeMap::new(),
            order: 0,
            time: 0,
            offset: 0,
            crashes: plan.crashes.iter().copied().collect(),
            syncing: false,
            promised: BTreeMap::new(),
            begun: BTreeSet::new(),
            figures: Figures::default(),
            plan: plan.clone(),
        }
    }

    /// Lets all of it happen.
    ///
    /// # Errors
    /// What must not be, in words.
    pub(super) fn run(mut self) -> Result<Ended, String> {
        for (run, planned) in self.plan.runs.clone().iter().enumerate() {
            self.workflows.insert(id_of(run), planned.workflow()?);
            self.at(planned.at, Happening::Ask(run));
        }
        for (at, run, word) in self.plan.words.clone() {
            self.at(at, Happening::Say(run, word));
        }
        for (at, by) in self.plan.jumps.clone() {
            self.at(at, Happening::Jump(by));
        }
        while let Some(happening) = self.next()? {
            self.happens(happening)?;
            if let Some(wrong) = self.world.memory().wrong.take() {
                return Err(wrong);
            }
            if self.crash_is_due() {
                self.crash();
            }
        }
        let journals = self.store.journals()?;
        self.effects_are_allowed()?;
        self.orphans_were_cancelled(&journals)?;
        self.figures.runs = journals.len() as u64;
        self.figures.events = journals.values().map(|journal| journal.len() as u64).sum();
        Ok(Ended {
            journals,
            figures: self.figures,
        })
    }

    /// Lets something happen so much later.
    pub(super) fn after(&mut self, wait: u64, happening: Happening) {
        self.at(self.time + wait, happening);
    }

    fn at(&mut self, time: u64, happening: Happening) {
        self.order += 1;
        self.agenda.insert((time, self.order), happening);
    }

    pub(super) fn retain(&mut self, mut keep: impl FnMut(&Happening) -> bool) {
        self.agenda.retain(|_, happening| keep(happening));
    }

    /// What the clock of the machine says.
    pub(super) fn clock(&self) -> Timestamp {
        let passed = i64::try_from(self.time).unwrap_or(i64::MAX);
        Timestamp(BEGINNING.0 + passed + self.offset)
    }

    /// The next thing to happen; none when all runs have ended and nothing is on its way.
    fn next(&mut self) -> Result<Option<Happening>, String> {
        self.figures.happenings += 1;
        if self.figures.happenings > HAPPENINGS_MAX {
            return Err("it goes on for ever".to_owned());
        }
        let tick = self.next_tick();
        let first = self.agenda.first_key_value().map(|((at, _), _)| *at);
        let at = tick.iter().map(|(at, _)| *at).chain(first).min();
        if at.is_none_or(|at| at > self.time + PATIENCE) && self.be_kind(at.is_none())? {
            return self.next();
        }
        let Some(at) = at else {
            let waits = self.process.runs.values().find(|live| !live.has_ended());
            return match waits {
                Some(live) => {
                    let about = live.run.projection();
                    Err(format!("{} waits for nothing: {about:?}", live.run.id()))
                }
                None => Ok(None),
            };
        };
        self.time = self.time.max(at);
        if first == Some(at) {
            return Ok(self.agenda.pop_first().map(|(_, happening)| happening));
        }
        Ok(tick.map(|(_, id)| Happening::Tick(id)))
    }

    /// When the next run has something to do by itself.
    fn next_tick(&self) -> Option<(u64, Id)> {
        let ticks = self.process.runs.iter().filter_map(|(id, live)| {
            let passed = live.due?.0 - BEGINNING.0 - self.offset;
            let mut at = u64::try_from(passed).unwrap_or(0);
            if self.plan.faults.slow {
                let name = format!("slow {id} {}", live.rounds);
                at += self.chance.of(&name).roll(5_000);
            }
            Some((at.max(self.time), id.clone()))
        });
        ticks.min()
    }

    fn happens(&mut self, happening: Happening) -> Result<(), String> {
        self.tell(|| happening.told());
        match happening {
            Happening::Ask(run) => self.ask(run),
            Happening::Sync => {
                self.sync();
                Ok(())
            }
            Happening::Perform(id, output) => self.perform(&id, output),
            Happening::Reach(id, work, gives_at) => {
                self.reach(&id, &work, Some(gives_at));
                Ok(())
            }
            Happening::Linger(id, work) => {
                self.reach(&id, &work, None);
                Ok(())
            }
            Happening::Give(id, input) => self.give(&id, input),
            Happening::Tick(id) => self.tick(&id),
            Happening::Restart => self.restart(),
            Happening::TakeUp(id) => {
                self.take_up(&id)?;
                self.end_with_parent(&id)
            }
            Happening::Say(run, word) => self.say(run, word),
            Happening::Jump(by) => {
                self.offset += by;
                Ok(())
            }
        }
    }

    pub(super) fn tell(&self, what: impl FnOnce() -> String) {
        if self.told {
            eprintln!("{:>9} ms  {}", self.time, what());
        }
    }

    /// Starts a run of the plan, unless it is there.
    fn ask(&mut self, run: usize) -> Result<(), String> {
        let id = id_of(run);
        if self.promised.contains_key(&id) {
            return Ok(());
        }
        self.after(5_000, Happening::Ask(run));
        if !self.process.up || self.process.runs.contains_key(&id) {
            return Ok(());
        }
        let workflow = self.workflows[&id].clone();
        let started = started(&id, &workflow, Value::map::<&str>([]), self.plan.seed);
        let reused = self.plan.runs[run].reused.clone();
        let live = Live::new(Run::again(workflow, started, reused, None, self.clock()));
        self.process.runs.insert(id.clone(), live);
        self.round(&id)
    }

    fn tick(&mut self, id: &Id) -> Result<(), String> {
        let state = |simulation: &Simulation| {
            let live = simulation.process.runs.get(id)?;
            Some((live.due?, live.gave))
        };
        let before = state(self);
        self.give(id, Input::Tick)?;
        let after = state(self);
        if before == after && after.is_some_and(|(due, _)| due <= self.clock()) {
            return Err(format!("{id}: a tick changes nothing, and it is due"));
        }
        Ok(())
    }

    /// Gives an input to a run, if it is there.
    pub(super) fn give(&mut self, id: &Id, input: Input) -> Result<(), String> {
        let clock = self.clock();
        let Some(live) = self.process.runs.get_mut(id) else {
            return Ok(());
        };
        let told = format!("{input:?}");
        if let Err(error) = live.run.handle(clock, input) {
            return Err(format!("{id}: {error}: {told}"));
        }
        self.round(id)
    }

    /// Takes what a run gives, and writes it.
    pub(super) fn round(&mut self, id: &Id) -> Result<(), String> {
        let Some(live) = self.process.runs.get_mut(id) else {
            return Ok(());
        };
        let (mut rows, mut effects) = (Vec::new(), Vec::new());
        let (at, told) = (live.run.now(), self.told);
        live.due = loop {
            match live.run.poll() {
                Output::Record(event) => {
                    if told {
                        eprintln!("{:>9} ms    {id}: {}", self.time, event_told(&event));
                    }
                    live.watch
                        .take(&event)
                        .map_err(|why| format!("{id}: {why}"))?;
                    rows.push(Row::new(live.journal.len() as u64 + 1, at, &event));
                    live.journal.push((at, event));
                }
                Output::Announce(_) => {}
                Output::Wait { until } => break until,
                Output::Done(ended) => {
                    if !live.has_ended() {
                        return Err(format!("{id} is done, and does not say so"));
                    }
                    nothing_is_left(&live.run)?;
                    if !std::mem::replace(&mut live.ended, true) {
                        effects.push(Output::Done(ended));
                    }
                    break None;
                }
                effect if live.ended => {
                    return Err(format!("{id} has ended, and gives {effect:?}"));
                }
                effect => effects.push(effect),
            }
        };
        live.rounds += 1;
        live.gave += rows.len() + effects.len();
        let often = live.journal.len() < 40 || live.rounds.is_multiple_of(16) || live.ended;
        if often && !rows.is_empty() {
            replays(live)?;
        }
        let rounds = live.rounds;
        if rows.is_empty() && self.store.unsynced() == 0 && self.process.rounds.is_empty() {
            self.queue(id, effects);
            return Ok(());
        }
        let burst = self.plan.faults.ticks && !rows.is_empty();
        let number = self.store.write(id, rows);
        self.process.rounds.push_back((number, id.clone(), effects));
        if !std::mem::replace(&mut self.syncing, true) {
            let wait = self.chance.of(&format!("sync {id} {rounds}")).roll(40);
            self.after(wait, Happening::Sync);
        }
        if burst {
            let mut dice = self.chance.of(&format!("ticks {id} {rounds}"));
            for _ in 0..dice.roll(4).saturating_sub(1) {
                self.after(dice.roll(3_000), Happening::Tick(id.clone()));
            }
        }
        Ok(())
    }

    fn queue(&mut self, id: &Id, effects: Vec<Output>) {
        for effect in effects {
            self.after(0, Happening::Perform(id.clone(), effect));
        }
    }

    /// All that is written is on disk: what follows from it may be done.
    fn sync(&mut self) {
        self.syncing = false;
        self.store.sync();
        for (id, live) in &self.process.runs {
            self.promised.insert(id.clone(), live.journal.len());
        }
        while let Some((number, ..)) = self.process.rounds.front()
            && self.store.is_synced(*number)
        {
            if let Some((_, id, effects)) = self.process.rounds.pop_front() {
                self.queue(&id, effects);
            }
        }
    }

    fn crash_is_due(&mut self) -> bool {
        let Some(left) = self.crashes.front_mut() else {
            return false;
        };
        *left = left.saturating_sub(1);
        if *left > 0 {
            return false;
        }
        self.crashes.pop_front();
        true
    }

    /// The process dies. What was on its way to the world may still reach it.
    fn crash(&mut self) {
        self.figures.crashes += 1;
        let mut dice = self.chance.of(&format!("crash {}", self.figures.crashes));
        let unsynced = self.store.unsynced() as u64;
        let survive = dice.roll(unsynced + 1);
        self.figures.lost += unsynced - survive;
        self.tell(|| format!("the process dies; {survive} of {unsynced} transactions survive"));
        self.store
            .crash(usize::try_from(survive).unwrap_or_default());
        self.process = Process::default();
        self.syncing = false;
        let agenda = std::mem::take(&mut self.agenda);
        for (at, happening) in agenda {
            match happening {
                Happening::Reach(id, work, _) if !self.plan.steady && dice.roll(4) == 0 => {
                    self.agenda.insert(at, Happening::Linger(id, work));
                }
                happening if happening.is_of_process() => {}
                happening => {
                    self.agenda.insert(at, happening);
                }
            }
        }
        self.retain(|happening| !matches!(happening, Happening::Restart));
        self.after(dice.roll(10_000), Happening::Restart);
    }

    /// The store is read; runs that have not ended are taken up.
    fn restart(&mut self) -> Result<(), String> {
        self.process.up = true;
        let journals = self.store.journals()?;
        for (id, rows) in &self.promised {
            let found = journals.get(&**id).map_or(0, Vec::len);
            if found < *rows {
                return Err(format!("{id} had {rows} rows on disk, and has {found}"));
            }
        }
        self.note_orphans(&journals)?;
        let mut dice = self.chance.of(&format!("restart {}", self.figures.crashes));
        for id in journals.into_keys() {
            // What was written and not synced is on disk now.
            self.promised.entry(id.as_str().into()).or_insert(1);
            self.after(dice.roll(50), Happening::TakeUp(id.as_str().into()));
        }
        Ok(())
    }

    /// Takes up a run, unless it goes on already or has ended.
    pub(super) fn take_up(&mut self, id: &Id) -> Result<(), String> {
        if self.process.runs.contains_key(id) {
            return Ok(());
        }
        let Some(journal) = self.store.journals()?.remove(&**id) else {
            return Ok(());
        };
        let workflow = self.workflows[id].clone();
        let run = Run::replay(workflow, journal.iter().cloned());
        let mut live = Live::replayed(run.map_err(|error| format!("{id}: {error}"))?, journal)?;
        live.ended = live.has_ended();
        live.run.recover(self.clock());
        self.process.runs.insert(id.clone(), live);
        self.round(id)
    }

    /// No effect happened more often than someone allowed.
    fn effects_are_allowed(&mut self) -> Result<(), String> {
        let memory = self.world.memory();
        for ((id, path), (operation, count)) in &memory.effects {
            let watch = self.process.runs.get(&**id).map(|live| &live.watch);
            let allowed = watch.map_or(0, |watch| watch.allowed(path));
            if *count > allowed {
                let effect = format!("{operation} of {id} {path}");
                return Err(format!(
                    "{effect} happened {count} times, {allowed} allowed"
                ));
            }
            self.figures.effects += count;
        }
        Ok(())
    }

    pub(super) fn word(&self, run: usize, word: Word) -> Option<(Id, Word)> {
        let id = id_of(run);
        self.process.runs.contains_key(&id).then_some((id, word))
    }
}

/// The id of a run of the plan.
pub(super) fn id_of(run: usize) -> Id {
    format!("run{run}").into()
}

/// How a run ended.
pub(super) fn end_of(journal: &Events) -> Option<&flow_engine::journal::RunEnded> {
    match journal.last() {
        Some((_, Event::RunEnded(ended))) => Some(ended),
        _ => None,
    }
}

impl Figures {
    pub(super) fn add(&mut self, other: &Figures) {
        self.runs += other.runs;
        self.happenings += other.happenings;
        self.events += other.events;
        self.crashes += other.crashes;
        self.lost += other.lost;
        self.effects += other.effects;
        self.decisions += other.decisions;
        self.refused += other.refused;
        self.retried += other.retried;
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} runs, {} happenings, {} events, {} crashes that lost {} transactions, {} effects, {} decisions of people taken and {} refused, {} runs tried again",
            self.runs,
            self.happenings,
            self.events,
            self.crashes,
            self.lost,
            self.effects,
            self.decisions,
            self.refused,
            self.retried,
        )
    }
}
