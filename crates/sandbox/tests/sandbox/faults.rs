//! Scripted faults, as a client meets them.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{World, ask, ids, request, told};

#[tokio::test]
async fn errors_are_scripted_with_and_without_retry_after() {
    let world = World::with_faults(
        "
- match: {method: POST, path: /v1/messages$}
  then: {status: 429, retry_after: '1'}
- match: {path: /v1/messages$}
  then: {status: 429, error_code: enforced_spend_limit_reached}
- match: {path: /v1/messages$}
  then: {status: 529, should_retry: false}
- match: {path: /v1/messages$}
  then: {status: 500, message: oops}
",
    )
    .await;
    let (counted, _) = world
        .post(
            "/v1/messages/count_tokens",
            &json!({"model": "claude-haiku-5-5", "messages": [{"role": "user", "content": "x"}]}),
        )
        .await;
    assert_eq!(counted, 200);
    for (status, kind, retry_after, should_retry) in [
        (429, "rate_limit_error", Some("1"), None),
        (429, "rate_limit_error", None, None),
        (529, "overloaded_error", None, Some("false")),
        (500, "api_error", None, None),
    ] {
        let answer = world
            .call(Method::POST, "/v1/messages")
            .json(&ask("x"))
            .send()
            .await
            .expect("an answer");
        let header = |name: &str| {
            answer
                .headers()
                .get(name)
                .map(|value| value.to_str().expect("text").to_owned())
        };
        assert_eq!(
            (
                header("retry-after").as_deref(),
                header("x-should-retry").as_deref()
            ),
            (retry_after, should_retry)
        );
        assert_eq!(answer.status().as_u16(), status);
        let body: Value = answer.json().await.expect("JSON");
        assert_eq!(body["error"]["type"], kind);
    }
    assert_eq!(world.post("/v1/messages", &ask("x")).await.0, 200);
}

#[tokio::test]
async fn resets_come_before_or_after_the_effect() {
    let world = World::with_faults("[{match: {method: POST}, then: {reset: before}}, {match: {method: POST}, then: {reset: after_effect}}]").await;
    for made in [0, 1] {
        let body = json!({"requests": [request("a", "x")]});
        let broken = world
            .call(Method::POST, "/v1/messages/batches")
            .json(&body)
            .send()
            .await;
        assert!(broken.is_err());
        let (_, list) = world.get("/v1/messages/batches").await;
        assert_eq!(ids(&list).len(), made);
    }
}

#[tokio::test]
async fn answers_are_cut_in_their_body() {
    let world = World::with_faults("[{then: {reset: after_headers}}, {then: {reset: mid_body}}, {then: {truncate: 10}}, {then: {truncate: 1000000}}]").await;
    for _ in 0..3 {
        let answer = world
            .call(Method::GET, "/v1/models")
            .send()
            .await
            .expect("a head");
        assert_eq!(answer.status().as_u16(), 200);
        assert!(answer.content_length().is_some_and(|length| length > 1000));
        assert!(answer.text().await.is_err());
    }
    let answer = world
        .call(Method::GET, "/v1/models")
        .send()
        .await
        .expect("a head");
    assert!(answer.text().await.is_ok());
    assert_eq!(world.get("/v1/models").await.0, 200);
}

#[tokio::test]
async fn result_streams_are_cut_and_slowed() {
    let world = World::new().await;
    let id = world
        .batch((0..50).map(|at| request(&format!("r{at}"), "x")).collect())
        .await;
    let path = format!("/v1/messages/batches/{id}/results");
    let whole = world.results(&id).await;
    let script = json!([
        {"match": {"path": "/v1/messages/batches/*/results"}, "then": {"truncate": 5000}},
        {"match": {"path": "/v1/messages/batches/*/results"}, "then": {"reset": "mid_body"}},
        {"match": {"path": "/v1/messages/batches/*/results"}, "then": {"drip": {"chunk": 2000, "delay_ms": 5}}},
    ]);
    let put = world
        .client
        .put(format!("{}/_sandbox/faults", world.base_url()))
        .body(script.to_string());
    assert_eq!(put.send().await.expect("an answer").status().as_u16(), 200);
    for _ in 0..2 {
        let answer = world.call(Method::GET, &path).send().await.expect("a head");
        assert!(answer.text().await.is_err());
    }
    let begun = Instant::now();
    assert_eq!(world.results(&id).await, whole);
    assert!(begun.elapsed() > Duration::from_millis(20));
    let bad = world
        .client
        .put(format!("{}/_sandbox/faults", world.base_url()))
        .body("[{then: {explode: 1}}]");
    assert_eq!(bad.send().await.expect("an answer").status().as_u16(), 400);
}

#[tokio::test]
async fn a_delay_delays_and_a_fault_is_recorded() {
    let world = World::with_faults(
        "[{then: {delay_ms: 50}}, {then: {status: 503}}, {then: {reset: before}}]",
    )
    .await;
    let begun = Instant::now();
    assert_eq!(world.get("/v1/models").await.0, 200);
    assert!(begun.elapsed() >= Duration::from_millis(50));
    assert!(told(&world.get("/v1/models").await).starts_with("503 api_error"));
    assert!(world.call(Method::GET, "/v1/models").send().await.is_err());
    let url = format!("{}/_sandbox/requests", world.base_url());
    let recorded: Value = world
        .client
        .get(url)
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    let statuses: Vec<Option<u64>> = recorded
        .as_array()
        .expect("a list")
        .iter()
        .map(|entry| entry["status"].as_u64())
        .collect();
    assert_eq!(statuses, [Some(200), Some(503), None]);
}
