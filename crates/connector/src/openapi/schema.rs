//! Schemas of the document as types of a descriptor: named ones under their names, others in place.

use std::cell::RefCell;
use std::collections::HashMap;

use flow_engine::yaml::{Node, NodeKind};
use serde_json::{Map, Value as Json, json};

use super::left_out::{LeftOut, Reason};
use super::members::members;
use super::tree::{Tree, entries, flag, items, member, reference, text, text_of};
use super::words::snake;

/// How deep schemas without names may stand in each other.
const DEPTH_MAX: usize = 24;
/// How long the list of what was left out may get.
const LEFT_OUT_MAX: usize = 20_000;
/// Keys that limit values.
const LIMITS: [&str; 13] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
];
/// Keys of types that have no counterpart.
const UNKNOWN: [&str; 9] = [
    "not",
    "if",
    "then",
    "else",
    "patternProperties",
    "propertyNames",
    "prefixItems",
    "contains",
    "dependentSchemas",
];

/// Turns schemas into types, and remembers what must be defined and what was lost.
pub(super) struct Schemas<'t, 'a> {
    pub(super) tree: &'t Tree<'a>,
    left_out: RefCell<Vec<LeftOut>>,
    names: RefCell<Names<'a>>,
}

/// The schemas that have names.
#[derive(Default)]
struct Names<'a> {
    by_pointer: HashMap<String, String>,
    taken: HashMap<String, usize>,
    /// Those that are still to be defined.
    open: Vec<(String, &'a Node)>,
}

impl<'t, 'a> Schemas<'t, 'a> {
    pub(super) fn new(tree: &'t Tree<'a>) -> Schemas<'t, 'a> {
        Schemas {
            tree,
            left_out: RefCell::default(),
            names: RefCell::default(),
        }
    }

    /// Notes that something was left out.
    pub(super) fn leave_out(&self, reason: Reason, node: &Node, what: impl Into<String>) {
        let mut all = self.left_out.borrow_mut();
        if all.len() < LEFT_OUT_MAX {
            all.push(LeftOut {
                reason,
                what: what.into(),
                span: node.span,
            });
        }
    }

    pub(super) fn into_left_out(self) -> Vec<LeftOut> {
        let mut all = self.left_out.into_inner();
        all.sort_by_key(|left| (left.reason, left.span));
        all.dedup();
        all
    }

    /// The types that were named so far, by name; naming goes on while they are made.
    pub(super) fn types(&self) -> Map<String, Json> {
        let mut types = Map::new();
        loop {
            let next = self.names.borrow_mut().open.pop();
            let Some((name, node)) = next else {
                break;
            };
            types.insert(name, self.inline(node, 0));
        }
        types.sort_keys();
        types
    }

    /// A schema as an operation names its output: by the name of a type, or in place.
    pub(super) fn output(&self, node: &'a Node) -> Json {
        let ty = self.of(node, 0);
        let name = ty.get("$ref").and_then(Json::as_str);
        match name.and_then(|name| name.strip_prefix("#/types/")) {
            Some(name) => name.into(),
            None => ty,
        }
    }

    /// A schema as a type.
    pub(super) fn of(&self, node: &'a Node, depth: usize) -> Json {
        let Some(pointer) = reference(node) else {
            return self.inline(node, depth);
        };
        let Some(target) = self.tree.resolved(node) else {
            self.leave_out(Reason::Reference, node, pointer);
            return json!({});
        };
        match pointer.strip_prefix("#/components/schemas/") {
            Some(name) if !name.contains('/') => {
                json!({ "$ref": format!("#/types/{}", self.name(pointer, name, target)) })
            }
            _ => self.inline(target, depth + 1),
        }
    }

    /// The name of a type for a schema that has one.
    fn name(&self, pointer: &str, name: &str, target: &'a Node) -> String {
        let mut names = self.names.borrow_mut();
        if let Some(known) = names.by_pointer.get(pointer) {
            return known.clone();
        }
        let wanted = match snake(name) {
            empty if empty.is_empty() => "type".to_owned(),
            name => name,
        };
        let count = names.taken.entry(wanted.clone()).or_insert(0);
        *count += 1;
        let mut given = if *count == 1 {
            wanted.clone()
        } else {
            format!("{wanted}_{count}")
        };
        while given != wanted && names.taken.contains_key(&given) {
            given.push('x');
        }
        names.taken.entry(given.clone()).or_insert(1);
        names.by_pointer.insert(pointer.to_owned(), given.clone());
        names.open.push((given.clone(), target));
        given
    }

