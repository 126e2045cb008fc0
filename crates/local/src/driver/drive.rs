//! The loop.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use flow_engine::admission::Admission;
use flow_engine::run::Input;
use flow_engine::time::Timestamp;
use tokio::sync::mpsc::{UnboundedReceiver, WeakUnboundedSender};
use tokio::sync::oneshot;

use super::children::{self, Child};
use super::driven::Driven;
use super::happening::{Decision, Happening};
use super::log::Log;
use super::records::Claims;
use super::roster::{Hopes, Roster};
use super::sleep::{Asleep, Waking};
use super::stops::{Asked, Stops};
use super::{Decided, Hearer, Naps, Progress, Taken};
use crate::clock::now;
use crate::store::{Happened, Store, StoreError};

/// No sleep is longer, so that a clock that jumps is noticed.
const SLEEP_MAX: Duration = Duration::from_secs(60);

/// Those of whom something may be to be said.
type Touched = BTreeSet<Arc<str>>;

/// Drives runs until the last handle is gone.
pub(super) async fn drive(
    store: Arc<Store>,
    (hearer, naps): (Option<Hearer>, Naps),
    sender: WeakUnboundedSender<Happening>,
    mut receiver: UnboundedReceiver<Happening>,
) {
    let mut trouble = store.trouble();
    let mut happened = store.happened();
    let mut driving = Driving {
        shared: (
            Arc::new(Claims::new(store.folder())),
            Log::new(store.folder()),
        ),
        store,
        hearer,
        naps,
        sender,
        roster: Roster::default(),
        admission: Admission::default(),
        about_to_be: 0,
        stops: Stops::default(),
        resting: Vec::new(),
    };
    loop {
        let mut touched = Touched::new();
        let first = tokio::select! {
            happening = receiver.recv() => match happening {
                Some(happening) => Some(happening),
                None => return,
            },
            Ok(()) = trouble.changed() => {
                driving.roster.tell(&Progress::StoreWaits(trouble.borrow_and_update().clone()));
                None
            }
            what = happened.recv() => {
                // Whoever is too slow has missed some, and looks for all.
                driving.tell_news(what.ok().as_ref(), &mut touched);
                None
            }
            () = tokio::time::sleep(driving.until_due()) => None,
        };
        let mut next = first;
        while let Some(happening) = next {
            driving.take(happening, &mut touched);
            next = receiver.try_recv().ok();
        }
        let at = now();
        driving.tick(at, &mut touched);
        driving.rounds(touched, at);
        driving.rest();
    }
}

struct Driving {
    store: Arc<Store>,
    hearer: Option<Hearer>,
    naps: Naps,
    sender: WeakUnboundedSender<Happening>,
    roster: Roster,
    /// What all runs have in common.
    shared: (Arc<Claims>, Log),
    /// Who may go, when not all may go at once: all runs of the store are driven here.
    admission: Admission,
    /// How many runs are about to be driven.
    about_to_be: usize,
    /// Runs to be cancelled as soon as they are driven.
    stops: Stops,
    /// Those who want to know when no run is left.
    resting: Vec<oneshot::Sender<()>>,
}

