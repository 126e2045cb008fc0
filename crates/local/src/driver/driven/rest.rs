//! A run that only waits: whether it may sleep, what stays of it, and what it waits for.

use std::sync::Arc;

use flow_engine::catalog::Signal;
use flow_engine::run::{Awaited, Projection};
use flow_engine::time::Timestamp;

use super::{Driven, SUSPECTED, Stay};
use crate::driver::log::Log;
use crate::driver::records::Claims;
use crate::driver::roster::Hopes;
use crate::driver::sleep::{Asleep, Waking};
use crate::driver::{Hearer, Naps, Taken};

impl Driven {
    /// Whether it has only waited for long enough, and will for long enough.
    pub(in crate::driver) fn is_tired(&mut self, at: Timestamp, naps: Naps) -> bool {
        let rests = self.waiting
            && self.saving == 0
            && self.tasks == 0
            && self.stay == Stay::AsLongAsItGoes
            && !self.quiet
            && self.resting.is_empty()
            && self.answers.is_empty()
            && self.due.is_none_or(|due| due.since(at) >= naps.least)
            && self.run.can_be_left();
        self.still = rests.then(|| self.still.unwrap_or(at));
        self.still
            .is_some_and(|since| at.since(since) >= naps.after)
    }

    /// What stays of it while it sleeps, and what wakes it.
    pub(in crate::driver) fn sleep(self) -> (Asleep, Hopes) {
        let (events, callback) = self.listens;
        let alarm = self.due;
        let hopes = Hopes {
            alarm,
            events,
            callback,
        };
        let workflow = self.run.workflow().clone();
        let asleep = Asleep::new(workflow, self.services, self.observer, self.waits);
        (asleep, hopes)
    }

    /// What slept, read again.
    pub(in crate::driver) fn woken(
        taken: Taken,
        mut asleep: Asleep,
        hearer: Option<Hearer>,
        shared: &(Arc<Claims>, Log),
    ) -> Driven {
        let Waking {
            decisions,
            stops,
            winds_down,
        } = asleep.heard();
        let heard = (asleep.observer, hearer);
        let mut driven = Driven::new(taken, asleep.services, heard, shared);
        driven.waits = asleep.waits;
        driven.suspected = None;
        if winds_down {
            driven.wind_down();
        }
        for decision in decisions {
            driven.decide(decision);
        }
        if stops {
            driven.stop();
        }
        driven
    }

    /// What it waits for.
    pub(in crate::driver) fn hopes(&self, naps: Naps) -> Hopes {
        let times = [
            self.due.filter(|_| !self.is_stopping()),
            self.suspected.map(|since| since.plus(SUSPECTED)),
            self.still.map(|since| since.plus(naps.after)),
        ];
        let (events, callback) = self.listens.clone();
        Hopes {
            alarm: times.into_iter().flatten().min(),
            events,
            callback,
        }
    }
}

/// The events that steps listen for, and whether one is to be called back.
pub(super) fn listens(projection: &Projection) -> (Vec<Arc<str>>, bool) {
    let awaited = projection.awaited.iter();
    let mut events: Vec<Arc<str>> = awaited
        .filter_map(|awaited| awaited.event.clone())
        .collect();
    events.sort_unstable();
    events.dedup();
    let callback = |awaited: &Awaited| awaited.signal == Signal::Callback;
    (events, projection.awaited.iter().any(callback))
}
