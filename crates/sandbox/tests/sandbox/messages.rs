//! Messages: what is refused, what is answered, and how it is streamed.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{World, ask, read, told};

fn with(field: &str, value: Value) -> Value {
    let mut body = ask("hi");
    body[field] = value;
    body
}

fn without(field: &str) -> Value {
    let mut body = ask("hi");
    body.as_object_mut().expect("an object").remove(field);
    body
}

/// Checks that each body is refused, with a 400 unless the expectation says otherwise.
async fn refuse(cases: impl IntoIterator<Item = (Value, &str)>) {
    let world = World::new().await;
    for (body, expected) in cases {
        let told = told(&world.post("/v1/messages", &body).await);
        assert_eq!(
            told.strip_prefix("400 invalid_request_error: ")
                .unwrap_or(&told),
            expected
        );
    }
}

#[tokio::test]
async fn bodies_are_checked_field_by_field() {
    let far = "max_tokens: 64001 > 64000, which is the maximum allowed number of output tokens for claude-haiku-5-5";
    refuse([
        (without("model"), "model: Field required"),
        (without("max_tokens"), "max_tokens: Field required"),
        (without("messages"), "messages: Field required"),
        (
            with("model", json!("gpt-9")),
            "404 not_found_error: model: gpt-9",
        ),
        (
            with("model", json!("claude-opus-4-1")),
            "404 not_found_error: model: claude-opus-4-1",
        ),
        (
            with("model", json!(1)),
            "model: Input should be a valid string",
        ),
        (
            with("max_tokens", json!("1")),
            "max_tokens: Input should be a valid integer",
        ),
        (
            with("max_tokens", json!(-1)),
            "max_tokens: Input should be greater than or equal to 0",
        ),
        (with("max_tokens", json!(64_001)), far),
        (
            with("temperature", json!(1.0)),
            "temperature: Extra inputs are not permitted",
        ),
        (
            with("colour", json!(1)),
            "colour: Extra inputs are not permitted",
        ),
        (
            with("service_tier", json!("fast")),
            "service_tier: Input should be 'auto' or 'standard_only'",
        ),
        (
            with("metadata", json!({"tag": 1})),
            "metadata.tag: Extra inputs are not permitted",
        ),
        (
            with("stop_sequences", json!([" "])),
            "stop_sequences: each stop sequence must contain non-whitespace",
        ),
        (json!([1]), "The request body must be a JSON object"),
    ])
    .await;
    let world = World::new().await;
    let post = |body: &'static str| world.call(Method::POST, "/v1/messages").body(body);
    let torn = post("{").send().await.expect("an answer");
    assert!(told(&read(torn).await).contains("The request body is not valid JSON"));
    let packed = post("x")
        .header("content-encoding", "br")
        .send()
        .await
        .expect("an answer");
    let (_, packed) = read(packed).await;
    assert_eq!(
        packed["error"]["details"]["error_code"],
        "request_body_encoding_unsupported"
    );
}

#[tokio::test]
async fn conversations_are_checked_turn_by_turn() {
    let turns = |turns: Value| with("messages", turns);
    let block = |block: Value| with("messages", json!([{"role": "user", "content": [block]}]));
    refuse([
        (turns(json!([])), "messages: at least one message is required"),
        (turns(json!("hi")), "messages: Input should be a valid list"),
        (turns(json!([{"role": "user"}])), "messages.0.content: Field required"),
        (turns(json!([{"role": "robot", "content": "x"}])), "messages.0.role: Input should be 'user' or 'assistant'"),
        (
            turns(json!([{"role": "assistant", "content": "x"}])),
            "messages: first message must use the \"user\" role",
        ),
        (
            turns(json!([{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}])),
            "This model does not support assistant message prefill. The conversation must end with a user message.",
        ),
        (block(json!({"type": "text", "text": ""})), "messages.0.content.0: text content blocks must be non-empty"),
        (
            block(json!({"type": "poem"})),
            "messages.0.content.0: Input tag 'poem' found using 'type' does not match any of the expected tags",
        ),
        (
            block(json!({"type": "text", "text": "x", "citations": [{}]})),
            "messages.0.content.0.citations: not permitted in user messages",
        ),
    ])
    .await;
}

#[tokio::test]
async fn options_are_checked_against_the_model() {
    let schema = json!({"type": "json_schema", "schema": {"type": "object"}});
    let thinking = |model: &str, budget: u64| {
        let mut body = with(
            "thinking",
            json!({"type": "enabled", "budget_tokens": budget}),
        );
        body["model"] = json!(model);
        body
    };
    let mut forced = with(
        "tools",
        json!([{"name": "t", "input_schema": {"type": "object"}}]),
    );
    forced["tool_choice"] = json!({"type": "tool", "name": "other"});
    let mut thoughtful = forced.clone();
    thoughtful["thinking"] = json!({"type": "adaptive"});
    refuse([
        (
            with("output_config", json!({"format": schema})),
            "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false",
        ),
        (
            thinking("claude-haiku-4-5", 1),
            "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
        ),
        (thinking("claude-haiku-4-5", 1024), "`max_tokens` must be greater than `thinking.budget_tokens`."),
        (thinking("claude-opus-5-5", 1024), "thinking.type: `enabled` is not supported by claude-opus-5-5"),
        (forced, "Tool 'other' not found in provided tools"),
        (thoughtful, "Thinking may not be enabled when tool_choice forces tool use."),
    ])
    .await;
}

