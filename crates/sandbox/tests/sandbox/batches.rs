//! Message Batches: their life, their results, and what outlives a restart.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{World, ask, ids, pages_a, request, told};

#[tokio::test]
async fn a_batch_lives_from_creation_to_deletion() {
    let world = World::with(|config| config.endings.seconds = Some(0.4)).await;
    let (status, batch) = world
        .post(
            "/v1/messages/batches",
            &json!({"requests": [request("a", "x"), request("b", "y")]}),
        )
        .await;
    assert_eq!(
        (status, &batch["type"], &batch["processing_status"]),
        (200, &json!("message_batch"), &json!("in_progress"))
    );
    assert_eq!(
        batch["request_counts"],
        json!({"processing": 2, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0})
    );
    for field in [
        "results_url",
        "ended_at",
        "cancel_initiated_at",
        "archived_at",
    ] {
        assert_eq!(batch.get(field), Some(&Value::Null), "{field}");
    }
    let path = format!(
        "/v1/messages/batches/{}",
        batch["id"].as_str().expect("an id")
    );
    assert!(
        told(&world.get(&format!("{path}/results")).await).starts_with("400 invalid_request_error")
    );
    assert!(told(&world.delete(&path).await).starts_with("400 invalid_request_error"));
    tokio::time::sleep(Duration::from_millis(450)).await;
    let (_, ended) = world.get(&path).await;
    assert_eq!(ended["processing_status"], "ended");
    assert_eq!(
        ended["request_counts"],
        json!({"processing": 0, "succeeded": 2, "errored": 0, "canceled": 0, "expired": 0})
    );
    assert_eq!(
        ended["results_url"],
        format!("{}{path}/results", world.base_url())
    );
    assert!(ended["ended_at"].as_str() > batch["created_at"].as_str());
    let (_, refused) = world.post(&format!("{path}/cancel"), &json!({})).await;
    assert_eq!(refused["error"]["type"], "invalid_request_error");
    assert_eq!(
        world.delete(&path).await,
        (
            200,
            json!({"id": batch["id"], "type": "message_batch_deleted"})
        )
    );
    assert!(told(&world.get(&path).await).starts_with("404 not_found_error"));
}

#[tokio::test]
async fn bad_create_bodies_are_refused_as_a_whole() {
    let world = World::new().await;
    let with_id = |id: Value| json!({"requests": [{"custom_id": id, "params": ask("x")}]});
    for (body, expected) in [
        (json!({}), "requests: Field required"),
        (
            json!({"requests": []}),
            "requests: List should have at least 1 item after validation, not 0",
        ),
        (
            json!({"requests": [], "more": 1}),
            "more: Extra inputs are not permitted",
        ),
        (
            with_id(json!("sp ace")),
            "requests.0.custom_id: String should match pattern '^[a-zA-Z0-9_-]{1,64}$'",
        ),
        (
            with_id(json!("x".repeat(65))),
            "requests.0.custom_id: String should match pattern '^[a-zA-Z0-9_-]{1,64}$'",
        ),
        (
            with_id(json!(7)),
            "requests.0.custom_id: Input should be a valid string",
        ),
        (
            json!({"requests": [request("a", "x"), request("a", "y")]}),
            "requests.1.custom_id: `a` is not unique in the batch",
        ),
        (
            json!({"requests": [{"custom_id": "a"}]}),
            "requests.0.params: Field required",
        ),
        (
            json!({"requests": [{"custom_id": "a", "params": []}]}),
            "requests.0.params: Input should be an object",
        ),
        (
            json!({"requests": [{"custom_id": "a", "params": {}, "x": 1}]}),
            "requests.0.x: Extra inputs are not permitted",
        ),
    ] {
        let answer = world.post("/v1/messages/batches", &body).await;
        assert_eq!(
            told(&answer),
            format!("400 invalid_request_error: {expected}")
        );
    }
    for body in [
        "",
        "{",
        "[]",
        "{\"requests\": 1}",
        "{\"requests\": [}",
        "{\"requests\": []} x",
        "\u{0}",
    ] {
        let answer = world
            .call(Method::POST, "/v1/messages/batches")
            .body(body)
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status().as_u16(), 400, "{body}");
    }
    let (_, list) = world.get("/v1/messages/batches").await;
    assert_eq!(
        list,
        json!({"data": [], "has_more": false, "first_id": null, "last_id": null})
    );
    let leftovers = std::fs::read_dir(world.state().join("scratch"))
        .expect("a folder")
        .count();
    assert_eq!(leftovers, 0);
}

