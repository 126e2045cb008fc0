//! Places: what a step, or the run itself, asks for before it goes, and what becomes of that. Who gets one is decided by
//! [`crate::admission`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::io::Output;
use super::machine::Run;
use super::node::NodeId;
use super::retry::RETRY_AFTER_MAX;
use super::status::Progress;
use super::{Failure, FailureKind, StepStatus};
use crate::admission::{Answer, Ask, Demand, Key, Standing, Ticket};
use crate::duration::Millis;
use crate::journal::{AdmissionWaited, Event, Outcome, SkipReason, StepCancelled, StepSkipped};
use crate::time::Timestamp;

/// What a node, or the run, has asked for.
#[derive(Debug, Clone)]
pub(super) struct Place {
    ticket: Ticket,
    pub(super) granted: bool,
    keys: Vec<Key>,
}

/// A wait for a place that stands in the journal.
#[derive(Debug, Clone)]
pub(super) struct Waited {
    since: Timestamp,
    what: Arc<str>,
}

/// What a run knows of places.
#[derive(Default)]
pub(super) struct Places {
    tickets: BTreeMap<Ticket, Option<NodeId>>,
    /// Those that nothing was granted for yet.
    pending: BTreeSet<Ticket>,
    last: u64,
    /// The place of the run itself.
    own: Option<Place>,
    waited: Option<Waited>,
    /// Something of the run has begun: it has its place, if it needs one.
    pub(super) begun: bool,
    /// What the runs around it hold: it goes in their places.
    pub(super) within: Vec<Key>,
    /// What tells connections apart, by their names.
    pub(super) connections: BTreeMap<Arc<str>, Arc<str>>,
}

impl Waited {
    pub(super) fn new(event: &AdmissionWaited, since: Timestamp) -> Waited {
        Waited {
            since,
            what: event.what.as_str().into(),
        }
    }
}

impl Place {
    /// Whether it is of no use any more in this state.
    fn is_over(&self, status: StepStatus) -> bool {
        match status {
            StepStatus::Ready => false,
            StepStatus::Backoff { .. } => self.granted,
            StepStatus::Running { progress, .. } => progress == Progress::Over,
            StepStatus::Open { .. } => !self.granted,
            _ => true,
        }
    }
}

impl Run {
    /// Says what the runs around this one hold: it goes in their places, and waits for none of them.
    pub fn set_within(&mut self, keys: Vec<Key>) {
        for output in &mut self.out {
            if let Output::Ask(ask) = output {
                ask.demand.claims.retain(|claim| !keys.contains(&claim.key));
            }
        }
        self.places.within = keys;
    }

    /// Whether it waits for a place.
    pub fn waits_for_place(&self) -> bool {
        !self.places.pending.is_empty()
    }

    /// Whether it may hold a place or wait for one, as far as its workflow and its steps tell.
    pub(super) fn may_need_places(&self) -> bool {
        let mut active = self.active.iter().map(|id| &self.nodes[*id]);
        self.workflow.concurrency.is_some()
            || active.any(|node| match node.status {
                StepStatus::Ready => true,
                StepStatus::Open { .. } => self.workflow.steps[node.step].asks,
                _ => false,
            })
    }

    /// Whether it holds no place, and waits for none.
    pub(super) fn holds_no_place(&self) -> bool {
        self.places.tickets.is_empty()
    }

    /// The step that waits for a place, if one does, and what it waits for, in words.
    pub(super) fn place_in_words(&self) -> Option<String> {
        let of = self.places.pending.iter();
        let mut of = of.filter_map(|ticket| self.places.tickets.get(ticket));
        of.find_map(|of| match of {
            None => {
                let waited = self.places.waited.as_ref()?;
                Some(format!("a place in {}", waited.what))
            }
            Some(id) => {
                let node = self.nodes.get(*id)?;
                let waited = node.waited.as_ref()?;
                Some(format!("step `{}`: a place in {}", node.path, waited.what))
            }
        })
    }

