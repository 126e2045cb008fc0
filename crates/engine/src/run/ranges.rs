//! Ranges: items of a loop that are performed one after another in one task of the driver, with no node and no event each.
//! What they gave lies in segments, one stored value a range, so that the state of a loop grows with its ranges alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Failure;
use super::evaluate::SEGMENTS;
use super::node::Loop;
use crate::value::Value;

/// No range has more items.
pub(super) const RANGE_ITEMS_MAX: u64 = 1_000;

/// A loop with fewer items a slot goes item by item: there is little to gain, and people see each item.
pub(super) const RANGE_ITEMS_MIN: u64 = 16;

/// Results of items that ended by themselves are put into a segment when there are so many of them in a row.
pub(super) const STORED_ITEMS_MIN: usize = 250;

/// The ranges of a loop.
pub(super) struct Ranges {
    /// Whether the loop goes by ranges.
    pub(super) used: bool,
    /// Open ranges: first item and count.
    pub(super) open: BTreeMap<u64, u64>,
    /// What ranges that ended early left over: first item and count.
    pub(super) rest: BTreeMap<u64, u64>,
    /// Items that were tried in a range and are to be tried again by themselves.
    pub(super) again: BTreeMap<u64, Again>,
    /// Where some items stand in a stored source.
    marks: BTreeMap<u64, u64>,
    /// What items gave, by the first of them.
    pub(super) segments: BTreeMap<u64, Value>,
    /// A segment of items that ended by themselves is being written.
    pub(super) storing: bool,
    /// So many results must be there before it is looked again whether some can be stored.
    pub(super) store_at: usize,
}

/// An item that is tried again.
pub(super) struct Again {
    pub(super) failure: Failure,
    /// Where it stands in a stored source.
    pub(super) at: Option<u64>,
    /// The item, unless it must be read again.
    pub(super) item: Option<Value>,
}

impl Ranges {
    pub(super) fn new(used: bool) -> Ranges {
        Ranges {
            used,
            open: BTreeMap::new(),
            rest: BTreeMap::new(),
            again: BTreeMap::new(),
            marks: BTreeMap::new(),
            segments: BTreeMap::new(),
            storing: false,
            store_at: 2 * STORED_ITEMS_MIN,
        }
    }

    pub(super) fn left_over(&self) -> bool {
        !self.rest.is_empty() || !self.again.is_empty()
    }

    pub(super) fn has_again(&self) -> bool {
        !self.again.is_empty()
    }

    /// An item that is tried again begins; gives it, if it is at hand.
    pub(super) fn take_again(&mut self, index: u64) -> Option<Value> {
        self.again.remove(&index)?.item
    }

    /// An item that is tried again was read.
    pub(super) fn read_again(&mut self, at: u64, item: Value) {
        let mut again = self.again.values_mut();
        if let Some(again) = again.find(|again| again.at == Some(at)) {
            again.item = Some(item);
        }
    }

    /// Remembers where an item stands in a stored source.
    pub(super) fn mark(&mut self, index: u64, at: u64) {
        if self.used {
            self.marks.insert(index, at);
        }
    }

    /// The last mark at or before an item.
    pub(super) fn near(&self, index: u64) -> (u64, u64) {
        let mark = self.marks.range(..=index).next_back();
        mark.map_or((0, 0), |(index, at)| (*index, *at))
    }

    /// Forgets marks from which no range will be read any more.
    pub(super) fn forget_marks(&mut self, next: u64) {
        let starts = [self.open.keys().next(), self.rest.keys().next()];
        let lowest = starts.into_iter().flatten().copied().min();
        let (kept, _) = self.near(lowest.map_or(next, |lowest| lowest.min(next)));
        self.marks = self.marks.split_off(&kept);
    }
}

impl Loop {
    /// What [`super::evaluate::What::Results`] sees: all results, or segments with what lies between them.
    pub(super) fn results_of_all(&self) -> (Arc<str>, Value) {
        let segments = &self.ranges.segments;
        if segments.is_empty() {
            return ("result".into(), Value::list(self.results.values().cloned()));
        }
        let mut parts = Vec::new();
        let mut after = 0;
        let between = |from: u64, to: u64, parts: &mut Vec<Value>| {
            let mut results = self.results.range(from..to).peekable();
            if results.peek().is_some() {
                parts.push(Value::list(results.map(|(_, result)| result.clone())));
            }
        };
        for (first, segment) in segments {
            between(after, *first, &mut parts);
            parts.push(segment.clone());
            after = *first;
        }
        between(after, u64::MAX, &mut parts);
        (SEGMENTS.into(), Value::from(parts))
    }

    /// The first row of results, long enough to be a segment.
    pub(super) fn row_of_results(&self) -> Option<(u64, Vec<Value>)> {
        let mut row: Vec<Value> = Vec::new();
        let mut first = 0;
        for (index, result) in &self.results {
            if *index != first + row.len() as u64 {
                if row.len() >= STORED_ITEMS_MIN {
                    break;
                }
                row.clear();
            }
            if row.is_empty() {
                first = *index;
            }
            row.push(result.clone());
            if row.len() as u64 == RANGE_ITEMS_MAX {
                break;
            }
        }
        (row.len() >= STORED_ITEMS_MIN).then_some((first, row))
    }
}
