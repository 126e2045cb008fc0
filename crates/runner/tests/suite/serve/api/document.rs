//! The document, the page that is made of it, and a connector that is made of it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use super::{Api, document};
use crate::support::{expect, flow, root, run, texts};

/// Below this line the page is made of the document.
const MADE: &str =
    "<!-- Below: made of the table of routes by UPDATE=1 cargo test -- api::document -->\n";

#[test]
fn the_page_has_every_route() {
    let path = root().join("docs/api.md");
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    let (written, _) = page.split_once(MADE).expect("the line above what is made");
    expect(&path, &format!("{written}{MADE}{}", made(&document())));
}

fn made(document: &Value) -> String {
    let mut text = "\n## Routes\n\n| route | class | |\n| --- | --- | --- |\n".to_owned();
    let mut details = String::new();
    for (path, of_path) in document["paths"].as_object().expect("paths") {
        for (method, operation) in of_path.as_object().expect("operations") {
            let word = |name: &str| operation[name].as_str().unwrap_or_default().to_owned();
            let (method, summary) = (method.to_uppercase(), word("summary"));
            let _ = writeln!(
                text,
                "| `{method} {path}` | {} | {summary} |",
                word("x-class")
            );
            let _ = writeln!(
                details,
                "\n### {summary}\n\n`{method} {path}`, class {}, `{}`\n",
                word("x-class"),
                word("operationId")
            );
            details.push_str(&parameters(operation));
            details.push_str(&answers(operation));
        }
    }
    text + &details + &shapes(document)
}

/// The shapes that have names.
fn shapes(document: &Value) -> String {
    let mut text = "\n## Shapes\n".to_owned();
    let named = document["components"]["schemas"].as_object();
    for (name, schema) in named.expect("shapes") {
        let _ = writeln!(
            text,
            "\n### {name}\n\n| member | type | |\n| --- | --- | --- |"
        );
        for (name, member) in schema["properties"].as_object().expect("members") {
            let about = member["description"].as_str().unwrap_or_default();
            let _ = writeln!(text, "| `{name}` | {} | {about} |", kind(member));
        }
    }
    text
}

fn parameters(operation: &Value) -> String {
    let mut text = String::new();
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    let of_body = body["properties"].as_object().into_iter().flatten();
    let of_body = of_body.map(|(name, schema)| (name.as_str(), "body", schema, schema));
    let all = operation["parameters"].as_array().into_iter().flatten();
    let all = all.map(|it| {
        let place = it["in"].as_str().unwrap_or_default();
        (
            it["name"].as_str().unwrap_or_default(),
            place,
            &it["schema"],
            it,
        )
    });
    for (name, place, schema, about) in all.chain(of_body) {
        if text.is_empty() {
            text.push_str("| parameter | in | type | |\n| --- | --- | --- | --- |\n");
        }
        let about = about["description"].as_str().unwrap_or_default();
        let _ = writeln!(text, "| `{name}` | {place} | {} | {about} |", kind(schema));
    }
    if !text.is_empty() {
        text.push('\n');
    } else if !body.is_null() {
        text.push_str("The body is `{}`.\n\n");
    }
    text
}

fn answers(operation: &Value) -> String {
    let mut text = String::new();
    let (mut refused, mut members) = (Vec::new(), BTreeSet::new());
    for (status, answer) in operation["responses"].as_object().expect("answers") {
        let content = answer["content"].as_object().expect("content");
        let (media, content) = content.iter().next().expect("one");
        let about = answer["description"].as_str().unwrap_or_default();
        if media.as_str() == "application/problem+json" {
            refused.push(format!("`{status}`"));
            continue;
        }
        let _ = writeln!(text, "- `{status}` `{media}`: {about}");
        let schema = &content["schema"];
        if schema["$ref"].is_string() {
            members.insert(format!("a {}", kind(schema)));
        }
        for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
            members.insert(format!("`{name}` ({})", kind(schema)));
        }
    }
    let _ = writeln!(
        text,
        "- {}: refused, as problem details",
        refused.join(", ")
    );
    if !members.is_empty() {
        let members: Vec<String> = members.into_iter().collect();
        let _ = writeln!(text, "\nThe answer has: {}.", members.join(", "));
    }
    text
}

/// The type of a value, in a few words.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.rsplit('/').next().unwrap_or_default();
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if schema["type"] == "array" {
        return format!("list of {}", kind(&schema["items"]));
    }
    let range = match (&schema["minimum"], &schema["maximum"]) {
        (Value::Number(least), Value::Number(most)) if most.as_u64() < Some(1 << 32) => {
            format!(", {least} to {most}")
        }
        _ => String::new(),
    };
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
        return words.join(", ");
    }
    match &schema["type"] {
        Value::String(ty) => format!("{ty}{range}"),
        Value::Array(types) => {
            let types: Vec<&str> = types.iter().filter_map(Value::as_str).collect();
            types.join(" or ")
        }
        _ => "any".to_owned(),
    }
}

#[test]
fn the_daemon_serves_the_document_under_its_own_address() {
    let api = Api::start(&[], &[]);
    let mut served = api.get("/openapi.json").json();
    assert_eq!(
        served["servers"][0]["url"],
        format!("http://{}", api.address)
    );
    served["servers"] = document()["servers"].clone();
    assert_eq!(served, document());
    assert_eq!(api.daemon.stop(), 0);
}

#[test]
fn a_connector_is_made_of_it_and_starts_runs() {
    let api = Api::start(&[], &[]);
    let client = tempfile::tempdir().expect("a folder");
    std::fs::write(client.path().join("flow.toml"), "").expect("a file");
    let document = api.get("/openapi.json").body;
    std::fs::write(client.path().join("api.json"), document).expect("a file");
    let import = ["connector", "import", "api.json", "--name", "daemon"];
    let (code, out, err) = run(client.path(), &import);
    assert_eq!(code, 0, "{out}{err}");
    let call = |arguments: &[&str]| {
        let mut command = flow(client.path());
        command
            .env("DAEMON_TOKEN", &api.admin)
            .arg("call")
            .args(arguments);
        let (code, out, err) = texts(&command.output().expect("it starts"));
        assert_eq!(code, 0, "{arguments:?}: {out}{err}");
        serde_json::from_str::<Value>(&out).expect("JSON")
    };
    let started = call(&[
        "daemon.workflow_runs.create",
        "workflow=hello",
        r#"inputs={"who":"connector"}"#,
    ]);
    let id = started["run"].as_str().expect("an id").to_owned();
    api.is(&id, "succeeded");
    let shown = call(&["daemon.runs.read", &format!("run={id}")]);
    assert_eq!(shown["outputs"]["text"], "Hello connector");
    let paused = call(&[
        "daemon.triggers.pause",
        "workflow=hello",
        "trigger=nightly",
        "body={}",
    ]);
    assert!(paused["paused_at"].is_string(), "{paused}");
    for _ in 0..3 {
        api.hello();
    }
    let runs = call(&["daemon.runs.list", "limit=1"]);
    assert_eq!(
        runs.as_array().map(Vec::len),
        Some(4),
        "over all pages: {runs}"
    );
    assert_eq!(api.daemon.stop(), 0);
}
