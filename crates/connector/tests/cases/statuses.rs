//! What a status means: code, kind, effect, and how long to wait.

use std::time::Duration;

use flow_connector::{Connectors, TransportLimits};
use flow_engine::run::{Done, Failure, FailureKind};

use crate::support::{Bench, Reply, Server, reply};

const CREATE: &str = r#"{"model":"m","max_tokens":5,"messages":[]}"#;

async fn failed(status: u16, headers: &[(&str, &str)], body: &str) -> Failure {
    let server = Server::always(status, headers, body).await;
    let bench = Bench::new();
    bench
        .perform("claude.messages.create", &server.settings(), CREATE)
        .await
        .expect_err("the status is no success")
}

#[tokio::test]
async fn statuses_are_classed() {
    use Done::{NotDone, Unknown};
    use FailureKind::{Overloaded, Permanent, RateLimited, Transient};
    for (status, kind, done) in [
        (400, Permanent, NotDone),
        (401, Permanent, NotDone),
        (404, Permanent, NotDone),
        (408, Transient, NotDone),
        (409, Transient, NotDone),
        (413, Permanent, NotDone),
        (429, RateLimited, NotDone),
        (500, Transient, Unknown),
        (502, Transient, Unknown),
        (503, Overloaded, NotDone),
        (504, Transient, Unknown),
        (529, Overloaded, NotDone),
    ] {
        let failure = failed(status, &[], "").await;
        assert_eq!(failure.code, format!("http.{status}"));
        assert_eq!(
            (failure.kind, failure.done, failure.status),
            (kind, done, Some(status)),
            "{status}"
        );
    }
}

#[tokio::test]
async fn the_envelope_is_in_the_message() {
    let body = r#"{"type":"error","error":{"type":"not_found_error","message":"no\nsuch file","details":{"error_code":"file_expired"}},"request_id":"req_1"}"#;
    let failure = failed(404, &[], body).await;
    assert_eq!(
        failure.message,
        "the service answered 404 not_found_error: no such file (code file_expired, request req_1)"
    );
    let plain = failed(500, &[("request-id", "req_2")], "<h1>oops</h1>").await;
    assert_eq!(
        plain.message,
        "the service answered 500: <h1>oops</h1> (request req_2)"
    );
}

#[tokio::test]
async fn waiting_is_asked_for_and_bounded() {
    let wait = async |headers: &[(&str, &str)]| {
        let failure = failed(429, headers, "").await;
        (
            failure.code,
            failure.retry_after.map(|wait| wait.0),
            failure.kind,
        )
    };
    assert_eq!(
        wait(&[("retry-after", "7")]).await,
        ("http.429".to_owned(), Some(7000), FailureKind::RateLimited)
    );
    assert_eq!(
        wait(&[("retry-after", "7"), ("retry-after-ms", "5")])
            .await
            .1,
        Some(5)
    );
    assert_eq!(wait(&[("retry-after", "soon")]).await.1, None);
    let twice = [("retry-after", "7"), ("retry-after", "9")];
    assert_eq!(wait(&twice).await.1, Some(7000));
    let long = wait(&[("retry-after", "99999999999")]).await;
    assert_eq!(
        long,
        (
            "http.retry_after_too_long".to_owned(),
            None,
            FailureKind::Permanent
        )
    );
}

#[tokio::test]
async fn a_service_may_say_whether_to_repeat() {
    let spent = r#"{"error":{"type":"rate_limit_error","message":"x","details":{"error_code":"enforced_spend_limit_reached"}}}"#;
    assert_eq!(
        failed(429, &[("retry-after", "5")], spent).await.kind,
        FailureKind::Permanent
    );
    assert_eq!(
        failed(400, &[("x-should-retry", "true")], "").await.kind,
        FailureKind::Transient
    );
    assert_eq!(
        failed(500, &[("x-should-retry", "false")], "").await.kind,
        FailureKind::Permanent
    );
}

