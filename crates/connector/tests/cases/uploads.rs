//! Bodies: stored values inside them, files, prepared requests.

use flow_backend::step::StepRunner;
use flow_engine::value::{Blob, Secret, Value};

use crate::support::{Bench, Server};

const BATCH: &str = r#"{"id":"msgbatch_1","processing_status":"in_progress"}"#;

#[tokio::test]
async fn a_stored_list_is_streamed_into_the_body() {
    let lines: Vec<String> = (0..40_000)
        .map(|at| format!("{{\"custom_id\":\"{at}\",\"params\":{{}}}}\n\n"))
        .collect();
    let lines = lines.concat();
    let items: Vec<&str> = lines.lines().filter(|line| !line.is_empty()).collect();
    let expected = format!(r#"{{"requests":[{}]}}"#, items.join(","));
    assert!(expected.len() > 1 << 20);
    let server = Server::always(200, &[], BATCH).await;
    let bench = Bench::new();
    let blob = bench.blob(lines.as_bytes(), Blob::JSON_LINES);
    let settings = Value::map([("base_url", Value::from(server.url.as_str()))]);
    let call = Bench::call(
        "claude.message_batches.create",
        settings,
        Value::map([("requests", Value::from(blob))]),
    );

    let prepared = bench
        .connectors
        .prepare(&call, &bench.context)
        .await
        .expect("it can be prepared");
    assert_eq!(prepared.count, Some(40_000));
    assert!(serde_json::to_string(&prepared).expect("JSON").len() < 2000);
    let again = bench
        .connectors
        .prepare(&call, &bench.context)
        .await
        .expect("it can be prepared");
    assert_eq!(prepared, again);

    bench.in_halves(&call).await.expect("it is sent");
    let received = &server.received()[0];
    assert_eq!(
        received.header("content-length"),
        Some(expected.len().to_string().as_str())
    );
    assert_eq!(received.header("transfer-encoding"), None);
    assert!(received.text() == expected, "the body is byte-exact");
}

#[tokio::test]
async fn a_large_body_in_place_is_prepared_in_the_store() {
    let server = Server::always(200, &[], BATCH).await;
    let bench = Bench::new();
    let long = "é\"".repeat(50_000);
    let item = Value::map([
        ("custom_id", Value::from("a")),
        (
            "params",
            Value::map([
                ("model", Value::from("m")),
                ("max_tokens", Value::from(5_i64)),
                (
                    "messages",
                    Value::list([Value::map([
                        ("role", Value::from("user")),
                        ("content", Value::from(long)),
                    ])]),
                ),
            ]),
        ),
    ]);
    let arguments = Value::map([("requests", Value::list([item]))]);
    let expected = arguments.to_json().expect("plain");
    let settings = Value::map([("base_url", Value::from(server.url.as_str()))]);
    let call = Bench::call("claude.message_batches.create", settings, arguments);
    let prepared = bench
        .connectors
        .prepare(&call, &bench.context)
        .await
        .expect("it can be prepared");
    assert!(serde_json::to_string(&prepared).expect("JSON").len() < 2000);
    assert!(
        !serde_json::to_string(&prepared)
            .expect("JSON")
            .contains("sk-test")
    );
    bench.in_halves(&call).await.expect("it is sent");
    bench.run(&call).await.expect("it is sent");
    let received = server.received();
    assert!(received[0].text() == expected && received[1].text() == expected);
    assert_eq!(received[0].header("x-api-key"), Some("sk-test"));
}

#[tokio::test]
async fn a_stored_text_becomes_a_string() {
    let server = Server::always(200, &[], r#"{"id":"m"}"#).await;
    let bench = Bench::new();
    let text = "line\n\"é🦀\"".repeat(20_000);
    let blob = bench.blob(text.as_bytes(), "text/plain");
    let message = |content| {
        Value::map([
            ("model", Value::from("m")),
            ("max_tokens", Value::from(5_i64)),
            (
                "messages",
                Value::list([Value::map([
                    ("role", Value::from("user")),
                    ("content", content),
                ])]),
            ),
        ])
    };
    let settings = Value::map([("base_url", Value::from(server.url.as_str()))]);
    let call = Bench::call(
        "claude.messages.create",
        settings,
        message(Value::from(blob)),
    );
    bench.run(&call).await.expect("it is sent");
    assert!(server.received()[0].text() == message(Value::from(text)).to_json().expect("plain"));
}

#[tokio::test]
async fn stored_lines_that_are_not_json_are_not_sent() {
    let server = Server::always(200, &[], BATCH).await;
    let bench = Bench::new();
    let blob = bench.blob(b"{}\n{oops\n", Blob::JSON_LINES);
    let settings = Value::map([("base_url", Value::from(server.url.as_str()))]);
    let call = Bench::call(
        "claude.message_batches.create",
        settings,
        Value::map([("requests", Value::from(blob))]),
    );
    let failure = bench.run(&call).await.expect_err("line 2 is bad");
    assert!(
        failure.code.starts_with("json.") && failure.message.contains("line 2"),
        "{}",
        failure.message
    );
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn files_are_sent_as_parts() {
    let server = Server::always(200, &[], r#"{"id":"file_1"}"#).await;
    let bench = Bench::new();
    std::fs::write(bench.path("note \"x\".txt"), "hello").expect("a file");
    let call = r#"{"file":"note \"x\".txt","expires_in_seconds":3600}"#;
    bench
        .perform("claude.files.upload", &server.settings(), call)
        .await
        .expect("it is sent");
    let received = &server.received()[0];
    let media = received.header("content-type").expect("multipart");
    let boundary = media
        .strip_prefix("multipart/form-data; boundary=")
        .expect("a boundary");
    let expected = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"note %22x%22.txt\"\r\nContent-Type: text/plain\r\n\r\nhello\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"expires_in_seconds\"\r\n\r\n3600\r\n--{boundary}--\r\n"
    );
    assert_eq!(received.text(), expected);
    assert_eq!(
        received.header("content-length"),
        Some(expected.len().to_string().as_str())
    );
}

#[tokio::test]
async fn skills_are_sent_with_relative_names() {
    let server = Server::always(200, &[], r#"{"id":"skill_1"}"#).await;
    let bench = Bench::new();
    std::fs::create_dir_all(bench.path("skills/demo/lib")).expect("a folder");
    for name in ["SKILL.md", "lib/x.py", ".hidden"] {
        std::fs::write(bench.path("skills/demo").join(name), name).expect("a file");
    }
    let names = |at: usize| {
        let received = server.received()[at].clone();
        let names = received
            .text()
            .split("name=\"files[]\"; filename=\"")
            .skip(1);
        names
            .filter_map(|rest| rest.split('"').next())
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    bench
        .perform(
            "claude.skills.create",
            &server.settings(),
            r#"{"folder":"skills/demo"}"#,
        )
        .await
        .expect("it is sent");
    assert_eq!(names(0), ["demo/SKILL.md", "demo/lib/x.py"]);
    let files =
        r#"{"files":["skills/demo/SKILL.md","skills/demo/lib/x.py"],"display_name":"Demo"}"#;
    bench
        .perform("claude.skills.create", &server.settings(), files)
        .await
        .expect("it is sent");
    assert_eq!(names(1), ["demo/SKILL.md", "demo/lib/x.py"]);
    let outside = bench
        .perform(
            "claude.files.upload",
            &server.settings(),
            r#"{"file":"../blobs/x"}"#,
        )
        .await;
    assert_eq!(
        outside.expect_err("it is outside").code,
        "file.outside_root"
    );
}

#[tokio::test]
async fn a_secret_in_a_body_is_prepared_as_a_handle() {
    let server = Server::always(200, &[], "{}").await;
    let bench = Bench::new();
    let arguments = Value::map([
        ("url", Value::from(server.url.as_str())),
        (
            "body",
            Value::map([
                ("token", Value::from(Secret::named("TOKEN"))),
                ("long", Value::from("x".repeat(100_000))),
            ]),
        ),
        (
            "query",
            Value::map([("key", Value::from(Secret::named("TOKEN")))]),
        ),
    ]);
    let call = Bench::call("http.post", Value::Null, arguments);
    let prepared = bench
        .connectors
        .prepare(&call, &bench.context)
        .await
        .expect("it can be prepared");
    let written = serde_json::to_string(&prepared).expect("JSON");
    assert!(
        written.len() < 2000 && !written.contains("hush"),
        "{written}"
    );
    bench.in_halves(&call).await.expect("it is sent");
    let received = &server.received()[0];
    assert_eq!(received.target, "/?key=hush%20hush");
    assert!(
        received
            .text()
            .starts_with(r#"{"token":"hush hush","long":"xxx"#)
    );
}
