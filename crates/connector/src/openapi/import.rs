//! The way of a document through the other modules.

use std::collections::{HashMap, HashSet};

use flow_engine::finding::Finding;
use flow_engine::source::{SourceFile, Span};
use flow_engine::yaml::{self, Limits, Node, NodeKind};
use serde_json::{Map, Value as Json, json};

use super::left_out::{LeftOut, Reason};
use super::names::{self, About};
use super::operation::{self, Made, Source};
use super::schema::Schemas;
use super::security::security;
use super::server;
use super::tree::{Tree, entries, items, member, place, text, text_of};
use super::words::{self, sentence, snake};
use super::write;
use crate::descriptor::DESCRIPTOR_BYTES_MAX;

/// How large a document may be.
const LIMITS: Limits = Limits {
    bytes: 48 << 20,
    nodes: 3_000_000,
};
/// How many operations are taken over.
const OPERATIONS_MAX: usize = 10_000;
/// Methods that can be called.
const METHODS: [&str; 7] = ["get", "head", "options", "post", "put", "patch", "delete"];
/// Names that local connectors have.
const LOCAL: [&str; 10] = [
    "data",
    "file",
    "flow",
    "http",
    "log",
    "shell",
    "state",
    "time",
    "claude",
    "claude-api",
];

/// What a person asks for.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The handle; else by the title of the document.
    pub handle: Option<String>,
    /// Tags, and globs of paths: only operations with one of them; all if there are none.
    pub only: Vec<String>,
}

/// A descriptor, and what it does not say.
#[derive(Debug)]
pub struct Imported {
    /// The descriptor as YAML.
    pub text: String,
    /// Its handle.
    pub handle: String,
    /// How many operations it has.
    pub operations: usize,
    /// How many resources.
    pub resources: usize,
    /// How many types.
    pub types: usize,
    /// Whether it says anything of credentials.
    pub authenticates: bool,
    /// What was left out, by reason and place.
    pub left_out: Vec<LeftOut>,
}

/// Reads a document and makes a descriptor of it.
///
/// # Errors
/// What keeps the document from being read: its own mistakes (`yaml.*`), `openapi.not_openapi`, `openapi.version`,
/// `openapi.nothing`, `openapi.too_large`.
pub fn import(source: &SourceFile, options: &Options) -> Result<Imported, Vec<Finding>> {
    let (root, findings) = yaml::read_within(source, LIMITS);
    if findings.iter().any(Finding::is_error) {
        return Err(findings);
    }
    check_version(&root).map_err(|finding| vec![*finding])?;
    let tree = Tree::new(&root);
    let schemas = Schemas::new(&tree);
    let (sources, total) = sources(&schemas, &root, &options.only);
    if sources.is_empty() {
        return Err(vec![nothing(&root, total, &options.only)]);
    }
    if sources.len() > OPERATIONS_MAX {
        return Err(vec![too_large(&root, "operations", OPERATIONS_MAX)]);
    }
    let info = member(&root, "info");
    let title = info
        .and_then(|info| text_of(info, "title"))
        .unwrap_or_default();
    let handle = options
        .handle
        .clone()
        .unwrap_or_else(|| match names::handle(title) {
            taken if LOCAL.contains(&taken.as_str()) => format!("{taken}-service"),
            handle => handle,
        });
    let nodes: Vec<&Node> = sources.iter().map(|source| source.node).collect();
    let security = security(&schemas, &root, &nodes, &handle);
    let mut resources: Map<String, Json> = Map::new();
    let mut count = 0;
    for source in &sources {
        if security.is_other(source.node) {
            schemas.leave_out(Reason::OtherSecurity, source.node, label(source));
        }
        if let Some(made) = operation::operation(&schemas, source) {
            count += 1;
            add(&mut resources, made, first_tag(source.node));
        }
    }
    for entry in member(&root, "webhooks").map_or(&[][..], entries) {
        schemas.leave_out(Reason::Events, &entry.value, &*entry.key);
    }
    let types = schemas.types();
    if tree.is_spent() {
        return Err(vec![too_large(&root, "steps of references", 4_000_000)]);
    }
    if count == 0 {
        return Err(vec![nothing(&root, total, &options.only)]);
    }
    let authenticates =
        !(security.auth.is_empty() && security.headers.is_empty() && security.tls.is_none());
    let (url, settings) = server::server(&schemas, &root);
    let mut service = json!({ "baseURL": url });
    if !security.headers.is_empty() {
        service["headers"] = security.headers.into();
    }
    match security.auth.as_slice() {
        [] => {}
        [one] => service["auth"] = one.clone(),
        several => service["auth"] = several.into(),
    }
    if let Some(tls) = security.tls {
        service["tls"] = tls;
    }
    let settings: Map<String, Json> = settings.into_iter().chain(security.settings).collect();
    if !settings.is_empty() {
        service["settings"] = settings.into();
    }
    let about = info.and_then(|info| text_of(info, "summary").or(text_of(info, "description")));
    let mut meta = json!({ "short": sentence(title) });
    if let Some(about) = about.map(sentence).filter(|about| !about.is_empty()) {
        meta["description"] = about.into();
    }
    let mut document = json!({ "handle": handle, "meta": meta, "service": service });
    let (number, type_count) = (resources.len(), types.len());
    document["resources"] = finished(resources, &root);
    if !types.is_empty() {
        document["types"] = types.into();
    }
    let text = write::yaml(&document);
    if text.len() > DESCRIPTOR_BYTES_MAX {
        return Err(vec![too_large(
            &root,
            "bytes of the descriptor",
            DESCRIPTOR_BYTES_MAX,
        )]);
    }
    Ok(Imported {
        text,
        handle,
        operations: count,
        resources: number,
        types: type_count,
        authenticates,
        left_out: schemas.into_left_out(),
    })
}