#[tokio::test]
async fn broken_exchanges_are_classed() {
    let limits = TransportLimits {
        first_byte: Duration::from_millis(200),
        idle: Duration::from_millis(200),
        whole: Duration::from_millis(600),
        ..TransportLimits::default()
    };
    let bench = Bench::with(Connectors::builtin().with_limits(limits));
    let check = async |url: &str, code: &str, kind, done| {
        let settings = format!(r#"{{"base_url":"{url}"}}"#);
        let arguments = r#"{"batch_id":"b"}"#;
        let failure = bench
            .perform("claude.message_batches.read", &settings, arguments)
            .await
            .expect_err("it breaks");
        assert_eq!(
            (failure.code.as_str(), failure.kind, failure.done),
            (code, kind, done),
            "{}",
            failure.message
        );
    };
    check(
        "http://127.0.0.1:1",
        "http.connect",
        FailureKind::Connect,
        Done::NotDone,
    )
    .await;
    let silent = Server::start(|_, _| Reply::raw("").hold(Duration::from_secs(5))).await;
    check(
        &silent.url,
        "http.timeout",
        FailureKind::Timeout,
        Done::Unknown,
    )
    .await;
    let gone = Server::start(|_, _| Reply::raw("")).await;
    check(&gone.url, "http.reset", FailureKind::Reset, Done::Unknown).await;
    let short =
        Server::start(|_, _| Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{\"a\""))
            .await;
    check(&short.url, "http.truncated", FailureKind::Reset, Done::Done).await;
    let chunks = Server::start(|_, _| {
        Reply::raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"a\"")
    })
    .await;
    check(
        &chunks.url,
        "http.truncated",
        FailureKind::Reset,
        Done::Done,
    )
    .await;
    let stalled = Server::start(|_, _| {
        Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{").hold(Duration::from_secs(5))
    })
    .await;
    check(
        &stalled.url,
        "http.timeout",
        FailureKind::Timeout,
        Done::Done,
    )
    .await;
    let drip = Server::start(|_, _| {
        let mut slow = reply(200, &[], "1".repeat(400));
        let head = slow.bytes.len() - 400;
        slow.bytes.rotate_left(0);
        Reply::raw(slow.bytes).drip(head.max(1), Duration::from_millis(100))
    })
    .await;
    check(&drip.url, "http.timeout", FailureKind::Timeout, Done::Done).await;
    let nonsense = Server::start(|_, _| Reply::raw("SSH-2.0-x\r\n\r\n")).await;
    check(
        &nonsense.url,
        "http.protocol",
        FailureKind::Permanent,
        Done::Unknown,
    )
    .await;
}

#[tokio::test]
async fn a_stopped_attempt_ends_at_once() {
    let server = Server::start(|_, _| Reply::raw("").hold(Duration::from_secs(60))).await;
    let bench = Bench::new();
    let settings = server.settings();
    let performing = bench.perform(
        "claude.message_batches.read",
        &settings,
        r#"{"batch_id":"b"}"#,
    );
    let stop = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        bench.context.cancel.cancel();
    };
    let (result, ()) = tokio::join!(performing, stop);
    assert_eq!(result.expect_err("it was stopped").code, "call.cancelled");
}

#[tokio::test]
async fn what_a_repeated_delete_does_not_find_is_deleted() {
    for (operation, repeated, succeeds) in [
        ("claude.files.delete", false, false),
        ("claude.files.delete", true, true),
        ("claude.files.read", true, false),
    ] {
        let server = Server::always(404, &[], "").await;
        let bench = Bench::new();
        let read = |text: &str| flow_engine::value::json::parse(text.as_bytes()).expect("JSON");
        let arguments = read(r#"{"file_id":"file_1"}"#);
        let call = flow_backend::step::Call {
            repeated,
            ..Bench::call(operation, read(&server.settings()), arguments)
        };
        let result = bench.run(&call).await;
        assert_eq!(result.is_ok(), succeeds, "{operation} {repeated}");
    }
}
