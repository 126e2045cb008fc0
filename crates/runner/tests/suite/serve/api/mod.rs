//! The API of the daemon: real tokens, real sockets.

mod approvals;
mod backfills;
mod bounds;
mod credentials;
mod document;
mod events;
mod kill;
mod routes;
mod stream;

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::support::Daemon;
use crate::support::{run, until};

/// A workflow for everything that wants one.
const HELLO: &str = r#"
name: hello
description: Says hello.
inputs:
  who: { type: string, default: you }
  times: { type: integer, default: 1, min: 1, max: 100000 }
  notes: { type: file, required: false }
  key: { type: secret, required: false, enum: [TOKEN, UNSET] }
on:
  nightly: { schedule: "0 2 * * *", timezone: Europe/Oslo }
  guarded: { webhook: guarded, verify: { token: "{{ secrets.TOKEN }}" } }
steps:
  greet: { value: "Hello {{ inputs.who }}" }
  many: { value: "{{ range(inputs.times) | list }}" }
outputs: { text: "{{ steps.greet }}" }
"#;

/// A daemon with a token of each scope.
pub(super) struct Api {
    pub(super) folder: TempDir,
    pub(super) daemon: Daemon,
    pub(super) address: String,
    pub(super) admin: String,
}

/// What was answered.
pub(super) struct Answer {
    pub(super) status: u16,
    /// In lower case.
    pub(super) head: String,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    pub(super) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl Api {
    #[track_caller]
    pub(super) fn start(files: &[(&str, &str)], arguments: &[&str]) -> Api {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files.iter().chain(&[("hello.yml", HELLO)]) {
            std::fs::write(folder.path().join(name), text).expect("a file");
        }
        let daemon = Daemon::start(folder.path(), arguments, &[("TOKEN", "open sesame")]);
        let admin = std::fs::read_to_string(folder.path().join(".flow/admin.token"));
        Api {
            address: daemon.address(),
            admin: admin.expect("the first token").trim().to_owned(),
            folder,
            daemon,
        }
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A new token.
    #[track_caller]
    pub(super) fn token(&self, name: &str, scope: &str) -> String {
        let (code, text, err) = run(self.path(), &["token", "new", name, "--scope", scope]);
        assert_eq!(code, 0, "{err}");
        text.trim().to_owned()
    }

    #[track_caller]
    pub(super) fn get(&self, path: &str) -> Answer {
        self.ask(
            "GET",
            path,
            &[("authorization", &format!("Bearer {}", self.admin))],
            None,
        )
    }

    #[track_caller]
    pub(super) fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_as(&self.admin, path, body)
    }

    #[track_caller]
    pub(super) fn post_as(&self, token: &str, path: &str, body: &Value) -> Answer {
        let authorization = format!("Bearer {token}");
        let headers = [
            ("authorization", &*authorization),
            ("content-type", "application/json"),
        ];
        self.ask("POST", path, &headers, Some(body.to_string().as_bytes()))
    }

    /// A request as it is said; paths begin below `/api/v1`, unless they begin with two slashes.
    #[track_caller]
    pub(super) fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Answer {
        let path = match path.strip_prefix('/') {
            Some(whole) if whole.starts_with('/') => whole.to_owned(),
            _ => format!("/api/v1{path}"),
        };
        let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "host") {
            let _ = write!(request, "Host: {}\r\n", self.address);
        }
        if let Some(body) = body {
            let _ = write!(request, "Content-Length: {}\r\n", body.len());
        }
        for (name, value) in headers {
            let _ = write!(request, "{name}: {value}\r\n");
        }
        let mut request = (request + "\r\n").into_bytes();
        request.extend_from_slice(body.unwrap_or_default());
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        let patience = Some(Duration::from_secs(40));
        stream.set_read_timeout(patience).expect("a socket");
        // It may be refused before it was read whole.
        let _ = stream.write_all(&request);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        Answer {
            status: status.unwrap_or_else(|| panic!("no answer to {method} {path}: {answer}")),
            head: head.to_lowercase(),
            body: body.to_owned(),
        }
    }

    /// Starts a run, and gives its id.
    #[track_caller]
    pub(super) fn run(&self, workflow: &str, body: &Value) -> String {
        let started = self.post(&format!("/workflows/{workflow}/runs"), body);
        assert_eq!(started.status, 202, "{}", started.body);
        started.json()["run"].as_str().expect("an id").to_owned()
    }

    /// Waits until a run has a status, and gives the run.
    #[track_caller]
    pub(super) fn is(&self, run: &str, status: &str) -> Value {
        let mut found = Value::Null;
        until(&format!("run {run} is {status}"), || {
            found = self.get(&format!("/runs/{run}")).json();
            found["status"] == status
        });
        found
    }

    /// A run of `hello` that has ended.
    #[track_caller]
    pub(super) fn hello(&self) -> String {
        let run = self.run("hello", &json!({}));
        self.is(&run, "succeeded");
        run
    }

    /// How many runs there are.
    pub(super) fn runs(&self) -> usize {
        let runs = self.get("/runs?limit=500").json();
        runs["runs"].as_array().map_or(0, Vec::len)
    }
}

/// The document, as the command prints it.
pub(super) fn document() -> Value {
    let (code, text, err) = run(&crate::support::root(), &["api", "openapi"]);
    assert_eq!(code, 0, "{err}");
    serde_json::from_str(&text).expect("JSON")
}
