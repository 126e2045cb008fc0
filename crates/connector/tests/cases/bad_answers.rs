//! What answers may look like: the rows of `docs/answers.md` that no other test has.

use std::time::Duration;

use flow_connector::{Connectors, TransportLimits};
use flow_engine::run::{Done, Failure, FailureKind};
use flow_engine::source::SourceFile;
use flow_engine::value::{Map, Secret, Value, json};

use crate::support::{Bench, Received, Reply, Server, content, reply};

const READ: &str = "claude.message_batches.read";
const RESULTS: &str = "claude.message_batches.results";
const BATCH: &str = r#"{"batch_id":"b"}"#;
const JSON: (&str, &str) = ("content-type", "application/json");

/// Small limits, so that what is too much is quickly made.
fn small() -> Bench {
    let limits = TransportLimits {
        connect: Duration::from_millis(300),
        body_bytes: 1 << 20,
        stream_bytes: 4 << 20,
        event_bytes: 64 << 10,
        ..TransportLimits::default()
    };
    Bench::with(Connectors::builtin().with_limits(limits))
}

async fn read(bytes: impl Into<Vec<u8>>) -> Result<Value, Failure> {
    let bytes = bytes.into();
    let server = Server::start(move |_, _| Reply::raw(bytes.clone())).await;
    small().perform(READ, &server.settings(), BATCH).await
}

async fn get(bench: &Bench, url: &str) -> Result<Value, Failure> {
    bench
        .local("http.get", [("url", Value::from(url))], [])
        .await
}

