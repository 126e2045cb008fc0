//! The built-in Claude connector: what is sent, and what a value looks like.

use flow_engine::catalog::{Effect, Look, OperationKind};
use flow_engine::value::Value;

use crate::support::{Bench, Server};

const MESSAGE: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"Hel"},{"type":"text","text":"lo"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":4}}"#;

fn view(value: &Value, name: &str) -> Option<Value> {
    let map = value.as_map()?;
    map.view()?.read(map, name)
}

#[tokio::test]
async fn a_message_is_sent_and_read() {
    let server = Server::always(200, &[("content-type", "application/json")], MESSAGE).await;
    let bench = Bench::new();
    let hostile = r#""quotes" \\ newline\n {{braces}} {%x%} {#c#} 🦀"#;
    let arguments = format!(
        r#"{{"model":"m","max_tokens":5,"messages":[{{"role":"user","content":{}}}],"temperature":0.5}}"#,
        serde_json::to_string(hostile).expect("text")
    );
    let value = bench
        .perform("claude.messages.create", &server.settings(), &arguments)
        .await
        .expect("it answers");
    assert_eq!(value.to_json().expect("no blobs"), MESSAGE);
    assert_eq!(view(&value, "text"), Some(Value::from("Hello")));
    assert_eq!(
        view(&value, "usage_output_tokens"),
        Some(Value::from(4_i64))
    );

    let received = &server.received()[0];
    assert_eq!(
        (received.method.as_str(), received.target.as_str()),
        ("POST", "/v1/messages")
    );
    assert_eq!(received.header("x-api-key"), Some("sk-test"));
    assert_eq!(received.header("anthropic-version"), Some("2026-10-21"));
    assert_eq!(received.header("content-type"), Some("application/json"));
    assert_eq!(received.header("authorization"), None);
    assert_eq!(received.header("anthropic-workspace-id"), None);
    assert_eq!(received.text(), arguments);
}

#[tokio::test]
async fn settings_choose_headers() {
    let server = Server::always(200, &[], "{\"id\":\"m\"}").await;
    let settings = format!(
        r#"{{"base_url":"{}/v1/","auth":"bearer","version":"2023-06-01","workspace_id":"w","beta":["a","b"]}}"#,
        server.url
    );
    let bench = Bench::new();
    bench
        .perform(
            "claude-api.models.read",
            &settings,
            r#"{"model_id":"a/b?"}"#,
        )
        .await
        .expect("it answers");
    let received = &server.received()[0];
    assert_eq!(received.target, "/v1/models/a%2Fb%3F");
    assert_eq!(received.header("authorization"), Some("Bearer sk-test"));
    assert_eq!(received.header("x-api-key"), None);
    assert_eq!(received.header("anthropic-beta"), Some("a,b"));
    assert_eq!(received.header("anthropic-version"), Some("2023-06-01"));
    assert_eq!(received.header("anthropic-workspace-id"), Some("w"));
}

#[tokio::test]
async fn a_stream_becomes_the_message() {
    let events = concat!(
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"content\":[],\"stop_reason\":null,\"usage\":{\"input_tokens\":2,\"output_tokens\":1}}}\n\n",
        "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hé\"}}\n\n",
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":9}}\n\n",
    );
    let whole = format!("{events}event: message_stop\ndata: {{\"type\":\"message_stop\"}}\n\n");
    let bench = Bench::new();
    let arguments = r#"{"model":"m","max_tokens":5,"messages":[]}"#;
    let server = Server::always(200, &[("content-type", "text/event-stream")], &whole).await;
    let value = bench
        .perform("claude.messages.stream", &server.settings(), arguments)
        .await
        .expect("it answers");
    assert_eq!(view(&value, "text"), Some(Value::from("Hé")));
    assert_eq!(
        value
            .get("usage")
            .and_then(|usage| usage.get("output_tokens")),
        Some(&Value::from(9_i64))
    );
    assert!(server.received()[0].text().ends_with(r#""stream":true}"#));

    let cut = Server::always(200, &[("content-type", "text/event-stream")], events).await;
    let failure = bench
        .perform("claude.messages.stream", &cut.settings(), arguments)
        .await
        .expect_err("it is cut");
    assert_eq!(failure.code, "http.stream_incomplete");
    assert!(failure.kind.is_transient());
}

#[tokio::test]
async fn batch_results_are_a_stream_with_text() {
    let lines = format!(
        "{{\"custom_id\":\"a\",\"result\":{{\"type\":\"succeeded\",\"message\":{MESSAGE}}}}}\n{{\"custom_id\":\"b\",\"result\":{{\"type\":\"expired\"}}}}"
    );
    let server = Server::always(200, &[("content-type", "application/x-jsonl")], &lines).await;
    let bench = Bench::new();
    let value = bench
        .perform(
            "claude.message_batches.results",
            &server.settings(),
            r#"{"batch_id":"msgbatch_1"}"#,
        )
        .await
        .expect("it answers");
    let blob = value.as_blob().expect("a stream");
    assert_eq!(blob.count, Some(2));
    let items: Vec<Value> = flow_engine::eval::items(&value, &*bench.context.blobs)
        .and_then(Iterator::collect)
        .expect("the lines are JSON");
    assert_eq!(view(&items[0], "text"), Some(Value::from("Hello")));
    assert_eq!(view(&items[1], "text"), None);
    assert_eq!(
        server.received()[0].target,
        "/v1/messages/batches/msgbatch_1/results"
    );
}

#[test]
fn the_catalog_has_every_operation_and_trigger_by_its_title() {
    let catalog = Bench::new().connectors.catalog();
    let claude = catalog.connector("claude").expect("the alias");
    let titled = |name: &str, kind, effect, title: &str| {
        let operation = claude
            .operations
            .get(name)
            .unwrap_or_else(|| panic!("{name} is missing"));
        assert_eq!(
            (operation.kind, operation.effect, &*operation.title),
            (kind, effect, title),
            "{name}"
        );
    };
    titled(
        "messages.create",
        OperationKind::Action,
        Effect::Repeatable,
        "Send Message",
    );
    titled(
        "messages.count_tokens",
        OperationKind::Action,
        Effect::Repeatable,
        "Estimate Token Usage",
    );
    titled(
        "message_batches.create",
        OperationKind::Action,
        Effect::Once,
        "Send Message Batch",
    );
    titled(
        "message_batches.cancel",
        OperationKind::Action,
        Effect::Keyed,
        "Cancel Message Batch",
    );
    titled(
        "message_batches.delete",
        OperationKind::Action,
        Effect::Keyed,
        "Delete Message Batch",
    );
    titled(
        "files.upload",
        OperationKind::Action,
        Effect::Once,
        "Upload File",
    );
    titled(
        "skills.create",
        OperationKind::Action,
        Effect::Once,
        "Create Skill",
    );
    titled(
        "models.list",
        OperationKind::Query,
        Effect::Read,
        "List Models",
    );
    titled(
        "files.list",
        OperationKind::Query,
        Effect::Read,
        "List Files",
    );
    titled(
        "skills.list",
        OperationKind::Query,
        Effect::Read,
        "List Skills",
    );
    for (name, title) in [
        ("messages.created", "Message Created"),
        ("message_batches.ended", "Message Batch Ended"),
        ("message_batches.expired", "Message Batch Expired"),
        ("models.created", "Model Created"),
        ("files.created", "File Created"),
        ("files.deleted", "File Deleted"),
        ("skills.created", "Skill Created"),
        ("skills.deleted", "Skill Deleted"),
    ] {
        titled(name, OperationKind::Trigger, Effect::Read, title);
    }
    assert_eq!(
        claude.operations["messages.created"].look,
        Some(Look::Success("messages.create".into()))
    );
    assert!(
        matches!(&claude.operations["message_batches.ended"].look, Some(Look::Either { object, .. }) if &**object == "batch_id")
    );
    assert_eq!(
        &*claude.operations["message_batches.results"].path,
        "/v1/messages/batches/{batch_id}/results"
    );
    assert_eq!(
        claude.settings["api_key"].default_secret.as_deref(),
        Some("ANTHROPIC_API_KEY")
    );
}

#[tokio::test]
async fn a_sandbox_takes_every_connection() {
    let server = Server::always(200, &[], "{\"id\":\"m\"}").await;
    let connectors = flow_connector::Connectors::builtin().with_override(
        "claude",
        server.url.as_str(),
        "made-up".to_owned().into(),
    );
    let bench = Bench::with(connectors);
    let settings = r#"{"base_url":"http://192.0.2.1/","auth":"bearer"}"#;
    bench
        .perform("claude.models.read", settings, r#"{"model_id":"m"}"#)
        .await
        .expect("it answers");
    assert_eq!(
        server.received()[0].header("authorization"),
        Some("Bearer made-up")
    );
}

#[tokio::test]
async fn wrong_calls_are_refused_before_anything_is_sent() {
    let bench = Bench::new();
    let check = async |operation: &str, settings: &str, arguments: &str, code: &str| {
        let failure = bench
            .perform(operation, settings, arguments)
            .await
            .expect_err("it is refused");
        assert_eq!(failure.code, code, "{}", failure.message);
    };
    check(
        "claude.messages.create",
        "{}",
        r#"{"model":"m"}"#,
        "call.missing_parameter",
    )
    .await;
    check(
        "claude.models.list",
        "{}",
        r#"{"limitt":1}"#,
        "call.unknown_parameter",
    )
    .await;
    check("claude.models.list", "{}", r#"{"limit":"1"}"#, "call.type").await;
    check(
        "claude.models.read",
        "{}",
        r#"{"model_id":".."}"#,
        "call.path_value",
    )
    .await;
    check("claude.models.make", "{}", "{}", "call.unknown_operation").await;
    check(
        "claude.messages.created",
        "{}",
        "{}",
        "call.unknown_operation",
    )
    .await;
    check(
        "claude.models.list",
        r#"{"api_kay":"x"}"#,
        "{}",
        "connection.unknown_setting",
    )
    .await;
    check(
        "claude.models.list",
        r#"{"auth":"basic"}"#,
        "{}",
        "connection.setting",
    )
    .await;
    check("claude.skills.create", "{}", "{}", "call.missing_parameter").await;
    check(
        "claude.models.list",
        r#"{"base_url":"ftp://x"}"#,
        "{}",
        "connection.insecure",
    )
    .await;
    check(
        "claude.models.list",
        r#"{"workspace_id":"a\r\nb"}"#,
        "{}",
        "call.header",
    )
    .await;
}
