//! Results of items that ended by themselves: put into segments, so that they do not pile up.

use super::Failure;
use super::io::{Output, StoreSpec};
use super::machine::Run;
use super::node::{Node, NodeId};
use super::ranges::STORED_ITEMS_MIN;
use crate::journal::ItemsStored;
use crate::value::Value;

impl Run {
    /// Has results of items that ended by themselves put into a segment, so that they do not pile up.
    pub(super) fn store_results(&mut self, id: NodeId) {
        let Some(inside) = self.nodes[id].as_loop_mut() else {
            return;
        };
        if inside.ranges.storing || inside.results.len() < inside.ranges.store_at {
            return;
        }
        let row = inside.row_of_results();
        inside.ranges.store_at = inside.results.len() + STORED_ITEMS_MIN;
        if let Some((first, results)) = row {
            inside.ranges.storing = true;
            let node = id;
            self.out.push_back(Output::Store(StoreSpec {
                node,
                first,
                results,
            }));
        }
    }

    pub(super) fn stored(
        &mut self,
        id: NodeId,
        first: u64,
        count: u64,
        result: Result<Value, Failure>,
    ) {
        let inside = self.nodes.get(id).and_then(Node::as_loop);
        if !inside.is_some_and(|inside| inside.ranges.storing) {
            return;
        }
        let segment = match result {
            Ok(segment) => segment,
            Err(failure) => return self.stop_failed(id, failure),
        };
        let step = self.name(id);
        self.record(
            id,
            ItemsStored {
                step,
                first,
                count,
                segment,
            },
        );
    }

    pub(super) fn keep_segment(&mut self, id: NodeId, stored: &ItemsStored) {
        let Some(inside) = self.nodes[id].as_loop_mut() else {
            return;
        };
        let mut after = inside.results.split_off(&stored.first);
        let after = after.split_off(&(stored.first + stored.count));
        inside.results.extend(after);
        inside
            .ranges
            .segments
            .insert(stored.first, stored.segment.clone());
        inside.ranges.storing = false;
        inside.ranges.store_at = inside.results.len().max(STORED_ITEMS_MIN) + STORED_ITEMS_MIN;
        self.todo.push_back(id);
    }
}
