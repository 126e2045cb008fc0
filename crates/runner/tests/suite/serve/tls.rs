//! TLS of the daemon's own: who comes in, and how its certificate is renewed.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::listening::{PATIENCE, SHOWN, address_file, get, is_ended, project, show, tls};
use super::support::{Daemon, post};
use crate::support::{flow, run, texts, until};

type Client = StreamOwned<ClientConnection, TcpStream>;

fn certificate(name: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(tls(name)).expect("a certificate")
}

/// Shakes hands with a daemon that has one of our certificates; speaks these protocols inside.
fn shake(address: &str, protocols: &[&str]) -> std::io::Result<Client> {
    let mut roots = RootCertStore::empty();
    roots
        .add(certificate("authority.pem"))
        .expect("an authority");
    let mut config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|it| it.as_bytes().to_vec()).collect();
    let name = "flow.example".try_into().expect("a name");
    let client = ClientConnection::new(Arc::new(config), name).expect("a client");
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut client = client;
    while client.is_handshaking() {
        client.complete_io(&mut stream)?;
    }
    Ok(StreamOwned::new(client, stream))
}

/// Sends a request over TLS; gives the status and the body.
#[track_caller]
fn send_tls(address: &str, request: &[u8]) -> (u16, String) {
    let mut client = shake(address, &["http/1.1"]).expect("hands are shaken");
    client.write_all(request).expect("it reads");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("a whole answer");
    let status = answer.split(' ').nth(1).and_then(|it| it.parse().ok());
    let body = answer.split_once("\r\n\r\n").expect("a body").1;
    (status.expect("a status"), body.to_owned())
}