    /// Whether the run may begin: it has its place in the group of the workflow, or needs none.
    pub(super) fn may_begin(&mut self) -> bool {
        if self.workflow.concurrency.is_none() || self.cancelled || self.stopped {
            return true;
        }
        if let Some(own) = &self.places.own {
            return own.granted;
        }
        let held = self.places.begun;
        match self.own_demand() {
            None => held,
            Some(Ok(demand)) => self.ask_for(None, demand, held),
            Some(Err(_)) if held => true,
            Some(Err(failure)) => {
                self.fail_run(failure);
                false
            }
        }
    }

    /// Whether it still waits to begin: nothing was done, so there is nothing to undo and nothing to clean up.
    pub(super) fn waits_to_begin(&self) -> bool {
        let own = self.places.own.as_ref();
        !self.places.begun && own.is_some_and(|own| !own.granted)
    }

    /// Whether a node may go: it has its places, or needs none.
    pub(super) fn may_go(&mut self, id: NodeId) -> bool {
        let node = &self.nodes[id];
        if !self.workflow.steps[node.step].asks {
            return true;
        }
        if let Some(place) = &node.place {
            return place.granted;
        }
        match self.demand(id) {
            None => false,
            Some(Ok(demand)) => self.ask_for(Some(id), demand, false),
            Some(Err(failure)) => {
                self.fail(id, failure);
                false
            }
        }
    }

    /// After a restart: what has begun has its places still, the outermost first.
    pub(super) fn take_places_again(&mut self) {
        if self.places.begun {
            self.may_begin();
        }
        let open = self.active.iter().copied().filter(|id| {
            let node = &self.nodes[*id];
            let shape = &self.workflow.steps[node.step];
            let is_open = matches!(node.status, StepStatus::Open { .. });
            shape.asks && is_open && node.is_innermost(shape)
        });
        let mut open: Vec<NodeId> = open.collect();
        open.sort_by_key(|id| self.nodes[*id].path.len());
        for id in open {
            if let Some(Ok(demand)) = self.demand(id) {
                self.ask_for(Some(id), demand, true);
            }
        }
    }

    /// How long a node was held up.
    pub(super) fn held_up(&self, id: NodeId) -> Millis {
        let waited = self.nodes[id].waited.as_ref();
        waited.map_or(Millis(0), |waited| self.now.since(waited.since))
    }

    /// The keys of all places that are held by a node, by what is around it, and by the run.
    pub(super) fn held_by(&self, id: NodeId) -> Vec<Key> {
        let own = self.places.own.iter();
        let own = own.filter(|own| own.granted).flat_map(|own| &own.keys);
        let mut keys: Vec<Key> = self.places.within.iter().chain(own).cloned().collect();
        let mut at = Some(id);
        while let Some(id) = at {
            let node = &self.nodes[id];
            if let Some(place) = node.place.as_ref().filter(|place| place.granted) {
                keys.extend(place.keys.iter().cloned());
            }
            at = node.parent.or(self.frames[node.frame].owner);
        }
        keys
    }

    /// Something that was asked for is answered.
    pub(super) fn answered(&mut self, ticket: Ticket, answer: Answer) {
        let Some(of) = self.places.tickets.get(&ticket).copied() else {
            return;
        };
        let Some(id) = of else {
            return self.answered_to_run(ticket, answer);
        };
        match answer {
            Answer::Granted => {
                self.places.pending.remove(&ticket);
                if let Some(place) = &mut self.nodes[id].place {
                    place.granted = true;
                }
                match self.nodes[id].status {
                    StepStatus::Backoff { .. } => self.backoff_over(id),
                    _ => self.todo.push_back(id),
                }
            }
            Answer::Waits(standing) => {
                let step = Some(self.name(id));
                self.record(id, waited(step, standing));
            }
            Answer::Full(standing) => {
                let step = self.name(id);
                let group = standing.name.to_string();
                let reason = SkipReason::NoPlace { group };
                self.record(id, StepSkipped { step, reason });
            }
            Answer::Replaced(_) if self.nodes[id].status == StepStatus::Ready => {
                let step = self.name(id);
                self.record(id, StepCancelled { step });
            }
            Answer::Replaced(_) => self.cancel_node(id),
        }
    }

