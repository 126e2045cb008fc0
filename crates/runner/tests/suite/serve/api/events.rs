//! Events that are said over the API, and their log.

use serde_json::{Value, json};

use super::Api;
use crate::support::until;

const LISTENS: &str = "name: listens\non: { event: report.ready }\nsteps:\n  a: { value: '{{ trigger.n }}' }\noutputs: { n: '{{ steps.a }}' }\n";

#[test]
fn an_event_is_written_once_and_starts_what_listens() {
    let api = Api::start(&[("listens.yml", LISTENS)], &[]);
    let runner = api.token("runner", "run");
    let event = json!({ "event": "report.ready", "data": { "n": 7 }, "key": "monday" });
    for _ in 0..2 {
        let answer = api.post_as(&runner, "/events", &event);
        assert_eq!(answer.status, 202, "{}", answer.body);
        assert_eq!(answer.json(), json!({ "event": "report.ready" }));
    }
    let mut runs = Value::Null;
    until("it starts and ends", || {
        runs = api.get("/runs?workflow=listens&status=succeeded").json();
        runs["runs"].as_array().is_some_and(|runs| runs.len() == 1)
    });
    let run = runs["runs"][0]["run"].as_str().expect("an id");
    let shown = api.get(&format!("/runs/{run}")).json();
    assert_eq!(shown["outputs"], json!({ "n": 7 }));
    let found = api.get("/events?name=report.ready").json();
    let written = &found["events"][0];
    assert_eq!(found["events"].as_array().map(Vec::len), Some(1), "{found}");
    assert_eq!(
        (&written["data"], &written["run"], &written["sandbox"]),
        (&json!({ "n": 7 }), &Value::Null, &json!(false))
    );
    let ends = api.get("/events?name=run.succeeded").json();
    assert_eq!(
        (&ends["events"][0]["run"], &ends["events"][0]["workflow"]),
        (&json!(run), &json!("listens"))
    );
    assert!(
        api.daemon
            .lines()
            .iter()
            .any(|line| line.contains("report.ready was emitted, by the token `runner`"))
    );
    assert_eq!(api.daemon.stop(), 0);
}

#[test]
fn another_event_under_a_key_is_refused() {
    let api = Api::start(&[], &[]);
    let say = |data: Value| {
        let event = json!({ "event": "counted", "data": data, "key": "q" });
        api.post("/events", &event)
    };
    assert_eq!(say(json!({ "n": 6, "m": 1 })).status, 202);
    assert_eq!(say(json!({ "m": 1, "n": 6 })).status, 202);
    let other = say(json!({ "n": 7, "m": 1 }));
    let found = (other.status, other.code());
    assert_eq!(found, (409, "flow.key_conflict".to_owned()));
    let emit = |n: &str| {
        let arguments = ["emit", "counted", "--key", "q", n, "m=1"];
        crate::support::run(api.path(), &arguments)
    };
    let (code, _, err) = emit("n=7");
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("error[flow.key_conflict]"), "{err}");
    assert!(!err.contains("is in the log of events"), "{err}");
    let (code, _, err) = emit("n=6");
    assert_eq!(code, 0, "{err}");
    let written = api.get("/events?name=counted").json();
    assert_eq!(written["events"].as_array().map(Vec::len), Some(1));
    assert_eq!(api.daemon.stop(), 0);
}

#[test]
fn the_log_has_pages_and_large_data_is_not_pasted() {
    let api = Api::start(&[], &[]);
    for n in 0..5 {
        let event = json!({ "event": "counted", "data": n });
        assert_eq!(api.post("/events", &event).status, 202);
    }
    let many: Vec<u32> = (0..20_000).collect();
    let event = json!({ "event": "large", "data": { "many": many } });
    assert_eq!(api.post("/events", &event).status, 202);
    assert_eq!(api.post("/events", &json!({ "event": "bare" })).status, 202);
    for (name, expected) in [("", 7), ("name=counted&", 5)] {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = api.get(&format!("/events?{name}limit=2{cursor}")).json();
            found.extend(page["events"].as_array().expect("events").clone());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        let places: Vec<i64> = found.iter().filter_map(|one| one["seq"].as_i64()).collect();
        assert_eq!(places.len(), expected, "{found:?}");
        assert!(
            places.windows(2).all(|pair| pair[0] > pair[1]),
            "{places:?}"
        );
    }
    let bare = &api.get("/events?limit=1").json()["events"][0];
    assert_eq!(
        (&bare["event"], &bare["data"]),
        (&json!("bare"), &json!({}))
    );
    let large = api.get("/events?name=large").json();
    let hash = large["events"][0]["data"]["stored"].as_str();
    let file = api.get(&format!("/values/{}", hash.expect("a stored value")));
    assert!(file.body.contains("19999"));
    assert_eq!(api.daemon.stop(), 0);
}

#[test]
fn names_that_nobody_may_say_are_refused_as_on_the_command_line() {
    let api = Api::start(&[], &[]);
    let long = "a".repeat(201);
    for name in ["", "two words", "run.failed", &long, "\u{7}"] {
        let answer = api.post("/events", &json!({ "event": name }));
        let found = (answer.status, answer.code());
        assert_eq!(found, (422, "flow.event_name".to_owned()), "{name}");
    }
    for body in [
        json!({}),
        json!({ "event": 1 }),
        json!({ "event": "a", "key": "" }),
        json!({ "event": "a", "by": "somebody" }),
    ] {
        let answer = api.post("/events", &body);
        let found = (answer.status, answer.code());
        assert_eq!(found, (400, "api.body".to_owned()), "{body}");
    }
    let reader = api.token("reader", "read");
    let answer = api.post_as(&reader, "/events", &json!({ "event": "a" }));
    assert_eq!((answer.status, &*answer.code()), (403, "api.scope"));
    let written = api.get("/events").json();
    assert_eq!(written, json!({ "events": [], "next": null }));
    assert_eq!(api.daemon.stop(), 0);
}