#[tokio::test]
async fn bad_params_end_as_errored_results() {
    let world = World::new().await;
    let bad = |id: &str, field: &str, value: Value| {
        let mut request = request(id, "x");
        request["params"][field] = value;
        request
    };
    let requests = vec![
        request("good", "Hello"),
        bad("stream", "stream", json!(true)),
        bad("zero", "max_tokens", json!(0)),
        bad("model", "model", json!("gpt")),
        bad("heat", "temperature", json!(1)),
        bad("speed", "speed", json!("fast")),
    ];
    let id = world.batch(requests).await;
    let lines: BTreeMap<String, Value> = world
        .results(&id)
        .await
        .into_iter()
        .map(|line| {
            (
                line["custom_id"].as_str().expect("an id").to_owned(),
                line["result"].clone(),
            )
        })
        .collect();
    let message = &lines["good"]["message"];
    assert_eq!(lines["good"]["type"], "succeeded");
    assert!(
        message["content"][0]["text"]
            .as_str()
            .expect("text")
            .contains("\"Hello\"")
    );
    assert_eq!(message["usage"]["service_tier"], "batch");
    for (id, expected) in [
        ("stream", "stream: not supported in a batch"),
        (
            "zero",
            "max_tokens: Input should be greater than or equal to 1",
        ),
        ("model", "model: gpt"),
        ("heat", "temperature: Extra inputs are not permitted"),
        ("speed", "speed: not supported in a batch"),
    ] {
        let error = &lines[id]["error"];
        assert_eq!(error["type"], "error");
        assert_eq!(
            (&error["error"]["type"], &error["error"]["message"]),
            (&json!("invalid_request_error"), &json!(expected))
        );
        assert!(
            error["request_id"]
                .as_str()
                .is_some_and(|id| id.starts_with("req_"))
        );
    }
    let (_, batch) = world.get(&format!("/v1/messages/batches/{id}")).await;
    assert_eq!(
        batch["request_counts"],
        json!({"processing": 0, "succeeded": 1, "errored": 5, "canceled": 0, "expired": 0})
    );
}

#[tokio::test]
async fn results_are_shuffled_stable_and_of_all_four_types() {
    let mut world = World::with(|config| {
        (config.endings.seconds, config.cancel_seconds) = (Some(1.0), 0.0);
        (config.endings.errored, config.endings.expired) = (Some(0.2), Some(0.2));
    })
    .await;
    let sent: Vec<String> = (0..300).map(|at| format!("r{at:03}")).collect();
    let id = world
        .batch(sent.iter().map(|id| request(id, "x")).collect())
        .await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (status, canceled) = world
        .post(&format!("/v1/messages/batches/{id}/cancel"), &Value::Null)
        .await;
    assert_eq!(
        (status, canceled["cancel_initiated_at"].is_string()),
        (200, true)
    );
    let lines = world.results(&id).await;
    let got: Vec<&str> = lines
        .iter()
        .filter_map(|line| line["custom_id"].as_str())
        .collect();
    let mut sorted = got.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, sent);
    assert_ne!(got, sent);
    let count = |kind: &str| {
        lines
            .iter()
            .filter(|line| line["result"]["type"] == kind)
            .count()
    };
    let (_, batch) = world.get(&format!("/v1/messages/batches/{id}")).await;
    for kind in ["succeeded", "errored", "canceled", "expired"] {
        assert!(count(kind) > 0, "{kind}");
        assert_eq!(batch["request_counts"][kind], count(kind), "{kind}");
    }
    for line in lines
        .iter()
        .filter(|line| line["result"]["type"] == "errored")
    {
        assert!(matches!(
            line["result"]["error"]["error"]["type"].as_str(),
            Some("overloaded_error" | "api_error")
        ));
    }
    assert_eq!(world.results(&id).await, lines);
    world.restart().await;
    assert_eq!(world.results(&id).await, lines);
}

