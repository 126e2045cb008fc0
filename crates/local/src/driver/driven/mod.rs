//! One run in the loop; the tasks that it begins stand in `tasks`, how it sleeps in `rest`.

mod rest;
mod tasks;

use std::collections::HashMap;
use std::sync::Arc;

use flow_backend::attempt::{evaluate_control, fetch};
use flow_backend::segment::store_results;
use flow_engine::admission::Admission;
use flow_engine::catalog::Signal;
use flow_engine::duration::Millis;
use flow_engine::journal::Row;
use flow_engine::run::announce::hears;
use flow_engine::run::{Announced, AttemptNo, Awaited, Input, NodeId, Output, Projection, Run};
use flow_engine::time::Timestamp;
use flow_engine::value::journal;
use tokio::sync::mpsc::{UnboundedSender, WeakUnboundedSender};
use tokio_util::sync::CancellationToken;

use super::children::Child;
use super::happening::{Answer, Decision, Happening, Round, send};
use super::log::Log;
use super::records::Claims;
use super::stops::Stop;
use super::{Decided, Hearer, Progress, Services, Taken, Word};
use crate::clock::now;
use crate::faults;
use crate::store::{Cause, Commit, Happened, NewEvent, RunHead, Store};

/// A run that was taken up and is driven for so long is no reason why the process dies at every start.
const SUSPECTED: Millis = Millis::seconds(600);

/// A run with what goes on for it.
pub(in crate::driver) struct Driven {
    pub(in crate::driver) run: Run,
    pub(in crate::driver) id: Arc<str>,
    /// What searches of any run have found.
    claims: Arc<Claims>,
    /// What was written into the log.
    log: Log,
    /// What its steps wait for that is written there: events by their names, and whether one is to be called back.
    listens: (Vec<Arc<str>>, bool),
    /// Whether all that goes on is waiting, as it was recorded last.
    waiting: bool,
    /// Since when nothing has concerned it, if it could leave the memory.
    still: Option<Timestamp>,
    /// What was told of whose word it waits for.
    waits: Option<Word>,
    services: Services,
    observer: UnboundedSender<Progress>,
    hearer: Option<Hearer>,
    head: Option<RunHead>,
    seq: u64,
    /// Rounds that are on their way to the disk.
    saving: usize,
    /// Tasks that will send an input.
    tasks: usize,
    attempts: HashMap<(NodeId, AttemptNo), Attempt>,
    /// Open ranges by loop and first item.
    ranges: HashMap<(NodeId, u64), CancellationToken>,
    stay: Stay,
    /// It has ended, and that is on its way to the disk.
    done: bool,
    /// Nothing of it is done any more; see [`Taken::quiet`].
    quiet: bool,
    /// Since when it is under suspicion: it was taken up, and would count as the one that killed this process.
    suspected: Option<Timestamp>,
    /// Runs that it waits for and that are not driven.
    resting: Vec<Child>,
    /// Who decided something that is not yet on its way to the disk.
    answers: Vec<Answer>,
    due: Option<Timestamp>,
}

/// For how long it is driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stay {
    /// Nothing new starts; it is let go once nothing goes on that is worth waiting for.
    NoMore,
    /// It is let go as soon as nothing of it goes on but waiting.
    AsLongAsItDoes,
    AsLongAsItGoes,
}

struct Attempt {
    cancel: CancellationToken,
    /// Its effect must not happen twice and may have happened: worth waiting for.
    precious: bool,
}

