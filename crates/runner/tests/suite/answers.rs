//! `docs/answers.md` and `docs/requests.md`: each row has tests that are there; and what only the whole program shows.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;

use crate::rules::{missing, sources};
use crate::support::{end, flow, root, start, texts};

#[test]
fn every_answer_has_tests_that_are_there() {
    rows_have_tests("docs/answers.md", 'A', 40);
}

#[test]
fn every_request_has_tests_that_are_there() {
    rows_have_tests("docs/requests.md", 'R', 20);
}

/// Rows of a page are numbered after a letter, and name tests that are there.
fn rows_have_tests(page: &str, letter: char, least: usize) {
    let page = std::fs::read_to_string(root().join(page)).expect("it is there");
    let mut files = Vec::new();
    sources(&root().join("crates"), &mut files);
    let (mut rows, mut wrong) = (Vec::new(), Vec::new());
    let begin = format!("| {letter}");
    for line in page.lines().filter(|line| line.starts_with(&begin)) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [row, what, then, tests] = cells.as_slice() else {
            panic!("{line}");
        };
        assert!(!what.is_empty() && !then.is_empty(), "{line}");
        rows.push((*row).to_owned());
        let tests = tests.split(", ").map(|test| test.trim_matches('`'));
        let found = tests.filter_map(|test| missing(test, &files));
        wrong.extend(found.map(|why| format!("{row}: {why}")));
    }
    let numbered: Vec<String> = (1..=rows.len()).map(|at| format!("{letter}{at}")).collect();
    assert_eq!(rows, numbered);
    assert!(rows.len() >= least, "{} rows", rows.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A server for one request, which it hands to `answer` when its head was read.
fn serve(answer: impl FnOnce(String, TcpStream) + Send + 'static) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let (mut head, mut buffer) = (Vec::new(), [0; 1024]);
        while !head.windows(4).any(|end| end == b"\r\n\r\n") {
            let read = stream.read(&mut buffer).expect("a request");
            assert!(read > 0, "the request is cut");
            head.extend_from_slice(&buffer[..read]);
        }
        answer(String::from_utf8_lossy(&head).into_owned(), stream);
    });
    (url, serving)
}

/// The most memory that a process has had, in KiB.
#[cfg(target_os = "linux")]
fn peak(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it lives");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number
        .and_then(|number| number.parse().ok())
        .expect("a number")
}

#[test]
#[cfg(target_os = "linux")]
fn a_long_answer_without_length_is_stored_in_flat_memory() {
    const PIECES: usize = 256;
    let process = Arc::new(AtomicU32::new(0));
    let seen = process.clone();
    let (url, serving) = serve(move |_, mut stream| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\nconnection: close\r\n\r\n";
        stream.write_all(head.as_bytes()).expect("it listens");
        let piece = vec![7; 1 << 20];
        for _ in 0..PIECES {
            stream.write_all(&piece).expect("it listens");
        }
        // The process waits for more: it has had all but what is on its way.
        let most = peak(seen.load(Ordering::SeqCst));
        assert!(most < 64 << 10, "{most} KiB for {PIECES} MiB");
    });
    let folder = tempfile::tempdir().expect("a folder");
    let text = format!(
        "steps: {{ get: {{ query: http.get, with: {{ url: '{url}' }} }} }}\noutputs: {{ bytes: '{{{{ steps.get.size }}}}' }}\n"
    );
    std::fs::write(folder.path().join("flow.toml"), "").expect("it can be written");
    std::fs::write(folder.path().join("get.yml"), text).expect("it can be written");
    let child = start(folder.path(), &["run", "get.yml", "--json"]);
    process.store(child.id(), Ordering::SeqCst);
    let (code, out, err) = end(child);
    serving.join().expect("little memory was needed");
    assert_eq!(code, 0, "{err}");
    assert!(out.contains(&(PIECES << 20).to_string()), "{out}");
}

#[test]
fn proxies_of_the_environment_are_not_used() {
    let (url, serving) = serve(|head, mut stream| {
        assert!(head.starts_with("GET /own HTTP/1.1"), "{head}");
        let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n[]";
        stream.write_all(answer.as_bytes()).expect("it listens");
    });
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("flow.toml"), "").expect("it can be written");
    let mut command = flow(folder.path());
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        command.env(name, "http://127.0.0.1:1");
    }
    let output = command
        .args(["call", "http.get", &format!("url={url}/own")])
        .output();
    let (code, out, err) = texts(&output.expect("it starts"));
    assert_eq!((code, out.trim()), (0, "[]"), "{err}");
    serving.join().expect("it was asked itself");
}
