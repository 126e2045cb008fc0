//! Deliveries: taken once they are on disk, once each, and from nobody else.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::support::{Daemon, noticed, post, reader, send, try_send};
use crate::support::until;

const KEY: &[u8] = b"a key of thirty-two bytes, just!";

const SHOP: &str = r#"
name: shop
on:
  orders: { webhook: shop/orders, verify: standard-webhooks, respond: { wait: 20s } }
  big: { webhook: shop/big, verify: { token: "{{ secrets.TOKEN }}" }, where: "result.body.n > 10" }
  open: { webhook: open, verify: none, dedupe: "trigger.body.id" }
steps:
  a: { value: "{{ trigger.body }}" }
outputs: { body: "{{ steps.a }}" }
"#;

fn started(folder: &Path) -> Daemon {
    std::fs::write(folder.join("shop.yml"), SHOP).expect("a workflow");
    let secret = format!("whsec_{}", BASE64_STANDARD.encode(KEY));
    Daemon::start(
        folder,
        &[],
        &[("WEBHOOK_SECRET", &secret), ("TOKEN", "open sesame")],
    )
}

/// A delivery of Standard Webhooks, signed now.
fn signed(address: &str, id: &str, body: &str) -> Vec<u8> {
    let at = jiff::Timestamp::now().as_second().to_string();
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(KEY).expect("any length");
    mac.update(format!("{id}.{at}.{body}").as_bytes());
    let signature = format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()));
    let headers = [
        ("webhook-id", id),
        ("webhook-timestamp", &*at),
        ("webhook-signature", &*signature),
    ];
    post(address, "/webhooks/shop/orders", &headers, body)
}

/// Another type of the body.
trait ReplaceType {
    fn replace_type(self, ty: &str) -> Self;
}

impl ReplaceType for Vec<u8> {
    fn replace_type(self, ty: &str) -> Vec<u8> {
        let text = String::from_utf8(self).expect("UTF-8");
        text.replace("application/json", ty).into_bytes()
    }
}

