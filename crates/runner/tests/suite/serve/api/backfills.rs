//! Backfills over the API: seen, filtered by, cancelled.

use serde_json::json;

use super::Api;
use crate::support::{end, start, until};

/// Each run waits until it is cancelled.
const DAYS: &str = r#"
name: days
inputs: { day: { type: string, default: none } }
on:
  nightly: { schedule: "0 2 * * *", timezone: UTC }
steps:
  wait: { trigger: time.after, with: { duration: 1h } }
"#;

const MARCH: [&str; 6] = [
    "backfill",
    "days.yml",
    "--from",
    "2026-03-01",
    "--to",
    "2026-03-06",
];

#[test]
fn backfills_are_seen_and_cancelled() {
    let api = Api::start(&[("days.yml", DAYS)], &[]);
    let hello = api.hello();
    assert_eq!(
        api.get("/backfills").json(),
        json!({ "backfills": [], "next": null })
    );
    let more = ["--at-most-parallel", "2", "--input", "day=d"];
    let follower = start(api.path(), &[&MARCH[..], &more].concat());
    let mut row = json!(null);
    until("two of its runs go", || {
        row = api.get("/backfills").json()["backfills"][0].clone();
        row["going"] == 2
    });
    let id = row["backfill"].as_str().expect("an id").to_owned();
    let named = json!([
        row["workflow"],
        row["trigger"],
        row["state"],
        row["times"],
        row["inputs"]
    ]);
    assert_eq!(
        named,
        json!(["days", "nightly", "running", 5, { "day": "d" }])
    );
    // One, with its times in pages.
    let shown = api.get(&format!("/backfills/{id}?limit=2")).json();
    assert_eq!((&shown["open"], &shown["next"]), (&json!(3), &json!("2")));
    assert_eq!(shown["each"][1]["due"], "2026-03-02T02:00:00.000Z");
    let last = api.get(&format!("/backfills/{id}?cursor=4")).json();
    assert_eq!(
        last["each"],
        json!([{ "due": "2026-03-05T02:00:00.000Z", "status": "open", "run": null }])
    );
    assert_eq!(last["next"], json!(null));
    // Its runs know it.
    let of = api.get(&format!("/runs?backfill={id}")).json();
    assert_eq!(of["runs"].as_array().map(Vec::len), Some(2));
    assert_eq!(of["runs"][0]["backfill"], json!(id));
    assert_eq!(
        api.get(&format!("/runs/{hello}")).json()["backfill"],
        json!(null)
    );
    let cursor = format!("/backfills?cursor={}", "z".repeat(26));
    for path in ["/backfills/zz", "/runs?backfill=zz", &cursor] {
        let answer = api.get(path);
        assert_eq!(
            (answer.status, answer.code()),
            (404, "backfill.unknown".to_owned()),
            "{path}"
        );
    }
    // The right scope may end it.
    let path = format!("/backfills/{id}/cancel");
    let reader = api.token("reader", "read");
    assert_eq!(api.post_as(&reader, &path, &json!({})).status, 403);
    let runner = api.token("runner", "run");
    let told = api.post_as(&runner, &path, &json!({}));
    assert_eq!(told.status, 202, "{}", told.body);
    assert_eq!(told.json()["runs"].as_array().map(Vec::len), Some(2));
    let (code, _, err) = end(follower);
    assert!(code == 5 && err.contains("was cancelled"), "{err}");
    let row = api.get(&format!("/backfills/{id}")).json();
    assert_eq!(
        (&row["state"], &row["cancelled"]),
        (&json!("cancelled"), &json!(2))
    );
    assert_eq!(api.post(&path, &json!({})).status, 202, "once more");
    assert_eq!(
        api.post("/backfills/zz/cancel", &json!({})).code(),
        "backfill.unknown"
    );
}
