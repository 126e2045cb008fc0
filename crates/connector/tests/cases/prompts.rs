//! What a message may hold besides text, and what its answer is held to.

use base64::Engine as _;
use flow_backend::step::StepRunner;
use flow_engine::run::Done;
use flow_engine::value::{Value, json};

use crate::support::{Bench, Server};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\x00\xff";
const CREATE: &str = "claude.messages.create";

/// The body that is sent for a message with these blocks.
async fn sent(bench: &Bench, content: Value) -> Result<serde_json::Value, (String, String)> {
    let server = Server::always(200, &[], r#"{"id":"m","content":[]}"#).await;
    let message = Value::map([("role", Value::from("user")), ("content", content)]);
    let arguments = Value::map([
        ("model", Value::from("m")),
        ("max_tokens", Value::from(5_i64)),
        ("messages", Value::list([message])),
    ]);
    let settings = Value::map([("base_url", Value::from(server.url.as_str()))]);
    let call = Bench::call(CREATE, settings, arguments);
    let result = bench.run(&call).await;
    result.map_err(|failure| (failure.code, failure.message))?;
    Ok(serde_json::from_slice(&server.received()[0].body).expect("JSON"))
}

fn block(kind: &str, file: Value) -> Value {
    let source = Value::map([("file", file)]);
    Value::map([("type", Value::from(kind)), ("source", source)])
}

#[tokio::test]
async fn files_become_sources() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("in")).expect("the folder is there");
    std::fs::write(bench.path("in/a.png"), PNG).expect("it can be written");
    std::fs::write(bench.path("in/b.json"), "{\"a\": \"é\"}\n").expect("it can be written");
    let stored = Value::from(bench.blob(b"%PDF-1.7", "application/pdf"));
    let named = json::parse(br#"{"name":"c.md","content":"Hello."}"#).expect("JSON");
    let cached = json::parse(br#"{"type":"ephemeral"}"#).expect("JSON");
    let mut with_title = block("document", stored);
    if let Value::Map(map) = &mut with_title {
        let map = std::sync::Arc::make_mut(map);
        map.insert("title", Value::from("Report"));
        map.insert("cache_control", cached);
    }
    let own = json::parse(br#"{"type":"image","source":{"type":"file","file_id":"file_1"}}"#);
    let inside = Value::map([
        ("type", Value::from("tool_result")),
        ("tool_use_id", Value::from("t")),
        (
            "content",
            Value::list([block("image", Value::from("in/a.png"))]),
        ),
    ]);
    let content = Value::list([
        block("image", Value::from("in/a.png")),
        with_title,
        block("document", Value::from("in/b.json")),
        block("document", named),
        own.expect("JSON"),
        inside,
    ]);
    let body = sent(&bench, content).await.expect("it is sent");
    let image = serde_json::json!({ "type": "base64", "media_type": "image/png", "data": "iVBORw0KGgoA/w==" });
    let text = |data: &str| serde_json::json!({ "type": "text", "media_type": "text/plain", "data": data });
    assert_eq!(
        body["messages"][0]["content"],
        serde_json::json!([
            { "type": "image", "source": image },
            {
                "type": "document",
                "source": { "type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjc=" },
                "title": "Report",
                "cache_control": { "type": "ephemeral" },
            },
            { "type": "document", "source": text("{\"a\": \"é\"}\n") },
            { "type": "document", "source": text("Hello.") },
            { "type": "image", "source": { "type": "file", "file_id": "file_1" } },
            { "type": "tool_result", "tool_use_id": "t", "content": [{ "type": "image", "source": image }] },
        ])
    );
}

#[tokio::test]
async fn a_large_file_is_sent_whole_and_prepared_small() {
    let bench = Bench::new();
    let bytes: Vec<u8> = (0..3_000_001_u32).map(|at| (at % 251) as u8).collect();
    std::fs::write(bench.path("large.pdf"), &bytes).expect("it can be written");
    let content = Value::list([block("document", Value::from("large.pdf"))]);
    let body = sent(&bench, content.clone()).await.expect("it is sent");
    let data = body["messages"][0]["content"][0]["source"]["data"].as_str();
    let decoded = base64::engine::general_purpose::STANDARD.decode(data.expect("a text"));
    assert!(decoded.expect("base64") == bytes, "byte for byte");
    let message = Value::map([("role", Value::from("user")), ("content", content)]);
    let arguments = Value::map([
        ("model", Value::from("m")),
        ("max_tokens", Value::from(5_i64)),
        ("messages", Value::list([message])),
    ]);
    let call = Bench::call(CREATE, Value::Null, arguments);
    let prepared = bench.connectors.prepare(&call, &bench.context).await;
    let written = serde_json::to_string(&prepared.expect("it is a request")).expect("JSON");
    assert!(written.len() < 2000, "{} bytes", written.len());
}

#[tokio::test]
async fn what_a_message_cannot_hold_is_named() {
    let bench = Bench::new();
    std::fs::write(bench.path("a.zip"), "PK").expect("it can be written");
    std::fs::write(bench.path("a.pdf"), "%PDF").expect("it can be written");
    for (kind, file, code, said) in [
        (
            "document",
            "a.zip",
            "call.source",
            "`a.zip` is `application/zip`, and a document block holds PDF and text",
        ),
        (
            "image",
            "a.pdf",
            "call.source",
            "`a.pdf` is `application/pdf`, and an image block holds PNG, JPEG, GIF and WebP",
        ),
        ("image", "b.png", "file.not_found", "b.png"),
        ("image", "../b.png", "file.outside_root", "b.png"),
    ] {
        let refused = sent(&bench, Value::list([block(kind, Value::from(file))])).await;
        let (found, message) = refused.expect_err(file);
        assert_eq!(found, code, "{message}");
        assert!(message.contains(said), "{message}");
    }
}

const SCHEMA: &str = r#"{"type":"object","properties":{"topic":{"enum":["a","b"]},"at":{"type":"array","items":{"type":"integer"}}},"required":["topic"],"additionalProperties":false}"#;

/// Asks for an answer in the schema and gets this text, which ended so.
async fn answered(operation: &str, text: &str, ended: &str) -> Result<Value, (String, String)> {
    let quoted = serde_json::to_string(text).expect("a text");
    let answer = if operation == CREATE {
        format!(
            r#"{{"id":"m","content":[{{"type":"thinking","thinking":"x"}},{{"type":"text","text":{quoted}}}],"stop_reason":"{ended}"}}"#
        )
    } else {
        [
            r#"{"type":"message_start","message":{"id":"m","content":[]}}"#.to_owned(),
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#.to_owned(),
            format!(r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"text_delta","text":{quoted}}}}}"#),
            format!(r#"{{"type":"message_delta","delta":{{"stop_reason":"{ended}"}}}}"#),
            r#"{"type":"message_stop"}"#.to_owned(),
        ]
        .map(|data| format!("data: {data}\n\n"))
        .concat()
    };
    let server = Server::always(200, &[], &answer).await;
    let arguments = format!(
        r#"{{"model":"m","max_tokens":5,"messages":[],"output_config":{{"format":{{"type":"json_schema","schema":{SCHEMA}}}}}}}"#
    );
    let bench = Bench::new();
    let result = bench
        .perform(operation, &server.settings(), &arguments)
        .await;
    result.map_err(|failure| {
        assert_eq!(failure.done, Done::Done);
        (failure.code, failure.message)
    })
}

