//! A server on loopback that answers each connection once, with whatever bytes a test wants.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request as it came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Received {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    /// Lower-case names.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is text")
    }
}

/// What the server sends.
pub(crate) struct Reply {
    pub(crate) bytes: Vec<u8>,
    /// Bytes in one piece, and the time between two.
    pub(crate) drip: Option<(usize, Duration)>,
    /// Time to stay silent at the end.
    pub(crate) hold: Duration,
    /// Whether the connection is reset at the end, and not closed.
    pub(crate) reset: bool,
}

/// An answer with a length.
pub(crate) fn reply(status: u16, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Reply {
    let body = body.as_ref();
    let mut bytes = format!(
        "HTTP/1.1 {status} Status\r\ncontent-length: {}\r\nconnection: close\r\n",
        body.len()
    )
    .into_bytes();
    for (name, value) in headers {
        bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    Reply::raw(bytes)
}

impl Reply {
    pub(crate) fn raw(bytes: impl Into<Vec<u8>>) -> Reply {
        Reply {
            bytes: bytes.into(),
            drip: None,
            hold: Duration::ZERO,
            reset: false,
        }
    }

    pub(crate) fn drip(mut self, bytes: usize, every: Duration) -> Reply {
        self.drip = Some((bytes, every));
        self
    }

    pub(crate) fn hold(mut self, time: Duration) -> Reply {
        self.hold = time;
        self
    }

    /// Resets the connection a moment after the last byte.
    pub(crate) fn reset(mut self) -> Reply {
        self.reset = true;
        self.hold = Duration::from_millis(30);
        self
    }
}

/// A running server and what it has received.
pub(crate) struct Server {
    pub(crate) url: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Server {
    /// Answers with what `answer` makes of each request and its number, from 0.
    pub(crate) async fn start(
        answer: impl Fn(&Received, usize) -> Reply + Send + Sync + 'static,
    ) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let received: Arc<Mutex<Vec<Received>>> = Arc::default();
        let (log, answer) = (received.clone(), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (log, answer) = (log.clone(), answer.clone());
                tokio::spawn(async move {
                    drop(serve(stream, &log, &*answer).await);
                });
            }
        });
        Server { url, received }
    }

    /// The same answer for all.
    pub(crate) async fn always(status: u16, headers: &[(&str, &str)], body: &str) -> Server {
        let headers: Vec<(String, String)> = headers
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect();
        let body = body.to_owned();
        Server::start(move |_, _| {
            let headers: Vec<(&str, &str)> = headers
                .iter()
                .map(|(a, b)| (a.as_str(), b.as_str()))
                .collect();
            reply(status, &headers, &body)
        })
        .await
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received
            .lock()
            .expect("no test panics with it")
            .clone()
    }

    /// Settings of a connection to it.
    pub(crate) fn settings(&self) -> String {
        format!(r#"{{"base_url":"{}"}}"#, self.url)
    }
}

async fn serve(
    mut stream: TcpStream,
    log: &Mutex<Vec<Received>>,
    answer: &(dyn Fn(&Received, usize) -> Reply + Send + Sync),
) -> std::io::Result<()> {
    let received = read(&mut stream).await?;
    let number = {
        let mut log = log.lock().expect("no test panics with it");
        log.push(received.clone());
        log.len() - 1
    };
    let reply = answer(&received, number);
    match reply.drip {
        None => stream.write_all(&reply.bytes).await?,
        Some((size, every)) => {
            for piece in reply.bytes.chunks(size) {
                stream.write_all(piece).await?;
                stream.flush().await?;
                tokio::time::sleep(every).await;
            }
        }
    }
    stream.flush().await?;
    tokio::time::sleep(reply.hold).await;
    if reply.reset {
        return stream.set_zero_linger();
    }
    stream.shutdown().await
}

async fn read(stream: &mut TcpStream) -> std::io::Result<Received> {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        match stream.read(&mut buffer).await? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            read => bytes.extend_from_slice(&buffer[..read]),
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let mut lines = head.lines();
    let mut first = lines.next().unwrap_or_default().split(' ');
    let mut received = Received {
        method: first.next().unwrap_or_default().to_owned(),
        target: first.next().unwrap_or_default().to_owned(),
        ..Received::default()
    };
    for line in lines.filter(|line| !line.is_empty()) {
        if let Some((name, value)) = line.split_once(':') {
            received
                .headers
                .push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    let length: usize = received
        .header("content-length")
        .and_then(|value| value.parse().ok())
        .unwrap_or(0);
    received.body = bytes.split_off(head_end);
    while received.body.len() < length {
        match stream.read(&mut buffer).await? {
            0 => break,
            read => received.body.extend_from_slice(&buffer[..read]),
        }
    }
    Ok(received)
}