fn check_version(root: &Node) -> Result<(), Box<Finding>> {
    let fail = |code, span, message: String, help: &str| {
        Err(Box::new(Finding::error(code, span, message).help(help)))
    };
    if let Some(version) = member(root, "swagger") {
        let message = format!(
            "this is Swagger {}, the format before OpenAPI 3",
            text(version).unwrap_or("2")
        );
        return fail(
            "openapi.version",
            version.span,
            message,
            "convert it to OpenAPI 3 first: the tools of most API editors do that",
        );
    }
    let Some(version) = member(root, "openapi") else {
        let span = Span::at(root.span.start as usize);
        let message = "this is not an OpenAPI document: it has no `openapi` at its top level";
        return fail(
            "openapi.not_openapi",
            span,
            message.to_owned(),
            "name the document itself, in JSON or YAML: it begins with `openapi: 3...` and has `paths`",
        );
    };
    match text(version) {
        Some(text) if text.starts_with("3.0") || text.starts_with("3.1") => Ok(()),
        other => fail(
            "openapi.version",
            version.span,
            format!("version `{}` of OpenAPI is not known", other.unwrap_or("?")),
            "3.0 and 3.1 are read",
        ),
    }
}

fn nothing(root: &Node, total: usize, only: &[String]) -> Finding {
    let message = if only.is_empty() || total == 0 {
        "the document has no operation that can be called".to_owned()
    } else {
        format!(
            "none of the {total} operations has one of these tags and paths: {}",
            only.join(", ")
        )
    };
    Finding::error("openapi.nothing", place(root, "paths"), message)
        .help("`--only` takes a tag, or a path with `*`, such as '/v1/orders*'")
}

fn too_large(root: &Node, what: &str, limit: usize) -> Finding {
    let message = format!("the document makes more than {limit} {what}");
    Finding::error("openapi.too_large", place(root, "paths"), message)
        .help("take a part of it: `--only TAG` or `--only '/v1/orders*'`, as often as needed")
}

fn label(source: &Source<'_>) -> String {
    format!("{} {}", source.method.to_ascii_uppercase(), source.path)
}

fn tags(node: &Node) -> impl Iterator<Item = &str> {
    member(node, "tags")
        .map_or(&[][..], items)
        .iter()
        .filter_map(text)
}

fn first_tag(node: &Node) -> String {
    tags(node).next().map_or_else(String::new, snake)
}

