//! What the daemon tells other programs of itself: traces, and whoever supervises it.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use super::support::{Daemon, noticed, post, reader, send};
use crate::support::{flow, texts, until};

/// A collector: its address, and the spans that it is sent.
fn collector() -> (String, Receiver<Vec<Span>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = format!("http://{}", listener.local_addr().expect("it is bound"));
    let (sender, spans) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a client");
            let mut got = Vec::new();
            let mut buffer = vec![0; 65_536];
            let body = loop {
                let read = stream.read(&mut buffer).expect("a request");
                got.extend_from_slice(&buffer[..read]);
                let Some(end) = got.windows(4).position(|part| part == b"\r\n\r\n") else {
                    continue;
                };
                let head = String::from_utf8_lossy(&got[..end]).to_ascii_lowercase();
                assert!(head.starts_with("post /v1/traces "), "{head}");
                let (_, length) = head.split_once("content-length: ").expect("a length");
                let length: usize = length
                    .lines()
                    .next()
                    .and_then(|it| it.parse().ok())
                    .expect("a number");
                if got.len() >= end + 4 + length {
                    break got[end + 4..].to_vec();
                }
            };
            let request = ExportTraceServiceRequest::decode(&*body).expect("spans");
            let spans = request
                .resource_spans
                .into_iter()
                .flat_map(|of| of.scope_spans);
            let _ = sender.send(spans.flat_map(|of| of.spans).collect());
            let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (address, spans)
}

fn attribute<'a>(span: &'a Span, name: &str) -> Option<&'a Any> {
    let found = span.attributes.iter().find(|it| it.key == name)?;
    found.value.as_ref()?.value.as_ref()
}

const ASK: &str = r#"
name: ask
on: { webhook: ask, verify: none }
steps:
  each:
    for_each: [1, 2]
    steps:
      answer:
        action: claude.messages.create
        with: { model: claude-haiku-5-5, max_tokens: 16, messages: [{ role: user, content: "Say {{ item }}" }] }
  wrong: { query: data.parse, with: { text: "{", format: json }, on_error: continue }
"#;

#[test]
fn a_run_is_a_trace_of_its_steps_and_calls() {
    let (address, sent) = collector();
    let folder = tempfile::tempdir().expect("a folder");
    let text = ASK.replace("for_each: [1, 2]", "for_each: \"{{ [1, 2] }}\"");
    std::fs::write(folder.path().join("ask.yml"), text).expect("a workflow");
    let daemon = Daemon::start(
        folder.path(),
        &["--sandbox"],
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", &address)],
    );
    let (status, answer) = send(
        &daemon.address(),
        &post(&daemon.address(), "/webhooks/ask", &[], "{}"),
    );
    assert_eq!(status, 202, "{answer}");
    let spans = sent.recv_timeout(Duration::from_secs(60)).expect("a trace");
    assert_eq!(daemon.stop(), 0);
    let traces: Vec<_> = spans.iter().map(|span| &span.trace_id).collect();
    assert!(
        traces.iter().all(|id| *id == traces[0]),
        "one run, one trace"
    );
    let names: BTreeMap<_, _> = spans
        .iter()
        .map(|span| (&span.span_id, &*span.name))
        .collect();
    assert_eq!(names.len(), spans.len(), "no two spans have one id");
    let mut tree: Vec<_> = spans
        .iter()
        .map(|span| {
            format!(
                "{} < {}",
                span.name,
                names.get(&span.parent_span_id).unwrap_or(&"")
            )
        })
        .collect();
    tree.sort();
    assert_eq!(
        tree,
        [
            "ask < ",
            "claude-api.messages.create < each[0]/answer",
            "claude-api.messages.create < each[1]/answer",
            "data.parse < wrong",
            "each < ask",
            "each[0] < each",
            "each[0]/answer < each[0]",
            "each[1] < each",
            "each[1]/answer < each[1]",
            "wrong < ask",
        ]
    );
    let root = spans
        .iter()
        .find(|span| span.name == "ask")
        .expect("the run");
    let is_id = |value: &Any| matches!(value, Any::StringValue(id) if answer.contains(&**id));
    assert!(attribute(root, "flow.run").is_some_and(is_id), "{root:?}");
    let counts = |value: &Any| matches!(value, Any::IntValue(1..));
    let call = spans
        .iter()
        .find(|span| span.name == "claude-api.messages.create")
        .expect("a call");
    for name in ["gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"] {
        assert!(
            attribute(call, name).is_some_and(counts),
            "{name}: {call:?}"
        );
        assert!(
            attribute(root, name).is_some_and(counts),
            "{name}: {root:?}"
        );
    }
    let wrong = spans
        .iter()
        .find(|span| span.name == "data.parse")
        .expect("a call");
    let status = wrong.status.as_ref().expect("a status");
    assert_eq!(status.code, 2, "an error");
    assert!(status.message.starts_with("[json.syntax] "), "{status:?}");
}

const QUICK: &str = "name: quick\non: { webhook: quick, verify: none, dedupe: trigger.body.id, respond: { wait: 20s } }\nsteps: { a: { value: 1 } }\n";