impl Driving {
    /// Takes what happened; names the runs that may have something to do now.
    fn take(&mut self, happening: Happening, touched: &mut Touched) {
        match happening {
            Happening::StartChild(child) => self.start_child(*child),
            Happening::ChildFound => self.about_to_be -= 1,
            Happening::ChildWaits(child) if self.stops.ends(&child.spec.run) => {
                // It was looked up before it was known that it is to end.
                self.begin(*child, true);
            }
            Happening::ChildWaits(child) => self.with(child.parent.clone(), touched, |parent| {
                parent.child_rests(*child);
            }),
            Happening::CancelChild(stop) => match self.stops.stop(*stop, &mut self.roster) {
                Asked::Told(run) => _ = touched.insert(run),
                Asked::Rested(child) => self.begin(*child, true),
                Asked::Unknown(stop) => {
                    self.stops
                        .seek(stop, self.store.clone(), self.sender.clone());
                }
            },
            Happening::ChildSought {
                run,
                found,
                services,
            } => self.stops.sought(&run, found, services, &self.sender),
            Happening::Add {
                taken,
                services,
                observer,
            } => {
                // A run is driven once: whoever comes second is told by the silence of its channel.
                if !self.roster.contains(taken.run.id()) {
                    let heard = (observer, self.hearer.clone());
                    let driven = Driven::new(*taken, services, heard, &self.shared);
                    self.add(driven, touched);
                }
            }
            Happening::Woken { run, found } => self.woken(&run, found, touched),
            Happening::Input { run, input } => self.with(run, touched, |driven| driven.take(input)),
            Happening::TaskEnded { run, input } => self.with(run, touched, |driven| {
                driven.task_ended();
                driven.take(input);
            }),
            Happening::Saved {
                run,
                result: Ok(()),
                round,
            } => {
                if let Some(driven) = self.roster.awake.get_mut(&run) {
                    driven.saved(round, &mut self.admission, &self.sender);
                    touched.insert(run);
                }
            }
            Happening::Saved {
                run,
                result: Err(error),
                ..
            } => self.store_failed(&run, error),
            Happening::Decide { run, decision } => self.decide(run, decision, touched),
            Happening::Count(answer) => {
                let _ = answer.send(self.roster.census());
            }
            Happening::Rest(done) => self.resting.push(done),
            Happening::WindDown => self.let_go(touched, Driven::wind_down, |waking| {
                waking.winds_down = true;
            }),
            Happening::Stop { run: None } => {
                // What waits for space would keep the process from ending.
                self.store.stop_waiting();
                self.let_go(touched, Driven::stop, |waking| waking.stops = true);
            }
            Happening::Stop { run: Some(run) } => {
                let asleep = self.roster.asleep.get_mut(&run);
                if asleep.is_some_and(|asleep| asleep.let_go(|waking| waking.stops = true)) {
                    self.forget_asleep(&run);
                }
                self.with(run, touched, Driven::stop);
            }
        }
    }

    fn with(&mut self, run: Arc<str>, touched: &mut Touched, act: impl FnOnce(&mut Driven)) {
        if let Some(driven) = self.roster.awake.get_mut(&run) {
            act(driven);
            touched.insert(run);
        }
    }

    fn add(&mut self, mut driven: Driven, touched: &mut Touched) {
        let run = driven.id.clone();
        if let Some(cancel) = self.stops.take(&run) {
            driven.take(cancel);
        }
        self.roster.awake.insert(run.clone(), driven);
        touched.insert(run);
    }

    fn start_child(&mut self, child: Child) {
        if !self.roster.contains(&child.spec.run) {
            let to_end = self.stops.ends(&child.spec.run);
            self.begin(child, to_end);
        } else if let Some(parent) = self.roster.awake.get_mut(&child.parent) {
            // Somebody resumed it before its parent: that is told when it is over.
            parent.child_rests(child);
        }
    }

    fn begin(&mut self, child: Child, to_end: bool) {
        self.about_to_be += 1;
        children::start(child, to_end, self.store.clone(), self.sender.clone());
    }

    fn decide(&mut self, run: Arc<str>, decision: Decision, touched: &mut Touched) {
        if let Some(asleep) = self.roster.asleep.get_mut(&run) {
            let waking = asleep.wake(&run, &self.store, &self.sender);
            waking.decisions.push(decision);
        } else if let Some(driven) = self.roster.awake.get_mut(&run) {
            driven.decide(decision);
            touched.insert(run);
        } else {
            let _ = decision.answer.send(Decided::NotDriven);
        }
    }

    fn woken(
        &mut self,
        run: &Arc<str>,
        found: Result<Box<Taken>, StoreError>,
        touched: &mut Touched,
    ) {
        let Some(asleep) = self.forget_asleep(run) else {
            return;
        };
        match found {
            Ok(taken) => {
                let driven = Driven::woken(*taken, asleep, self.hearer.clone(), &self.shared);
                self.add(driven, touched);
            }
            Err(error) => asleep.lost(error),
        }
    }

    fn forget_asleep(&mut self, run: &Arc<str>) -> Option<Asleep> {
        self.roster.expect(run, Hopes::default());
        self.roster.asleep.remove(run)
    }

    fn store_failed(&mut self, run: &Arc<str>, error: StoreError) {
        // What is in memory is ahead of the disk and can never be made good: the run ends here, to be resumed.
        if let Some(driven) = self.roster.awake.remove(run) {
            self.roster.expect(run, Hopes::default());
            self.admission.gone(now(), run);
            driven.tell(Progress::StoreFailed(error));
        }
    }

