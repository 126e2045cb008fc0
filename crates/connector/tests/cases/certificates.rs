//! Certificates that a connection shows and trusts, against a server that asks for one.
//!
//! The files in `tests/tls` hold until 2126: an authority, a server for 127.0.0.1 and a client, made with `openssl` (P-256);
//! and an authority whose server was over on 2026-01-02.

use std::sync::Arc;

use flow_connector::Connectors;
use flow_engine::source::SourceFile;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::support::Bench;

const AUTHORITY: &str = include_str!("../tls/authority.pem");
const READ: &str = "shop.orders.read";

fn certificate(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate")
}

const ANSWER: &str =
    "HTTP/1.1 200 OK\r\ncontent-length: 10\r\nconnection: close\r\n\r\n{\"id\":\"7\"}";

/// A server that speaks to clients of the authority only, and its address.
async fn server() -> String {
    let mut roots = RootCertStore::empty();
    roots.add(certificate(AUTHORITY)).expect("an authority");
    let clients = WebPkiClientVerifier::builder(Arc::new(roots))
        .build()
        .expect("an authority");
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("../tls/server.key")).expect("a key");
    let own = vec![certificate(include_str!("../tls/server.pem"))];
    let config = ServerConfig::builder()
        .with_client_cert_verifier(clients)
        .with_single_cert(own, key)
        .expect("they belong together");
    answering(config, ANSWER).await
}

/// A server with this certificate that speaks to everybody.
async fn open_server(pem: &str, key: &str, answer: &'static str) -> String {
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key");
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate(pem)], key)
        .expect("they belong together");
    answering(config, answer).await
}

async fn answering(config: ServerConfig, answer: &'static str) -> String {
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let url = format!("https://{}", listener.local_addr().expect("it is bound"));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    url
}

fn bench() -> Bench {
    let text = "handle: shop\nservice:\n  baseURL: https://shop.example\n  tls: { certificate: '{{client_certificate}}', key: '{{client_key}}', authority: '{{authority}}' }\nresources:\n  - handle: orders\n    operations: { read: { method: GET, path: /orders } }\n";
    let connectors = Connectors::builtin().with_descriptor(&[SourceFile::new("shop.yaml", text)]);
    let bench = Bench::with(connectors.unwrap_or_else(|error| panic!("{error}")));
    for (name, text) in [
        ("authority.pem", AUTHORITY),
        (
            "expired-authority.pem",
            include_str!("../tls/expired-authority.pem"),
        ),
        ("client.pem", include_str!("../tls/client.pem")),
        ("client.key", include_str!("../tls/client.key")),
        ("notes.txt", "no certificate"),
    ] {
        std::fs::write(bench.path(name), text).expect("the folder is there");
    }
    bench
}

#[tokio::test]
async fn a_certificate_is_shown_from_files() {
    let settings = format!(
        r#"{{"base_url":"{}","authority":"authority.pem","client_certificate":"client.pem","client_key":"client.key"}}"#,
        server().await
    );
    let value = bench()
        .perform(READ, &settings, "{}")
        .await
        .expect("it answers");
    assert_eq!(value.to_json().expect("a map"), r#"{"id":"7"}"#);
}

#[tokio::test]
async fn a_certificate_is_shown_from_secrets() {
    use flow_engine::value::{Secret, Value};
    let url = server().await;
    let settings = Value::map([
        ("base_url", Value::from(url.as_str())),
        ("authority", Value::from(AUTHORITY)),
        (
            "client_certificate",
            Value::from(Secret::named("CLIENT_CERTIFICATE")),
        ),
        ("client_key", Value::from(Secret::named("CLIENT_KEY"))),
    ]);
    let bench = bench();
    for _ in 0..2 {
        let call = Bench::call(READ, settings.clone(), Value::Null);
        bench.run(&call).await.expect("it answers");
    }
}

#[tokio::test]
async fn without_it_there_is_no_connection() {
    let url = server().await;
    for (settings, code) in [
        (String::new(), "http.tls"),
        (r#","authority":"authority.pem""#.to_owned(), "http."),
        (
            r#","authority":"notes.txt""#.to_owned(),
            "connection.certificate",
        ),
        (r#","authority":"../x.pem""#.to_owned(), "file."),
        (
            r#","client_certificate":"client.pem""#.to_owned(),
            "connection.certificate",
        ),
        (
            r#","client_certificate":"client.pem","client_key":"authority.pem""#.to_owned(),
            "connection.certificate",
        ),
        (
            format!(
                r#","client_certificate":"client.pem","client_key":{:?}"#,
                include_str!("../tls/client.key")
            ),
            "connection.certificate",
        ),
    ] {
        let all = format!(r#"{{"base_url":"{url}"{settings}}}"#);
        let failure = bench()
            .perform(READ, &all, "{}")
            .await
            .expect_err(&settings);
        assert!(
            failure.code.starts_with(code),
            "{settings}: {} {}",
            failure.code,
            failure.message
        );
        assert!(
            !failure.message.contains("PRIVATE KEY"),
            "{}",
            failure.message
        );
    }
}

const SERVER: (&str, &str) = (
    include_str!("../tls/server.pem"),
    include_str!("../tls/server.key"),
);

#[tokio::test]
async fn servers_that_cannot_be_trusted_are_refused() {
    let good = open_server(SERVER.0, SERVER.1, ANSWER).await;
    let expired = open_server(
        include_str!("../tls/expired.pem"),
        include_str!("../tls/expired.key"),
        ANSWER,
    )
    .await;
    // A server that knows no newer version than TLS 1.0 answers with a ServerHello that says so.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let old = format!("https://{}", listener.local_addr().expect("it is bound"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut hello = vec![0x16, 3, 1, 0, 42, 2, 0, 0, 38, 3, 1];
            hello.extend([7; 32]);
            hello.extend([0, 0, 0x2f, 0]);
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).await;
            let _ = stream.write_all(&hello).await;
            let _ = stream.read(&mut head).await;
        }
    });
    let another_name = good.replace("127.0.0.1", "localhost");
    for (url, authority) in [
        (&good, "expired-authority.pem"),
        (&another_name, "authority.pem"),
        (&expired, "expired-authority.pem"),
        (&old, "authority.pem"),
    ] {
        let settings = format!(r#"{{"base_url":"{url}","authority":"{authority}"}}"#);
        let failure = bench().perform(READ, &settings, "{}").await;
        let failure = failure.expect_err(url);
        assert_eq!(failure.code, "http.tls", "{url}: {}", failure.message);
    }
    let settings = format!(r#"{{"base_url":"{good}","authority":"authority.pem"}}"#);
    let value = bench().perform(READ, &settings, "{}").await;
    value.expect("this one can be trusted");
}

#[tokio::test]
async fn a_redirect_out_of_tls_is_not_followed() {
    let url = open_server(
        SERVER.0,
        SERVER.1,
        "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
    )
    .await;
    let settings = format!(r#"{{"base_url":"{url}","authority":"authority.pem"}}"#);
    let failure = bench().perform(READ, &settings, "{}").await;
    let failure = failure.expect_err("from https to http");
    assert_eq!(failure.code, "http.redirect", "{}", failure.message);
    assert!(failure.message.contains("from https to http"));
}
