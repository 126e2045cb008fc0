//! Requests that break rules, come slowly, or are more than what is taken: each is bounded, and honest ones are served
//! meanwhile. `docs/requests.md` lists them.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use super::support::{Daemon, noticed, post, send, try_send};
use crate::support::until;

const OPEN: &str = "name: open
on: { webhook: open, verify: none, dedupe: trigger.body.id }
steps: { a: { value: 1 } }
";

fn started(folder: &Path) -> Daemon {
    std::fs::write(folder.join("open.yml"), OPEN).expect("a workflow");
    Daemon::start(folder, &[], &[])
}

/// A request by its name, and what it may be answered with.
type Refused<'a> = (&'a str, Vec<u8>, &'a [Option<u16>]);

/// Sends bytes as they are; the status of the answer, if there is one before the connection ends.
fn status_of(address: &str, bytes: &[u8]) -> Option<u16> {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let patience = Some(Duration::from_secs(40));
    stream.set_read_timeout(patience).expect("it can wait");
    // Whoever is refused early cannot send everything.
    let _ = stream.write_all(bytes);
    // A request with a body ends with it; a client that ends its side behind one without may be taken to be gone.
    if !bytes.starts_with(b"GET") {
        let _ = stream.shutdown(std::net::Shutdown::Write);
    }
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let text = String::from_utf8_lossy(&answer);
    text.split(' ').nth(1)?.parse().ok()
}