#[tokio::test]
async fn a_cancel_takes_a_moment() {
    let world =
        World::with(|config| (config.endings.seconds, config.cancel_seconds) = (Some(60.0), 0.3))
            .await;
    let id = world.batch(vec![request("a", "x")]).await;
    let path = format!("/v1/messages/batches/{id}");
    let (_, canceling) = world.post(&format!("{path}/cancel"), &json!({})).await;
    assert_eq!(
        (&canceling["processing_status"], &canceling["results_url"]),
        (&json!("canceling"), &Value::Null)
    );
    assert_eq!(canceling["request_counts"]["processing"], 1);
    let (_, again) = world.post(&format!("{path}/cancel"), &json!({})).await;
    assert_eq!(
        again["cancel_initiated_at"],
        canceling["cancel_initiated_at"]
    );
    tokio::time::sleep(Duration::from_millis(350)).await;
    let (_, ended) = world.get(&path).await;
    assert_eq!(
        (
            &ended["processing_status"],
            &ended["request_counts"]["canceled"]
        ),
        (&json!("ended"), &json!(1))
    );
    assert_eq!(
        world.results(&id).await,
        [json!({"custom_id": "a", "result": {"type": "canceled"}})]
    );
}

#[tokio::test]
async fn lists_page_both_ways_newest_first_and_over_restarts() {
    let mut world = World::new().await;
    let mut made = Vec::new();
    for at in 0..5 {
        made.push(world.batch(vec![request(&format!("r{at}"), "x")]).await);
    }
    world.restart().await;
    for at in 5..7 {
        made.push(world.batch(vec![request(&format!("r{at}"), "x")]).await);
    }
    made.reverse();
    let path = "/v1/messages/batches";
    let pages = pages_a(&world, path, 3).await;
    assert_eq!(
        pages,
        [made[..3].to_vec(), made[3..6].to_vec(), made[6..].to_vec()]
    );
    let (_, back) = world
        .get(&format!("{path}?limit=2&before_id={}", made[4]))
        .await;
    assert_eq!(
        (ids(&back), &back["has_more"]),
        (made[2..4].to_vec(), &json!(true))
    );
    world.delete(&format!("{path}/{}", made[2])).await;
    let (_, after) = world
        .get(&format!("{path}?limit=1&after_id={}", made[2]))
        .await;
    assert_eq!(ids(&after), made[3..4]);
    for (query, expected) in [
        (
            "limit=0",
            "limit: must be a whole number from 1 to 1000, not `0`",
        ),
        (
            "limit=x",
            "limit: must be a whole number from 1 to 1000, not `x`",
        ),
        (
            "after_id=nope",
            "after_id: `nope` is not an object of this list",
        ),
    ] {
        let answer = world.get(&format!("{path}?{query}")).await;
        assert_eq!(
            told(&answer),
            format!("400 invalid_request_error: {expected}")
        );
    }
}

#[tokio::test]
async fn big_batches_stream_their_results() {
    let world = World::new().await;
    let requests = (0..500).map(|at| {
        let mut request = request(&format!("r{at}"), &format!("[[reply 20000 bytes]] {at}"));
        request["params"]["max_tokens"] = json!(5_000);
        request
    });
    let id = world.batch(requests.collect()).await;
    let lines = world.results(&id).await;
    assert_eq!(lines.len(), 500);
    assert!(lines.iter().all(|line| {
        line["result"]["message"]["content"][0]["text"]
            .as_str()
            .is_some_and(|text| text.len() == 20_000)
    }));
}
