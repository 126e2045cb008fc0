//! The members of a schema of objects, those of all its parts together.

use flow_engine::yaml::Node;

use super::left_out::Reason;
use super::schema::{Schemas, kinds};
use super::tree::{entries, flag, items, member, reference, text};

/// How deep parts may stand in each other.
const DEPTH_MAX: usize = 16;

/// What an object has.
pub(super) struct Object<'a> {
    pub(super) members: Vec<Member<'a>>,
    /// Whether it says that it has no others.
    pub(super) closed: bool,
    /// Whether it says that it has others.
    pub(super) open: bool,
}

/// One member.
pub(super) struct Member<'a> {
    pub(super) name: &'a str,
    /// Its schema, a reference perhaps.
    pub(super) node: &'a Node,
    pub(super) required: bool,
}

impl<'a> Object<'a> {
    pub(super) fn get(&self, name: &str) -> Option<&'a Node> {
        let found = self.members.iter().find(|member| member.name == name)?;
        Some(found.node)
    }
}

/// The members of a schema; `None` if it is not one of objects with named members.
pub(super) fn members<'a>(schemas: &Schemas<'_, 'a>, node: &'a Node) -> Option<Object<'a>> {
    let mut found = Found {
        object: Object {
            members: Vec::new(),
            closed: false,
            open: false,
        },
        required: Vec::new(),
    };
    found.add(schemas, node, 0);
    let Found {
        mut object,
        required,
    } = found;
    for member in &mut object.members {
        member.required = required.contains(&member.name);
    }
    (!object.members.is_empty()).then_some(object)
}

struct Found<'a> {
    object: Object<'a>,
    required: Vec<&'a str>,
}

impl<'a> Found<'a> {
    fn add(&mut self, schemas: &Schemas<'_, 'a>, node: &'a Node, depth: usize) {
        let Some(node) = schemas.tree.resolved(node) else {
            return schemas.leave_out(Reason::Reference, node, reference(node).unwrap_or("$ref"));
        };
        if depth > DEPTH_MAX {
            return schemas.leave_out(Reason::Schema, node, "allOf, too deep");
        }
        for part in member(node, "allOf").map_or(&[][..], items) {
            self.add(schemas, part, depth + 1);
        }
        for key in ["oneOf", "anyOf"] {
            if depth > 0
                && let Some(options) = member(node, key)
            {
                schemas.leave_out(Reason::Schema, options, format!("{key} within allOf"));
            }
        }
        let kinds = kinds(node);
        if !kinds.is_empty() && !kinds.contains(&"object") {
            return;
        }
        let properties = member(node, "properties").map_or(&[][..], entries);
        // Each is looked for among those that were found before.
        if !schemas
            .tree
            .spend(properties.len() * (1 + self.object.members.len() / 8))
        {
            return;
        }
        for entry in properties {
            let new = Member {
                name: &entry.key,
                node: &entry.value,
                required: false,
            };
            let known = self
                .object
                .members
                .iter_mut()
                .find(|known| known.name == new.name);
            match known {
                Some(known) => *known = new,
                None => self.object.members.push(new),
            }
        }
        let required = member(node, "required").map_or(&[][..], items);
        self.required.extend(required.iter().filter_map(text));
        if let Some(more) = member(node, "additionalProperties") {
            let no = text(more) == Some("false");
            self.object.closed |= no;
            self.object.open |=
                !no && (flag(node, "additionalProperties") || more.as_scalar().is_none());
        }
    }
}
