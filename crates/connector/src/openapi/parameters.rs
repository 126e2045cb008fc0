//! Parameters of path, query and header.

use flow_engine::yaml::Node;
use serde_json::{Map, Value as Json, json};

use super::left_out::Reason;
use super::schema::{Schemas, kinds};
use super::tree::{flag, items, member, reference, text_of};
use super::words::{is_identifier, sentence, snake};

/// The parameters of an operation while they are collected.
pub(super) struct Parameters {
    pub(super) all: Map<String, Json>,
}

/// A parameter of the document: where it stands, and what it is.
#[derive(Clone, Copy)]
pub(super) struct Written<'a> {
    pub(super) name: &'a str,
    pub(super) place: &'a str,
    pub(super) node: &'a Node,
}

/// The parameters of a path and of an operation; of two with one name at one place, the operation's.
pub(super) fn written<'a>(
    schemas: &Schemas<'_, 'a>,
    lists: [Option<&'a Node>; 2],
) -> Vec<Written<'a>> {
    let mut found: Vec<Written<'a>> = Vec::new();
    for node in lists.into_iter().flatten().flat_map(items) {
        let Some(target) = schemas.tree.resolved(node) else {
            schemas.leave_out(Reason::Reference, node, reference(node).unwrap_or("$ref"));
            continue;
        };
        let (Some(name), Some(place)) = (text_of(target, "name"), text_of(target, "in")) else {
            schemas.leave_out(Reason::Parameter, node, "without name or place");
            continue;
        };
        if !schemas.tree.spend(1 + found.len() / 8) {
            break;
        }
        let new = Written {
            name,
            place,
            node: target,
        };
        match found
            .iter_mut()
            .find(|known| known.name == name && known.place == place)
        {
            Some(known) => *known = new,
            None => found.push(new),
        }
    }
    found
}

impl Parameters {
    pub(super) fn new() -> Parameters {
        Parameters { all: Map::new() }
    }

    /// A name for a parameter that is still free, and whether it is the one on the wire.
    pub(super) fn name(&self, wire: &str, place: &str) -> (String, bool) {
        let plain = if place != "header" && is_identifier(wire) {
            wire.to_owned()
        } else {
            match snake(wire) {
                empty if empty.is_empty() => format!("{place}_value"),
                name => name,
            }
        };
        let mut name = plain.clone();
        if self.all.contains_key(&name) {
            name = format!("{place}_{plain}");
        }
        let mut number = 2;
        while self.all.contains_key(&name) {
            name = format!("{place}_{plain}_{number}");
            number += 1;
        }
        let same = name == wire;
        (name, same)
    }

    /// Adds a parameter at a place, which is written only if the method does not say it.
    pub(super) fn add(
        &mut self,
        wire: &str,
        place: &str,
        usual: &str,
        mut rest: Map<String, Json>,
    ) {
        let (name, same) = self.name(wire, place);
        let mut parameter = Map::new();
        if place != usual {
            parameter.insert("in".to_owned(), place.into());
        }
        if !same {
            parameter.insert("as".to_owned(), wire.into());
        }
        parameter.append(&mut rest);
        self.all.insert(name, parameter.into());
    }

    /// Adds one of the query or a header; false if it cannot be written.
    pub(super) fn add_written<'a>(
        &mut self,
        schemas: &Schemas<'_, 'a>,
        written: Written<'a>,
        usual: &str,
    ) -> bool {
        let Written { name, place, node } = written;
        if place == "header"
            && ["accept", "content-type", "authorization"].contains(&&*name.to_ascii_lowercase())
        {
            return true;
        }
        let schema = member(node, "schema").and_then(|schema| schemas.tree.resolved(schema));
        let kinds = schema.map_or_else(Vec::new, kinds);
        let style = text_of(node, "style").unwrap_or("form");
        let exploded = member(node, "explode").map_or(style == "form", |_| flag(node, "explode"));
        let list = kinds.contains(&"array");
        let plain = !list && !kinds.contains(&"object");
        let arrays = match (place, style) {
            ("query" | "header", _) if plain => None,
            ("query", "form") if list => (!exploded).then_some("comma"),
            ("query", "deepObject") => list.then_some("brackets"),
            _ => {
                schemas.leave_out(
                    Reason::Parameter,
                    node,
                    format!("{name} ({place}, {style})"),
                );
                return false;
            }
        };
        if member(node, "content").is_some() {
            schemas.leave_out(
                Reason::Parameter,
                node,
                format!("{name} ({place}, content)"),
            );
            return false;
        }
        let mut rest = described(
            schemas,
            node,
            member(node, "schema"),
            flag(node, "required"),
        );
        if let Some(arrays) = arrays {
            rest.insert("arrays".to_owned(), arrays.into());
        }
        self.add(name, place, usual, rest);
        true
    }
}

/// Type, whether it is required, and description of something.
pub(super) fn described<'a>(
    schemas: &Schemas<'_, 'a>,
    node: &'a Node,
    schema: Option<&'a Node>,
    required: bool,
) -> Map<String, Json> {
    let mut rest = Map::new();
    let ty = schema.map_or_else(|| json!({}), |schema| schemas.of(schema, 0));
    if ty.as_object().is_some_and(|ty| !ty.is_empty()) {
        rest.insert("schema".to_owned(), ty);
    }
    if required {
        rest.insert("required".to_owned(), true.into());
    }
    let own = schema.filter(|_| text_of(node, "description").is_none());
    let words = text_of(own.unwrap_or(node), "description").map_or_else(String::new, sentence);
    let words = match (flag(node, "deprecated"), words.is_empty()) {
        (true, true) => "Deprecated.".to_owned(),
        (true, false) => format!("Deprecated. {words}"),
        (false, _) => words,
    };
    if !words.is_empty() {
        rest.insert("description".to_owned(), words.into());
    }
    rest
}