#[test]
fn numbers_are_for_those_with_a_token() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("quick.yml"), QUICK).expect("a workflow");
    let daemon = Daemon::start(folder.path(), &[], &[]);
    let address = daemon.address();
    for (id, expected) in [("a", 200), ("b", 200), ("b", 202)] {
        let body = format!(r#"{{"id": "{id}"}}"#);
        let (status, answer) = send(&address, &post(&address, "/webhooks/quick", &[], &body));
        assert_eq!(status, expected, "{answer}");
    }
    let ask = |token: &str| {
        let head =
            format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{token}\r\n");
        send(&address, head.as_bytes())
    };
    assert_eq!(ask("").0, 401);
    let token = std::fs::read_to_string(folder.path().join(".flow/admin.token")).expect("a token");
    let (status, text) = ask(&format!("Authorization: Bearer {}\r\n", token.trim()));
    assert_eq!(status, 200, "{text}");
    for line in [
        r#"flow_runs_started_total{workflow="quick"} 2"#,
        r#"flow_runs_ended_total{workflow="quick",status="succeeded"} 2"#,
        r#"flow_run_duration_seconds_count{workflow="quick"} 2"#,
        r#"flow_occurrences_total{workflow="quick",trigger="main",outcome="queued"} 2"#,
        r#"flow_occurrences_total{workflow="quick",trigger="main",outcome="known"} 1"#,
        r#"flow_deliveries_total{status="200"} 2"#,
        r#"flow_deliveries_total{status="202"} 1"#,
        "# EOF",
    ] {
        assert!(text.lines().any(|it| it == line), "{line}: {text}");
    }
    let memory = text
        .lines()
        .find_map(|line| line.strip_prefix("process_resident_memory_bytes "));
    let memory: u64 = memory.and_then(|it| it.parse().ok()).expect("a number");
    assert!(
        cfg!(not(target_os = "linux")) || memory > 1 << 20,
        "{memory}"
    );
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn what_is_old_goes_by_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("quick.yml"), QUICK).expect("a workflow");
    let settings = "[retention]\nruns = \"1s\"\nnoticed = \"1s\"\n";
    std::fs::write(folder.path().join("flow.toml"), settings).expect("settings");
    let daemon = Daemon::start(folder.path(), &[], &[]);
    let address = daemon.address();
    for number in 0..150 {
        let body = format!(r#"{{"id": "d{number}"}}"#);
        assert_eq!(
            send(&address, &post(&address, "/webhooks/quick", &[], &body)).0,
            200
        );
    }
    until("runs and what was noticed are gone", || {
        let runs = reader(folder.path()).count().expect("readable");
        runs == 0 && noticed(folder.path(), "quick", "main").len() == 1
    });
    // It goes on, with what it had pinned; what is forgotten is new.
    let again = post(&address, "/webhooks/quick", &[], r#"{"id": "d1"}"#);
    assert_eq!(send(&address, &again).0, 200);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn runs_do_not_wait_for_a_collector_that_is_not_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "name: a\non: { webhook: a, verify: none, respond: { wait: 20s } }\nsteps: { a: { value: 1 } }\n";
    std::fs::write(folder.path().join("a.yml"), text).expect("a workflow");
    let nobody = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = format!("http://{}", nobody.local_addr().expect("it is bound"));
    drop(nobody);
    let daemon = Daemon::start(
        folder.path(),
        &[],
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", &address)],
    );
    for _ in 0..3 {
        let (status, answer) = send(
            &daemon.address(),
            &post(&daemon.address(), "/webhooks/a", &[], "{}"),
        );
        assert_eq!(status, 200, "{answer}");
    }
    until("it is said", || {
        daemon.said("traces not sent, and left out: ")
    });
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn an_address_that_is_none_is_told_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join(".flow")).expect("a project");
    let mut serve = flow(folder.path());
    serve.args(["serve", "--port", "0"]);
    serve.env("OTEL_EXPORTER_OTLP_ENDPOINT", "collector");
    let (code, _, stderr) = texts(&serve.output().expect("it starts"));
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("error[serve.traces]: "), "{stderr}");
}

#[test]
fn a_supervisor_hears_when_it_is_ready_lives_and_stops() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket
        .set_read_timeout(Some(Duration::from_secs(30)))
        .expect("it can wait");
    let hear = || {
        let mut buffer = [0; 1024];
        let read = socket.recv(&mut buffer).expect("it says something");
        String::from_utf8_lossy(&buffer[..read]).into_owned()
    };
    let path = path.to_string_lossy();
    let secrets = [("NOTIFY_SOCKET", &*path), ("WATCHDOG_USEC", "400000")];
    let daemon = Daemon::start(&folder.path().join("project"), &[], &secrets);
    let ready = hear();
    assert!(
        ready.starts_with("READY=1\nSTATUS=listens on http://127.0.0.1:"),
        "{ready}"
    );
    for _ in 0..3 {
        assert_eq!(hear(), "WATCHDOG=1");
    }
    assert_eq!(daemon.stop(), 0);
    while socket.set_nonblocking(true).is_ok() {
        let said = hear();
        if said.starts_with("STOPPING=1") {
            break;
        }
        assert_eq!(said, "WATCHDOG=1");
    }
}