impl Driven {
    pub(in crate::driver) fn new(
        taken: Taken,
        services: Services,
        (observer, hearer): (UnboundedSender<Progress>, Option<Hearer>),
        (claims, log): &(Arc<Claims>, Log),
    ) -> Driven {
        let projection = taken.run.projection();
        Driven {
            id: taken.run.id().into(),
            run: taken.run,
            claims: claims.clone(),
            log: log.clone(),
            listens: rest::listens(&projection),
            waiting: projection.status == "waiting",
            still: None,
            waits: None,
            services,
            observer,
            hearer,
            quiet: taken.quiet,
            suspected: taken.head.is_none().then(now),
            head: taken.head,
            seq: taken.saved,
            saving: 0,
            tasks: 0,
            attempts: HashMap::new(),
            ranges: HashMap::new(),
            stay: Stay::AsLongAsItGoes,
            done: false,
            resting: Vec::new(),
            answers: Vec::new(),
            due: None,
        }
    }

    fn is_stopping(&self) -> bool {
        self.stay == Stay::NoMore
    }

    /// Takes an input. While stopping, only the ends of attempts that are worth waiting for are taken.
    pub(in crate::driver) fn take(&mut self, input: Input) {
        let ended = match &input {
            Input::Prepared { node, attempt, .. }
            | Input::AttemptEnded { node, attempt, .. }
            | Input::Adopted { node, attempt, .. } => self.attempts.remove(&(*node, *attempt)),
            Input::RangeEnded { node, first, .. } => {
                self.ranges.remove(&(*node, *first));
                None
            }
            _ => None,
        };
        if self.is_stopping() && !ended.is_some_and(|attempt| attempt.precious) {
            return;
        }
        if let Err(error) = self.run.handle(now(), input) {
            // Only a wrong decision from outside gets here; whoever made it is told before it is sent.
            debug_assert!(false, "{error}");
        }
    }

    /// Something is in the log: tells the steps that may wait for it, or all that wait if it is not known what.
    pub(in crate::driver) fn happened(&mut self, happened: Option<&Happened>) {
        let id = self.id.clone();
        let concerns = |awaited: &Awaited| match (happened, &awaited.event) {
            (None, _) => true,
            (Some(Happened::Event(name)), Some(wanted)) => hears(wanted, name),
            (Some(Happened::Callback(run)), None) => *run == id,
            _ => false,
        };
        let awaited = self
            .run
            .words_awaited()
            .filter(|(_, awaited)| concerns(awaited));
        let nodes: Vec<NodeId> = awaited.map(|(node, _)| node).collect();
        for node in nodes {
            self.take(Input::Told { node });
        }
    }

    /// Lets someone decide; the answer comes when what follows from it is on disk.
    pub(in crate::driver) fn decide(&mut self, decision: Decision) {
        let Decision { decide, answer } = decision;
        if self.is_stopping() {
            let _ = answer.send(Decided::Stopping);
            return;
        }
        match decide(&mut self.run) {
            Ok(()) => self.answers.push(answer),
            Err(error) => {
                let _ = answer.send(Decided::Refused(error));
            }
        }
    }

    /// Hands what the machine gives to the store.
    pub(in crate::driver) fn round(
        &mut self,
        store: &Store,
        admission: &mut Admission,
        sender: &WeakUnboundedSender<Happening>,
    ) {
        if self.done {
            return;
        }
        let mut round = Round::default();
        // The time of the decisions, not that of the writing: replay must see what the machine saw.
        let at = self.run.now();
        let mut announced = Vec::new();
        self.due = loop {
            match self.run.poll() {
                Output::Record(event) => round.events.push((at, event)),
                Output::Announce(event) => announced.push(self.logged(at, &event)),
                Output::Wait { until } => break until,
                Output::Done(ended) => {
                    self.done = true;
                    round.effects.push(Output::Done(ended));
                    break None;
                }
                effect => round.effects.push(effect),
            }
        };
        round.answers = std::mem::take(&mut self.answers);
        if round.is_empty() {
            return;
        }
        if round.events.is_empty() && self.saving == 0 {
            self.perform(round, admission, sender);
            return;
        }
        let rows = round
            .events
            .iter()
            .enumerate()
            .map(|(before, (at, event))| Row::new(self.seq + before as u64 + 1, *at, event));
        let rows: Vec<Row> = rows.collect();
        self.seq += rows.len() as u64;
        let projection = self.run.projection();
        self.listens = rest::listens(&projection);
        self.waiting = projection.status == "waiting";
        round.waits = waits_for(&projection);
        self.saving += 1;
        let (run, sender) = (self.id.clone(), sender.clone());
        let done = Box::new(move |result| {
            if let Some(sender) = sender.upgrade() {
                let _ = sender.send(Happening::Saved { run, result, round });
            }
        });
        store.commit(Commit {
            run: self.id.to_string(),
            // As its first row says: a cancel that came before it moved the clock on.
            head: self.head.take().map(|head| RunHead {
                started_at: at.0,
                ..head
            }),
            rows,
            projection,
            announced,
            done,
        });
    }

