//! What all endpoints share: headers, records, limits, and what outlives a kill.

use std::time::Duration;

use flow_sandbox::{Config, Endings, Sandbox, SandboxError};
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{World, ask, read, request, told};

#[tokio::test]
async fn headers_are_demanded_and_given() {
    let world = World::new().await;
    let url = format!("{}/v1/messages", world.base_url());
    let bare = || world.client.post(&url).json(&ask("x"));
    let version = ("anthropic-version", "2026-10-21");
    for (request, expected) in [
        (
            bare(),
            "401 authentication_error: x-api-key header is required",
        ),
        (
            bare().header("x-api-key", "k"),
            "400 invalid_request_error: anthropic-version: header is required",
        ),
        (
            bare()
                .bearer_auth("k")
                .header(version.0, version.1)
                .header("anthropic-beta", "no-such-1"),
            "400 invalid_request_error: Unexpected value(s) `no-such-1` for the `anthropic-beta` header",
        ),
    ] {
        assert_eq!(
            told(&read(request.send().await.expect("an answer")).await),
            expected
        );
    }
    let good = bare()
        .bearer_auth("k")
        .header(version.0, version.1)
        .send()
        .await
        .expect("an answer");
    let headers = good.headers();
    assert!(
        headers["request-id"]
            .to_str()
            .expect("text")
            .starts_with("req_")
    );
    for name in [
        "anthropic-organization-id",
        "anthropic-ratelimit-requests-remaining",
        "anthropic-ratelimit-tokens-limit",
        "anthropic-ratelimit-output-tokens-reset",
    ] {
        assert!(headers.contains_key(name), "{name}");
    }
}

#[tokio::test]
async fn unknown_paths_and_wrong_methods_have_envelopes() {
    let world = World::new().await;
    for (method, path, expected) in [
        (Method::GET, "/", "404 not_found_error"),
        (Method::GET, "/v1/agents", "404 not_found_error"),
        (Method::GET, "/v1/messages/batches/", "404 not_found_error"),
        (
            Method::GET,
            "/v1/messages/batches/msgbatch_01nothing",
            "404 not_found_error",
        ),
        (
            Method::GET,
            "/v1/messages/batches/%ff",
            "404 not_found_error",
        ),
        (
            Method::GET,
            "/v1/files/..%2f..%2fetc%2fpasswd",
            "404 not_found_error",
        ),
        (Method::GET, "/v1/messages", "405 invalid_request_error"),
        (Method::PUT, "/v1/files", "405 invalid_request_error"),
        (Method::GET, "/v1/models?beta=true&limit=%31", "200 "),
    ] {
        // A body that nobody reads must not keep the answer from arriving.
        let unread = world
            .call(method.clone(), path)
            .body(vec![b'x'; 4_000_000])
            .send()
            .await
            .expect("an answer");
        assert_eq!(unread.headers()["x-flow-sandbox"], "1");
        let answer = world
            .call(method.clone(), path)
            .send()
            .await
            .expect("an answer");
        let answer = told(&read(answer).await);
        assert!(answer.starts_with(expected), "{method} {path}: {answer}");
    }
}

#[tokio::test]
async fn requests_are_recorded_without_keys_and_counted_over_restarts() {
    let mut world = World::new().await;
    world
        .post("/v1/messages?beta=true", &ask("remember me"))
        .await;
    world.post("/v1/messages", &ask(&"x".repeat(300_000))).await;
    let form = Form::new().part("file", Part::text("abc").file_name("a.txt"));
    world
        .call(Method::POST, "/v1/files")
        .multipart(form)
        .send()
        .await
        .expect("an answer");
    let text = requests(&world, "").await;
    assert!(
        !text.to_string().contains("\"test\""),
        "the key must not be recorded"
    );
    let [first, big, upload] = text.as_array().expect("a list").as_slice() else {
        panic!("{text}")
    };
    assert_eq!(
        (
            &first["n"],
            &first["path"],
            &first["query"],
            &first["status"]
        ),
        (
            &json!(1),
            &json!("/v1/messages"),
            &json!("beta=true"),
            &json!(200)
        )
    );
    assert_eq!(
        (&first["auth_header"], &first["headers"]),
        (
            &json!("x-api-key"),
            &json!({"anthropic-version": "2026-10-21"})
        )
    );
    assert_eq!(first["body"]["messages"][0]["content"], "remember me");
    assert_eq!(big["body"]["sha256"].as_str().map(str::len), Some(64));
    let part = &upload["body"]["parts"][0];
    assert_eq!(
        (&part["name"], &part["filename"], &part["bytes"]),
        (&json!("file"), &json!("a.txt"), &json!(3))
    );
    assert_eq!(
        requests(&world, "?since=2").await.as_array().map(Vec::len),
        Some(1)
    );
    world.batch(vec![request("a", "x")]).await;
    world.restart().await;
    world.batch(vec![request("a", "x")]).await;
    assert_eq!(requests(&world, "").await[0]["n"], 5);
    let log = std::fs::read_to_string(world.state().join("requests.jsonl")).expect("a log");
    let creates = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .filter(|line| {
            line["path"] == "/v1/messages/batches"
                && line["method"] == "POST"
                && line["status"] == 200
        });
    assert_eq!(creates.count(), 2);
    let cleared = world
        .client
        .delete(format!("{}/_sandbox/requests", world.base_url()))
        .send()
        .await
        .expect("an answer");
    assert_eq!(cleared.status().as_u16(), 204);
    assert_eq!(requests(&world, "").await, json!([]));
    let health = world
        .client
        .get(format!("{}/_sandbox/health", world.base_url()))
        .send()
        .await
        .expect("an answer");
    assert_eq!(read(health).await, (200, json!({"status": "ok"})));
}