    /// Says to all runs that they are to be let go.
    fn let_go(
        &mut self,
        touched: &mut Touched,
        say: impl Fn(&mut Driven),
        mark: impl Fn(&mut Waking),
    ) {
        for (run, driven) in &mut self.roster.awake {
            say(driven);
            touched.insert(run.clone());
        }
        let asleep = self.roster.asleep.iter_mut();
        let gone = asleep.filter_map(|(run, asleep)| asleep.let_go(&mark).then(|| run.clone()));
        for run in gone.collect::<Vec<_>>() {
            self.forget_asleep(&run);
        }
    }

    /// Tells runs what is in the log now, or that something is.
    fn tell_news(&mut self, happened: Option<&Happened>, touched: &mut Touched) {
        for run in self.roster.concerned(happened) {
            if let Some(asleep) = self.roster.asleep.get_mut(&run) {
                // It looks at the log when it is there.
                asleep.wake(&run, &self.store, &self.sender);
            } else if let Some(driven) = self.roster.awake.get_mut(&run) {
                driven.happened(happened);
                touched.insert(run);
            }
        }
    }

    /// Tells runs that their time has come.
    fn tick(&mut self, at: Timestamp, touched: &mut Touched) {
        for run in self.roster.due(at) {
            if let Some(asleep) = self.roster.asleep.get_mut(&run) {
                asleep.wake(&run, &self.store, &self.sender);
                // Once is enough.
                self.roster.expect(&run, Hopes::default());
            } else if let Some(driven) = self.roster.awake.get_mut(&run) {
                if driven.is_due(at) {
                    driven.take(Input::Tick);
                }
                touched.insert(run);
            }
        }
        self.admission.tick(at);
    }

    /// Hands what runs have to say to the store and to admission, until nobody has more to say: whoever ends makes room for
    /// others.
    fn rounds(&mut self, mut touched: Touched, at: Timestamp) {
        let mut again = Vec::new();
        loop {
            for run in &touched {
                if let Some(driven) = self.roster.awake.get_mut(run) {
                    driven.round(&self.store, &mut self.admission, &self.sender);
                }
            }
            for run in &touched {
                again.extend(self.settle(run, at));
            }
            touched = self.tell_answers();
            if touched.is_empty() {
                break;
            }
        }
        for child in again {
            self.begin(child, false);
        }
    }

    /// Forgets a run that is over here, which makes room for others, and puts one to sleep that only waits. A run that is over
    /// may have been resumed by itself and have ended: gives it to be looked at again for each that waits for it.
    fn settle(&mut self, run: &Arc<str>, at: Timestamp) -> Vec<Child> {
        let Some(driven) = self.roster.awake.get_mut(run) else {
            return Vec::new();
        };
        let is_over = driven.is_over();
        let sleeps = !is_over && driven.is_tired(at, self.naps);
        if driven.is_cleared(at, is_over || sleeps) {
            self.store.let_go(run);
        }
        if !is_over && !sleeps {
            let hopes = driven.hopes(self.naps);
            self.roster.expect(run, hopes);
            return Vec::new();
        }
        let driven = self.roster.awake.remove(run);
        if sleeps {
            if let Some((asleep, hopes)) = driven.map(Driven::sleep) {
                self.roster.expect(run, hopes);
                self.roster.asleep.insert(run.clone(), asleep);
            }
            return Vec::new();
        }
        self.roster.expect(run, Hopes::default());
        self.admission.gone(at, run);
        let parents = self.roster.awake.values_mut();
        parents.filter_map(|parent| parent.rested(run)).collect()
    }

    /// Tells runs what became of what they asked for; names them.
    fn tell_answers(&mut self) -> Touched {
        let mut touched = Touched::new();
        while let Some(word) = self.admission.poll() {
            let (ticket, answer) = (word.ticket, word.answer);
            let input = Input::Answered { ticket, answer };
            self.with(word.run, &mut touched, |driven| driven.take(input));
        }
        touched
    }

    /// Tells whoever wants to know that no run is left.
    fn rest(&mut self) {
        if self.roster.is_empty() && self.about_to_be == 0 && !self.stops.are_sought() {
            for done in self.resting.drain(..) {
                let _: Result<(), ()> = done.send(());
            }
        }
    }

    fn until_due(&self) -> Duration {
        let due = [self.roster.next_alarm(), self.admission.due()];
        let Some(due) = due.into_iter().flatten().min() else {
            return SLEEP_MAX;
        };
        Duration::from_millis(due.since(now()).0).min(SLEEP_MAX)
    }
}
