//! The document as a tree, with references followed and steps counted.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use flow_engine::source::Span;
use flow_engine::yaml::{Entry, Node, NodeKind};

/// How many nodes may be looked at, over and over ones too.
const STEPS_MAX: usize = 4_000_000;
/// How many references may lead from one to the next.
const REFERENCES_MAX: usize = 32;

/// A document.
pub(super) struct Tree<'a> {
    root: &'a Node,
    steps: Cell<usize>,
    /// What pointers lead to, as far as they were followed.
    known: RefCell<HashMap<String, Option<&'a Node>>>,
}

impl<'a> Tree<'a> {
    pub(super) fn new(root: &'a Node) -> Tree<'a> {
        Tree {
            root,
            steps: Cell::new(0),
            known: RefCell::default(),
        }
    }

    pub(super) fn root(&self) -> &'a Node {
        self.root
    }

    /// Counts steps; false if there were too many.
    pub(super) fn spend(&self, steps: usize) -> bool {
        let spent = self.steps.get().saturating_add(steps);
        self.steps.set(spent);
        spent <= STEPS_MAX
    }

    /// Whether there were too many steps: what was made of the document is not whole.
    pub(super) fn is_spent(&self) -> bool {
        self.steps.get() > STEPS_MAX
    }

    /// The node itself, or what its `$ref` leads to in the end; `None` if it leads nowhere.
    pub(super) fn resolved(&self, node: &'a Node) -> Option<&'a Node> {
        let mut node = node;
        for _ in 0..REFERENCES_MAX {
            if !self.spend(1) {
                return None;
            }
            match reference(node) {
                None => return Some(node),
                Some(pointer) => node = self.at(pointer)?,
            }
        }
        None
    }

    /// A member, its references followed.
    pub(super) fn get(&self, node: &'a Node, key: &str) -> Option<&'a Node> {
        self.resolved(member(node, key)?)
    }

    /// What a pointer inside the document leads to.
    pub(super) fn at(&self, pointer: &str) -> Option<&'a Node> {
        if let Some(known) = self.known.borrow().get(pointer) {
            return *known;
        }
        let found = self.walk(pointer);
        self.known.borrow_mut().insert(pointer.to_owned(), found);
        found
    }

    fn walk(&self, pointer: &str) -> Option<&'a Node> {
        let path = pointer.strip_prefix('#')?;
        let mut node = self.root;
        for part in path.split('/').skip(1) {
            let part = decoded(part);
            node = if let NodeKind::List(items) = &node.kind {
                items.get(part.parse::<usize>().ok()?)?
            } else {
                self.spend(entries(node).len());
                member(node, &part)?
            };
        }
        Some(node)
    }
}

/// A part of a pointer: RFC 6901, in the form of a fragment.
fn decoded(part: &str) -> String {
    let part = part.replace("~1", "/").replace("~0", "~");
    let mut bytes = Vec::new();
    let mut rest = part.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = after
            .get(..2)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) if first == b'%' => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or(part)
}

/// The pointer of a `$ref`.
pub(super) fn reference(node: &Node) -> Option<&str> {
    text(member(node, "$ref")?)
}

pub(super) fn entries(node: &Node) -> &[Entry] {
    match &node.kind {
        NodeKind::Map(entries) => entries,
        _ => &[],
    }
}

pub(super) fn items(node: &Node) -> &[Node] {
    match &node.kind {
        NodeKind::List(items) => items,
        _ => &[],
    }
}

/// A member of a map, as it is written.
pub(super) fn member<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    let entry = entries(node).iter().find(|entry| &*entry.key == key)?;
    Some(&entry.value)
}

/// The place of a member's key, or of the whole.
pub(super) fn place(node: &Node, key: &str) -> Span {
    let entry = entries(node).iter().find(|entry| &*entry.key == key);
    entry.map_or(node.span, |entry| entry.key_span)
}

pub(super) fn text(node: &Node) -> Option<&str> {
    Some(&*node.as_scalar()?.text)
}

/// The text of a member.
pub(super) fn text_of<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    text(member(node, key)?)
}

/// Whether a member says true.
pub(super) fn flag(node: &Node, key: &str) -> bool {
    let scalar = member(node, key).and_then(Node::as_scalar);
    scalar.and_then(flow_engine::yaml::Scalar::as_bool) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn parts_of_pointers_are_decoded() {
        assert_eq!(decoded("~1pets~1%7Bid%7D"), "/pets/{id}");
        assert_eq!(decoded("100%"), "100%");
        assert_eq!(decoded("a%zz"), "a%zz");
    }
}