    /// As it is written into the log of events.
    fn logged(&self, at: Timestamp, event: &Announced) -> NewEvent {
        let started = self.run.started();
        NewEvent {
            at,
            name: event.name.to_string(),
            data: journal::to_string(&event.data),
            key: None,
            cause: Some(Cause {
                workflow: started.workflow.clone(),
                run: started.run.clone(),
                sandbox: started.sandbox,
                causes: started.started_by.causes,
            }),
        }
    }

    /// A round is on disk: what it allowed is done now.
    pub(in crate::driver) fn saved(
        &mut self,
        round: Round,
        admission: &mut Admission,
        sender: &WeakUnboundedSender<Happening>,
    ) {
        self.saving -= 1;
        self.perform(round, admission, sender);
    }

    fn perform(
        &mut self,
        round: Round,
        admission: &mut Admission,
        sender: &WeakUnboundedSender<Happening>,
    ) {
        let recorded = !round.events.is_empty();
        for (at, event) in round.events {
            if let Some(hearer) = &self.hearer {
                hearer(&self.run, at, &event);
            }
            let event = Box::new(event);
            self.tell(Progress::Event { at, event });
        }
        if recorded && self.waits != round.waits {
            self.waits = round.waits;
            self.tell(Progress::Waits(round.waits));
        }
        for answer in round.answers {
            let _ = answer.send(Decided::OnDisk);
        }
        for effect in round.effects {
            match effect {
                Output::Stop { node, attempt } => {
                    if let Some(attempt) = self.attempts.remove(&(node, attempt)) {
                        attempt.cancel.cancel();
                    }
                }
                Output::StopRange { node, first } => {
                    if let Some(cancel) = self.ranges.remove(&(node, first)) {
                        cancel.cancel();
                    }
                }
                Output::Release { ticket, rest } => {
                    admission.release(now(), &self.id, ticket, rest);
                }
                Output::Done(ended) => self.tell(Progress::Ended(Box::new(ended))),
                Output::Record(_) | Output::Announce(_) | Output::Wait { .. } => {}
                // A recorded request is sent even now: otherwise nobody would know whether it was.
                Output::Send(spec) if self.is_stopping() => self.attempt(spec, sender),
                _ if self.is_stopping() => {}
                Output::Ask(_)
                | Output::Start(_)
                | Output::Send(_)
                | Output::Look(_)
                | Output::Adopt(_)
                | Output::Range(_)
                    if self.quiet => {}
                Output::StartChild(spec) if self.quiet => {
                    let child = self.child(spec);
                    self.child_rests(child);
                }
                Output::Ask(ask) => admission.ask(now(), &self.id, ask),
                Output::Start(spec) | Output::Send(spec) => self.attempt(spec, sender),
                Output::Look(spec) => self.look(spec, sender),
                Output::Adopt(spec) => self.look_for(spec, sender),
                Output::Range(spec) => self.range(spec, sender),
                Output::Store(spec) => {
                    let context = self.context("items".into(), CancellationToken::new());
                    self.spawn(sender, store_results(spec, context));
                }
                Output::Fetch(spec) => {
                    let context = self.context("items".into(), CancellationToken::new());
                    self.spawn(sender, fetch(spec, context));
                }
                Output::StartChild(spec) => {
                    send(sender, Happening::StartChild(Box::new(self.child(spec))));
                }
                Output::StopChild { run, workflow } => {
                    faults::point("driver.stop_child.before");
                    let stop = Stop {
                        parent: self.id.clone(),
                        workflow: self.run.workflow().children.get(&workflow).cloned(),
                        services: self.services.clone(),
                        rested: self.rested(&run),
                        run,
                    };
                    send(sender, Happening::CancelChild(Box::new(stop)));
                }
                Output::Evaluate {
                    control,
                    step,
                    values,
                } => {
                    let workflow = self.run.workflow().clone();
                    let context = self.context("expressions".into(), CancellationToken::new());
                    let work = evaluate_control(workflow, control, step, values, context);
                    self.spawn(sender, work);
                }
            }
        }
    }

