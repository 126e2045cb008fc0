//! Where in the tree a place stands.

use crate::source::Span;
use crate::yaml::{Entry, Node, NodeKind};

/// The entries around a place, outermost first; the last one has it in its key or its value.
pub(super) fn entries_around(root: &Node, place: Span) -> Vec<&Entry> {
    let mut around = Vec::new();
    let mut node = root;
    'down: loop {
        match &node.kind {
            NodeKind::Map(entries) => {
                for entry in entries.iter() {
                    if holds(entry.key_span, place) {
                        around.push(entry);
                        return around;
                    }
                    if holds(entry.value.span, place) {
                        around.push(entry);
                        node = &entry.value;
                        continue 'down;
                    }
                }
            }
            NodeKind::List(items) => {
                if let Some(item) = items.iter().find(|item| holds(item.span, place)) {
                    node = item;
                    continue 'down;
                }
            }
            NodeKind::Scalar(_) | NodeKind::Hole => {}
        }
        return around;
    }
}

/// Whether `inner` lies in `outer`.
pub(super) fn holds(outer: Span, inner: Span) -> bool {
    outer.start <= inner.start && inner.end <= outer.end && outer.start < outer.end
}

/// Calls `visit` for every scalar with the key that it stands behind, those of list items included.
pub(super) fn scalars<'a>(node: &'a Node, key: &'a str, visit: &mut dyn FnMut(&'a Node, &'a str)) {
    match &node.kind {
        NodeKind::Scalar(_) => visit(node, key),
        NodeKind::List(items) => items.iter().for_each(|item| scalars(item, key, visit)),
        NodeKind::Map(entries) => entries
            .iter()
            .for_each(|entry| scalars(&entry.value, &entry.key, visit)),
        NodeKind::Hole => {}
    }
}
