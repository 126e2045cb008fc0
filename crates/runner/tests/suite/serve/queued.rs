//! Runs that are queued: known by their id from the first answer on, and cancelled before they begin.

use std::path::Path;

use serde_json::Value;

use super::api::Api;
use super::support::{Daemon, noticed, post, send};
use crate::support::{run, until};

const SLOW: &str = "name: slow\non: { webhook: slow, verify: none }\nsteps:\n  a: { run: 'until [ -e go ]; do sleep 0.02; done; echo x >> done.txt' }\n";

fn deliver(address: &str) -> String {
    let (status, answer) = send(address, &post(address, "/webhooks/slow", &[], "{}"));
    assert_eq!(status, 202, "{answer}");
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    answer["run"].as_str().expect("an id").to_owned()
}

#[track_caller]
fn said(folder: &Path, arguments: &[&str], text: &str) {
    let (code, out, err) = run(folder, arguments);
    let all = out + &err;
    assert!(
        code == 0 && all.contains(text),
        "{arguments:?}: {code} {all}"
    );
}

#[track_caller]
fn listed_page_by_page(api: &Api, queued: &[String]) {
    let page = |asked: &str| {
        let page = api
            .get(&format!("/queue?workflow=slow&limit=3{asked}"))
            .json();
        let listed = page["queue"].as_array().cloned().unwrap_or_default();
        let ids = listed.iter().filter_map(|one| one["run"].as_str());
        let ids: Vec<String> = ids.map(str::to_owned).collect();
        (ids, page["next"].clone())
    };
    let (ids, next) = page("");
    assert_eq!((&*ids, next), (&queued[..3], queued[2].as_str().into()));
    let (ids, next) = page(&format!("&cursor={}", queued[2]));
    assert_eq!((&*ids, next), (&queued[3..], Value::Null));
    let unknown = api.get(&format!("/queue?cursor={}", "0".repeat(26)));
    assert_eq!((unknown.status, &*unknown.code()), (404, "run.unknown"));
}

#[test]
fn a_queued_run_is_known_and_can_be_cancelled() {
    let api = Api::start(&[("slow.yml", SLOW)], &["--runs", "1"]);
    let folder = api.path();
    let first = deliver(&api.address);
    api.is(&first, "running");
    let queued: Vec<String> = (0..4).map(|_| deliver(&api.address)).collect();
    for (behind, id) in queued.iter().enumerate() {
        let shown = api.get(&format!("/runs/{id}")).json();
        assert_eq!(
            (&shown["run"], &shown["status"]),
            (&Value::from(id.as_str()), &"queued".into())
        );
        assert_eq!(
            (&shown["behind"], &shown["workflow"]),
            (&behind.into(), &"slow".into())
        );
    }
    listed_page_by_page(&api, &queued);
    let why = api.get(&format!("/runs/{}/why", queued[1])).json();
    let words = "`slow/main` is to start it: one run of its workflow starts before it";
    assert_eq!(
        (&why["status"], &why["queued"]),
        (&"queued".into(), &words.into())
    );
    said(
        folder,
        &["show", &queued[2]],
        "2 runs of its workflow start before it",
    );
    said(
        folder,
        &["why", &queued[0]],
        "it is the next of its workflow",
    );
    said(folder, &["runs"], "4 runs are queued");
    said(folder, &["runs", "--status", "queued"], &queued[3]);
    let (code, _, err) = run(folder, &["logs", &queued[0]]);
    assert!(
        code == 2 && err.contains("error[run.queued]"),
        "{code} {err}"
    );
    // Beside the daemon: over the API, and by a command.
    let cancelled = api.post(
        &format!("/runs/{}/cancel", queued[0]),
        &Value::Object(serde_json::Map::default()),
    );
    assert_eq!(cancelled.status, 202, "{}", cancelled.body);
    said(
        folder,
        &["cancel", &queued[1]],
        "was queued, and will not start",
    );
    let gone = api.get(&format!("/runs/{}", queued[1]));
    assert_eq!((gone.status, &*gone.code()), (404, "run.unknown"));
    assert!(
        gone.body
            .contains("never started: cancelled by flow cancel"),
        "{}",
        gone.body
    );
    // Without one.
    api.daemon.kill();
    let folder = api.folder;
    let folder = folder.path();
    said(
        folder,
        &["show", &queued[3]],
        "one run of its workflow starts before it, once `flow serve` runs",
    );
    said(
        folder,
        &["cancel", &queued[3]],
        "was queued, and will not start",
    );
    std::fs::write(folder.join("go"), "").expect("a file");
    let daemon = Daemon::start(folder, &["--runs", "1"], &[("TOKEN", "open sesame")]);
    let state = |nth: usize| noticed(folder, "slow", "main")[nth].state.clone();
    until("the last one begins", || state(3) == "started");
    until("it ends", || {
        daemon
            .lines()
            .iter()
            .any(|line| line.contains(&queued[2]) && line.contains("succeeded"))
    });
    let seen = noticed(folder, "slow", "main");
    let reasons: Vec<Option<&str>> = seen.iter().map(|seen| seen.reason.as_deref()).collect();
    let by_command = Some("cancelled by flow cancel");
    let by_token = reasons[1].unwrap_or_default();
    assert!(
        by_token.starts_with("cancelled by the token `"),
        "{by_token}"
    );
    assert_eq!(
        reasons,
        [None, Some(by_token), by_command, None, by_command]
    );
    // The command of the first one ended with the daemon, and nobody knows how.
    let done = std::fs::read_to_string(folder.join("done.txt")).expect("written");
    assert_eq!(done.lines().count(), 1);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn where_many_runs_begin_alike_it_is_not_said_how_many() {
    let api = Api::start(&[("slow.yml", SLOW)], &["--runs", "1"]);
    for _ in 0..25 {
        deliver(&api.address);
    }
    let (code, _, err) = run(api.path(), &["show", "0"]);
    assert_eq!(code, 2, "{err}");
    assert!(
        err.contains("error[run.ambiguous]: at least 20 runs begin with `0`"),
        "{err}"
    );
}