#[test]
fn over_tls_it_takes_deliveries_and_says_https() {
    let folder = project(SHOWN);
    let path = folder.path();
    let daemon = Daemon::start(path, &["--host", "flow.example"], &[]);
    let address = daemon.address();
    let port = address.rsplit(':').next().expect("a port");
    assert!(daemon.said(&format!("listens on https://{address}")));
    for (host, status) in [
        (&*address, 200),
        ("flow.example", 200),
        ("FLOW.example:443", 200),
        (&format!("flow.example:{port}"), 200),
        ("flow.example:80", 421),
        ("other.example", 421),
    ] {
        assert_eq!(
            send_tls(&address, &get(host, "/healthz", "")).0,
            status,
            "{host}"
        );
    }
    let (status, answer) = send_tls(&address, &post(&address, "/webhooks/open", &[], "{}"));
    assert_eq!(status, 202, "{answer}");
    // What hands its address on says where it is.
    let named = format!("https://flow.example:{port}");
    assert_eq!(address_file(path), named);
    let token = std::fs::read_to_string(path.join(".flow/admin.token")).expect("a token");
    let bearer = format!("Bearer {}", token.trim());
    let header = format!("Authorization: {bearer}\r\n");
    let (_, document) = send_tls(
        &address,
        &get("flow.example", "/api/v1/openapi.json", &header),
    );
    assert!(document.contains("\"https://flow.example\""), "{document}");
    until("the run tells its address", || {
        let told = std::fs::read_to_string(path.join("url"));
        told.is_ok_and(|url| url.starts_with(&format!("{named}/callbacks/")))
    });
    // A page that came without TLS is of another origin.
    for (scheme, status) in [("http", 403), ("https", 404)] {
        let origin = format!("{scheme}://flow.example");
        let headers = [
            ("authorization", &*bearer),
            ("origin", &origin),
            ("host", "flow.example"),
        ];
        let headers = headers
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .concat();
        let request = format!(
            "POST /api/v1/triggers/open/nothing/pause HTTP/1.1\r\n{headers}Connection: close\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
        );
        assert_eq!(send_tls(&address, request.as_bytes()).0, status, "{scheme}");
    }
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn whoever_does_not_speak_tls_is_let_go() {
    let folder = project(&format!("{SHOWN}connections_per_address = 1\n"));
    let daemon = Daemon::start(folder.path(), &[], &[]);
    let address = daemon.address();
    let quick = Duration::from_secs(5);
    let plain = get(&address, "/healthz", "");
    for bytes in [
        &*plain,
        b"\x16\x03\x01\0\x05hello",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(&address).expect("it listens");
        stream.write_all(bytes).expect("it reads");
        assert!(is_ended(&mut stream, quick), "{bytes:?}");
    }
    // HTTP/2 is not spoken inside either.
    until("the last one is over", || {
        let refused = shake(&address, &["h2"]).err();
        refused.is_some_and(|error| error.to_string().contains("NoApplicationProtocol"))
    });
    // A handshake holds its place from the beginning, for ten seconds at most.
    let mut slow = TcpStream::connect(&address).expect("it listens");
    until("it holds the place", || {
        let mut second = TcpStream::connect(&address).expect("it listens");
        is_ended(&mut second, Duration::from_millis(500))
    });
    assert!(shake(&address, &[]).is_err());
    assert!(is_ended(&mut slow, PATIENCE), "it is never cut");
    until("its place is free", || shake(&address, &[]).is_ok());
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_certificate_is_renewed_while_all_goes_on() {
    let folder = project(SHOWN);
    let path = folder.path();
    let daemon = Daemon::start(path, &[], &[]);
    let address = daemon.address();
    let shows = |name: &str| {
        let client = shake(&address, &[]).expect("hands are shaken");
        let shown = client.conn.peer_certificates().and_then(|all| all.first());
        shown == Some(&certificate(name))
    };
    assert!(shows("first.pem"));
    // What is broken, of another key, or readable for all changes nothing.
    std::fs::write(path.join("shown.pem"), "-----BEGIN").expect("a file");
    until("it is told", || daemon.said("[serve.certificate]"));
    assert!(shows("first.pem"));
    std::fs::copy(tls("second.pem"), path.join("shown.pem")).expect("a certificate");
    until("it is told", || {
        daemon.said("it is not the key of the certificate")
    });
    assert!(shows("first.pem"));
    show(path, "second");
    let mode = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(path.join("shown.key"), mode).expect("its owner");
    until("it is told", || daemon.said("[serve.key_readable]"));
    assert!(shows("first.pem"));
    let mut open = shake(&address, &[]).expect("hands are shaken");
    show(path, "second");
    until("it is taken over", || shows("second.pem"));
    // A connection from before goes on.
    open.write_all(&get(&address, "/healthz", ""))
        .expect("it reads");
    let mut answer = String::new();
    open.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn deliveries_by_hand_trust_who_the_environment_says() {
    let folder = project(SHOWN);
    let path = folder.path();
    let daemon = Daemon::start(path, &[], &[]);
    let send = |authority: Option<PathBuf>| {
        let mut command = flow(path);
        command.args(["webhook", "send", "open.yml"]);
        command.envs(authority.map(|file| ("SSL_CERT_FILE", file)));
        texts(&command.output().expect("it runs"))
    };
    let (code, _, stderr) = send(None);
    assert_eq!(code, 4, "{stderr}");
    for said in ["error[http.tls]", "--to https://NAME", "SSL_CERT_FILE"] {
        assert!(stderr.contains(said), "{stderr}");
    }
    let (code, stdout, stderr) = send(Some(tls("authority.pem")));
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_certificate_that_cannot_be_used_is_refused() {
    let folder = project(SHOWN);
    let path = folder.path();
    let refused = |said: &str| {
        let (code, _, stderr) = run(path, &["serve", "--port", "0"]);
        assert!(
            code == 3 && stderr.contains(said),
            "{said}: {code} {stderr}"
        );
        assert!(!stderr.contains("PRIVATE KEY"), "{stderr}");
    };
    let mode = std::fs::Permissions::from_mode(0o640);
    std::fs::set_permissions(path.join("shown.key"), mode).expect("its owner");
    refused("error[serve.key_readable]");
    refused("shown.key`");
    show(path, "first");
    std::fs::copy(tls("second.pem"), path.join("shown.pem")).expect("a certificate");
    refused("it is not the key of the certificate");
    std::fs::copy(tls("first.key"), path.join("shown.pem")).expect("a file");
    refused("there is no certificate in it");
    std::fs::remove_file(path.join("shown.pem")).expect("it is there");
    refused("error[serve.certificate]");
}
