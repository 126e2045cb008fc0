//! The address of the service, with what a connection may set of it.

use flow_engine::yaml::Node;
use serde_json::{Map, Value as Json, json};
use std::fmt::Write as _;

use super::left_out::Reason;
use super::schema::Schemas;
use super::tree::{entries, items, member, text, text_of};
use super::words::{sentence, snake};

/// The base address, and the settings that it names.
pub(super) fn server(schemas: &Schemas<'_, '_>, root: &Node) -> (String, Map<String, Json>) {
    let servers = member(root, "servers").map_or(&[][..], items);
    for other in servers.iter().skip(1) {
        schemas.leave_out(
            Reason::Server,
            other,
            text_of(other, "url").unwrap_or("servers"),
        );
    }
    let mut settings = Map::new();
    let written = servers
        .first()
        .and_then(|first| text_of(first, "url"))
        .unwrap_or("/");
    let variables = servers.first().and_then(|first| member(first, "variables"));
    let mut url = String::new();
    let mut rest = written.trim_end_matches('/');
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        let setting = match snake(name) {
            empty if empty.is_empty() => "part".to_owned(),
            name => name,
        };
        url.push_str(&before.replace('}', ""));
        let _ = write!(url, "{{{{{setting}}}}}");
        let variable = variables.and_then(|variables| member(variables, name));
        settings.insert(setting, variable.map_or_else(|| json!({}), described));
        rest = after;
    }
    url.push_str(&rest.replace('}', ""));
    if url.contains("://") {
        return (url, settings);
    }
    // Where the document says nothing of the host, a connection does.
    let about = "Address of the service, such as https://api.example.com; or `base_url` in full.";
    settings.insert("server".to_owned(), json!({ "description": about }));
    let slash = if url.is_empty() || url.starts_with('/') {
        ""
    } else {
        "/"
    };
    (format!("{{{{server}}}}{slash}{url}"), settings)
}

fn described(variable: &Node) -> Json {
    let mut setting = Map::new();
    if let Some(default) = text_of(variable, "default").filter(|default| !default.is_empty()) {
        setting.insert("default".to_owned(), default.into());
    }
    let words: Vec<&str> = member(variable, "enum")
        .map_or(&[][..], items)
        .iter()
        .filter_map(text)
        .collect();
    if !words.is_empty() {
        setting.insert("enum".to_owned(), words.into());
    }
    if let Some(about) = text_of(variable, "description") {
        setting.insert("description".to_owned(), sentence(about).into());
    }
    setting.into()
}

/// Whether an operation or its path has a server of its own.
pub(super) fn has_own(node: &Node, root: &Node) -> bool {
    let first = |node| {
        let servers = member(node, "servers")?;
        text_of(items(servers).first()?, "url")
    };
    member(node, "servers").is_some_and(|own| !entries(own).is_empty() || !items(own).is_empty())
        && first(node) != first(root)
}
