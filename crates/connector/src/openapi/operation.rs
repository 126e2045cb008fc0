//! One operation of the document as one of a descriptor.

use flow_engine::yaml::Node;
use serde_json::{Map, Value as Json, json};
use std::fmt::Write as _;

use super::answer::{Answer, answer};
use super::body;
use super::left_out::Reason;
use super::names::{self, About, Place};
use super::pages::{self, List};
use super::parameters::{Parameters, Written, described, written};
use super::schema::Schemas;
use super::tree::{flag, member, text_of};
use super::words::{is_identifier, sentence, singular, snake};

/// An operation of the document.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) path: &'a str,
    /// In small letters.
    pub(super) method: &'a str,
    /// What stands under the path.
    pub(super) around: &'a Node,
    pub(super) node: &'a Node,
    pub(super) about: About,
}

/// An operation of the descriptor, and where it belongs.
pub(super) struct Made {
    pub(super) resource: String,
    /// Names, the best first.
    pub(super) names: Vec<String>,
    pub(super) operation: Map<String, Json>,
}

/// Makes it; `None` if it cannot be called, which is noted.
pub(super) fn operation<'a>(schemas: &Schemas<'_, 'a>, source: &Source<'a>) -> Option<Made> {
    let label = format!("{} {}", source.method.to_ascii_uppercase(), source.path);
    let mut parameters = Parameters::new();
    let all = written(
        schemas,
        [
            member(source.around, "parameters"),
            member(source.node, "parameters"),
        ],
    );
    let path = path(schemas, source.path, &all, &mut parameters);
    let usual = match source.method {
        "post" | "put" | "patch" => "body",
        _ => "query",
    };
    let mut missing = path.is_none();
    for written in all.iter().filter(|written| written.place != "path") {
        let added = matches!(written.place, "query" | "header")
            && parameters.add_written(schemas, *written, usual);
        if !added {
            if written.place == "cookie" {
                schemas.leave_out(
                    Reason::Parameter,
                    written.node,
                    format!("{} (cookie)", written.name),
                );
            }
            missing |= flag(written.node, "required");
        }
    }
    let body = body::add(schemas, source.node, usual, &mut parameters);
    if missing || body.is_none() {
        schemas.leave_out(Reason::Operation, source.node, label);
        return None;
    }
    let (path, body) = (path?, body?);
    if let Some(events) = member(source.node, "callbacks") {
        schemas.leave_out(Reason::Events, events, label);
    }
    let answer = answer(schemas, source.node);
    let list = (source.method == "get" && answer.kind.is_empty())
        .then(|| pages::list(schemas, &answer, &all))
        .flatten();
    let place = names::place(source.path, source.about);
    let is_list = list
        .as_ref()
        .is_some_and(|list| list.is_bare || list.pagination.is_some())
        || looks_like_list(&place, list.is_some());
    let names = names_of(source, &place, is_list, &all);
    let mut made = Map::new();
    let words = described_as(source.node);
    if !words.is_empty() {
        made.insert("description".to_owned(), words.into());
    }
    made.insert(
        "method".to_owned(),
        source.method.to_ascii_uppercase().into(),
    );
    made.insert("path".to_owned(), path.into());
    if let Some(media) = body.content_type {
        made.insert("contentType".to_owned(), media.into());
    }
    if body.open {
        made.insert("open".to_owned(), true.into());
    }
    if !parameters.all.is_empty() {
        made.insert("parameters".to_owned(), parameters.all.into());
    }
    add_answer(schemas, source, &answer, list, &mut made);
    Some(Made {
        resource: place.resource,
        names,
        operation: made,
    })
}

/// One sentence about it.
fn described_as(node: &Node) -> String {
    let said = |key: &&str| text_of(node, key).filter(|text| !text.trim().is_empty());
    let words = ["summary", "description"].iter().find_map(said);
    let words = words.map_or_else(String::new, sentence);
    if flag(node, "deprecated") {
        format!("Deprecated. {words}").trim().to_owned()
    } else {
        words
    }
}

/// What it answers with: the kind, how a list goes on, the type.
fn add_answer<'a>(
    schemas: &Schemas<'_, 'a>,
    source: &Source<'a>,
    answer: &Answer<'a>,
    list: Option<List<'a>>,
    made: &mut Map<String, Json>,
) {
    let kind = if source.method == "head" {
        "empty"
    } else {
        answer.kind
    };
    if !kind.is_empty() {
        made.insert("answer".to_owned(), kind.into());
    }
    let mut output = answer.schema;
    if let Some(List {
        item,
        pagination: Some(pagination),
        ..
    }) = list
    {
        made.insert("pagination".to_owned(), pagination);
        output = item;
    }
    if !matches!(kind, "empty" | "binary" | "auto")
        && let Some(schema) = output
    {
        let output = schemas.output(schema);
        if !output.as_object().is_some_and(Map::is_empty) {
            made.insert("output".to_owned(), output);
        }
    }
}

fn looks_like_list(place: &Place, has_items: bool) -> bool {
    has_items && !place.item && singular(&place.resource) != place.resource
}

/// The path with holes; `None` if it has a part that no parameter fills.
fn path<'a>(
    schemas: &Schemas<'_, 'a>,
    written: &'a str,
    all: &[Written<'a>],
    parameters: &mut Parameters,
) -> Option<String> {
    let mut path = String::new();
    let mut rest = written.split(['?', '#']).next().unwrap_or_default();
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}')?;
        let hole = if is_identifier(name) {
            name.to_owned()
        } else {
            snake(name)
        };
        if hole.is_empty() || parameters.all.contains_key(&hole) {
            return None;
        }
        let declared = all
            .iter()
            .find(|written| written.place == "path" && written.name == name);
        let mut rules = json!({ "required": true });
        if let Some(Written { node, .. }) = declared {
            let style = text_of(node, "style").unwrap_or("simple");
            if style != "simple" || member(node, "content").is_some() {
                schemas.leave_out(Reason::Parameter, node, format!("{name} (path, {style})"));
                return None;
            }
            rules = described(schemas, node, member(node, "schema"), true).into();
        }
        if rules.get("schema").is_none() {
            rules["schema"] = json!({ "type": "string" });
        }
        parameters.all.insert(hole.clone(), rules);
        path.push_str(before);
        let _ = write!(path, "{{{{{hole}}}}}");
        rest = after;
    }
    path.push_str(rest);
    (!rest.contains('}')).then_some(path)
}

/// Names for an operation, the best first.
fn names_of(source: &Source<'_>, place: &Place, is_list: bool, all: &[Written<'_>]) -> Vec<String> {
    let mut names = Vec::new();
    let id = text_of(source.node, "operationId");
    let by_id = id
        .map(|id| names::from_id(id, &place.resource))
        .filter(|name| !name.is_empty());
    let usual = names::usual(source.method, place, is_list);
    match &place.verb {
        Some(verb) => {
            names.push(verb.clone());
            names.push(format!("{usual}_{verb}"));
        }
        None => names.push(usual.to_owned()),
    }
    names.extend(by_id);
    names.extend(id.map(snake).filter(|name| !name.is_empty()));
    let last = all.iter().rev().find(|written| written.place == "path");
    names.extend(last.map(|last| format!("{usual}_by_{}", snake(last.name))));
    names
}
