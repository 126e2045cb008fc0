//! Answers of every kind, well formed and not.

use flow_connector::{Connectors, TransportLimits};
use flow_engine::run::{Done, FailureKind};
use flow_engine::value::Value;

use crate::support::{Bench, Reply, Server, content, reply};

const READ: &str = "claude.message_batches.read";
const RESULTS: &str = "claude.message_batches.results";
const BATCH: &str = r#"{"batch_id":"b"}"#;

async fn check(operation: &str, reply: impl Fn() -> Reply + Send + Sync + 'static, code: &str) {
    let server = Server::start(move |_, _| reply()).await;
    let limits = TransportLimits {
        body_bytes: 1 << 20,
        stream_bytes: 4 << 20,
        ..TransportLimits::default()
    };
    let bench = Bench::with(Connectors::builtin().with_limits(limits));
    let result = bench.perform(operation, &server.settings(), BATCH).await;
    let failure = result.expect_err(code);
    assert_eq!(failure.code, code, "{}", failure.message);
    assert_eq!(failure.done, Done::Done, "{code}");
}

#[tokio::test]
async fn malformed_answers_are_named() {
    let json = [("content-type", "application/json")];
    check(READ, move || reply(200, &json, "{\"a\":"), "http.bad_json").await;
    check(
        READ,
        move || reply(200, &json, "{\"a\":123456789012345678901234}"),
        "http.bad_json",
    )
    .await;
    check(
        READ,
        || {
            reply(
                200,
                &[("content-type", "text/html; charset=utf-8")],
                "<p>log in</p>",
            )
        },
        "http.content_type",
    )
    .await;
    check(
        READ,
        || reply(200, &[("content-type", "text/plain")], "fine"),
        "http.content_type",
    )
    .await;
    check(
        READ,
        || reply(200, &[("content-encoding", "gzip, gzip")], "x"),
        "http.encoding",
    )
    .await;
    check(
        READ,
        || reply(200, &[("content-encoding", "rot13")], "x"),
        "http.encoding",
    )
    .await;
    check(
        READ,
        || reply(200, &[("content-encoding", "gzip")], "not gzip at all"),
        "http.encoding",
    )
    .await;
    check(
        READ,
        || reply(200, &[], vec![b' '; 2 << 20]),
        "http.too_large",
    )
    .await;
    check(
        RESULTS,
        || reply(200, &[], "{}\n".repeat(2 << 20)),
        "http.too_large",
    )
    .await;
}

#[tokio::test]
async fn a_bomb_stops_at_the_limit() {
    // 64 MiB of zeros, compressed twice as far as the limit allows.
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::copy(
        &mut std::io::Read::take(std::io::repeat(0), 64 << 20),
        &mut encoder,
    )
    .expect("memory");
    let bomb = encoder.finish().expect("memory");
    assert!(bomb.len() < 100_000);
    check(
        READ,
        move || reply(200, &[("content-encoding", "gzip")], &bomb),
        "http.too_large",
    )
    .await;
}

#[tokio::test]
async fn headers_are_bounded() {
    let bench = Bench::new();
    for head in [
        "x-a: 1\r\n".repeat(500),
        format!("x-a: {}\r\n", "1".repeat(70_000)),
        format!("x-a: {}\r\n", "1".repeat(1 << 20)),
    ] {
        let server = Server::start(move |_, _| {
            Reply::raw(format!(
                "HTTP/1.1 200 OK\r\n{head}content-length: 2\r\n\r\n{{}}"
            ))
        })
        .await;
        let failure = bench
            .perform(READ, &server.settings(), BATCH)
            .await
            .expect_err("too many headers");
        assert_eq!(failure.code, "http.headers", "{}", failure.message);
    }
}