/// The operations that are asked for, in order, and how many there are in all.
fn sources<'a>(
    schemas: &Schemas<'_, 'a>,
    root: &'a Node,
    only: &[String],
) -> (Vec<Source<'a>>, usize) {
    let paths = member(root, "paths").map_or(&[][..], entries);
    let mut with_items: HashSet<&str> = HashSet::new();
    for entry in paths {
        if let Some((before, after)) = entry.key.trim_end_matches('/').rsplit_once('/')
            && after.starts_with('{')
        {
            with_items.insert(before);
        }
    }
    let (mut found, mut total) = (Vec::new(), 0);
    for entry in paths {
        let Some(around) = schemas.tree.resolved(&entry.value) else {
            schemas.leave_out(Reason::Reference, &entry.value, &*entry.key);
            continue;
        };
        let has = |method: &str| member(around, method).is_some();
        let about = About {
            has_items: with_items.contains(entry.key.trim_end_matches('/')),
            is_read: has("get"),
            is_changed: has("patch") || has("delete"),
        };
        for inner in entries(around) {
            let method = &*inner.key;
            if method == "trace" || method == "query" {
                schemas.leave_out(
                    Reason::Method,
                    &inner.value,
                    format!("{method} {}", entry.key),
                );
            }
            if !METHODS.contains(&method) || !matches!(inner.value.kind, NodeKind::Map(_)) {
                continue;
            }
            total += 1;
            let source = Source {
                path: &entry.key,
                method,
                around,
                node: &inner.value,
                about,
            };
            if !is_wanted(&source, only) {
                continue;
            }
            if server::has_own(around, root) || server::has_own(source.node, root) {
                schemas.leave_out(Reason::OwnServer, source.node, label(&source));
                continue;
            }
            found.push(source);
        }
    }
    (found, total)
}

fn is_wanted(source: &Source<'_>, only: &[String]) -> bool {
    let fits = |wanted: &String| {
        if wanted.contains('/') {
            glob::Pattern::new(wanted).is_ok_and(|glob| glob.matches(source.path))
                || *wanted == source.path
        } else {
            tags(source.node).any(|tag| tag.eq_ignore_ascii_case(wanted))
        }
    };
    only.is_empty() || only.iter().any(fits)
}

/// Puts an operation into its resource, under the first of its names that is free.
fn add(resources: &mut Map<String, Json>, made: Made, tag: String) {
    let resource = match (made.resource.is_empty(), tag.is_empty()) {
        (false, _) => made.resource,
        (true, false) => tag,
        (true, true) => "service".to_owned(),
    };
    let operations = resources.entry(resource).or_insert_with(|| json!({}));
    let Some(operations) = operations.as_object_mut() else {
        return;
    };
    let free = made
        .names
        .iter()
        .find(|name| !operations.contains_key(*name));
    let name = free.cloned().unwrap_or_else(|| {
        let first = made.names.first().map_or("call", |name| name);
        let mut numbers = (2..).map(|number| format!("{first}_{number}"));
        numbers
            .find(|name| !operations.contains_key(name))
            .unwrap_or_default()
    });
    let mut operation = made.operation;
    // By its name alone it would be a list that goes on.
    if name == "list" && operation["method"] == "GET" && !operation.contains_key("pagination") {
        let at = operation.keys().position(|key| key == "output");
        let none = json!({ "style": "none" });
        operation.shift_insert(at.unwrap_or(operation.len()), "pagination".to_owned(), none);
    }
    operations.insert(name, operation.into());
}

/// Resources with their endpoints: what all paths of one begin with.
fn finished(resources: Map<String, Json>, root: &Node) -> Json {
    let about: HashMap<String, &str> = member(root, "tags")
        .map_or(&[][..], items)
        .iter()
        .filter_map(|tag| Some((snake(text_of(tag, "name")?), text_of(tag, "description")?)))
        .collect();
    let finish = |(handle, operations): (String, Json)| {
        let mut resource = json!({ "handle": handle });
        if let Some(about) = about
            .get(&handle)
            .map(|about| sentence(about))
            .filter(|it| !it.is_empty())
        {
            resource["meta"] = json!({ "description": about });
        }
        let mut operations = operations;
        let paths = operations.as_object().into_iter().flatten();
        let paths: Vec<String> = paths
            .filter_map(|(_, one)| one["path"].as_str().map(str::to_owned))
            .collect();
        let endpoint = words::common(&paths);
        if !endpoint.is_empty() {
            resource["endpoint"] = endpoint.as_str().into();
        }
        for (_, one) in operations.as_object_mut().into_iter().flatten() {
            let rest = one["path"]
                .as_str()
                .and_then(|path| path.strip_prefix(&endpoint))
                .map(str::to_owned);
            match rest {
                Some(rest) if rest.is_empty() => {
                    one.as_object_mut().map(|one| one.shift_remove("path"));
                }
                Some(rest) => one["path"] = rest.into(),
                None => {}
            }
        }
        resource["operations"] = operations;
        resource
    };
    Json::Array(resources.into_iter().map(finish).collect())
}