    /// A run that it waits for is not driven any more.
    pub(in crate::driver) fn child_rests(&mut self, child: Child) {
        self.resting
            .retain(|other| other.spec.run != child.spec.run);
        self.resting.push(child);
    }

    /// Takes back a run that it waits for, if that is not driven.
    pub(in crate::driver) fn rested(&mut self, run: &str) -> Option<Child> {
        let at = self
            .resting
            .iter()
            .position(|child| &*child.spec.run == run)?;
        Some(self.resting.swap_remove(at))
    }

    pub(in crate::driver) fn task_ended(&mut self) {
        self.tasks -= 1;
    }

    /// Nothing new starts; what may be repeated is dropped.
    pub(in crate::driver) fn stop(&mut self) {
        self.stay = Stay::NoMore;
        for attempt in self.attempts.values().filter(|attempt| !attempt.precious) {
            attempt.cancel.cancel();
        }
        self.ranges.values().for_each(CancellationToken::cancel);
    }

    /// From now on waiting is nothing to stay for.
    pub(in crate::driver) fn wind_down(&mut self) {
        self.stay = self.stay.min(Stay::AsLongAsItDoes);
    }

    /// Whether nothing more will happen to it here, and what to say of that.
    pub(in crate::driver) fn is_over(&self) -> bool {
        if self.saving > 0 {
            return false;
        }
        if self.run.has_ended() {
            return true;
        }
        if self.is_stopping() {
            if self.attempts.values().any(|attempt| attempt.precious) {
                return false;
            }
            self.tell(Progress::Stopped);
            return true;
        }
        if self.stay == Stay::AsLongAsItDoes && self.tasks == 0 {
            self.tell(Progress::Stopped);
            return true;
        }
        let rests = |run: &str| self.resting.iter().any(|child| &*child.spec.run == run);
        let idle = self.tasks == 0
            && self.due.is_none()
            && !self.run.waits_for_place()
            && self.run.children().all(rests);
        if idle {
            self.tell(Progress::Interrupted);
        }
        idle
    }

    /// Whether time alone gives it something to do by now.
    pub(in crate::driver) fn is_due(&self, at: Timestamp) -> bool {
        self.due.is_some_and(|due| due <= at)
    }

    /// Whether it has just proved that it does not kill whoever drives it, or is let go: says so once.
    pub(in crate::driver) fn is_cleared(&mut self, at: Timestamp, let_go: bool) -> bool {
        let cleared = |since: &mut Timestamp| let_go || at.since(*since) >= SUSPECTED;
        self.suspected.take_if(cleared).is_some()
    }

    pub(in crate::driver) fn tell(&self, progress: Progress) {
        // An observer that is gone needs no word.
        let _ = self.observer.send(progress);
    }
}

/// Whose word a run waits for, if it waits for nothing else.
fn waits_for(projection: &Projection) -> Option<Word> {
    let person = |awaited: &Awaited| awaited.signal == Signal::Approval;
    let waits = projection.status == "waiting" && !projection.awaited.is_empty();
    waits.then(|| {
        if projection.awaited.iter().any(person) {
            Word::Person
        } else {
            Word::World
        }
    })
}
