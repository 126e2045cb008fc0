//! A daemon that runs, and requests to it.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flow_local::store::{Reader, Seen, Store};

use crate::support::{flow, until};

/// A daemon; killed when it is dropped.
pub(crate) struct Daemon {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Daemon {
    /// Starts one in a folder that is a project, and waits until it listens.
    #[track_caller]
    pub(crate) fn start(folder: &Path, arguments: &[&str], secrets: &[(&str, &str)]) -> Daemon {
        std::fs::create_dir_all(folder.join(".flow")).expect("a project");
        let mut command = flow(folder);
        command
            .args(["serve", "--port", "0"])
            .args(arguments)
            .envs(secrets.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let said = BufReader::new(child.stderr.take().expect("piped"));
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = lines.clone();
        std::thread::spawn(move || {
            for line in said.lines().map_while(Result::ok) {
                kept.lock().expect("no panic").push(line);
            }
        });
        let daemon = Daemon { child, lines };
        until("it listens", || daemon.said("listens on"));
        daemon
    }

    /// Whether a line holds this text.
    pub(crate) fn said(&self, text: &str) -> bool {
        self.lines().iter().any(|line| line.contains(text))
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().expect("no panic").clone()
    }

    /// What stands after a text in the first line that holds it.
    #[track_caller]
    pub(crate) fn after(&self, text: &str) -> String {
        let lines = self.lines();
        let found = lines
            .iter()
            .find_map(|line| Some(line.split_once(text)?.1.to_owned()));
        found.unwrap_or_else(|| panic!("nobody said `{text}`: {lines:?}"))
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> String {
        let url = self.after("listens on ");
        url.split_once("://").expect("an address").1.to_owned()
    }

    /// Kills it, as a crash would.
    pub(crate) fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Tells it to stop, and waits for its end.
    #[track_caller]
    pub(crate) fn stop(self) -> i32 {
        self.tell_to_stop();
        self.end()
    }

    /// Tells it to stop.
    #[track_caller]
    pub(crate) fn tell_to_stop(&self) {
        let pid = self.child.id().to_string();
        let told = std::process::Command::new("kill").arg(pid).status();
        assert!(told.expect("kill is there").success());
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn end(mut self) -> i32 {
        let mut code = None;
        until("it ends", || {
            code = self.child.try_wait().expect("it can be waited for");
            code.is_some()
        });
        code.and_then(|status| status.code()).unwrap_or(-1)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a trigger noticed, oldest first.
pub(crate) fn noticed(folder: &Path, workflow: &str, trigger: &str) -> Vec<Seen> {
    let mut found = reader(folder)
        .occurrences(workflow, trigger, 100_000)
        .expect("readable");
    found.reverse();
    found
}

pub(crate) fn reader(folder: &Path) -> Reader {
    let reader = Store::reader(&folder.join(".flow")).expect("a store");
    reader.expect("it is there")
}

/// Sends one request as it stands; gives the status and the body.
#[track_caller]
pub(crate) fn send(address: &str, request: &[u8]) -> (u16, String) {
    try_send(address, request).expect("an answer")
}

/// The same, if anybody answers.
pub(crate) fn try_send(address: &str, request: &[u8]) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(40)))
        .ok()?;
    stream.write_all(request).ok()?;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    let body = answer.split_once("\r\n\r\n")?.1.to_owned();
    Some((status, body))
}

/// A `POST` of a JSON body.
pub(crate) fn post(address: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        let _ = write!(request, "{name}: {value}\r\n");
    }
    (request + "\r\n" + body).into_bytes()
}
