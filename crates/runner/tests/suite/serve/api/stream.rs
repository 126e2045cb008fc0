//! Following a run.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use super::Api;
use crate::support::{go, until};

const WAITS: &str = "name: waits\nsteps:\n  a: { run: 'while ! [ -e go ]; do sleep 0.05; done' }\n  b: { run: 'echo b', needs: a }\n";

/// A stream that is read line by line.
struct Stream {
    lines: BufReader<TcpStream>,
}

/// An event: its id, its kind, its data.
type Event = (String, String, Value);

impl Stream {
    fn open(api: &Api, path: &str, last: Option<&str>) -> Stream {
        let mut socket = TcpStream::connect(&api.address).expect("it listens");
        socket
            .set_read_timeout(Some(Duration::from_secs(30)))
            .expect("a socket");
        let last = last
            .map(|last| format!("Last-Event-ID: {last}\r\n"))
            .unwrap_or_default();
        let request = format!(
            "GET /api/v1{path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n{last}Connection: close\r\n\r\n",
            api.address, api.admin
        );
        socket.write_all(request.as_bytes()).expect("it is read");
        let mut stream = Stream {
            lines: BufReader::new(socket),
        };
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            stream.lines.read_line(&mut head).expect("a head");
        }
        let head = head.to_lowercase();
        assert!(
            head.starts_with("http/1.1 200") && head.contains("text/event-stream"),
            "{head}"
        );
        assert!(head.contains("cache-control: no-store"), "{head}");
        stream
    }

    /// The next line that belongs to an event or a comment; nothing at the end.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        // A daemon that ends hangs up, this way or the other.
        let read = self.lines.read_line(&mut line).unwrap_or(0);
        (read > 0).then(|| line.trim_end().to_owned())
    }

    fn event(&mut self) -> Option<Event> {
        let (mut id, mut kind) = (String::new(), String::new());
        loop {
            let line = self.line()?;
            if let Some(text) = line.strip_prefix("id: ") {
                text.clone_into(&mut id);
            } else if let Some(text) = line.strip_prefix("event: ") {
                text.clone_into(&mut kind);
            } else if let Some(data) = line.strip_prefix("data: ") {
                return Some((id, kind, serde_json::from_str(data).expect("JSON")));
            }
        }
    }
}

#[test]
fn a_run_that_goes_on_is_followed_to_its_end() {
    let api = Api::start(&[("waits.yml", WAITS)], &[]);
    let run = api.run("waits", &json!({}));
    let path = format!("/runs/{run}/logs/stream");
    let mut stream = Stream::open(&api, &path, None);
    let first = stream.event().expect("the start");
    assert_eq!(
        (&*first.0, &*first.1, &first.2["event"]),
        ("1", "journal", &json!("run_started"))
    );
    let mut heard = vec![first];
    while heard.last().is_some_and(|(_, _, data)| data["step"] != "a") {
        heard.push(stream.event().expect("the step"));
    }
    // What goes on is said while it goes on.
    assert_eq!(api.get(&format!("/runs/{run}")).json()["status"], "running");
    go(api.path());
    while let Some(event) = stream.event() {
        heard.push(event);
    }
    let (_, kind, data) = heard.last().expect("an end");
    assert_eq!((&**kind, &data["status"]), ("end", &json!("succeeded")));
    let ids: Vec<u64> = heard
        .iter()
        .filter_map(|(id, ..)| id.parse().ok())
        .collect();
    let length = api.get(&format!("/runs/{run}")).json()["events"]
        .as_u64()
        .expect("a number");
    assert_eq!(ids, (1..=length).collect::<Vec<_>>(), "each once, in order");
    assert!(heard.iter().any(|(_, _, data)| {
        data["line"]
            .as_str()
            .is_some_and(|line| line.contains("b: succeeded"))
    }));
    assert_eq!(api.daemon.stop(), 0);
}

#[test]
fn whoever_comes_back_hears_the_rest() {
    let api = Api::start(&[("waits.yml", WAITS)], &[]);
    let run = api.run("waits", &json!({}));
    let path = format!("/runs/{run}/logs/stream");
    let mut stream = Stream::open(&api, &path, None);
    let (id, ..) = stream.event().expect("the start");
    drop(stream);
    let mut stream = Stream::open(&api, &path, Some(&id));
    go(api.path());
    let (next, ..) = stream.event().expect("more");
    assert_eq!(next, "2");
    let mut last = String::new();
    while let Some((_, kind, _)) = stream.event() {
        last = kind;
    }
    assert_eq!(last, "end");
    // Of one step alone, and of a run that has ended.
    let mut stream = Stream::open(&api, &format!("{path}?step=b"), None);
    while let Some((_, kind, data)) = stream.event() {
        assert!(kind == "end" || data["step"] == "b", "{data}");
    }
    let authorization = format!("Bearer {}", api.admin);
    for last in ["x", "-1", "+1", "1.5"] {
        let headers = [("authorization", &*authorization), ("last-event-id", last)];
        let answer = api.ask("GET", &path, &headers, None);
        assert_eq!(
            (answer.status, &*answer.code()),
            (400, "api.parameter"),
            "{last}"
        );
    }
    assert_eq!(api.daemon.stop(), 0);
}

#[test]
fn a_silent_stream_has_a_heartbeat_and_there_are_not_too_many() {
    let api = Api::start(&[("waits.yml", WAITS)], &["--grace", "1"]);
    let run = api.run("waits", &json!({}));
    let path = format!("/runs/{run}/logs/stream");
    let mut first = Stream::open(&api, &path, None);
    let mut open: Vec<Stream> = (1..128).map(|_| Stream::open(&api, &path, None)).collect();
    let answer = api.get(&path);
    assert_eq!((answer.status, &*answer.code()), (503, "api.busy"));
    assert!(answer.head.contains("retry-after"), "{}", answer.head);
    open.clear();
    until("there is a place again", || {
        let authorization = format!("Bearer {}", api.admin);
        let headers = [("authorization", &*authorization)];
        api.ask("HEAD", &path, &headers, None).status == 200
    });
    // Comments keep whoever stands on the way from hanging up.
    while first.line().is_some_and(|line| !line.starts_with(": ")) {}
    // The end of the daemon is the end of its streams; the command is awaited.
    go(api.path());
    assert_eq!(api.daemon.stop(), 0);
    while first.line().is_some() {}
}
