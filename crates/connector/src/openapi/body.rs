//! The body of a request: members of an object as parameters, anything else as one parameter.

use flow_engine::yaml::{Entry, Node};
use serde_json::{Map, Value as Json};

use super::left_out::Reason;
use super::members::{Member, Object, members};
use super::parameters::{Parameters, described};
use super::schema::{Schemas, kinds};
use super::tree::{entries, flag, member, reference, text_of};

/// What the operation says besides its parameters.
#[derive(Default)]
pub(super) struct Body {
    /// The media type, if it is not JSON and no form.
    pub(super) content_type: Option<String>,
    /// Whether members that are not declared may be given.
    pub(super) open: bool,
}

/// Whether a media type is JSON.
pub(super) fn is_json(media: &str) -> bool {
    let media = media
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    media == "application/json" || media == "text/json" || media.ends_with("+json")
}

/// Adds the parameters of a request body; `None` if it cannot be sent and must be.
pub(super) fn add<'a>(
    schemas: &Schemas<'_, 'a>,
    operation: &'a Node,
    usual: &str,
    parameters: &mut Parameters,
) -> Option<Body> {
    let Some(written) = member(operation, "requestBody") else {
        return Some(Body::default());
    };
    let Some(node) = schemas.tree.resolved(written) else {
        schemas.leave_out(
            Reason::Reference,
            written,
            reference(written).unwrap_or("requestBody"),
        );
        return None;
    };
    let all = member(node, "content").map_or(&[][..], entries);
    let Some(taken) = best(all) else {
        return Some(Body::default());
    };
    for other in all.iter().filter(|other| !std::ptr::eq(*other, taken)) {
        schemas.leave_out(Reason::Media, &other.value, &*other.key);
    }
    let required = flag(node, "required");
    let schema = member(&taken.value, "schema");
    let object = schema.and_then(|schema| members(schemas, schema));
    let media = taken
        .key
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let mut body = Body::default();
    match object {
        Some(object) if is_json(&media) => {
            body.open = object.open;
            if media != "application/json" {
                body.content_type = Some(media);
            }
            add_members(schemas, &object, required, &mut |member, rest| {
                parameters.add(member.name, "body", usual, rest);
            });
        }
        Some(object) if media == "application/x-www-form-urlencoded" => {
            let encoding = member(&taken.value, "encoding");
            add_members(schemas, &object, required, &mut |found, mut rest| {
                let own = encoding.and_then(|encoding| member(encoding, found.name));
                let deep = own.and_then(|own| text_of(own, "style")) == Some("deepObject");
                if deep {
                    rest.insert("arrays".to_owned(), "brackets".into());
                }
                parameters.add(found.name, "form", usual, rest);
            });
        }
        Some(object) if media == "multipart/form-data" => {
            add_members(schemas, &object, required, &mut |member, mut rest| {
                if let Some(content) = file(schemas, member.node) {
                    rest.remove("schema");
                    rest.insert("content".to_owned(), content.into());
                }
                parameters.add(member.name, "multipart", usual, rest);
            });
        }
        _ if media.starts_with("multipart/") || media == "application/x-www-form-urlencoded" => {
            schemas.leave_out(Reason::Media, &taken.value, &*taken.key);
            return (!required).then_some(body);
        }
        _ => {
            let mut rest = described(schemas, node, schema.filter(|_| is_json(&media)), required);
            rest.insert("in".to_owned(), "body_whole".into());
            let (name, _) = parameters.name("body", "request");
            parameters.all.insert(name, ordered(rest));
            if media != "application/json" {
                body.content_type = Some(if media.contains('*') {
                    "application/octet-stream".to_owned()
                } else {
                    media
                });
            }
        }
    }
    Some(body)
}

/// `in` first.
fn ordered(mut rest: Map<String, Json>) -> Json {
    let mut parameter = Map::new();
    if let Some(place) = rest.shift_remove("in") {
        parameter.insert("in".to_owned(), place);
    }
    parameter.append(&mut rest);
    parameter.into()
}

/// The media type that is taken: JSON, parts, a form, else the first.
fn best(all: &[Entry]) -> Option<&Entry> {
    let find = |wanted: &dyn Fn(&str) -> bool| all.iter().find(|entry| wanted(&entry.key));
    find(&|media| media == "application/json")
        .or_else(|| find(&is_json))
        .or_else(|| find(&|media| media.starts_with("multipart/form-data")))
        .or_else(|| find(&|media| media.starts_with("application/x-www-form-urlencoded")))
        .or_else(|| all.first())
}

fn add_members<'a>(
    schemas: &Schemas<'_, 'a>,
    object: &Object<'a>,
    required: bool,
    add: &mut dyn FnMut(&Member<'a>, Map<String, Json>),
) {
    for member in &object.members {
        let target = schemas.tree.resolved(member.node).unwrap_or(member.node);
        if flag(target, "readOnly") {
            continue;
        }
        let rest = described(
            schemas,
            target,
            Some(member.node),
            required && member.required,
        );
        add(member, rest);
    }
}

/// Whether a part is a file, or several.
fn file<'a>(schemas: &Schemas<'_, 'a>, node: &'a Node) -> Option<&'static str> {
    let node = schemas.tree.resolved(node)?;
    let is_file = |node: &Node| {
        text_of(node, "format") == Some("binary")
            || (member(node, "contentMediaType").is_some()
                && member(node, "contentEncoding").is_none())
    };
    if is_file(node) {
        return Some("file");
    }
    let item = member(node, "items").filter(|_| kinds(node).contains(&"array"))?;
    is_file(schemas.tree.resolved(item)?).then_some("files")
}