#[tokio::test]
async fn the_older_version_takes_sampling_for_older_models() {
    let world = World::new().await;
    for (version, model, status) in [
        ("2023-06-01", "claude-haiku-4-5", 200),
        ("2023-06-01", "claude-haiku-5-5", 400),
        ("2026-10-21", "claude-haiku-4-5", 400),
    ] {
        let mut body = ask("hi");
        body["model"] = json!(model);
        body["temperature"] = json!(0.5);
        let url = format!("{}/v1/messages", world.base_url());
        let request = world
            .client
            .post(url)
            .bearer_auth("k")
            .header("anthropic-version", version)
            .json(&body);
        let (answered, answer) = read(request.send().await.expect("an answer")).await;
        assert_eq!(answered, status, "{version} {model} {answer}");
    }
}

#[tokio::test]
async fn answers_quote_fit_schemas_and_use_tools() {
    let world = World::new().await;
    let (_, message) = world.post("/v1/messages", &ask("Grüße, \"Welt\"\n")).await;
    assert!(
        message["id"]
            .as_str()
            .is_some_and(|id| id.starts_with("msg_"))
    );
    assert!(
        message["content"][0]["text"]
            .as_str()
            .expect("text")
            .contains("Grüße, \"Welt\"\n")
    );
    assert_eq!(
        (&message["stop_reason"], &message["usage"]["service_tier"]),
        (&json!("end_turn"), &json!("standard"))
    );

    let mut body = ask("The printer is broken");
    body["output_config"] = json!({"format": {"type": "json_schema", "schema": {
        "type": "object", "additionalProperties": false, "required": ["topic"],
        "properties": {"topic": {"type": "string", "enum": ["billing", "printer", "other"]}, "sure": {"type": "boolean"}},
    }}});
    let (_, message) = world.post("/v1/messages", &body).await;
    let made: Value =
        serde_json::from_str(message["content"][0]["text"].as_str().expect("text")).expect("JSON");
    assert_eq!(made["topic"], "printer");
    assert!(made["sure"].is_boolean());

    let mut body = ask("Weather in Paris?");
    body["tools"] = json!([{"name": "weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}]);
    body["tool_choice"] = json!({"type": "tool", "name": "weather"});
    let (_, message) = world.post("/v1/messages", &body).await;
    let used = &message["content"][0];
    assert_eq!(
        (&used["type"], &used["name"], &message["stop_reason"]),
        (&json!("tool_use"), &json!("weather"), &json!("tool_use"))
    );
    assert!(used["input"]["city"].is_string());

    let next = json!([
        {"role": "user", "content": "Weather in Paris?"},
        {"role": "assistant", "content": [used]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": used["id"], "content": "sunny"}]},
    ]);
    body["messages"] = next.clone();
    body["tool_choice"] = json!({"type": "auto"});
    let (status, message) = world.post("/v1/messages", &body).await;
    assert_eq!(status, 200, "{message}");
    assert!(
        message["content"][0]["text"]
            .as_str()
            .expect("text")
            .contains("sunny")
    );
    body["messages"] = json!([next[0], next[1], {"role": "user", "content": "so?"}]);
    let refused = told(&world.post("/v1/messages", &body).await);
    assert!(
        refused
            .contains("`tool_use` ids were found without `tool_result` blocks immediately after"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_stream_tells_the_same_as_the_whole_answer() {
    let world = World::new().await;
    let mut body = ask("Tell me more, é by é, until it takes several deltas to tell it all");
    body["thinking"] = json!({"type": "adaptive"});
    let (_, whole) = world.post("/v1/messages", &body).await;
    body["stream"] = json!(true);
    let answer = world
        .call(Method::POST, "/v1/messages")
        .json(&body)
        .send()
        .await
        .expect("an answer");
    assert_eq!(
        answer.headers()["content-type"],
        "text/event-stream; charset=utf-8"
    );
    let text = answer.text().await.expect("a body");
    let (mut names, mut told) = (Vec::new(), String::new());
    for frame in text.split_terminator("\n\n") {
        let (name, data) = frame.split_once('\n').expect("two lines");
        let data: Value =
            serde_json::from_str(data.strip_prefix("data: ").expect("data")).expect("JSON");
        assert_eq!(name.strip_prefix("event: "), data["type"].as_str());
        told += data["delta"]["text"].as_str().unwrap_or_default();
        names.push(name.to_owned());
    }
    assert_eq!(
        (
            names.first().map(String::as_str),
            names.last().map(String::as_str)
        ),
        (Some("event: message_start"), Some("event: message_stop"))
    );
    assert!(names.contains(&"event: ping".to_owned()));
    assert_eq!(whole["content"][0]["type"], "thinking");
    assert_eq!(Some(told.as_str()), whole["content"][1]["text"].as_str());
}

#[tokio::test]
async fn tokens_are_counted_as_they_are_used() {
    let world = World::new().await;
    let mut body = ask("12345678");
    let (_, message) = world.post("/v1/messages", &body).await;
    body.as_object_mut()
        .expect("an object")
        .remove("max_tokens");
    let (_, counted) = world.post("/v1/messages/count_tokens", &body).await;
    assert_eq!(counted["input_tokens"], message["usage"]["input_tokens"]);
    body["max_tokens"] = json!(1);
    let refused = world.post("/v1/messages/count_tokens", &body).await;
    assert_eq!(
        told(&refused),
        "400 invalid_request_error: max_tokens: Extra inputs are not permitted"
    );
}

#[tokio::test]
async fn bodies_past_32_mb_are_refused() {
    let world = World::new().await;
    let answer = world
        .post("/v1/messages", &ask(&"x".repeat(33 * 1024 * 1024)))
        .await;
    assert_eq!(
        told(&answer),
        "413 request_too_large: Request exceeds the maximum size of 32 MB"
    );
}