#[tokio::test]
async fn an_answer_fits_its_schema_or_fails_with_the_place() {
    for operation in [CREATE, "claude.messages.stream"] {
        for text in [r#"{"topic":"a"}"#, r#" {"topic":"b","at":[1,2]} "#] {
            answered(operation, text, "end_turn").await.expect(text);
        }
        answered(operation, "", "tool_use")
            .await
            .expect("there is no text yet");
        for (text, ended, said) in [
            (
                r#"{"topic":"c"}"#,
                "end_turn",
                r#"`topic`: expected one of "a", "b", found "c" (it ended with `end_turn`)"#,
            ),
            (
                r#"{"topic":"a","at":[1,"x"]}"#,
                "end_turn",
                r#"`at[1]`: expected integer, found "x""#,
            ),
            (
                r#"{"topic":"a","b":1}"#,
                "end_turn",
                "there is a member `b` that may not be there",
            ),
            (
                r#"{"topic":"a","at":[1,"#,
                "max_tokens",
                "it is not JSON: EOF while parsing",
            ),
            (
                "I cannot help with that.",
                "refusal",
                "it begins `I cannot help with that.` (it ended with `refusal`)",
            ),
        ] {
            let (code, message) = answered(operation, text, ended).await.expect_err(text);
            assert_eq!(code, "answer.schema", "{message}");
            assert!(message.contains(said), "{message}");
        }
    }
}