#[tokio::test]
async fn odd_but_legal_answers_are_read() {
    let bench = Bench::new();
    for (status, body, expected) in [
        (200, "", Value::Null),
        (204, "", Value::Null),
        (200, "\u{feff}[1]", Value::list([Value::from(1_i64)])),
        (201, "\"x\"", Value::from("x")),
        (
            200,
            "{\"a\":1,\"a\":2}",
            Value::map([("a", Value::from(2_i64))]),
        ),
    ] {
        let server = Server::always(status, &[], body).await;
        assert_eq!(
            bench
                .perform(READ, &server.settings(), BATCH)
                .await
                .as_ref(),
            Ok(&expected),
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_large_answer_is_stored_and_reads_the_same() {
    let text = "x".repeat(100_000);
    let body = format!(r#"{{"id":"m","content":[{{"type":"text","text":"{text}"}}]}}"#);
    let server = Server::always(200, &[], &body).await;
    let bench = Bench::new();
    let arguments = r#"{"model":"m","max_tokens":5,"messages":[]}"#;
    let value = bench
        .perform("claude.messages.create", &server.settings(), arguments)
        .await
        .expect("it answers");
    let blob = value.as_blob().expect("it is large");
    assert!(blob.is_json());
    assert_eq!(content(&bench, &value), body);
    let loaded = flow_engine::eval::load(blob, &*bench.context.blobs).expect("it is JSON");
    let map = loaded.as_map().expect("a map");
    assert_eq!(
        map.view().and_then(|view| view.read(map, "text")),
        Some(Value::from(text))
    );
}

#[tokio::test]
async fn lines_are_whole_or_named() {
    let bench = Bench::new();
    let results = async |body: &str| {
        let server = Server::always(200, &[], body).await;
        bench.perform(RESULTS, &server.settings(), BATCH).await
    };
    let value = results("{\"a\":1}\r\n\n  \n{\"a\":2}")
        .await
        .expect("blank lines are no lines");
    assert_eq!(content(&bench, &value), "{\"a\":1}\n{\"a\":2}\n");
    assert_eq!(value.as_blob().and_then(|blob| blob.count), Some(2));
    assert_eq!(
        results("")
            .await
            .expect("nothing")
            .as_blob()
            .and_then(|blob| blob.count),
        Some(0)
    );

    let bad = results("{}\n{]\n{}\n").await.expect_err("line 2 is bad");
    assert_eq!(
        (bad.code.as_str(), bad.kind),
        ("http.bad_jsonl", FailureKind::Permanent)
    );
    assert!(bad.message.contains("line 2"), "{}", bad.message);
    let cut = results("{}\n{\"a\":").await.expect_err("line 2 is cut");
    assert_eq!(
        (cut.code.as_str(), cut.kind),
        ("http.truncated", FailureKind::Reset)
    );
    assert!(cut.message.contains("last line, 2"), "{}", cut.message);
}

#[tokio::test]
async fn bytes_are_streamed_to_the_store() {
    let server = Server::always(200, &[("content-type", "application/pdf")], "%PDF").await;
    let bench = Bench::new();
    let value = bench
        .perform(
            "claude.files.download",
            &server.settings(),
            r#"{"file_id":"f"}"#,
        )
        .await
        .expect("bytes");
    assert_eq!(content(&bench, &value), "%PDF");
    assert_eq!(
        value
            .as_blob()
            .map(|blob| blob.media.to_string())
            .as_deref(),
        Some("application/pdf")
    );
    let missing = Server::always(
        404,
        &[],
        r#"{"error":{"type":"not_found_error","message":"gone"}}"#,
    )
    .await;
    let failure = bench
        .perform(
            "claude.files.download",
            &missing.settings(),
            r#"{"file_id":"f"}"#,
        )
        .await;
    assert_eq!(failure.expect_err("it is not there").code, "http.404");
}

#[tokio::test]
async fn the_response_can_be_seen() {
    let server = Server::always(
        200,
        &[("request-id", "req_1"), ("set-cookie", "a=b")],
        r#"{"id":"b"}"#,
    )
    .await;
    let bench = Bench::new();
    let json = |text: &str| flow_engine::value::json::parse(text.as_bytes()).expect("JSON");
    let mut call = Bench::call(READ, json(&server.settings()), json(BATCH));
    call.with_response = true;
    let value = bench.run(&call).await.expect("it answers");
    let response = value.get("response").expect("it was asked for");
    assert_eq!(response.get("status"), Some(&Value::from(200_i64)));
    assert_eq!(response.get("request_id"), Some(&Value::from("req_1")));
    assert!(
        response
            .get("headers")
            .and_then(|headers| headers.get("set-cookie"))
            .is_none()
    );
}
