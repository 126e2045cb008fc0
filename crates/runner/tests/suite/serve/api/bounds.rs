//! What is not taken, and what has no effect: the rows of the table in `docs/api.md`.

use serde_json::{Value, json};

use super::Api;
use crate::rules::{missing, sources};
use crate::support::root;

#[test]
fn every_row_of_the_page_has_tests_that_are_there() {
    let page = std::fs::read_to_string(root().join("docs/api.md")).expect("it is there");
    let mut files = Vec::new();
    sources(&root().join("crates"), &mut files);
    let (mut rows, mut wrong) = (0, Vec::new());
    for line in page.lines().filter(|line| line.starts_with("| W")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [row, _, _, tests] = cells.as_slice() else {
            panic!("{line}");
        };
        rows += 1;
        let tests = tests.split(", ").map(|test| test.trim_matches('`'));
        let found = tests.filter_map(|test| missing(test, &files));
        wrong.extend(found.map(|why| format!("{row}: {why}")));
    }
    assert!(rows >= 10, "{rows} rows");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A change of the trigger, with these headers.
fn pause(api: &Api, headers: &[(&str, &str)]) -> super::Answer {
    let authorization = format!("Bearer {}", api.admin);
    let mut all = vec![("authorization", &*authorization)];
    all.extend(headers);
    api.ask("POST", "/triggers/hello/nightly/pause", &all, Some(b"{}"))
}

fn is_paused(api: &Api) -> bool {
    api.get("/triggers/hello/nightly").json()["paused_at"] != Value::Null
}

const JSON: (&str, &str) = ("content-type", "application/json");

#[test]
fn odd_paths_lead_nowhere() {
    let api = Api::start(&[], &[]);
    let run = api.hello();
    for path in [
        "//api/v1//runs".to_owned(),
        "//api/v1/runs/".to_owned(),
        "//api/v1/runs;x".to_owned(),
        "//api/v1/runs.".to_owned(),
        "//api/v1/./runs".to_owned(),
        "//api/v1/%72uns".to_owned(),
        "//api/v1/RUNS".to_owned(),
        "//api/v1/runs/%2e%2e/workflows".to_owned(),
        "//api/v1/runs/../workflows".to_owned(),
        format!("//api/v1/runs/{run}/openapi.json"),
        format!("//api/v1/runs/{run}%00"),
        format!("//api/v1/runs/{run}/steps/%ff"),
        "//api/v1/workflows/hello%2f..%2fhello".to_owned(),
        "//api/v1/values/..%2f..%2fflow.db".to_owned(),
        format!("//api/v1/values/{}", "0".repeat(64)),
    ] {
        assert_eq!(api.get(&path).status, 404, "{path}");
    }
    // Without the prefix that wants a token there is nothing either.
    for path in [
        "///api/v1/runs",
        "//%61pi/v1/runs",
        "//healthz/../api/v1/runs",
    ] {
        assert_eq!(api.ask("GET", path, &[], None).status, 404, "{path}");
    }
    assert_eq!(api.daemon.stop(), 0);
}

#[test]
fn methods_that_only_look_change_nothing() {
    let api = Api::start(&[], &[]);
    let authorization = format!("Bearer {}", api.admin);
    let before = api.runs();
    for method in ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "PATCH", "DELETE"] {
        for path in ["/triggers/hello/nightly/pause", "/workflows/hello/runs"] {
            for header in [
                "x-http-method-override",
                "x-http-method",
                "x-method-override",
            ] {
                let headers = [("authorization", &*authorization), JSON, (header, "POST")];
                let answer = api.ask(method, path, &headers, Some(b"{}"));
                assert_eq!(answer.status, 405, "{method} {path}");
                assert!(answer.head.contains("allow: post"), "{}", answer.head);
            }
        }
    }
    let head = api.ask("HEAD", "/runs", &[("authorization", &authorization)], None);
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert!(!is_paused(&api));
    assert_eq!(api.runs(), before);
    assert_eq!(api.daemon.stop(), 0);
}

