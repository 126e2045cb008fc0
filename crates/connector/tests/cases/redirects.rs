//! Redirects: where they may lead, and what goes along.

use flow_connector::{Connectors, TransportLimits};

use crate::support::{Bench, Server, reply};

const READ: &str = "claude.message_batches.read";
const BATCH: &str = r#"{"batch_id":"b"}"#;

#[tokio::test]
async fn credentials_stay_with_their_origin() {
    let other = Server::always(200, &[], r#"{"id":"other"}"#).await;
    let target = format!("{}/elsewhere", other.url);
    let server = Server::start(move |received, _| match received.target.as_str() {
        "/v1/here" => reply(307, &[("location", &target)], ""),
        _ => reply(302, &[("location", "/v1/here")], ""),
    })
    .await;
    let limits = TransportLimits {
        private_hops: true,
        ..TransportLimits::default()
    };
    let bench = Bench::with(Connectors::builtin().with_limits(limits));
    bench
        .perform(READ, &server.settings(), BATCH)
        .await
        .expect("it answers");
    assert!(
        server
            .received()
            .iter()
            .all(|received| received.header("x-api-key").is_some())
    );
    let received = &other.received()[0];
    for name in ["x-api-key", "anthropic-version", "referer", "authorization"] {
        assert_eq!(received.header(name), None, "{name}");
    }
    assert_eq!(received.header("accept"), Some("application/json"));
}

#[tokio::test]
async fn answers_cannot_choose_private_addresses() {
    for target in [
        "http://127.0.0.1:1/",
        "http://2130706433:1/",
        "http://[::1]:1/",
        "http://169.254.169.254/latest",
        "http://localhost:1/",
    ] {
        let server = Server::always(302, &[("location", target)], "").await;
        let failure = Bench::new()
            .perform(READ, &server.settings(), BATCH)
            .await
            .expect_err(target);
        assert_eq!(
            failure.code, "http.blocked_address",
            "{target}: {}",
            failure.message
        );
    }
}

#[tokio::test]
async fn odd_redirects_are_refused() {
    let check = async |operation: &str, arguments: &str, status, target: &str| {
        let server = Server::always(status, &[("location", target)], "").await;
        let failure = Bench::new()
            .perform(operation, &server.settings(), arguments)
            .await
            .expect_err(target);
        assert_eq!(
            failure.code, "http.redirect",
            "{target}: {}",
            failure.message
        );
        server.received().len()
    };
    assert_eq!(check(READ, BATCH, 302, "/again").await, 6);
    check(READ, BATCH, 302, "file:///etc/passwd").await;
    check(READ, BATCH, 302, "ftp://example.com/").await;
    let message = r#"{"model":"m","max_tokens":5,"messages":[]}"#;
    check("claude.messages.create", message, 307, "http://192.0.2.1/").await;
}

#[tokio::test]
async fn a_redirected_post_keeps_or_loses_its_body() {
    let message = r#"{"model":"m","max_tokens":5,"messages":[]}"#;
    for (status, method, length) in [(307, "POST", message.len()), (303, "GET", 0)] {
        let server = Server::start(move |_, number| match number {
            0 => reply(status, &[("location", "/there")], ""),
            _ => reply(200, &[], "{}"),
        })
        .await;
        Bench::new()
            .perform("claude.messages.create", &server.settings(), message)
            .await
            .expect("it answers");
        let received = &server.received()[1];
        assert_eq!(
            (received.method.as_str(), received.body.len()),
            (method, length)
        );
    }
}
