//! A loopback server that keeps a ledger of what it was asked to do, with the idempotency keys.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::place::Effect;

#[derive(Default)]
struct Shared {
    ledger: Mutex<Vec<Effect>>,
    busy: AtomicUsize,
    over: AtomicBool,
}

/// Listens until it is dropped.
pub(super) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Server {
    pub(super) fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Shared::default());
        let serving = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if serving.over.load(Ordering::Acquire) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                serving.busy.fetch_add(1, Ordering::AcqRel);
                let shared = serving.clone();
                std::thread::spawn(move || {
                    // A client that was killed in the middle has done nothing.
                    let _ = answer(&stream, &shared.ledger);
                    shared.busy.fetch_sub(1, Ordering::AcqRel);
                });
            }
        });
        Server { address, shared }
    }

    pub(super) fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it did so far; requests on their way are awaited.
    pub(super) fn effects(&self) -> Vec<Effect> {
        while self.shared.busy.load(Ordering::Acquire) > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.shared.ledger.lock().expect("no panic").clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Release);
        // Wakes the one that listens.
        let _ = TcpStream::connect(self.address);
    }
}

/// Answers one request: its path without the slash is what is done.
fn answer(mut stream: &TcpStream, ledger: &Mutex<Vec<Effect>>) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or("/").to_owned();
    let (mut length, mut key) = (0, None);
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let Some((name, value)) = line.trim().split_once(':') else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap_or(0),
            "idempotency-key" => key = Some(value.trim().to_owned()),
            _ => {}
        }
    }
    reader.read_exact(&mut vec![0; length])?;
    let name = path
        .trim_start_matches('/')
        .replace("%5B", "[")
        .replace("%5D", "]");
    let body = said(&name).to_string();
    ledger.lock().expect("no panic").push(Effect { name, key });
    // Done, and not yet known: the time in which a crash leaves an unknown outcome.
    std::thread::sleep(Duration::from_millis(8));
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// What it says of what it did.
pub(super) fn said(name: &str) -> serde_json::Value {
    serde_json::json!({ "name": name })
}