#[test]
fn another_host_is_not_answered() {
    let api = Api::start(&[], &["--host", "flow.example"]);
    let authorization = format!("Bearer {}", api.admin);
    let port = api.address.rsplit(':').next().expect("a port");
    for (host, status) in [
        ("evil.test".to_owned(), 421),
        (format!("evil.test:{port}"), 421),
        (format!("localhost.:{port}"), 421),
        ("127.0.0.1:1".to_owned(), 421),
        (format!("[::1]:{port}"), 200),
        (format!("LOCALHOST:{port}"), 200),
        ("flow.example".to_owned(), 200),
    ] {
        let headers = [("authorization", &*authorization), ("host", &*host)];
        let answer = api.ask("GET", "/runs", &headers, None);
        assert_eq!(answer.status, status, "{host}");
    }
    assert_eq!(api.daemon.stop(), 0);
}

#[test]
fn pages_of_other_origins_change_nothing() {
    let api = Api::start(&[], &[]);
    let own = format!("http://{}", api.address);
    for origin in [
        "https://evil.test",
        "null",
        "",
        "http://127.0.0.1",
        "file://",
        &format!("{own}.evil.test"),
    ] {
        let answer = pause(&api, &[JSON, ("origin", origin)]);
        assert_eq!(
            (answer.status, &*answer.code()),
            (403, "api.origin"),
            "{origin}"
        );
    }
    let twice = pause(&api, &[JSON, ("origin", &own), ("origin", &own)]);
    assert_eq!(twice.status, 403);
    assert!(!is_paused(&api));
    assert_eq!(pause(&api, &[JSON, ("origin", &own)]).status, 200);
    assert!(is_paused(&api));
    // No page of another origin may read either: nothing says that it may.
    let authorization = format!("Bearer {}", api.admin);
    let headers = [
        ("authorization", &*authorization),
        ("origin", "https://evil.test"),
    ];
    let answer = api.ask("GET", "/runs", &headers, None);
    assert!(!answer.head.contains("access-control"), "{}", answer.head);
    assert!(
        answer.head.contains("cache-control: no-store"),
        "{}",
        answer.head
    );
    assert!(
        answer.head.contains("x-content-type-options: nosniff"),
        "{}",
        answer.head
    );
    assert_eq!(api.daemon.stop(), 0);
}

#[test]
fn a_change_says_that_it_is_json() {
    let api = Api::start(&[], &[]);
    for ty in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "text/plain; application/json",
    ] {
        let answer = pause(&api, &[("content-type", ty)]);
        assert_eq!(
            (answer.status, &*answer.code()),
            (415, "api.content_type"),
            "{ty}"
        );
    }
    assert_eq!(pause(&api, &[]).status, 415, "none at all");
    let packed = pause(&api, &[JSON, ("content-encoding", "gzip")]);
    assert_eq!(packed.code(), "api.content_type");
    assert!(!is_paused(&api));
    let answer = pause(&api, &[("content-type", "Application/JSON; charset=utf-8")]);
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(api.daemon.stop(), 0);
}

