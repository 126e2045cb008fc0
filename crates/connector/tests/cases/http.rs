//! `http`: any address.

use flow_engine::value::{Secret, Value, json};

use crate::support::{Bench, Received, Server, content, reply};

fn parse(text: &str) -> Value {
    json::parse(text.as_bytes()).expect("JSON")
}

async fn sent(operation: &str, arguments: Value) -> Received {
    let server = Server::always(200, &[], "").await;
    let bench = Bench::new();
    let mut arguments = arguments.as_map().cloned().unwrap_or_default();
    arguments.insert("url", Value::from(format!("{}/a%20b?x=1", server.url)));
    bench
        .run(&Bench::call(
            operation,
            Value::Null,
            Value::from(arguments.clone()),
        ))
        .await
        .expect("it answers");
    bench
        .in_halves(&Bench::call(operation, Value::Null, Value::from(arguments)))
        .await
        .expect("it answers");
    let received = server.received();
    assert_eq!(
        (&received[0].target, &received[0].body),
        (&received[1].target, &received[1].body)
    );
    received[0].clone()
}

#[tokio::test]
async fn bodies_and_queries_are_sent() {
    let get = sent(
        "http.get",
        parse(r#"{"query":{"q":["a&b",2],"none":null}}"#),
    )
    .await;
    assert_eq!(
        (get.method.as_str(), get.target.as_str()),
        ("GET", "/a%20b?x=1&q=a%26b&q=2")
    );
    let post = sent(
        "http.post",
        parse(r#"{"body":{"a":[1,"x"]},"idempotency_key":true}"#),
    )
    .await;
    assert_eq!(
        (post.method.as_str(), post.text()),
        ("POST", r#"{"a":[1,"x"]}"#)
    );
    assert_eq!(post.header("idempotency-key"), Some("key-1"));
    assert_eq!(post.header("content-type"), Some("application/json"));
    let form = sent("http.put", parse(r#"{"form":{"a b":"c&d"}}"#)).await;
    assert_eq!(
        (form.text(), form.header("content-type")),
        ("a%20b=c%26d", Some("application/x-www-form-urlencoded"))
    );
    let text = sent(
        "http.patch",
        parse(r#"{"body":"<x/>","headers":{"Content-Type":"application/xml"}}"#),
    )
    .await;
    assert_eq!(
        (text.text(), text.header("content-type")),
        ("<x/>", Some("application/xml"))
    );
    let parts = sent(
        "http.request",
        parse(r#"{"method":"post","multipart":{"a":"1","f":{"name":"n.txt","content":"hi"}}}"#),
    )
    .await;
    assert!(
        parts
            .text()
            .contains("name=\"f\"; filename=\"n.txt\"\r\nContent-Type: text/plain\r\n\r\nhi\r\n"),
        "{}",
        parts.text()
    );
    let secret = Value::map([(
        "headers",
        Value::map([("authorization", Value::from(Secret::named("TOKEN")))]),
    )]);
    assert_eq!(
        sent("http.delete", secret).await.header("authorization"),
        Some("hush hush")
    );
}

#[tokio::test]
async fn answers_are_read_by_their_content_type() {
    let bench = Bench::new();
    let get = async |media: &str, body: &str| {
        let server = Server::always(200, &[("content-type", media)], body).await;
        bench
            .local("http.get", [("url", Value::from(server.url.as_str()))], [])
            .await
    };
    assert_eq!(
        get("application/problem+json", "{\"a\":1}").await,
        Ok(parse("{\"a\":1}"))
    );
    assert_eq!(
        get("text/plain; charset=UTF-8", "é").await,
        Ok(Value::from("é"))
    );
    assert_eq!(get("text/html", "<p>").await, Ok(Value::from("<p>")));
    assert_eq!(get("text/plain", "").await, Ok(Value::Null));
    let lines = get("application/x-ndjson", "1\n2\n").await.expect("lines");
    assert_eq!(lines.as_blob().and_then(|blob| blob.count), Some(2));
    let bytes = get("image/png", "PNG").await.expect("bytes");
    assert_eq!(content(&bench, &bytes), "PNG");
    let events = get(
        "text/event-stream",
        "event: a\ndata: {\"x\":1}\n\ndata: y\n\n",
    )
    .await
    .expect("events");
    assert_eq!(
        events,
        parse(r#"[{"event":"a","id":null,"data":{"x":1}},{"event":null,"id":null,"data":"y"}]"#)
    );
}

#[tokio::test]
async fn statuses_fail_unless_accepted() {
    let server = Server::always(
        404,
        &[("content-type", "application/json")],
        r#"{"message":"nothing here"}"#,
    )
    .await;
    let bench = Bench::new();
    let url = Value::from(server.url.as_str());
    let failure = bench
        .local("http.get", [("url", url.clone())], [])
        .await
        .expect_err("it is not there");
    assert_eq!(
        (failure.code.as_str(), failure.status),
        ("http.404", Some(404))
    );
    assert_eq!(failure.message, "the service answered 404: nothing here");
    let accepted = bench
        .local(
            "http.get",
            [("url", url.clone()), ("accept_status", parse("[404]"))],
            [],
        )
        .await;
    assert_eq!(accepted, Ok(parse(r#"{"message":"nothing here"}"#)));
    let head = bench
        .local(
            "http.head",
            [("url", url), ("accept_status", parse("[404]"))],
            [],
        )
        .await
        .expect("accepted");
    assert_eq!(head.get("status"), Some(&Value::from(404_i64)));
    let refused = bench
        .local("http.get", [("url", Value::from("file:///etc/passwd"))], [])
        .await
        .expect_err("no file");
    assert_eq!(refused.code, "http.url");
    let twice = [
        ("url", Value::from("http://127.0.0.1:1")),
        ("body", Value::from("a")),
        ("file", Value::from("b")),
    ];
    assert_eq!(
        bench
            .local("http.post", twice, [])
            .await
            .expect_err("two bodies")
            .code,
        "call.body"
    );
}

#[tokio::test]
async fn lists_go_on_by_link_and_by_number() {
    let json = ("content-type", "application/json");
    let links = Server::start(move |received, _| match received.target.as_str() {
        "/?per=1" => reply(200, &[json, ("link", "</2>; rel=\"next\"")], "[1]"),
        _ => reply(200, &[json], "[2]"),
    })
    .await;
    let bench = Bench::new();
    let arguments = [
        ("url", Value::from(links.url.as_str())),
        ("query", parse(r#"{"per":1}"#)),
        ("paginate", parse(r#"{"style":"link"}"#)),
    ];
    assert_eq!(
        bench.local("http.get", arguments, []).await,
        Ok(parse("[1,2]"))
    );

    let numbers = Server::start(move |received, _| {
        reply(
            200,
            &[json],
            if received.target.ends_with("page=3") {
                r#"{"rows":[]}"#
            } else {
                r#"{"rows":[7]}"#
            },
        )
    })
    .await;
    let arguments = [
        ("url", Value::from(numbers.url.as_str())),
        (
            "paginate",
            parse(r#"{"style":"page_number","items":"rows"}"#),
        ),
    ];
    assert_eq!(
        bench.local("http.get", arguments, []).await,
        Ok(parse("[7,7]"))
    );
    let targets: Vec<_> = numbers
        .received()
        .into_iter()
        .map(|received| received.target)
        .collect();
    assert_eq!(targets, ["/", "/?page=2", "/?page=3"]);

    let away = Server::always(
        200,
        &[json, ("link", "<http://localhost:1/>; rel=\"next\"")],
        "[1]",
    )
    .await;
    let arguments = [
        ("url", Value::from(away.url.as_str())),
        ("paginate", parse(r#"{"style":"link"}"#)),
    ];
    assert_eq!(
        bench
            .local("http.get", arguments, [])
            .await
            .expect_err("a private address")
            .code,
        "http.blocked_address"
    );
}

#[tokio::test]
async fn a_key_never_leaves_this_machine_in_the_clear() {
    let bench = Bench::new();
    for (address, code) in [
        ("http://192.0.2.2:9/v1", "connection.insecure"),
        ("http://api.example.com/v1", "connection.insecure"),
        ("http://127.0.0.1.example.com", "connection.insecure"),
        ("ftp://127.0.0.1/v1", "connection.insecure"),
        ("nonsense", "connection.setting"),
        ("http://127.0.0.1:9/v1", "http.connect"),
        ("http://[::1]:9/v1", "http.connect"),
    ] {
        let settings = format!(r#"{{"base_url":"{address}"}}"#);
        let result = bench.perform("claude.models.list", &settings, "{}").await;
        assert_eq!(result.expect_err("nobody answers").code, code, "{address}");
    }
}