fn run_of(answer: &str) -> String {
    let answer: serde_json::Value = serde_json::from_str(answer).expect("JSON");
    answer["run"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_signed_delivery_starts_one_run_and_is_answered_with_its_outputs() {
    let folder = tempfile::tempdir().expect("a folder");
    let daemon = started(folder.path());
    let address = daemon.address();
    let (status, first) = send(&address, &signed(&address, "one", r#"{"n": 1}"#));
    let answer: serde_json::Value = serde_json::from_str(&first).expect("JSON");
    assert_eq!(
        (status, &answer["status"]),
        (200, &"succeeded".into()),
        "{first}"
    );
    assert_eq!(answer["outputs"]["body"]["n"], 1);
    let (status, again) = send(&address, &signed(&address, "one", r#"{"n": 1}"#));
    assert_eq!(
        (status, run_of(&again)),
        (202, run_of(&first)),
        "the same run"
    );
    let (status, conflict) = send(&address, &signed(&address, "one", r#"{"n": 2}"#));
    assert_eq!(status, 409, "{conflict}");
    assert!(conflict.contains("webhook.id_conflict"), "{conflict}");
    assert_eq!(noticed(folder.path(), "shop", "orders").len(), 1);
    assert_eq!(daemon.stop(), 0);
}

const INPUTS: &str = r#"
name: typed
inputs: { n: { type: integer, min: 1 } }
on:
  h: { webhook: typed, verify: none, inputs: { n: "{{ trigger.body.n }}" }, respond: { wait: 20s } }
steps:
  a: { value: "{{ inputs.n }}" }
"#;
const SECRET: &str = "  b: { run: 'true', env: { X: '{{ secrets.NOT_SET }}' } }\n";

#[test]
fn a_delivery_that_does_not_fit_the_inputs_is_refused_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("typed.yml"), INPUTS).expect("a workflow");
    let daemon = Daemon::start(folder.path(), &[], &[]);
    let address = daemon.address();
    let deliver = |id: &str, body: &str| {
        let headers = [("webhook-id", id)];
        let (status, answer) = send(&address, &post(&address, "/webhooks/typed", &headers, body));
        let answer: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
        (status, answer)
    };
    for (body, code) in [
        ("{}", "input.template"),
        (r#"{"n": "1"}"#, "input.type"),
        (r#"{"n": 0}"#, "input.range"),
    ] {
        for _ in 0..2 {
            let (status, answer) = deliver("one", body);
            assert_eq!((status, &answer["code"]), (422, &code.into()), "{answer}");
            assert_eq!(answer["errors"][0]["input"], "n");
        }
    }
    assert_eq!(noticed(folder.path(), "typed", "h"), []);
    let (status, answer) = deliver("one", r#"{"n": 1}"#);
    assert_eq!((status, &answer["status"]), (200, &"succeeded".into()));
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_delivery_whose_run_cannot_start_is_answered_as_soon_as_that_is_known() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = INPUTS.to_owned() + SECRET;
    std::fs::write(folder.path().join("typed.yml"), text).expect("a workflow");
    let daemon = Daemon::start(folder.path(), &[], &[]);
    let address = daemon.address();
    let since = std::time::Instant::now();
    for _ in 0..2 {
        let delivery = post(
            &address,
            "/webhooks/typed",
            &[("webhook-id", "one")],
            r#"{"n": 1}"#,
        );
        let (status, text) = send(&address, &delivery);
        let answer: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!((status, &answer["run"]), (200, &serde_json::Value::Null));
        let reason = answer["reason"].as_str().unwrap_or_default();
        assert!(reason.contains("NOT_SET"), "{text}");
    }
    assert!(since.elapsed() < std::time::Duration::from_secs(15));
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_delivery_without_an_id_is_new_and_ids_have_types() {
    let folder = tempfile::tempdir().expect("a folder");
    let daemon = started(folder.path());
    let address = daemon.address();
    let deliver = |body: &str| {
        let (status, answer) = send(&address, &post(&address, "/webhooks/open", &[], body));
        assert_eq!(status, 202, "{answer}");
        run_of(&answer)
    };
    let bodies = [
        r#"{"id": null, "n": 1}"#,
        r#"{"id": null, "n": 2}"#,
        r#"{"id": null, "n": 2}"#,
        r#"{"id": 7}"#,
        r#"{"id": "7"}"#,
        r#"{"id": "\"7\""}"#,
        r#"{"id": "a"}"#,
    ];
    let runs: BTreeSet<String> = bodies.iter().map(|body| deliver(body)).collect();
    assert_eq!(runs.len(), bodies.len());
    for body in &bodies[3..] {
        assert!(runs.contains(&deliver(body)), "{body}");
    }
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn what_is_not_signed_or_not_known_starts_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let daemon = started(folder.path());
    let address = daemon.address();
    let told = |request: &[u8]| {
        let (status, answer) = send(&address, request);
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap_or_default();
        (
            status,
            answer["code"].as_str().unwrap_or_default().to_owned(),
        )
    };
    let body = r#"{"n": 1}"#;
    let orders = "/webhooks/shop/orders";
    let refusals: &[(&str, Vec<u8>, u16, &str)] = &[
        ("no signature", post(&address, orders, &[], body), 401, "webhook.signature"),
        (
            "another time",
            post(&address, orders, &[("webhook-id", "x"), ("webhook-timestamp", "1"), ("webhook-signature", "v1,AAAA")], body),
            401,
            "webhook.timestamp",
        ),
        ("no such address", post(&address, "/webhooks/none", &[], body), 404, "api.not_found"),
        ("a wrong token", post(&address, "/webhooks/shop/big", &[("authorization", "Bearer no")], body), 401, "webhook.signature"),
        ("a dot in the path", post(&address, "/webhooks/shop/../shop/orders", &[], body), 404, "api.not_found"),
        ("an encoded slash", post(&address, "/webhooks/shop%2forders/x", &[], body), 404, "api.not_found"),
        ("not JSON", post(&address, "/webhooks/open", &[], "{"), 400, "webhook.body"),
        (
            "another host",
            post("evil.test", "/webhooks/open", &[], "{}"),
            421,
            "api.host",
        ),
        (
            "another method",
            format!("GET /webhooks/open HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").into_bytes(),
            405,
            "api.method",
        ),
        (
            "a longer body than is taken",
            format!("POST /webhooks/open HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: 2000000\r\n\r\n").into_bytes(),
            413,
            "webhook.too_large",
        ),
        ("an id with a blank", post(&address, "/webhooks/open", &[("idempotency-key", "a b")], body), 400, "webhook.id"),
        ("no id to tell it by", post(&address, "/webhooks/open", &[], body), 422, "webhook.dedupe"),
        ("nothing for `where`", post(&address, "/webhooks/shop/big", &[("authorization", "open sesame")], "{}"), 422, "webhook.where"),
        ("a picture", post(&address, "/webhooks/open", &[], body).replace_type("image/png"), 415, "webhook.content_type"),
        (
            "a compressed body",
            post(&address, "/webhooks/open", &[("content-encoding", "gzip")], body),
            415,
            "webhook.encoding",
        ),
    ];
    for (what, request, status, code) in refusals {
        assert_eq!(told(request), (*status, (*code).to_owned()), "{what}");
    }
    for trigger in ["orders", "big", "open"] {
        assert!(
            noticed(folder.path(), "shop", trigger).is_empty(),
            "{trigger}"
        );
    }
    // What `where` does not let through is known, and starts nothing.
    let token = [("authorization", "Bearer open sesame")];
    let (status, answer) = send(
        &address,
        &post(&address, "/webhooks/shop/big", &token, body),
    );
    assert_eq!(status, 200, "{answer}");
    let seen = noticed(folder.path(), "shop", "big");
    assert_eq!(seen[0].state, "passed");
    assert_eq!(
        seen[0].reason.as_deref(),
        Some("`where` does not hold for it")
    );
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_delivery_names_no_file_outside_the_project() {
    let folder = tempfile::tempdir().expect("a folder");
    let reads = "name: reads\ninputs: { notes: { type: file } }\non: { webhook: reads, verify: none, inputs: { notes: '{{ trigger.body.path }}' } }\nsteps: { a: { value: '{{ inputs.notes }}' } }\n";
    std::fs::write(folder.path().join("reads.yml"), reads).expect("a workflow");
    std::fs::write(folder.path().join("notes.txt"), "a note").expect("a file");
    let daemon = Daemon::start(folder.path(), &[], &[]);
    let address = daemon.address();
    let paths = ["/etc/passwd", "../x", ".flow/tokens.json", "notes.txt"];
    for path in paths {
        let body = format!(r#"{{"path": "{path}"}}"#);
        let (status, answer) = send(&address, &post(&address, "/webhooks/reads", &[], &body));
        let is_ours = path == "notes.txt";
        assert_eq!(status, if is_ours { 202 } else { 422 }, "{answer}");
        // Whether a file is there is told to nobody.
        let says = "it is no file of the project folder";
        assert!(is_ours || answer.contains(says), "{answer}");
    }
    let seen = || noticed(folder.path(), "reads", "main");
    until("it has begun", || seen()[0].state == "started");
    assert_eq!(seen().len(), 1);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn without_its_secret_a_webhook_takes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("shop.yml"), SHOP).expect("a workflow");
    let daemon = Daemon::start(folder.path(), &[], &[]);
    until("it is said", || {
        daemon.said("takes no deliveries: [secret.missing]")
    });
    let address = daemon.address();
    let (status, answer) = send(&address, &signed(&address, "one", "{}"));
    assert_eq!(status, 503, "{answer}");
    assert!(answer.contains("webhook.unverified"), "{answer}");
    let own = address.rsplit(':').next().expect("a port").to_owned();
    let (code, _, stderr) = crate::support::run(
        folder.path(),
        &["serve", "--store", "other", "--port", &own],
    );
    assert_eq!(code, 7, "{stderr}");
    assert!(stderr.contains("[serve.port]"), "{stderr}");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_paused_trigger_takes_nothing_until_it_is_resumed() {
    let folder = tempfile::tempdir().expect("a folder");
    let daemon = started(folder.path());
    let address = daemon.address();
    let deliver = |id: &str| {
        send(
            &address,
            &post(
                &address,
                "/webhooks/open",
                &[],
                &format!(r#"{{"id": "{id}"}}"#),
            ),
        )
        .0
    };
    let flow = |arguments: &[&str]| crate::support::run(folder.path(), arguments);
    assert_eq!(deliver("a"), 202);
    assert_eq!(flow(&["triggers", "pause", "shop/open"]).0, 0);
    assert_eq!(deliver("b"), 404);
    let (_, shown, _) = flow(&["triggers"]);
    assert!(shown.contains("shop/open paused"), "{shown}");
    assert_eq!(flow(&["triggers", "resume", "shop/open"]).0, 0);
    assert_eq!(deliver("c"), 202);
    let (_, shown, _) = flow(&["triggers", "shop/open"]);
    assert!(shown.contains(" c ") && shown.contains("run "), "{shown}");
    let (_, shown, _) = flow(&["why", "shop/open"]);
    assert!(shown.contains(" c ") && shown.contains("run "), "{shown}");
    let (code, _, stderr) = flow(&["triggers", "pause", "shop/opem"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("did you mean `shop/open`?"), "{stderr}");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn every_trigger_is_known_from_the_start_and_says_why_it_does_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir_all(folder.path().join(".flow")).expect("a project");
    std::fs::write(folder.path().join("shop.yml"), SHOP).expect("a workflow");
    let polls = "name: polls\non: { trigger: claude.message_batches.ended }\nsteps: { a: { value: '{{ trigger.id }}' } }\n";
    std::fs::write(folder.path().join("polls.yml"), polls).expect("a workflow");
    let shown = |arguments: &[&str]| {
        let (code, out, err) = crate::support::run(folder.path(), arguments);
        assert_eq!(code, 0, "{err}");
        out
    };
    // While nobody serves: those of the files.
    let names = ["polls/main", "shop/big", "shop/open", "shop/orders"];
    let before = shown(&["triggers"]);
    for name in names {
        assert!(
            before.contains(&format!("{name} well;")),
            "{name}: {before}"
        );
    }
    let daemon = Daemon::start(folder.path(), &[], &[]);
    until("the poll says why", || {
        daemon.said("polls/main does not look: ")
    });
    let address = daemon.address();
    let delivery = post(&address, "/webhooks/open", &[], r#"{"id": "a"}"#);
    assert_eq!(send(&address, &delivery).0, 202);
    let all: serde_json::Value =
        serde_json::from_str(&shown(&["triggers", "--json"])).expect("JSON");
    let all = all.as_array().expect("a list");
    assert_eq!(all.len(), names.len(), "{all:?}");
    let texts: Vec<&str> = all
        .iter()
        .map(|row| row["error"].as_str().unwrap_or_default())
        .collect();
    assert!(
        texts[0].starts_with("does not look: [secret.missing]"),
        "{texts:?}"
    );
    assert!(
        texts[1].starts_with("takes no deliveries: [secret.missing]"),
        "{texts:?}"
    );
    assert_eq!(texts[2], "");
    assert!(all[2]["noticed_at"].is_string() && all[1]["noticed_at"].is_null());
    assert!(shown(&["why", "shop/big"]).contains("takes no deliveries"));
    assert!(shown(&["why", "shop/open"]).contains("run "));
    // The log says one thing of each.
    for (name, not) in [("shop/big", "taken at"), ("polls/main", "looks every")] {
        let lines = daemon
            .lines()
            .into_iter()
            .filter(|line| line.contains(name));
        let contrary: Vec<String> = lines.filter(|line| line.contains(not)).collect();
        assert!(contrary.is_empty(), "{contrary:?}");
    }
    until("it says what it takes", || {
        daemon.said("shop/open taken at POST /webhooks/open")
    });
    assert_eq!(daemon.stop(), 0);
    // With its secret it is well again.
    let daemon = Daemon::start(folder.path(), &[], &[("TOKEN", "open sesame")]);
    assert!(shown(&["triggers"]).contains("shop/big well;"));
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn every_delivery_that_was_taken_has_its_run_after_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut taken: BTreeMap<String, String> = BTreeMap::new();
    let mut sent = 0;
    for _ in 0..3 {
        let daemon = started(folder.path());
        let address = daemon.address();
        let senders: Vec<_> = (0..4)
            .map(|sender| {
                let (address, first) = (address.clone(), sent + sender * 100);
                std::thread::spawn(move || {
                    let mut taken = Vec::new();
                    for number in first..first + 100 {
                        let body = format!(r#"{{"id": "d{number}"}}"#);
                        let request = post(&address, "/webhooks/open", &[], &body);
                        match try_send(&address, &request) {
                            Some((202, answer)) => {
                                taken.push((format!("d{number}"), run_of(&answer)));
                            }
                            Some((status, answer)) => panic!("{status}: {answer}"),
                            None => break,
                        }
                    }
                    taken
                })
            })
            .collect();
        std::thread::sleep(std::time::Duration::from_millis(150));
        daemon.kill();
        for sender in senders {
            taken.extend(sender.join().expect("no panic"));
        }
        sent += 400;
    }
    assert!(!taken.is_empty());
    let daemon = started(folder.path());
    let seen = || noticed(folder.path(), "shop", "open");
    until("all have started", || {
        seen().iter().all(|seen| seen.state == "started")
    });
    until("all have ended", || {
        let reader = reader(folder.path());
        seen().iter().all(|seen| {
            let run = seen.run.as_deref().expect("a run");
            reader
                .find(run)
                .is_ok_and(|rows| rows.len() == 1 && rows[0].has_ended())
        })
    });
    let runs: BTreeMap<String, String> = seen()
        .into_iter()
        .map(|seen| (seen.key, seen.run.expect("a run")))
        .collect();
    for (id, run) in &taken {
        assert_eq!(runs.get(id), Some(run), "{id} was answered with this run");
    }
    let different: BTreeSet<&String> = runs.values().collect();
    assert_eq!(different.len(), runs.len());
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn each_run_begins_once_however_fast_they_come() {
    let folder = tempfile::tempdir().expect("a folder");
    let daemon = started(folder.path());
    let address = daemon.address();
    let senders: Vec<_> = (0..8)
        .map(|sender| {
            let address = address.clone();
            std::thread::spawn(move || {
                for number in 0..50 {
                    let body = format!(r#"{{"id": "{sender}-{number}"}}"#);
                    let (status, answer) =
                        send(&address, &post(&address, "/webhooks/open", &[], &body));
                    assert_eq!(status, 202, "{answer}");
                }
            })
        })
        .collect();
    for sender in senders {
        sender.join().expect("all were taken");
    }
    let said = |word: &str| {
        daemon
            .lines()
            .iter()
            .filter(|line| line.ends_with(word))
            .count()
    };
    until("all have ended", || said(" succeeded") >= 400);
    assert_eq!((said(" started"), said(" succeeded")), (400, 400));
    assert!(!daemon.said("store"), "{:?}", daemon.lines());
    assert_eq!(daemon.stop(), 0);
}