#[tokio::test]
async fn json_is_exact_or_refused() {
    for (body, kept) in [
        (r#"{"n":9007199254740993}"#, true),
        (r#"{"n":18446744073709551615}"#, true),
        (r#"{"n":12345678901234567890123}"#, false),
        (r#"{"n":1e400}"#, false),
        (r#"{"n":NaN}"#, false),
        (r#"{"n":[1,]}"#, false),
        ("{'n':1}", false),
        ("{\"n\":1} // done", false),
        (r#"{"n":"\ud800"}"#, false),
        (r#"{"n":"a\u0000b"}"#, true),
    ] {
        let answer = reply(200, &[JSON], body).bytes;
        match read(answer).await {
            Ok(value) => {
                assert!(kept, "{body}");
                assert_eq!(value.to_json().expect("plain"), body);
            }
            Err(failure) => {
                assert!(!kept, "{body}: {}", failure.message);
                assert_eq!(
                    (failure.code.as_str(), failure.done),
                    ("http.bad_json", Done::Done)
                );
            }
        }
    }
    for (depth, kept) in [(100, true), (101, false)] {
        let body = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        let value = read(reply(200, &[JSON], body).bytes).await;
        assert_eq!(value.is_ok(), kept, "{depth}");
    }
}

#[tokio::test]
async fn an_answer_without_length_stops_at_the_limit() {
    let endless = |_: &Received, _: usize| {
        let mut bytes = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_vec();
        bytes.extend(b"{}\n".repeat(3 << 20));
        Reply::raw(bytes)
    };
    let server = Server::start(endless).await;
    for operation in [READ, RESULTS] {
        let failure = small().perform(operation, &server.settings(), BATCH).await;
        assert_eq!(
            failure.expect_err("it is long").code,
            "http.too_large",
            "{operation}"
        );
    }
}

#[tokio::test]
async fn a_port_that_drops_everything_is_given_up() {
    // A queue of connections that nobody takes: when it is full, the system drops what comes.
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket
        .bind("127.0.0.1:0".parse().expect("an address"))
        .expect("loopback");
    let listener = socket.listen(1).expect("it is bound");
    let address = listener.local_addr().expect("it is bound");
    let mut waiting = Vec::new();
    let is_full = loop {
        let connecting = tokio::net::TcpStream::connect(address);
        match tokio::time::timeout(Duration::from_millis(200), connecting).await {
            Ok(stream) => waiting.push(stream),
            Err(_) => break true,
        }
        if waiting.len() > 100 {
            break false;
        }
    };
    assert!(is_full, "the queue takes everything");
    let failure = get(&small(), &format!("http://{address}")).await;
    let failure = failure.expect_err("nobody answers");
    assert_eq!(
        (failure.code.as_str(), failure.kind, failure.done),
        ("http.connect", FailureKind::Connect, Done::NotDone)
    );
}

#[tokio::test]
async fn resets_say_how_far_it_came() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n";
    for (sent, done) in [
        (String::new(), Done::Unknown),
        (head.to_owned(), Done::Done),
        (format!("{head}{{\"a\":"), Done::Done),
    ] {
        let bytes = sent.clone();
        let server = Server::start(move |_, _| Reply::raw(bytes.clone()).reset()).await;
        let failure = small().perform(READ, &server.settings(), BATCH).await;
        let failure = failure.expect_err("it is reset");
        assert_eq!(
            (failure.code.as_str(), failure.kind, failure.done),
            ("http.reset", FailureKind::Reset, done),
            "{sent:?}: {}",
            failure.message
        );
    }
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_is_not_used_again() {
    // It does not say that it closes.
    let silent = || Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
    let server = Server::start(move |_, _| silent()).await;
    let bench = small();
    for _ in 0..5 {
        let value = bench.perform(READ, &server.settings(), BATCH).await;
        value.expect("it answers each time");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(server.received().len(), 5);
    // One that closes just as it is asked again: nobody knows whether it heard.
    let server = Server::start(move |_, _| silent().hold(Duration::from_millis(200))).await;
    let message = r#"{"model":"m","max_tokens":5,"messages":[]}"#;
    let create = "claude.messages.create";
    let first = bench.perform(create, &server.settings(), message).await;
    first.expect("it answers");
    let second = bench.perform(create, &server.settings(), message).await;
    let failure = second.expect_err("nobody reads it");
    assert_eq!(
        (failure.code.as_str(), failure.kind, failure.done),
        ("http.reset", FailureKind::Reset, Done::Unknown)
    );
}

#[tokio::test]
async fn events_are_read_however_they_come() {
    let events = "event: a\r\ndata: {\"t\":\"é🦀\"}\r\n\r\n: a comment\n\ndata: 1\rdata: 2\r\rid: 7\ndata\n\n";
    let server = Server::start(move |_, _| {
        reply(200, &[("content-type", "text/event-stream")], events).drip(1, Duration::ZERO)
    })
    .await;
    let found = get(&small(), &server.url).await.expect("events");
    let expected = r#"[{"event":"a","id":null,"data":{"t":"é🦀"}},{"event":null,"id":null,"data":"1\n2"},{"event":null,"id":"7","data":""}]"#;
    assert_eq!(found.to_json().expect("plain"), expected);

    let long = format!("data: {}\n\n", "x".repeat(100 << 10));
    let server = Server::always(200, &[("content-type", "text/event-stream")], &long).await;
    let failure = get(&small(), &server.url).await.expect_err("it is long");
    assert_eq!(failure.code, "http.too_large");
}

#[tokio::test]
async fn an_error_in_a_stream_fails_and_what_came_is_no_result() {
    let events = concat!(
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"content\":[]}}\n\n",
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n",
    );
    let server = Server::always(200, &[("content-type", "text/event-stream")], events).await;
    let message = r#"{"model":"m","max_tokens":5,"messages":[]}"#;
    let failure = small()
        .perform("claude.messages.stream", &server.settings(), message)
        .await
        .expect_err("it ends with an error");
    assert_eq!(
        (failure.code.as_str(), failure.kind),
        ("http.stream_incomplete", FailureKind::Overloaded)
    );
}

#[tokio::test]
async fn texts_are_in_the_letters_that_they_declare() {
    let text = async |media: &'static str, bytes: &'static [u8]| {
        let server = Server::start(move |_, _| reply(200, &[("content-type", media)], bytes)).await;
        let bench = small();
        let value = get(&bench, &server.url).await;
        value.map(|value| match value {
            Value::Blob(_) => Value::from("bytes"),
            text => text,
        })
    };
    assert_eq!(
        text("text/plain; charset=ISO-8859-1", b"\xe9").await,
        Ok(Value::from("é"))
    );
    assert_eq!(
        text("text/plain", "\u{feff}é".as_bytes()).await,
        Ok(Value::from("é"))
    );
    let wrong = text("text/plain", b"a\xe9").await.expect_err("no UTF-8");
    assert_eq!(wrong.code, "http.encoding");
    assert!(wrong.message.contains("byte 1"), "{}", wrong.message);
    // Letters that are not known here: the bytes, for whoever knows them.
    assert_eq!(
        text("text/plain; charset=utf-16", b"\xff\xfeA\0").await,
        Ok(Value::from("bytes"))
    );
}

#[tokio::test]
async fn odd_heads_are_taken_or_refused() {
    let good = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
    let hundreds = "HTTP/1.1 100 Continue\r\n\r\n".repeat(10);
    let hints = "HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\n\r\n";
    for head in [hundreds.as_str(), hints] {
        let value = read(format!("{head}{good}")).await;
        assert_eq!(value.expect("the last one counts"), Value::from(Map::new()));
    }
    let empty = read("HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n{\"a\":1}").await;
    assert_eq!(empty, Ok(Value::Null));
    let unchanged = read("HTTP/1.1 304 Not Modified\r\nconnection: close\r\n\r\n").await;
    assert_eq!(
        unchanged.expect_err("nothing was asked for").code,
        "http.304"
    );
    for broken in [
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}x",
        "HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\n{}",
        "HTTP/1.1 abc OK\r\n\r\n{}",
        "HTTP/9.9 200 OK\r\n\r\n{}",
    ] {
        let failure = read(broken).await.expect_err(broken);
        assert_eq!(
            failure.code, "http.protocol",
            "{broken:?}: {}",
            failure.message
        );
    }
    let server = Server::always(200, &[], "a body that a HEAD must not have").await;
    let bench = small();
    let head = bench.local("http.head", [("url", Value::from(server.url.as_str()))], []);
    assert_eq!(
        head.await.expect("only the head counts").get("status"),
        Some(&Value::from(200_i64))
    );
}

#[tokio::test]
async fn a_name_that_leads_nowhere_is_named() {
    let failure = get(&small(), "http://name-that-is-not.invalid/").await;
    let failure = failure.expect_err("there is no such name");
    assert_eq!(
        (failure.code.as_str(), failure.kind, failure.done),
        ("http.dns", FailureKind::Connect, Done::NotDone)
    );
}

#[tokio::test]
async fn cookies_are_not_kept() {
    let server = Server::always(200, &[JSON, ("set-cookie", "session=1; Path=/")], "{}").await;
    let bench = small();
    for _ in 0..2 {
        get(&bench, &server.url).await.expect("it answers");
    }
    for received in server.received() {
        assert_eq!(received.header("cookie"), None);
    }
}

#[tokio::test]
async fn an_answer_that_repeats_a_secret_is_kept_without_it() {
    let echo = |media: &'static str| {
        move |received: &Received, _: usize| {
            let key = received
                .header("authorization")
                .unwrap_or_default()
                .to_owned();
            let body = format!("{{\"you sent\":\"{key}\"}}\n");
            let headers = [("content-type", media), ("x-echo", key.as_str())];
            reply(200, &headers, body).drip(3, Duration::ZERO)
        }
    };
    for media in [
        "application/json",
        "application/x-ndjson",
        "text/plain",
        "image/png",
    ] {
        let server = Server::start(echo(media)).await;
        let bench = small();
        let headers = Value::map([("authorization", Value::from(Secret::named("TOKEN")))]);
        let arguments = [
            ("url", Value::from(server.url.as_str())),
            ("headers", headers),
        ];
        for operation in ["http.get", "http.head"] {
            let value = bench.local(operation, arguments.clone(), []).await;
            let value = value.expect("it answers");
            let text = match &value {
                Value::Blob(_) => content(&bench, &value),
                other => other.to_json().expect("plain"),
            };
            assert!(
                text.contains("***") && !text.contains("hush"),
                "{operation} {media}: {text}"
            );
        }
        assert_eq!(
            server.received()[0].header("authorization"),
            Some("hush hush")
        );
    }
}

/// What a list of a service with this `pagination` gives, of pages that are asked for one by one.
async fn listed(
    pagination: &str,
    pages: impl Fn(&Received, usize) -> Reply + Send + Sync + 'static,
) -> (Result<Value, Failure>, Vec<Received>) {
    let text = format!(
        "handle: shop\nservice:\n  baseURL: https://shop.example\n  auth: {{ method: bearer, params: {{ bearer: {{ token: '{{{{token}}}}' }} }} }}\n  settings: {{ token: {{ secret: true, defaultSecret: TOKEN }} }}\nresources:\n  - handle: orders\n    operations: {{ list: {{ method: GET, path: /orders, pagination: {pagination} }} }}\n"
    );
    let connectors = Connectors::builtin().with_descriptor(&[SourceFile::new("shop.yaml", text)]);
    let bench = Bench::with(connectors.unwrap_or_else(|error| panic!("{error}")));
    let server = Server::start(pages).await;
    let value = bench
        .perform("shop.orders.list", &server.settings(), "{}")
        .await;
    (value, server.received())
}

#[tokio::test]
async fn an_item_that_shifts_to_the_next_page_comes_once() {
    // Something was added at the front after the first page was read.
    let pages = [
        r#"[{"id":3,"n":"c"},{"id":2,"n":"b"},{"id":2,"n":"b"}]"#,
        r#"[{"id":2,"n":"b"},{"id":1,"n":"a"},{"n":"b"}]"#,
        r#"[{"id":1,"n":"changed"},{"n":"b"},"b"]"#,
        r#"["b"]"#,
        "[]",
    ];
    let answer = move |_: &Received, number: usize| reply(200, &[JSON], pages[number]);
    let (value, _) = listed("{ style: page_number }", answer).await;
    let expected = r#"[{"id":3,"n":"c"},{"id":2,"n":"b"},{"id":2,"n":"b"},{"id":1,"n":"a"},{"n":"b"},{"id":1,"n":"changed"},{"n":"b"},"b","b"]"#;
    assert_eq!(value.expect("a list").to_json().expect("plain"), expected);
    let (value, _) = listed("{ style: offset, key: id }", answer).await;
    let expected = r#"[{"id":3,"n":"c"},{"id":2,"n":"b"},{"id":2,"n":"b"},{"id":1,"n":"a"},{"n":"b"},{"n":"b"},"b","b"]"#;
    assert_eq!(value.expect("a list").to_json().expect("plain"), expected);
}

#[tokio::test]
async fn a_list_goes_on_at_the_address_that_it_gives() {
    let (value, received) = listed("{ style: next_url }", |received, _| {
        let next = match received.target.as_str() {
            "/orders" => r#""/orders?after=a%2Fb""#,
            "/orders?after=a%2Fb" => r#""?page=3""#,
            _ => "null",
        };
        reply(200, &[JSON], format!(r#"{{"data":[1],"next":{next}}}"#))
    })
    .await;
    assert_eq!(
        value.expect("a list"),
        json::parse(b"[1,1,1]").expect("JSON")
    );
    assert!(
        received
            .iter()
            .all(|received| received.header("authorization") == Some("Bearer hush hush"))
    );
    for (next, code) in [
        (r#""http://localhost:1/""#, "http.blocked_address"),
        (r#""file:///etc/passwd""#, "page.address"),
        ("7", "page.address"),
        (r#""/orders""#, "page.loop"),
    ] {
        let answer = move |_: &Received, _: usize| {
            reply(200, &[JSON], format!(r#"{{"data":[1],"next":{next}}}"#))
        };
        let failure = listed("{ style: next_url }", answer).await.0;
        assert_eq!(failure.expect_err(next).code, code, "{next}");
    }
}
