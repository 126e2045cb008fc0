//! What an operation answers with when it succeeds.

use flow_engine::yaml::{Entry, Node};

use super::body::is_json;
use super::left_out::Reason;
use super::schema::Schemas;
use super::tree::{entries, member, reference};

/// The answer that is taken.
pub(super) struct Answer<'a> {
    /// As descriptors say it; empty for JSON.
    pub(super) kind: &'static str,
    /// The type of the value, or of one of many.
    pub(super) schema: Option<&'a Node>,
    /// Whether it has a `Link` header.
    pub(super) links: bool,
}

/// Looks for the answer of a success.
pub(super) fn answer<'a>(schemas: &Schemas<'_, 'a>, operation: &'a Node) -> Answer<'a> {
    let nothing = Answer {
        kind: "empty",
        schema: None,
        links: false,
    };
    let all = member(operation, "responses").map_or(&[][..], entries);
    let good: Vec<&'a Entry> = all.iter().filter(|entry| is_success(&entry.key)).collect();
    let has_content = |entry: &&'a Entry| {
        let node = schemas.tree.resolved(&entry.value);
        node.and_then(|node| member(node, "content"))
            .is_some_and(|content| !entries(content).is_empty())
    };
    let usual = good
        .iter()
        .copied()
        .find(|entry| &*entry.key == "200")
        .filter(has_content);
    let taken = usual.or_else(|| good.iter().copied().find(has_content));
    let default = || {
        all.iter()
            .find(|entry| &*entry.key == "default" && good.is_empty())
    };
    let Some(taken) = taken.or_else(|| good.first().copied()).or_else(default) else {
        return nothing;
    };
    for other in good
        .iter()
        .filter(|other| !std::ptr::eq(**other, taken) && has_content(other))
    {
        schemas.leave_out(Reason::Answer, &other.value, &*other.key);
    }
    let Some(node) = schemas.tree.resolved(&taken.value) else {
        schemas.leave_out(
            Reason::Reference,
            &taken.value,
            reference(&taken.value).unwrap_or("responses"),
        );
        return nothing;
    };
    if member(node, "links").is_some_and(|links| !entries(links).is_empty()) {
        schemas.leave_out(Reason::Events, node, "links");
    }
    let headers = member(node, "headers").map_or(&[][..], entries);
    let links = headers
        .iter()
        .any(|entry| entry.key.eq_ignore_ascii_case("link"));
    let content = member(node, "content").map_or(&[][..], entries);
    let Some(media) = content
        .iter()
        .find(|entry| is_json(&entry.key))
        .or(content.first())
    else {
        return Answer { links, ..nothing };
    };
    for other in content.iter().filter(|other| !std::ptr::eq(*other, media)) {
        schemas.leave_out(Reason::Media, &other.value, &*other.key);
    }
    Answer {
        kind: kind(&media.key),
        schema: member(&media.value, "schema").or(member(&media.value, "itemSchema")),
        links,
    }
}

fn is_success(status: &str) -> bool {
    status.len() == 3 && status.starts_with('2')
}

fn kind(media: &str) -> &'static str {
    if is_json(media) {
        return "";
    }
    let media = media
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    match media.as_str() {
        "application/x-ndjson"
        | "application/ndjson"
        | "application/jsonl"
        | "application/x-jsonl"
        | "application/json-lines" => "jsonl",
        "text/event-stream" => "sse",
        "*/*" | "application/xml" | "application/yaml" => "auto",
        text if text.starts_with("text/") || text.ends_with("+xml") => "auto",
        _ => "binary",
    }
}