    /// A schema in place, whatever names it.
    fn inline(&self, node: &'a Node, depth: usize) -> Json {
        if !self.tree.spend(1) || depth > DEPTH_MAX {
            return json!({});
        }
        if !matches!(node.kind, NodeKind::Map(_)) {
            return json!({});
        }
        for entry in entries(node) {
            if LIMITS.contains(&&*entry.key) {
                self.leave_out(Reason::Limits, &entry.value, &*entry.key);
            } else if UNKNOWN.contains(&&*entry.key) {
                self.leave_out(Reason::Schema, &entry.value, &*entry.key);
            }
        }
        let ty = self.without_null(node, depth);
        if Self::is_nullable(node) {
            or_null(ty)
        } else {
            ty
        }
    }

    fn is_nullable(node: &Node) -> bool {
        let listed = member(node, "type").map_or(&[][..], items);
        let listed = listed
            .iter()
            .chain(member(node, "enum").map_or(&[][..], items));
        flag(node, "nullable")
            || listed
                .clone()
                .any(|word| word.is_null() || text(word) == Some("null"))
    }

    fn without_null(&self, node: &'a Node, depth: usize) -> Json {
        if let Some(parts) = member(node, "allOf") {
            return self.all_of(node, items(parts), depth);
        }
        let own_members = member(node, "properties").is_some_and(|own| !entries(own).is_empty());
        for key in ["oneOf", "anyOf"] {
            let Some(options) = member(node, key) else {
                continue;
            };
            if own_members {
                self.leave_out(Reason::Schema, options, format!("{key} beside properties"));
                break;
            }
            return self.choice(items(options), depth);
        }
        if let Some(constant) = text_of(node, "const") {
            let scalar = member(node, "const").and_then(Node::as_scalar);
            return match scalar.map(flow_engine::yaml::Scalar::describe) {
                Some("a string") => json!({ "const": constant }),
                Some("a boolean") => json!({ "type": "boolean" }),
                Some("an integer") => json!({ "type": "integer" }),
                Some("a number") => json!({ "type": "number" }),
                _ => json!({}),
            };
        }
        self.plain(node, depth)
    }

    /// One of several; null among them makes the choice nullable.
    fn choice(&self, options: &'a [Node], depth: usize) -> Json {
        let mut types: Vec<Json> = Vec::new();
        for option in options {
            let ty = match text_of(option, "type") {
                Some("null") => json!({ "type": "null" }),
                _ => self.of(option, depth + 1),
            };
            if ty.as_object().is_some_and(Map::is_empty) {
                return ty;
            }
            if !types.contains(&ty) {
                types.push(ty);
            }
        }
        match types.len() {
            0 => json!({}),
            1 => types.remove(0),
            _ => json!({ "anyOf": types }),
        }
    }

    /// Several at once: their members together.
    fn all_of(&self, node: &'a Node, parts: &'a [Node], depth: usize) -> Json {
        let own = ["properties", "type", "items", "enum"];
        let own = own.iter().any(|key| member(node, key).is_some());
        if let ([part], false) = (parts, own) {
            return self.of(part, depth + 1);
        }
        let Some(object) = members(self, node) else {
            // Not maps: the first that says anything stands for all.
            if parts.len() > 1 {
                self.leave_out(Reason::Schema, node, "allOf of what are not objects");
            }
            let types = parts.iter().map(|part| self.of(part, depth + 1));
            let mut types = types.filter(|ty| ty.as_object().is_some_and(|ty| !ty.is_empty()));
            return types.next().unwrap_or_else(|| json!({}));
        };
        let mut properties = Map::new();
        let mut required = Vec::new();
        for found in object.members {
            if found.required {
                required.push(Json::from(found.name));
            }
            properties.insert(found.name.to_owned(), self.of(found.node, depth + 1));
        }
        let mut ty = json!({ "type": "object" });
        if !required.is_empty() {
            ty["required"] = required.into();
        }
        ty["properties"] = properties.into();
        if object.closed {
            ty["additionalProperties"] = false.into();
        }
        ty
    }

