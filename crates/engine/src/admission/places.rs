//! One key: who holds places of it, and who has its turn at it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::demand::Most;
use super::machine::Order;
use crate::time::Timestamp;

/// Who asks: a run, and a number that it gave.
pub(super) type Who = (Arc<str>, super::Ticket);

/// The places of one key.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Who holds one, in the order in which they were had.
    pub(super) held: BTreeMap<u64, Who>,
    /// Those who found no room here, and keep their turn.
    pub(super) turns: BTreeSet<Order>,
    /// When the last ones began, where that is what counts.
    starts: VecDeque<Timestamp>,
    /// Until when the service asked to be left alone.
    rest: Option<Timestamp>,
}

impl Places {
    /// When there is room for one more: `Ok` if now, `Err` with the time if time alone makes it, `Err(None)` if another must
    /// let go first.
    pub(super) fn room(&mut self, most: Most, now: Timestamp) -> Result<(), Option<Timestamp>> {
        if self.rest.is_some_and(|rest| rest <= now) {
            self.rest = None;
        }
        match most {
            Most::Places(most) => {
                if most.is_some_and(|most| self.held.len() >= most as usize) {
                    return Err(None);
                }
            }
            Most::Starts { count, within } => {
                while self.starts.len() > count as usize
                    || self.starts.front().is_some_and(|at| at.plus(within) <= now)
                {
                    self.starts.pop_front();
                }
                if self.starts.len() >= count as usize {
                    let first = self.starts.front().map(|at| at.plus(within));
                    return Err(first.max(self.rest));
                }
            }
        }
        match self.rest {
            Some(rest) => Err(Some(rest)),
            None => Ok(()),
        }
    }

    /// One more holds a place.
    pub(super) fn take(&mut self, at: u64, who: Who, most: Most, now: Timestamp) {
        match most {
            Most::Places(_) => {
                self.held.insert(at, who);
            }
            Most::Starts { .. } => self.starts.push_back(now),
        }
    }

    /// The service asked to be left alone until then.
    pub(super) fn rest_until(&mut self, until: Timestamp) {
        self.rest = self.rest.max(Some(until));
    }

    /// Whether nothing needs to be remembered of it.
    pub(super) fn is_idle(&self, now: Timestamp) -> bool {
        self.held.is_empty()
            && self.turns.is_empty()
            && self.starts.is_empty()
            && self.rest.is_none_or(|rest| rest <= now)
    }
}
