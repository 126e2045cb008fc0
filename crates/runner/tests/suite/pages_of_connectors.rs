//! `docs/connectors/claude-api.md`: every operation of the connector, with a workflow that calls it. The workflows lie in
//! `tests/connectors/claude-api`; each is run here, and the request is looked for in what the sandbox was asked. Those that
//! begin with `on:` are checked here, and run under a daemon in `serve/connectors.rs`. Which requests are those of the
//! official SDK stands in `tests/sdk/compared.txt`, which `tests/sdk/compare.py` holds to.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use flow_connector::descriptor::operation::{Operation, Place};
use flow_connector::{Connectors, Service};
use flow_engine::catalog::{Look, OperationKind, OutputType, Parameter};
use flow_engine::types::Type;

use crate::sandboxed::Sandbox;
use crate::support::{entries, expect, root, run};

const NAME: &str = "claude-api";
const ALIAS: &str = "claude";

pub(crate) fn cases() -> PathBuf {
    root().join("tests/connectors").join(NAME)
}

fn service() -> Service {
    let connectors = Connectors::builtin();
    connectors.service(NAME).expect("it is built in").clone()
}

/// The operations whose requests were compared with those of the official SDK.
fn compared() -> BTreeSet<String> {
    let list = std::fs::read_to_string(root().join("tests/sdk/compared.txt")).expect("a list");
    list.lines().map(str::to_owned).collect()
}

fn is_request(operation: &Operation) -> bool {
    operation.wire.is_some()
}

#[test]
fn every_request_was_compared_with_the_official_sdk() {
    let service = service();
    let requests = service.operations.iter().filter(|(_, it)| is_request(it));
    let requests: BTreeSet<String> = requests.map(|(name, _)| name.to_string()).collect();
    assert_eq!(
        compared(),
        requests,
        "tests/sdk/compare.py compares each of them"
    );
}

#[test]
fn the_page_has_every_operation() {
    let page = page(&service(), &compared());
    expect(
        &root().join("docs/connectors").join(format!("{NAME}.md")),
        &page,
    );
}

fn page(service: &Service, compared: &BTreeSet<String>) -> String {
    let mut text = format!(
        "# {}\n\nEvery operation of the connector `{NAME}`, also called `{ALIAS}`. This page is made of its descriptor by a test (`UPDATE=1 cargo test`), \
         and each example is run against the [sandbox](../sandbox.md) by the tests: those that begin with `on:` by a daemon, which then starts one run for one thing. A request marked ✓ was compared with the one of the official Python SDK: method, \
         path, query, `anthropic-*` headers, kind of content and body (`tests/sdk/compare.py`, which lists with reasons what differs). \
         [Connectors](../connectors.md#the-claude-api) has the settings of a connection.\n\n",
        service.title
    );
    text.push_str(
        "| operation | | effect | request | as the SDK |\n| --- | --- | --- | --- | --- |\n",
    );
    for (name, operation) in &service.operations {
        let entry = &operation.entry;
        let kind = entry.kind.as_str();
        let link = format!("[`{name}`](#{})", name.replace('.', ""));
        let (effect, request, same) = match (entry.kind, is_request(operation)) {
            (OperationKind::Trigger, _) => ("", looks(operation), ""),
            (_, true) => {
                let same = if compared.contains(&**name) {
                    "✓"
                } else {
                    "no"
                };
                let request = format!("`{} {}`", entry.method, entry.path);
                (entry.effect.as_str(), request, same)
            }
            (_, false) => (
                entry.effect.as_str(),
                "those of other operations".to_owned(),
                "",
            ),
        };
        let _ = writeln!(
            text,
            "| {link} | {kind}: {} | {effect} | {request} | {same} |",
            entry.title
        );
    }
    for (name, operation) in &service.operations {
        let _ = write!(text, "\n## `{name}`\n\n{}\n", operation.entry.description);
        parameters(&mut text, operation);
        output(&mut text, operation);
        let example = cases().join(format!("{name}.yml"));
        let example = std::fs::read_to_string(&example)
            .unwrap_or_else(|error| panic!("{}: {error}", example.display()));
        let _ = write!(text, "\n```yaml\n{example}```\n");
    }
    text
}

/// What a trigger looks with.
fn looks(operation: &Operation) -> String {
    match &operation.entry.look {
        Some(Look::Level(level)) => format!("looks with `{}`", level.query),
        Some(Look::Edge(edge)) => format!("looks with `{}`", edge.query),
        Some(Look::Either { level, edge, .. }) if level.query == edge.query => {
            format!("looks with `{}`", level.query)
        }
        Some(Look::Either { level, edge, .. }) => {
            format!("looks with `{}` or `{}`", level.query, edge.query)
        }
        Some(Look::Success(action)) => format!("successes of `{action}` in runs"),
        _ => "only delivered".to_owned(),
    }
}

fn parameters(text: &mut String, operation: &Operation) {
    if operation.entry.parameters.is_empty() {
        return;
    }
    text.push_str("\n| parameter | type | where | |\n| --- | --- | --- | --- |\n");
    for (name, parameter) in &operation.entry.parameters {
        let place = operation
            .wire
            .as_ref()
            .and_then(|wire| wire.places.get(name));
        let place = place.map_or(String::new(), |place| place_of(name, place));
        let needed = if parameter.required {
            "**required.** "
        } else {
            ""
        };
        let default = default_of(parameter);
        let ty = parameter.ty.to_string().replace('|', "\\|");
        let about = &parameter.description;
        let _ = writeln!(
            text,
            "| `{name}` | {ty} | {place} | {needed}{about}{default} |"
        );
    }
    if operation.entry.open {
        text.push_str("\nOther members of the body may be given too, and are sent as they are.\n");
    }
}

