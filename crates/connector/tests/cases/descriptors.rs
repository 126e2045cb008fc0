//! Descriptors: the widely used form as it stands, our additions, and what is wrong with others.

use std::path::Path;

use flow_connector::Connectors;
use flow_connector::descriptor::{self, DescriptorError};
use flow_engine::catalog::{Effect, Look, News, OperationKind};
use flow_engine::source::SourceFile;
use flow_engine::value::Value;

use crate::support::{Bench, Server, reply};

fn notes() -> Vec<SourceFile> {
    let file = |name: &str, text: &str| SourceFile::new(name, text);
    vec![
        file(
            "notes.resources.json",
            include_str!("../descriptors/notes.resources.json"),
        ),
        file(
            "notes.service.json",
            include_str!("../descriptors/notes.service.json"),
        ),
    ]
}

fn bench() -> Bench {
    let connectors = Connectors::builtin().with_descriptor(&notes());
    Bench::with(connectors.unwrap_or_else(|error| panic!("{error}")))
}

#[test]
fn two_documents_make_a_connector() {
    let bench = bench();
    let catalog = bench.connectors.catalog();
    let notes = catalog.connector("notes").expect("it was loaded");
    assert_eq!(
        notes.settings["api_key"].default_secret.as_deref(),
        Some("NOTES_API_KEY")
    );
    assert!(notes.settings["api_key"].secret && notes.settings.contains_key("base_url"));
    let create = &notes.operations["notes.create"];
    assert_eq!(
        (create.kind, create.effect, &*create.title),
        (OperationKind::Action, Effect::Once, "Create Notes")
    );
    assert_eq!(
        create
            .parameters
            .keys()
            .map(|name| &**name)
            .collect::<Vec<_>>(),
        ["title", "stars", "content", "tag"]
    );
    assert!(!create.parameters["tag"].required);
    let look = |name: &str| notes.operations[name].look.clone();
    assert!(
        matches!(look("notes.created"), Some(Look::Edge(edge)) if edge.news == News::Appeared && &*edge.query == "notes.list")
    );
    assert!(matches!(look("notes.deleted"), Some(Look::Edge(edge)) if edge.news == News::Vanished));
    assert!(
        matches!(look("notes.archived"), Some(Look::Either { level, object, .. })
        if &*level.condition == "item.archived_at != null" && &*object == "note_id")
    );
    assert!(
        matches!(look("notes.ended"), Some(Look::Either { level, .. }) if &*level.condition == "item.processing_status == 'ended'")
    );
    assert_eq!(
        look("pings.created"),
        Some(Look::Success("pings.create".into())),
        "no list shows it"
    );
    assert_eq!(&*notes.operations["notes.archived"].title, "Note Archived");
}

