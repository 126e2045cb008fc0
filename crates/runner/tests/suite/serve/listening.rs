//! Where the daemon listens: never open to others without TLS or a proxy, and never without a token.
//!
//! The files in `tests/tls` hold until 2126: an authority, and two certificates for 127.0.0.1, localhost and flow.example,
//! made with `openssl` (P-256).

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::support::{Daemon, send};
use crate::support::{root, run, until};

const OPEN: &str = "name: open
on: { webhook: open, verify: none }
steps:
  tell: { action: file.write, with: { path: url, content: \"{{ run.callback_url('wait') }}\" } }
  wait: { trigger: http.callback, needs: tell, timeout: 1h }
";
pub(super) const SHOWN: &str = "[serve]\ntls = { certificate = 'shown.pem', key = 'shown.key' }\n";
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn tls(name: &str) -> PathBuf {
    root().join("crates/runner/tests/tls").join(name)
}

/// A project with these settings.
pub(super) fn project(settings: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text);
    write("flow.toml", settings).expect("settings");
    write("open.yml", OPEN).expect("a workflow");
    show(folder.path(), "first");
    folder
}

/// Puts a certificate and its key where the settings have them.
pub(super) fn show(folder: &Path, name: &str) {
    let key = folder.join("shown.key");
    std::fs::copy(tls(&format!("{name}.key")), &key).expect("a key");
    let mode = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(&key, mode).expect("its owner");
    std::fs::copy(tls(&format!("{name}.pem")), folder.join("shown.pem")).expect("a certificate");
}

pub(super) fn get(host: &str, path: &str, headers: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n").into()
}

/// Whether the other side ends this connection.
pub(super) fn is_ended(stream: &mut TcpStream, within: Duration) -> bool {
    stream.set_read_timeout(Some(within)).expect("a socket");
    let begun = Instant::now();
    let mut rest = Vec::new();
    let ended = stream.read_to_end(&mut rest).map_or_else(
        |error| error.kind() == std::io::ErrorKind::ConnectionReset,
        |_| true,
    );
    ended && begun.elapsed() < within
}

pub(super) fn address_file(folder: &Path) -> String {
    std::fs::read_to_string(folder.join(".flow/address")).expect("it listens")
}

#[test]
fn beyond_this_machine_it_listens_only_where_nobody_reads_along_and_somebody_has_a_token() {
    let folder = project("[serve]\naddress = \"0.0.0.0:0\"\n");
    let path = folder.path();
    let (code, _, stderr) = run(path, &["serve"]);
    assert_eq!(code, 3, "{stderr}");
    for said in [
        "error[serve.exposed]",
        "flow.toml:2:11",
        "behind_proxy = true",
    ] {
        assert!(stderr.contains(said), "{stderr}");
    }
    // An option has no line.
    let (code, _, stderr) = run(path, &["serve", "--listen", "0.0.0.0"]);
    assert!(
        code == 3 && stderr.contains("error[serve.exposed]"),
        "{stderr}"
    );
    assert!(!stderr.contains("flow.toml:2"), "{stderr}");
    // Each of the two words is enough, and neither is without a token.
    for words in ["behind_proxy = true\n", &SHOWN["[serve]\n".len()..]] {
        let settings = format!("[serve]\naddress = \"0.0.0.0:0\"\n{words}");
        std::fs::write(path.join("flow.toml"), settings).expect("settings");
        let (code, _, stderr) = run(path, &["serve"]);
        assert_eq!(code, 3, "{stderr}");
        for said in ["error[serve.no_token]", "flow.toml:2:11", "`flow token new"] {
            assert!(stderr.contains(said), "{stderr}");
        }
    }
    assert!(
        !path.join(".flow").exists(),
        "what is refused leaves nothing"
    );
    // Where only this machine comes, nothing of that is needed: the option wins over the file.
    let daemon = Daemon::start(path, &["--listen", "127.0.0.1"], &[]);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn behind_a_proxy_it_is_asked_under_its_names() {
    let settings = "[serve]\naddress = \"0.0.0.0:1\"\nbehind_proxy = true\nhosts = [\"hooks.example\"]\npublic = \"https://flow.example/hooks/\"\n";
    let folder = project(settings);
    let token = ["token", "new", "ada", "--scope", "admin"];
    let (code, token, _) = run(folder.path(), &token);
    assert_eq!(code, 0);
    // The port of the option wins.
    let daemon = Daemon::start(folder.path(), &[], &[]);
    let port = daemon
        .address()
        .rsplit(':')
        .next()
        .expect("a port")
        .to_owned();
    let here = format!("127.0.0.1:{port}");
    assert_eq!(daemon.address(), format!("0.0.0.0:{port}"));
    assert_eq!(address_file(folder.path()), format!("http://{here}"));
    for (host, status) in [
        (&*here, 200),
        ("hooks.example", 200),
        ("flow.example", 200),
        ("flow.example:443", 200),
        ("other.example", 421),
        ("192.0.2.1", 421),
    ] {
        assert_eq!(send(&here, &get(host, "/healthz", "")).0, status, "{host}");
    }
    let token = format!("Authorization: Bearer {}\r\n", token.trim());
    for (host, url) in [
        ("flow.example", "\"https://flow.example/hooks\"".to_owned()),
        (&here, format!("\"http://{here}\"")),
    ] {
        let (_, document) = send(&here, &get(host, "/api/v1/openapi.json", &token));
        assert!(document.contains(&url), "{host}");
    }
    // A proxy is one address: many come from it.
    let many: Vec<TcpStream> = (0..70)
        .map(|_| TcpStream::connect(&here).expect("it listens"))
        .collect();
    assert_eq!(send(&here, &get(&here, "/healthz", "")).0, 200);
    drop(many);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn one_address_takes_no_places_of_others() {
    let folder = project("[serve]\nconnections_per_address = 3\n");
    let daemon = Daemon::start(folder.path(), &[], &[]);
    let address = daemon.address();
    let mut held: Vec<TcpStream> = (0..3)
        .map(|_| TcpStream::connect(&address).expect("it listens"))
        .collect();
    let mut fourth = TcpStream::connect(&address).expect("it listens");
    assert!(is_ended(&mut fourth, Duration::from_secs(5)));
    until("it is told", || {
        daemon.said("127.0.0.1 holds 3 connections")
    });
    let mut other = from("127.0.0.2:0", &address);
    let request = get(&address, "/healthz", "");
    other.write_all(&request).expect("it reads");
    let mut answer = String::new();
    other.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    // The three stand, and what one lets go of the next may take.
    let mut first = held.pop().expect("three");
    first.write_all(&request).expect("it reads");
    assert!(is_ended(&mut first, PATIENCE));
    until("a place is free", || {
        let mut next = TcpStream::connect(&address).expect("it listens");
        let _ = next.write_all(&request);
        let mut answer = String::new();
        let _ = next.read_to_string(&mut answer);
        answer.starts_with("HTTP/1.1 200")
    });
    drop(held);
    assert_eq!(daemon.stop(), 0);
}

/// A connection whose own end has this address.
fn from(own: &str, address: &str) -> TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .expect("a runtime");
    let address: SocketAddr = address.parse().expect("an address");
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.bind(own.parse().expect("an address")).expect("free");
        let stream = socket.connect(address).await.expect("it listens");
        stream.into_std().expect("a stream")
    });
    stream.set_nonblocking(false).expect("a socket");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    stream
}