async fn requests(world: &World, query: &str) -> Value {
    let url = format!("{}/_sandbox/requests{query}", world.base_url());
    read(world.client.get(url).send().await.expect("an answer"))
        .await
        .1
}

#[tokio::test]
async fn leftovers_of_a_kill_are_cleared_away() {
    let mut world = World::new().await;
    let id = world.batch(vec![request("a", "x")]).await;
    drop(world.sandbox.take());
    let state = world.state().to_owned();
    std::fs::create_dir_all(state.join("scratch/1-1")).expect("made");
    std::fs::write(state.join("scratch/1-1/body.json"), "{").expect("written");
    std::fs::write(state.join("files/file_orphan.bin"), "x").expect("written");
    std::fs::write(state.join(format!("batches/{id}/batch.json.9.tmp")), "{").expect("written");
    let log = state.join("requests.jsonl");
    let torn = std::fs::read_to_string(&log).expect("a log") + "{\"n\":2,\"met";
    std::fs::write(&log, torn).expect("written");
    world.restart().await;
    assert_eq!(world.results(&id).await.len(), 1);
    assert!(!state.join("scratch/1-1").exists() && !state.join("files/file_orphan.bin").exists());
    let log = std::fs::read_to_string(&log).expect("a log");
    assert_eq!(
        log.lines()
            .filter(|line| serde_json::from_str::<Value>(line).is_ok())
            .count(),
        2
    );
}

#[tokio::test]
async fn one_sandbox_at_a_time_uses_a_folder() {
    let world = World::new().await;
    let second = Sandbox::start(Config::new(world.state())).await;
    assert!(matches!(second, Err(SandboxError::InUse { .. })));
    let mut config = Config::new(world.state());
    config.endings.errored = Some(2.0);
    assert!(matches!(
        Sandbox::start(config).await,
        Err(SandboxError::Config(_))
    ));
}

#[tokio::test]
async fn stopping_frees_the_port() {
    let mut world = World::new().await;
    let sandbox = world.sandbox.take().expect("running");
    let address = sandbox.base_url().replace("http://", "");
    sandbox.stop().await;
    assert!(TcpStream::connect(&address).await.is_err());
}

#[tokio::test]
async fn odd_bytes_are_answered_or_dropped_but_never_stop_it() {
    let world = World::new().await;
    let address = world.base_url().replace("http://", "");
    let long = format!(
        "GET /v1/models HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n",
        "y".repeat(100_000)
    );
    let many = format!("GET /v1/models HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(500));
    for bytes in [
        "\0\0\0\0",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        long.as_str(),
        many.as_str(),
        "POST /v1/messages HTTP/1.1\r\ncontent-length: 99\r\n\r\nhi",
    ] {
        let mut stream = TcpStream::connect(&address).await.expect("connected");
        let _ = stream.write_all(bytes.as_bytes()).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let _ = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer))
            .await
            .expect("it must not hang");
        assert!(!answer.starts_with(b"HTTP/1.1 2"), "{bytes:.40}");
    }
    assert_eq!(world.get("/v1/models").await.0, 200);
}

#[tokio::test]
async fn what_was_said_of_batches_and_models_outlives_a_restart() {
    let mut world = World::with(|config| config.endings = Endings::default()).await;
    let control = |world: &World, method: Method, name: &str, body: Value| {
        let url = format!("{}/_sandbox/{name}", world.base_url());
        world.client.request(method, url).json(&body)
    };
    let ends = json!({"seconds": 0, "errored": 0});
    for (body, expected) in [
        (ends, 200),
        (json!({"expired": 1}), 200),
        (json!({"errored": 0.5}), 400),
        (json!({"seconds": -1}), 400),
    ] {
        let answer = control(&world, Method::PUT, "batches", body).send().await;
        assert_eq!(answer.expect("an answer").status(), expected);
    }
    let model = json!({"id": "claude-next"});
    for expected in [200, 400] {
        let answer = control(&world, Method::POST, "models", model.clone())
            .send()
            .await;
        assert_eq!(answer.expect("an answer").status(), expected);
    }
    world.restart().await;
    let id = world
        .batch(vec![request("a", "x"), request("b", "y")])
        .await;
    let (_, batch) = world.get(&format!("/v1/messages/batches/{id}")).await;
    assert_eq!(batch["request_counts"]["expired"], 2, "{batch}");
    let (_, models) = world.get("/v1/models?limit=1").await;
    assert_eq!(models["data"][0]["id"], "claude-next");
    let (status, model) = world.get("/v1/models/claude-next").await;
    assert_eq!(
        (status, &model["display_name"]),
        (200, &json!("claude-next"))
    );
}