    fn answered_to_run(&mut self, ticket: Ticket, answer: Answer) {
        match answer {
            Answer::Granted => {
                self.places.pending.remove(&ticket);
                self.places.waited = None;
                if let Some(own) = &mut self.places.own {
                    own.granted = true;
                }
            }
            Answer::Waits(standing) => self.record_of_run(waited(None, standing)),
            Answer::Full(standing) => {
                self.cancel(
                    format!("`concurrency`: {} has no place", standing.name),
                    true,
                );
            }
            Answer::Replaced(by) => {
                self.cancel(format!("{by}, which takes its place"), false);
            }
        }
    }

    /// Lets go of what a node asked for, if its state needs it no more.
    pub(super) fn let_go(&mut self, id: NodeId, event: &Event) {
        let node = &mut self.nodes[id];
        if !matches!(
            node.status,
            StepStatus::Ready | StepStatus::Backoff { .. } | StepStatus::Waiting { .. }
        ) {
            node.waited = None;
        }
        let status = node.status;
        let Some(place) = node.place.take_if(|place| place.is_over(status)) else {
            return;
        };
        let rest = match event {
            Event::AttemptEnded(ended) => {
                let asked = match &ended.outcome {
                    Outcome::Failed(failure) => asked_to_rest(failure),
                    _ => None,
                };
                asked.max(self.resting.map(|rest| rest.min(RETRY_AFTER_MAX)))
            }
            _ => None,
        };
        let rest = rest.map(|rest| self.now.plus(rest));
        self.release(place.ticket, rest);
    }

    /// A node is forgotten: so is what it asked for.
    pub(super) fn forget_node(&mut self, id: NodeId) {
        self.active.remove(&id);
        let node = self.nodes.remove(id);
        if let Some(place) = node.and_then(|node| node.place) {
            self.release(place.ticket, None);
        }
    }

    fn release(&mut self, ticket: Ticket, rest: Option<Timestamp>) {
        self.places.tickets.remove(&ticket);
        self.places.pending.remove(&ticket);
        self.out.push_back(Output::Release { ticket, rest });
    }

    pub(super) fn run_waited(&mut self, event: &AdmissionWaited) {
        self.places.waited = Some(Waited::new(event, self.now));
    }

    /// Asks; true if there is nothing to wait for.
    fn ask_for(&mut self, of: Option<NodeId>, demand: Demand, held: bool) -> bool {
        self.places.last += 1;
        let ticket = Ticket(self.places.last);
        let granted = held || demand.claims.is_empty();
        let claims = demand.claims.iter();
        let place = Place {
            ticket,
            granted,
            keys: claims.map(|claim| claim.key.clone()).collect(),
        };
        let (waited, step) = match of {
            None => (&self.places.waited, None),
            Some(id) => {
                let node = &self.nodes[id];
                (&node.waited, Some(node.path.clone()))
            }
        };
        let since = waited.as_ref().map_or(self.now, |waited| waited.since);
        if !demand.claims.is_empty() {
            self.places.tickets.insert(ticket, of);
            if !granted {
                self.places.pending.insert(ticket);
            }
            self.out.push_back(Output::Ask(Ask {
                ticket,
                step,
                demand,
                since,
                held,
            }));
        }
        match of {
            None => self.places.own = Some(place),
            Some(id) => self.nodes[id].place = Some(place),
        }
        granted
    }
}

fn waited(step: Option<String>, standing: Standing) -> AdmissionWaited {
    AdmissionWaited {
        step,
        what: standing.name.to_string(),
        taken: standing.taken,
        taken_by: standing.taken_by,
        before: standing.before,
        until: standing.until,
    }
}

/// How long a service asked to be left alone, by everybody.
fn asked_to_rest(failure: &Failure) -> Option<Millis> {
    let limited = matches!(
        failure.kind,
        FailureKind::RateLimited | FailureKind::Overloaded
    );
    let asked = failure.retry_after.filter(|_| limited)?;
    Some(asked.min(RETRY_AFTER_MAX))
}