#[tokio::test]
async fn template_bodies_are_exactly_what_is_meant() {
    let server = Server::always(
        200,
        &[],
        r#"{"id":"n","body":[{"text":"x"}],"lines":["one"],"stats":{"words":3}}"#,
    )
    .await;
    let hostile = "\"quotes\" \\ newline\n {{braces}} {{title}} {%x%} {#c#} 🦀";
    let arguments = Value::map([
        ("title", Value::from(hostile)),
        ("stars", Value::from(5_i64)),
        ("content", Value::from(hostile)),
    ]);
    let settings = Value::map([("base_url", Value::from(server.url.as_str()))]);
    let value = bench()
        .run(&Bench::call("notes.notes.create", settings, arguments))
        .await
        .expect("it answers");
    let received = &server.received()[0];
    let quoted = serde_json::to_string(hostile).expect("text");
    assert_eq!(
        received.text(),
        format!(r#"{{"title":{quoted},"stars":5,"content":[{{"text":{quoted}}}]}}"#)
    );
    assert_eq!(received.target, "/api/notes");
    assert_eq!(received.header("x-notes-key"), Some("notes-key"));
    assert_eq!(received.header("notes-version"), Some("3"));
    let map = value.as_map().expect("a map");
    let view = map.view().expect("fields that are not the body's own");
    assert_eq!(view.read(map, "first_line"), Some(Value::from("one")));
    assert_eq!(view.read(map, "words"), Some(Value::from(3_i64)));
    assert!(
        view.members
            .iter()
            .all(|member| &*member.name != "id" && &*member.name != "body")
    );
}

#[tokio::test]
async fn a_plain_list_finds_its_items_and_pages() {
    for (first, second) in [
        (
            r#"{"data":[{"id":"a"}],"has_more":true,"last_id":"a"}"#,
            "/api/notes?after_id=a",
        ),
        (
            r#"{"items":[{"id":"a"}],"next_page":"p"}"#,
            "/api/notes?page=p",
        ),
    ] {
        let server = Server::start(move |_, number| {
            reply(
                200,
                &[],
                if number == 0 {
                    first
                } else {
                    r#"[{"id":"b"}]"#
                },
            )
        })
        .await;
        let value = bench()
            .perform("notes.notes.list", &server.settings(), "{}")
            .await
            .expect("two pages");
        assert_eq!(
            value.to_json().expect("short"),
            r#"[{"id":"a"},{"id":"b"}]"#
        );
        assert_eq!(server.received()[1].target, second);
    }
}

#[test]
fn a_descriptor_takes_the_place_of_a_built_in_one() {
    let text = r#"{"handle":"claude-api","service":{"baseURL":{"value":"https://x.example"},"headers":{"x-api-key":{"value":"{{apiKey}}"}},"auth":{"method":"api_token","params":{"apiToken":{"token":{"value":"{{apiKey}}"},"headerName":{"value":"x-api-key"}}}}}}"#;
    let connectors = Connectors::builtin()
        .with_descriptor(&[SourceFile::new("mine.json", text)])
        .expect("it is well formed");
    assert_eq!(
        connectors.notes(),
        ["the connector `claude-api` of mine.json is used instead of the built-in one"]
    );
    let catalog = connectors.catalog();
    let claude = catalog.connector("claude").expect("the alias stays");
    assert_eq!(
        claude.settings["api_key"].default_secret.as_deref(),
        Some("ANTHROPIC_API_KEY")
    );
    assert!(claude.operations.is_empty());
}

#[track_caller]
fn check(text: &str, expected: &str) {
    let error: DescriptorError =
        descriptor::load(&[SourceFile::new("d.yaml", text)]).expect_err("it is malformed");
    assert_eq!(format!("{} {error}", error.code), expected);
}

#[test]
fn errors_have_a_code_a_path_and_a_place() {
    let with = |rest: &str| {
        format!(
            "handle: x\nservice: {{ baseURL: 'https://x.example' }}\nresources:\n  - handle: r\n{rest}"
        )
    };
    check(
        "handle: x\nservce: {}\n",
        "descriptor.shape d.yaml:2:1: `servce`: unknown field `servce`, expected one of `handle`, `status`, `meta`, `aliases`, `service`, `types`, `prices`, `resources`",
    );
    check(
        "{\"handle\": \"x\",\n \"service\": {\"baseURL\": 1}}",
        "descriptor.shape d.yaml:2:25: `service.baseURL`: invalid type: integer `1`, expected a text, or a map with `value` and `placeholders`",
    );
    check(
        "{\"handle\": ",
        "descriptor.syntax d.yaml:1:11: `handle`: EOF while parsing a value",
    );
    check(
        "- handle: r\n",
        "descriptor.incomplete d.yaml: no service document: one of the texts must be a map with `handle` and `service`",
    );
    check(
        "handle: X y\nservice: { baseURL: a }\n",
        "descriptor.shape d.yaml:1:1: `handle`: a handle is made of small letters, digits, `-` and `_`, and begins with a letter",
    );
    check(
        &with(
            "    operations:\n      make:\n        method: POST\n        bodyTemplate: '{\"a\": {{x}'\n",
        ),
        "descriptor.body_template d.yaml:8:9: `resources[0].operations.make.bodyTemplate`: `{{` without `}}` in `{{x}`",
    );
    check(
        &with("    operations:\n      make: { method: FETCH }\n"),
        "descriptor.shape d.yaml:6:15: `resources[0].operations.make.method`: `FETCH` is not a method",
    );
    check(
        &with("    operations:\n      make: { output: nothing }\n"),
        "descriptor.reference d.yaml:6:15: `resources[0].operations.make.output`: `nothing` is not one of the descriptor's types",
    );
    check(
        &with("    triggers:\n      made: { edge: { query: list } }\n"),
        "descriptor.reference d.yaml:6:23: `resources[0].triggers.made.edge.query`: `list` is not a query of `r`",
    );
    check(
        &with("    operations:\n      make: { parameters: { a: { schema: { type: text } } } }\n"),
        "descriptor.schema d.yaml:6:29: `resources[0].operations.make.parameters.a`: `text` is not a JSON Schema type",
    );
    let auth = "handle: x\nservice:\n  baseURL: https://x.example\n  auth: { method: magic }\n";
    check(
        auth,
        "descriptor.auth d.yaml:4:11: `service.auth.method`: `magic` is not a method that is known: `api_token`, `bearer`, `basic`, `oauth2`, `none`",
    );
    let large = format!("handle: {}", "x".repeat(5 << 20));
    check(
        &large,
        "descriptor.too_large d.yaml: longer than 4194304 bytes",
    );
}

#[test]
fn what_calls_cost_is_checked() {
    let usage = |usage: &str| {
        format!(
            "handle: x\nservice: {{ baseURL: 'https://x.example' }}\nresources:\n  - handle: r\n    operations:\n      make: {{ method: POST, parameters: {{ a: {{}} }}, usage: {usage} }}\n"
        )
    };
    for (written, code, path, message) in [
        (
            "{ share: night }",
            "reference",
            "share",
            "`prices.shares` has no `night`",
        ),
        (
            "{ of: b }",
            "reference",
            "of",
            "`b` is no parameter of this operation",
        ),
        (
            "{ request: { each: b, model: m, output: o, texts: [a] } }",
            "reference",
            "request.each",
            "`b` is no parameter of this operation",
        ),
        (
            "{ answer: { model: m, tokens: { words: n } } }",
            "shape",
            "answer.tokens",
            "tokens are of the kinds input, output, cache_write_5m, cache_write_1h, cache_read",
        ),
        (
            "{ answer: { model: m, tokens: {}, factors: [{ path: p, is: x, factor: 0 }] } }",
            "shape",
            "answer.factors",
            "a factor is a number above 0 and up to 100, such as `1.1`",
        ),
    ] {
        let text = usage(written);
        let error = descriptor::load(&[SourceFile::new("d.yaml", text)]).expect_err(written);
        assert_eq!(error.code, format!("descriptor.{code}"), "{written}");
        assert_eq!(
            error.path,
            format!("resources[0].operations.make.usage.{path}")
        );
        assert_eq!(error.message, message);
        assert!(error.at.is_some_and(|at| at.line == 6), "{written}");
    }
    let priced = |prices: &str| {
        format!("handle: x\nprices: {prices}\nservice: {{ baseURL: 'https://x.example' }}\n")
    };
    check(
        &priced("{ models: { m: { input: -1 } } }"),
        "descriptor.shape d.yaml:2:21: `prices.models.m`: a price is US dollars for a million tokens, 0 or more",
    );
    check(
        &priced("{ shares: { night: 0 } }"),
        "descriptor.shape d.yaml:2:21: `prices.shares.night`: a share is a number above 0 and up to 100, such as `0.5`",
    );
}

/// The documents that the project started from, if the folder with them is named.
#[tokio::test]
async fn the_first_documents_load_unchanged() {
    let Some(folder) = std::env::var_os("FLOW_SEEDS") else {
        eprintln!("skipped: FLOW_SEEDS names no folder");
        return;
    };
    let read = |name: &str| {
        let path = Path::new(&folder).join(name);
        SourceFile::new(
            name,
            std::fs::read_to_string(path).expect("the document is there"),
        )
    };
    let sources = [
        read("claude-api.service.json"),
        read("claude-api.resources.json"),
    ];
    let connectors = Connectors::builtin()
        .with_descriptor(&sources)
        .unwrap_or_else(|error| panic!("{error}"));
    let server = Server::always(
        200,
        &[],
        r#"{"id":"m","content":[{"type":"text","text":"hi"}],"usage":{"input_tokens":2}}"#,
    )
    .await;
    let bench = Bench::with(connectors.with_override(
        "claude",
        server.url.as_str(),
        "made-up".to_owned().into(),
    ));
    let arguments = Value::map([
        ("model", Value::from("m")),
        ("max_tokens", Value::from(5_i64)),
        ("content", Value::from("\"{{model}}\"\n")),
    ]);
    let value = bench
        .run(&Bench::call(
            "claude.messages.create",
            Value::Null,
            arguments,
        ))
        .await
        .expect("it answers");
    let map = value.as_map().expect("a map");
    assert_eq!(
        map.view()
            .and_then(|view| view.read(map, "usage_input_tokens")),
        Some(Value::from(2_i64))
    );
    let received = &server.received()[0];
    assert_eq!(received.target, "/v1/messages");
    assert_eq!(
        received.text(),
        r#"{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"\"{{model}}\"\n"}]}"#
    );
    assert_eq!(received.header("x-api-key"), Some("made-up"));
    let catalog = bench.connectors.catalog();
    let claude = catalog.connector("claude").expect("the alias");
    assert!(claude.operations["messages.created"].look.is_none());
    assert!(matches!(
        claude.operations["message_batches.ended"].look,
        Some(Look::Either { .. })
    ));
    assert!(matches!(
        claude.operations["files.deleted"].look,
        Some(Look::Edge(_))
    ));
}
