//! What was answered is there after a kill at any moment.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::approvals::TWO;
use super::{Api, Daemon, HELLO};
use crate::serve::support::{post, try_send};
use crate::support::{go, has, until};

/// The run that an answer names.
fn run_of(answer: &str) -> String {
    let answer: Value = serde_json::from_str(answer).expect("JSON");
    answer["run"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn every_run_that_was_answered_is_there_once() {
    let mut api = Api::start(&[], &[]);
    let mut taken = BTreeSet::new();
    for round in 0..3 {
        let authorization = format!("Bearer {}", api.admin);
        let senders: Vec<_> = (0..4)
            .map(|sender| {
                let (address, authorization) = (api.address.clone(), authorization.clone());
                std::thread::spawn(move || {
                    let mut taken = Vec::new();
                    for number in 0..1000 {
                        let body = format!(r#"{{"key": "{round}-{sender}-{number}"}}"#);
                        let headers = [("authorization", authorization.as_str())];
                        let request =
                            post(&address, "/api/v1/workflows/hello/runs", &headers, &body);
                        match try_send(&address, &request) {
                            Some((202, answer)) => taken.push(run_of(&answer)),
                            Some((status, answer)) => panic!("{status}: {answer}"),
                            None => break,
                        }
                    }
                    taken
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(200));
        api = api.killed();
        for sender in senders {
            taken.extend(sender.join().expect("no panic"));
        }
    }
    assert!(!taken.is_empty());
    for run in &taken {
        api.is(run, "succeeded");
    }
    assert_eq!(api.daemon.stop(), 0);
}

#[test]
fn a_cancel_that_was_answered_ends_the_run_after_a_kill() {
    let slow =
        "name: slow\nsteps:\n  a: { run: 'touch begun; while ! [ -e go ]; do sleep 0.05; done' }\n";
    let api = Api::start(&[("slow.yml", slow)], &[]);
    let run = api.run("slow", &json!({}));
    until("it goes", || has(api.path(), "begun"));
    let answer = api.post(&format!("/runs/{run}/cancel"), &json!({}));
    assert_eq!(answer.status, 202, "{}", answer.body);
    let api = api.killed();
    api.is(&run, "cancelled");
    go(api.path());
    assert_eq!(api.daemon.stop(), 0);
}

#[test]
fn every_event_that_was_answered_is_written_once() {
    let mut api = Api::start(&[], &[]);
    let mut answered = BTreeSet::new();
    for round in 0..3 {
        let (address, authorization) = (api.address.clone(), format!("Bearer {}", api.admin));
        let sender = std::thread::spawn(move || {
            let mut answered = Vec::new();
            for number in 0..1000 {
                let key = format!("{round}-{number}");
                let body = format!(r#"{{"event": "told", "data": "{key}", "key": "{key}"}}"#);
                let headers = [("authorization", authorization.as_str())];
                let request = post(&address, "/api/v1/events", &headers, &body);
                match try_send(&address, &request) {
                    Some((202, _)) => answered.push(key),
                    Some((status, answer)) => panic!("{status}: {answer}"),
                    None => break,
                }
            }
            answered
        });
        std::thread::sleep(Duration::from_millis(200));
        api = api.killed();
        answered.extend(sender.join().expect("no panic"));
    }
    assert!(!answered.is_empty());
    // Said again with the same key it is no second one.
    for key in answered.iter().take(5) {
        let event = json!({ "event": "told", "data": key, "key": key });
        assert_eq!(api.post("/events", &event).status, 202);
    }
    let (mut written, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/events?name=told&limit=500{cursor}");
        let page = api.get(&path).json();
        let events = page["events"].as_array().expect("events");
        written.extend(events.iter().map(|event| event["data"].clone()));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    for key in &answered {
        let times = written.iter().filter(|data| **data == key.as_str());
        assert_eq!(times.count(), 1, "{key}");
    }
    assert_eq!(api.daemon.stop(), 0);
}

#[test]
fn a_decision_that_was_answered_counts_after_a_kill() {
    let api = Api::start(&[("two.yml", TWO)], &[]);
    let run = api.run("two", &json!({}));
    api.waiting(2);
    // Of a run that this daemon drives, and of one that none drives since the kill.
    let (mut api, approve) = (api, format!("/runs/{run}/approve"));
    for (step, left) in [("first", 1), ("second", 0)] {
        let answer = api.post(&approve, &json!({ "step": step, "choice": "reject" }));
        assert_eq!(answer.status, 202, "{}", answer.body);
        api = api.killed();
        api.waiting(left);
        let again = api.post(&approve, &json!({ "step": step }));
        assert_eq!((again.status, &*again.code()), (409, "run.answered"));
    }
    let shown = api.is(&run, "succeeded");
    assert_eq!(shown["outputs"]["first"], "reject");
    assert_eq!(api.daemon.stop(), 0);
}

impl Api {
    /// The daemon is killed, and the next one has its place.
    fn killed(self) -> Api {
        let Api {
            folder,
            daemon,
            admin,
            ..
        } = self;
        daemon.kill();
        std::fs::write(folder.path().join("hello.yml"), HELLO).expect("a file");
        let daemon = Daemon::start(folder.path(), &[], &[("TOKEN", "open sesame")]);
        Api {
            address: daemon.address(),
            folder,
            daemon,
            admin,
        }
    }
}