#[test]
fn a_body_that_cannot_be_read_is_told_where() {
    let api = Api::start(&[], &[]);
    let authorization = format!("Bearer {}", api.admin);
    let start = |body: &[u8]| {
        let headers = [("authorization", &*authorization), JSON];
        api.ask("POST", "/workflows/hello/runs", &headers, Some(body))
    };
    let deep = format!(r#"{{"event":{}1{}}}"#, "[".repeat(101), "]".repeat(101));
    let bodies: &[(&[u8], &str, u64)] = &[
        (b"{\"inputs\":{\"who\":\"\xff\"}}", "json.syntax", 18),
        (deep.as_bytes(), "json.depth", 109),
        (br#"{"event":"\ud800"}"#, "json.surrogate", 16),
        (b"{\n\"event\": x}", "json.syntax", 11),
        (b"", "json.syntax", 0),
        (br#"{"event":99999999999999999999}"#, "json.integer", 9),
    ];
    for (body, code, offset) in bodies {
        let answer = start(body);
        let shown = String::from_utf8_lossy(body);
        assert_eq!(
            (answer.status, &*answer.code()),
            (400, *code),
            "{shown}: {}",
            answer.body
        );
        let found = answer.json()["offset"].as_u64().expect("an offset");
        assert!(found.abs_diff(*offset) <= 1, "{shown}: {}", answer.body);
    }
    for (body, pointer) in [
        (json!([]), ""),
        (json!({ "input": {} }), "/input"),
        (json!({ "inputs": [] }), "/inputs"),
        (json!({ "key": "" }), "/key"),
        (json!({ "key": 1 }), "/key"),
    ] {
        let answer = api.post("/workflows/hello/runs", &body);
        assert_eq!(
            (answer.status, &*answer.code()),
            (400, "api.body"),
            "{body}"
        );
        assert_eq!(answer.json()["pointer"], pointer, "{}", answer.body);
    }
    let large = vec![b' '; (1 << 20) + 1];
    let answer = start(&large);
    assert_eq!((answer.status, &*answer.code()), (413, "api.too_large"));
    assert_eq!(api.runs(), 0);
    assert_eq!(api.daemon.stop(), 0);
}

#[test]
fn ids_that_cannot_be_one_are_not_found() {
    let api = Api::start(&[], &[]);
    let run = api.hello();
    let long = "a".repeat(60_000);
    for id in [
        "x",
        "..%2f..%2fx",
        &long,
        &run.to_uppercase(),
        &run[..25],
        "1",
        "%20",
        "null",
    ] {
        for rest in ["", "/steps", "/events", "/logs", "/logs/stream", "/why"] {
            let answer = api.get(&format!("/runs/{id}{rest}"));
            let shown: String = id.chars().take(30).collect();
            assert_eq!(
                (answer.status, &*answer.code()),
                (404, "run.unknown"),
                "{shown}{rest}"
            );
            assert!(answer.body.len() < 500, "{}", answer.body);
        }
        let answer = api.post(&format!("/runs/{id}/cancel"), &json!({}));
        assert_eq!(answer.status, 404);
    }
    let answer = api.get(&format!("/runs/{run}/steps/gret"));
    assert_eq!((answer.status, &*answer.code()), (404, "run.unknown_step"));
    assert!(
        answer.body.contains("did you mean `greet`?"),
        "{}",
        answer.body
    );
    assert_eq!(api.daemon.stop(), 0);
}

#[test]
fn limits_and_cursors_out_of_range_are_told_the_range() {
    let api = Api::start(&[], &[]);
    let run = api.hello();
    let lists = [
        "/runs".to_owned(),
        "/workflows".to_owned(),
        "/triggers".to_owned(),
        "/triggers/hello/nightly".to_owned(),
        "/triggers/hello/nightly/schedule".to_owned(),
        format!("/runs/{run}/steps"),
        format!("/runs/{run}/events"),
    ];
    for list in &lists {
        for limit in [
            "0",
            "501",
            "999999999",
            "-1",
            "1e3",
            "%2B5",
            "",
            "a",
            "99999999999999999999999",
        ] {
            let answer = api.get(&format!("{list}?limit={limit}"));
            assert_eq!(
                (answer.status, &*answer.code()),
                (400, "api.parameter"),
                "{list} {limit}"
            );
            assert!(answer.body.contains("from 1 to 500"), "{}", answer.body);
        }
        assert_eq!(api.get(&format!("{list}?limit=500")).status, 200, "{list}");
        assert_eq!(
            api.get(&format!("{list}?limit=5&limit=5")).status,
            400,
            "{list}"
        );
    }
    let cursors = ["/runs", &lists[5], &lists[6]];
    for list in cursors {
        for cursor in ["x", "-1", "01aaaaaaaaaaaaaaaaaaaaaaaa&cursor=1", ""] {
            let answer = api.get(&format!("{list}?cursor={cursor}"));
            assert_eq!(
                (answer.status, &*answer.code()),
                (400, "api.parameter"),
                "{list} {cursor}"
            );
        }
    }
    let gone = format!("/runs?cursor={}", "0".repeat(26));
    assert_eq!(
        api.get(&gone).status,
        404,
        "what comes after a run that is not there"
    );
    for query in ["status=odd", "from=yesterday", "order=desc"] {
        assert_eq!(api.get(&format!("/runs?{query}")).status, 400, "{query}");
    }
    assert_eq!(api.daemon.stop(), 0);
}
