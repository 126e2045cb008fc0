//! Lists over several pages.

use flow_connector::{Connectors, TransportLimits};
use flow_engine::value::{Value, json};

use crate::support::{Bench, Received, Reply, Server, content, reply};

async fn list(
    operation: &str,
    arguments: &str,
    pages: Option<u32>,
    answer: impl Fn(&Received, usize) -> Reply + Send + Sync + 'static,
) -> (Result<Value, String>, Vec<String>) {
    let server = Server::start(answer).await;
    let bench = Bench::new();
    let read = |text: &str| json::parse(text.as_bytes()).expect("JSON");
    let mut call = Bench::call(operation, read(&server.settings()), read(arguments));
    call.pages = pages;
    let value = bench.run(&call).await.map_err(|failure| failure.code);
    let value = value.map(|value| match value {
        Value::Blob(_) => Value::from(content(&bench, &value)),
        inline => inline,
    });
    (
        value,
        server
            .received()
            .into_iter()
            .map(|received| received.target)
            .collect(),
    )
}

fn ids(value: &Value) -> Vec<&str> {
    let items = value.as_list().expect("a list");
    items
        .iter()
        .filter_map(|item| item.get("id")?.as_str())
        .collect()
}

#[tokio::test]
async fn object_cursors_go_forwards_and_back() {
    let page = |_: &Received, number: usize| {
        reply(
            200,
            &[],
            format!(
                r#"{{"data":[{{"id":"{number}a"}},{{"id":"{number}b"}}],"has_more":{},"first_id":"{number}a","last_id":"{number}b"}}"#,
                number < 2
            ),
        )
    };
    let (value, targets) = list(
        "claude.models.list",
        r#"{"limit":2,"lifecycle":["active","retired"]}"#,
        None,
        page,
    )
    .await;
    assert_eq!(
        ids(&value.expect("three pages")),
        ["0a", "0b", "1a", "1b", "2a", "2b"]
    );
    assert_eq!(
        targets[0],
        "/v1/models?limit=2&lifecycle%5B%5D=active&lifecycle%5B%5D=retired"
    );
    assert_eq!(
        targets[2],
        "/v1/models?limit=2&lifecycle%5B%5D=active&lifecycle%5B%5D=retired&after_id=1b"
    );
    let (_, targets) = list(
        "claude.message_batches.list",
        r#"{"before_id":"x"}"#,
        None,
        page,
    )
    .await;
    assert_eq!(targets[1], "/v1/messages/batches?limit=1000&before_id=0a");
    let (value, targets) = list("claude.models.list", "{}", Some(1), page).await;
    assert_eq!(
        (ids(&value.expect("one page")).len(), targets.len()),
        (2, 1)
    );
}

#[tokio::test]
async fn page_cursors_pass_over_empty_pages() {
    let (value, targets) = list("claude.files.list", "{}", None, |_, number| {
        reply(
            200,
            &[],
            [
                r#"{"data":[{"id":"a","filename":"x"}],"next_page":"p/1"}"#,
                r#"{"data":[],"next_page":"p2"}"#,
                r#"{"data":[{"id":"b"}],"next_page":null}"#,
            ][number],
        )
    })
    .await;
    let value = value.expect("three pages");
    assert_eq!(ids(&value), ["a", "b"]);
    assert_eq!(
        targets,
        ["/v1/files", "/v1/files?page=p%2F1", "/v1/files?page=p2"]
    );
    let first = value
        .as_list()
        .and_then(|items| items[0].as_map())
        .expect("a map");
    assert_eq!(
        first.view().and_then(|view| view.read(first, "file_name")),
        Some(Value::from("x"))
    );
}

#[tokio::test]
async fn loops_and_missing_items_are_named() {
    let (same, _) = list("claude.files.list", "{}", None, |_, _| {
        reply(200, &[], r#"{"data":[],"next_page":"a"}"#)
    })
    .await;
    assert_eq!(same, Err("page.loop".to_owned()));
    let (turns, targets) = list("claude.files.list", "{}", None, |_, number| {
        reply(
            200,
            &[],
            format!(r#"{{"data":[],"next_page":"{}"}}"#, ["a", "b"][number % 2]),
        )
    })
    .await;
    assert_eq!((turns, targets.len()), (Err("page.loop".to_owned()), 3));
    let (none, _) = list("claude.files.list", "{}", None, |_, _| {
        reply(200, &[], r#"{"data":{}}"#)
    })
    .await;
    assert_eq!(none, Err("page.no_items".to_owned()));
}

#[tokio::test]
async fn a_long_list_is_stored() {
    let (value, _) = list("claude.files.list", "{}", None, |_, number| {
        let items: Vec<String> = (0..400)
            .map(|at| {
                format!(
                    r#"{{"id":"file_{number}_{at}","filename":"{}"}}"#,
                    "n".repeat(100)
                )
            })
            .collect();
        let next = if number < 2 {
            format!("\"{number}\"")
        } else {
            "null".to_owned()
        };
        reply(
            200,
            &[],
            format!(r#"{{"data":[{}],"next_page":{next}}}"#, items.join(",")),
        )
    })
    .await;
    assert_eq!(
        value
            .expect("stored")
            .as_str()
            .expect("lines")
            .lines()
            .count(),
        1200
    );
}

#[tokio::test]
async fn a_list_without_end_stops_at_the_limit() {
    let server = Server::start(|_, number| {
        reply(200, &[], format!(r#"{{"data":[],"next_page":"{number}"}}"#))
    })
    .await;
    let limits = TransportLimits {
        pages: 3,
        ..TransportLimits::default()
    };
    let bench = Bench::with(Connectors::builtin().with_limits(limits));
    let failure = bench
        .perform("claude.files.list", &server.settings(), "{}")
        .await;
    assert_eq!(failure.expect_err("it has no end").code, "page.limit");
    assert_eq!(server.received().len(), 3);
}