fn place_of(name: &str, place: &Place) -> String {
    let named = |kind: &str, wire: &str| {
        if wire == name {
            kind.to_owned()
        } else {
            format!("{kind} `{wire}`")
        }
    };
    match place {
        Place::Path => "path".to_owned(),
        Place::Query { name, .. } => named("query", name),
        Place::Header(header) => named("header", header),
        Place::Body(member) => named("body", member),
        Place::Form { name, .. } => named("form", name),
        Place::Multipart { name, .. } => named("part", name),
        Place::Template | Place::BodyWhole => "body".to_owned(),
    }
}

fn default_of(parameter: &Parameter) -> String {
    let default = parameter
        .default
        .as_ref()
        .and_then(|value| value.to_json().ok());
    default.map_or(String::new(), |text| format!(" Default: `{text}`."))
}

fn output(text: &mut String, operation: &Operation) {
    let OutputType::Fixed(ty) = &operation.entry.output else {
        return;
    };
    let item = match ty {
        Type::List(item) | Type::Blob(item) => item,
        other => other,
    };
    let _ = write!(text, "\nValue: {ty}");
    if let Type::Record(record) = item {
        let members = record.fields.iter().map(|(name, field)| {
            let optional = if field.required { "" } else { "?" };
            format!("`{name}{optional}`")
        });
        let members: Vec<String> = members.collect();
        let _ = write!(text, " of {}", members.join(", "));
    }
    text.push_str(".\n");
}

/// A project with the files that the examples use.
fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("flow.toml"), "").expect("it can be written");
    copy(&cases(), folder.path());
    folder
}

pub(crate) fn copy(from: &Path, to: &Path) {
    for path in entries(from) {
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            std::fs::create_dir(&target).expect("it is new");
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).expect("it can be written");
        }
    }
}

/// What the sandbox of a project was asked: method, path and status.
fn asked(folder: &Path) -> Vec<(String, String, u64)> {
    let text = std::fs::read_to_string(folder.join(".flow/sandbox/requests.jsonl"));
    let lines = text.expect("the sandbox was asked");
    let request = |line: &str| {
        let request: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let text = |name: &str| request[name].as_str().unwrap_or_default().to_owned();
        (
            text("method"),
            text("path"),
            request["status"].as_u64().unwrap_or(0),
        )
    };
    lines.lines().map(request).collect()
}

/// Whether a path is one of `/v1/files/{file_id}` and its like.
fn fits(pattern: &str, path: &str) -> bool {
    let (mut pattern, mut path) = (pattern.split('/'), path.split('/'));
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return true,
            (Some(wanted), Some(found)) if wanted.starts_with('{') || wanted == found => {}
            _ => return false,
        }
    }
}

/// Runs the example of an operation, and looks for its request.
fn try_out(service: &Service, name: &str) -> Result<(), String> {
    let operation = &service.operations[name];
    let file = format!("{name}.yml");
    let folder = project();
    let starts = std::fs::read_to_string(folder.path().join(&file))
        .is_ok_and(|text| text.starts_with("on:"));
    if starts {
        let (code, _, err) = run(folder.path(), &["check", &file]);
        return if code == 0 {
            Ok(())
        } else {
            Err(format!("{name}: {err}"))
        };
    }
    let mut arguments = vec!["run".to_owned(), file, "--sandbox".to_owned()];
    if name == "files.download" {
        let sandbox = Sandbox::start(folder.path(), &folder.path().join(".flow/sandbox"));
        let planted = format!("file_id={}", sandbox.plant());
        arguments.extend(["--input".to_owned(), planted]);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (code, _, err) = run(folder.path(), &arguments);
    if code != 0 {
        return Err(format!("{name}: ended with {code}\n{err}"));
    }
    let entry = &operation.entry;
    let found = asked(folder.path())
        .into_iter()
        .any(|(method, path, status)| {
            status == 200 && method == *entry.method && fits(&entry.path, &path)
        });
    if found || !is_request(operation) {
        return Ok(());
    }
    Err(format!(
        "{name}: nobody asked `{} {}`",
        entry.method, entry.path
    ))
}

#[test]
fn every_operation_works_end_to_end() {
    let service = service();
    let names: Vec<_> = service.operations.keys().cloned().collect();
    // Side by side: most of their time is spent waiting.
    let failures: Vec<String> = std::thread::scope(|scope| {
        let service = &service;
        let tried: Vec<_> = names
            .iter()
            .map(|name| scope.spawn(move || try_out(service, name)))
            .collect();
        let ended = tried
            .into_iter()
            .map(|thread| thread.join().expect("it ends"));
        ended.filter_map(Result::err).collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    let files = entries(&cases()).into_iter();
    let unknown = files.filter_map(|path| {
        let name = path.file_name()?.to_str()?.strip_suffix(".yml")?.to_owned();
        (!service.operations.contains_key(name.as_str())).then_some(name)
    });
    assert_eq!(unknown.collect::<Vec<_>>(), Vec::<String>::new());
}
