//! What was answered is there after a kill at any moment.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

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