#[test]
fn a_request_that_is_no_http_starts_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let daemon = started(folder.path());
    let address = daemon.address();
    let head = format!(
        "POST /webhooks/open HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\n"
    );
    let body = r#"{"id": "x"}"#;
    let with = |fields: &str, body: &str| format!("{head}{fields}\r\n\r\n{body}").into_bytes();
    let many = "a: b\r\n".repeat(10_000);
    let long = format!("a: {}", "b".repeat(1 << 20));
    let refused: &[Refused<'_>] = &[
        (
            "a body shorter than it says",
            with("Content-Length: 50", body),
            &[Some(400), None],
        ),
        (
            "a body longer than it says",
            with("Content-Length: 2", body),
            &[Some(400)],
        ),
        (
            "two lengths",
            with("Content-Length: 11\r\nContent-Length: 12", body),
            &[Some(400)],
        ),
        (
            "a length that is none",
            with("Content-Length: -1", body),
            &[Some(400)],
        ),
        (
            "chunks that are none",
            with("Transfer-Encoding: chunked", "zz\r\n"),
            &[Some(400), None],
        ),
        (
            "10,000 fields",
            with(&format!("{many}Content-Length: 11"), body),
            &[Some(431)],
        ),
        (
            "a field of 1 MiB",
            with(&format!("{long}\r\nContent-Length: 11"), body),
            &[Some(431), None],
        ),
        (
            "a zero byte in a field",
            with("a: b\0c\r\nContent-Length: 11", body),
            &[Some(400)],
        ),
        (
            "a bare carriage return",
            with("a: b\rc\r\nContent-Length: 11", body),
            &[Some(400)],
        ),
        (
            "HTTP/2",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec(),
            &[Some(400), Some(505), None],
        ),
        (
            "no HTTP",
            b"\x16\x03\x01 hello".to_vec(),
            &[Some(400), None],
        ),
        (
            "no host",
            b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n".to_vec(),
            &[Some(421)],
        ),
        (
            "a host with a dot behind",
            b"GET /healthz HTTP/1.1\r\nHost: localhost.\r\nConnection: close\r\n\r\n".to_vec(),
            &[Some(421)],
        ),
        (
            "another port",
            b"GET /healthz HTTP/1.1\r\nHost: localhost:1\r\nConnection: close\r\n\r\n".to_vec(),
            &[Some(421)],
        ),
    ];
    for (what, bytes, allowed) in refused {
        let status = status_of(&address, bytes);
        assert!(allowed.contains(&status), "{what}: {status:?}");
    }
    assert!(noticed(folder.path(), "open", "main").is_empty());
    let (status, answer) = send(&address, &post(&address, "/webhooks/open", &[], body));
    assert_eq!(status, 202, "{answer}");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn behind_a_length_and_chunks_no_second_request_hides() {
    let folder = tempfile::tempdir().expect("a folder");
    let daemon = started(folder.path());
    let address = daemon.address();
    let head = format!(
        "POST /webhooks/open HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n"
    );
    let hidden = format!("{head}Content-Length: 16\r\n\r\n{{\"id\": \"hidden\"}}");
    for fields in [
        "Content-Length: 12\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 12",
    ] {
        let open = format!("{head}{fields}\r\n\r\nc\r\n{{\"id\": \"x1\"}}\r\n0\r\n\r\n{hidden}");
        let mut stream = TcpStream::connect(&address).expect("it listens");
        stream.write_all(open.as_bytes()).expect("it reads");
        let mut answer = String::new();
        // The chunks count, as RFC 9112 has it, and then the connection ends.
        let _ = stream.read_to_string(&mut answer);
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    }
    let seen = noticed(folder.path(), "open", "main");
    assert!(seen.iter().all(|seen| seen.key == "x1"), "{seen:?}");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_body_is_json_as_it_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let daemon = started(folder.path());
    let address = daemon.address();
    let deep = format!("{}1{}", "[".repeat(101), "]".repeat(101));
    let wrong: &[(&[u8], &str)] = &[
        (b"{\"id\": \"\xff\"}", "unicode"),
        (deep.as_bytes(), ""),
        (br#"{"id": "\ud800"}"#, ""),
        (br#"{"id": 1,}"#, ""),
    ];
    for (body, says) in wrong {
        let head = format!(
            "POST /webhooks/open HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let (status, answer) = send(&address, &[head.as_bytes(), body].concat());
        let shown = String::from_utf8_lossy(body);
        assert_eq!(status, 400, "{shown}: {answer}");
        assert!(
            answer.contains("webhook.body") && answer.contains(says),
            "{shown}: {answer}"
        );
        assert!(
            answer.contains("line 1 column") || answer.contains("byte"),
            "{shown}: {answer}"
        );
    }
    // Files come from nowhere: a form of parts is not taken, and names in a body are data.
    let parts = "--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"../a\"\r\n\r\nhi\r\n--x--\r\n";
    let form = format!(
        "POST /webhooks/open HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: {}\r\n\r\n{parts}",
        parts.len()
    );
    assert_eq!(send(&address, form.as_bytes()).0, 415);
    let named = r#"{"id": "files", "files": [{"path": "/etc/passwd"}], "path": "../x"}"#;
    assert_eq!(
        send(&address, &post(&address, "/webhooks/open", &[], named)).0,
        202
    );
    assert_eq!(noticed(folder.path(), "open", "main").len(), 1);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_long_body_stops_at_the_limit() {
    let folder = tempfile::tempdir().expect("a folder");
    let daemon = started(folder.path());
    let address = daemon.address();
    let head = format!(
        "POST /webhooks/open HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\n"
    );
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    let chunks = format!(
        "{head}Transfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n",
        chunk.repeat(20)
    );
    assert_eq!(status_of(&address, chunks.as_bytes()), Some(413), "chunks");
    let honest = format!(
        "{head}Content-Length: 3000000\r\n\r\n{}",
        " ".repeat(3_000_000)
    );
    assert_eq!(
        status_of(&address, honest.as_bytes()),
        Some(413),
        "a length"
    );
    let lies = format!("{head}Content-Length: 11\r\n\r\n{}", " ".repeat(3_000_000));
    assert_eq!(
        status_of(&address, lies.as_bytes()),
        Some(400),
        "more than it says"
    );
    assert!(noticed(folder.path(), "open", "main").is_empty());
    assert_eq!(daemon.stop(), 0);
}

/// A client that sends a byte now and then.
struct Slow {
    stream: TcpStream,
    left: std::vec::IntoIter<u8>,
}

impl Slow {
    fn new(address: &str, at_once: &str, slowly: &str) -> Slow {
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.write_all(at_once.as_bytes()).expect("it reads");
        stream.set_nonblocking(true).expect("a socket");
        Slow {
            stream,
            left: slowly.as_bytes().to_vec().into_iter(),
        }
    }

    /// Sends one more byte; whether the connection still stands.
    fn goes_on(&mut self) -> bool {
        let mut buffer = [0; 512];
        let read = self.stream.read(&mut buffer);
        if read.map_or_else(|error| error.kind() != ErrorKind::WouldBlock, |_| true) {
            return false;
        }
        self.left
            .next()
            .is_some_and(|byte| self.stream.write(&[byte]).is_ok())
    }
}

#[test]
fn slow_clients_do_not_disturb_an_honest_one_and_are_cut() {
    let folder = tempfile::tempdir().expect("a folder");
    let daemon = started(folder.path());
    let address = daemon.address();
    let head = format!(
        "POST /webhooks/open HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n"
    );
    let body = format!("{head}Content-Length: 1000\r\n\r\n");
    let mut slow: Vec<Slow> = (0..500)
        .map(|at| match at % 2 {
            0 => Slow::new(&address, "", &format!("{head}{}", "a: b\r\n".repeat(50))),
            _ => Slow::new(&address, &body, &" ".repeat(1000)),
        })
        .collect();
    let begun = Instant::now();
    let mut took = Vec::new();
    // A head may take ten seconds, a body thirty.
    while !slow.is_empty() {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "{} are not cut",
            slow.len()
        );
        slow.retain_mut(Slow::goes_on);
        let number = took.len();
        let honest = Instant::now();
        let body = format!(r#"{{"id": "n{number}"}}"#);
        let (status, answer) = send(&address, &post(&address, "/webhooks/open", &[], &body));
        assert_eq!(status, 202, "{answer}");
        took.push(honest.elapsed());
        std::thread::sleep(Duration::from_millis(500));
    }
    took.sort();
    // On a quiet machine it is two or three milliseconds; here other tests go on.
    assert!(
        took[took.len() / 2] < Duration::from_millis(100),
        "{took:?}"
    );
    assert_eq!(noticed(folder.path(), "open", "main").len(), took.len());
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_client_that_goes_away_and_sends_again_has_one_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let daemon = started(folder.path());
    let address = daemon.address();
    let request = post(&address, "/webhooks/open", &[], r#"{"id": "once"}"#);
    for _ in 0..20 {
        let mut stream = TcpStream::connect(&address).expect("it listens");
        stream.write_all(&request).expect("it reads");
        // Gone before the answer.
        drop(stream);
    }
    let answer = try_send(&address, &request);
    assert_eq!(answer.map(|(status, _)| status), Some(202));
    until("its run has started", || {
        noticed(folder.path(), "open", "main")
            .iter()
            .all(|seen| seen.state == "started")
    });
    assert_eq!(noticed(folder.path(), "open", "main").len(), 1);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn while_the_store_takes_nothing_senders_are_told_to_come_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let daemon = started(folder.path());
    let address = daemon.address();
    let body = r#"{"id": "later"}"#;
    let database = folder.path().join(".flow/flow.db");
    let other = rusqlite::Connection::open(database).expect("it is there");
    other.execute_batch("BEGIN IMMEDIATE").expect("held");
    let begun = Instant::now();
    let request = post(&address, "/webhooks/open", &[], body);
    let (status, answer) = send(&address, &request);
    assert_eq!(status, 503, "{answer}");
    assert!(answer.contains("webhook.unstored"), "{answer}");
    assert!(begun.elapsed() < Duration::from_secs(20));
    // It is known by now: nobody waits again.
    let begun = Instant::now();
    assert_eq!(send(&address, &request).0, 503);
    let ready = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    assert_eq!(send(&address, ready.as_bytes()).0, 503);
    assert!(begun.elapsed() < Duration::from_secs(2));
    other.execute_batch("ROLLBACK").expect("let go");
    until("it takes deliveries", || send(&address, &request).0 == 202);
    assert_eq!(noticed(folder.path(), "open", "main").len(), 1);
    assert_eq!(daemon.stop(), 0);
}