    fn plain(&self, node: &'a Node, depth: usize) -> Json {
        let mut ty = Map::new();
        let kinds = kinds(node);
        let says = |kind: &str| kinds.contains(&kind);
        match kinds.as_slice() {
            [] => return json!({}),
            [one] => ty.insert("type".to_owned(), (*one).into()),
            many => ty.insert("type".to_owned(), many.to_vec().into()),
        };
        if says("string") {
            let texts = member(node, "enum").map_or(&[][..], items).iter();
            let texts: Vec<Json> = texts
                .filter(|word| !word.is_null())
                .filter_map(|word| text(word).map(Json::from))
                .collect();
            if !texts.is_empty() {
                if kinds.len() == 1 {
                    ty.remove("type");
                }
                ty.insert("enum".to_owned(), texts.into());
            }
            if let Some(format) = text_of(node, "format").filter(|format| *format != "string") {
                ty.insert("format".to_owned(), format.into());
            }
        } else if let Some(numbers) = member(node, "enum") {
            self.leave_out(Reason::Limits, numbers, "enum of what are not texts");
        }
        if says("array")
            && let Some(item) = member(node, "items")
        {
            let item = self.of(item, depth + 1);
            if item.as_object().is_some_and(|item| !item.is_empty()) {
                ty.insert("items".to_owned(), item);
            }
        }
        if says("object") {
            self.object(node, depth, &mut ty);
        }
        ty.into()
    }

    fn object(&self, node: &'a Node, depth: usize, ty: &mut Map<String, Json>) {
        let properties = member(node, "properties").map_or(&[][..], entries);
        let known = |name: &&str| properties.iter().any(|entry| *entry.key == **name);
        let required = member(node, "required").map_or(&[][..], items).iter();
        self.tree.spend(properties.len());
        let required: Vec<Json> = required
            .filter_map(text)
            .filter(known)
            .map(Json::from)
            .collect();
        if !required.is_empty() {
            ty.insert("required".to_owned(), required.into());
        }
        if !properties.is_empty() {
            let all = properties.iter();
            let all = all.map(|entry| (entry.key.to_string(), self.of(&entry.value, depth + 1)));
            ty.insert("properties".to_owned(), all.collect::<Map<_, _>>().into());
        }
        match member(node, "additionalProperties") {
            Some(more) if matches!(more.kind, NodeKind::Map(_)) && properties.is_empty() => {
                let more = self.of(more, depth + 1);
                if more.as_object().is_some_and(|more| !more.is_empty()) {
                    ty.insert("additionalProperties".to_owned(), more);
                }
            }
            Some(more) if text(more) == Some("false") => {
                ty.insert("additionalProperties".to_owned(), false.into());
            }
            _ => {}
        }
    }
}

/// The kinds of values, null left out: as they are written, or as other keys show them.
pub(super) fn kinds(node: &Node) -> Vec<&str> {
    const KNOWN: [&str; 6] = ["boolean", "integer", "number", "string", "array", "object"];
    let written = member(node, "type");
    let words: Vec<&str> = match written.map(|written| &written.kind) {
        Some(NodeKind::List(words)) => words.iter().filter_map(text).collect(),
        Some(_) => written.and_then(text).into_iter().collect(),
        None => {
            let shows = |key: &str| member(node, key).is_some();
            let first = member(node, "enum").and_then(|texts| items(texts).first());
            if shows("properties") || shows("additionalProperties") {
                vec!["object"]
            } else if shows("items") {
                vec!["array"]
            } else if first
                .and_then(Node::as_scalar)
                .is_some_and(|it| it.describe() == "a string")
            {
                vec!["string"]
            } else {
                Vec::new()
            }
        }
    };
    words
        .into_iter()
        .filter(|word| KNOWN.contains(word))
        .collect()
}

fn or_null(ty: Json) -> Json {
    let nothing = json!({ "type": "null" });
    let Json::Object(mut object) = ty else {
        return ty;
    };
    if object.is_empty() {
        return object.into();
    }
    if let Some(options) = object.get_mut("anyOf").and_then(Json::as_array_mut) {
        if !options.contains(&nothing) {
            options.push(nothing);
        }
        return object.into();
    }
    match object.get_mut("type") {
        Some(Json::String(kind)) => {
            let both = json!([kind, "null"]);
            object.insert("type".to_owned(), both);
            object.into()
        }
        Some(Json::Array(kinds)) => {
            if !kinds.contains(&"null".into()) {
                kinds.push("null".into());
            }
            object.into()
        }
        _ => json!({ "anyOf": [object, nothing] }),
    }
}
