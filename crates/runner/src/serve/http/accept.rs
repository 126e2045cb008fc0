//! The accept loop: so many connections and no more, each with bounds on how long its parts may take.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::steady::Steady;
use crate::serve::log::{Level, Log};
use crate::serve::places::PerAddress;

/// How long the head of a request may take, and a connection be idle.
const HEAD_MAX: Duration = Duration::from_secs(10);
/// How long a handshake may take.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// How long a client may take nothing of what it is sent.
const WRITE_MAX: Duration = Duration::from_secs(30);
/// How often it is said at most that an address holds too many connections.
const SAY_AGAIN: Duration = Duration::from_secs(60);
/// How many connections there are at once, those that still shake hands included. Those that wait are taken when others end, at the latest after [`HEAD_MAX`].
const CONNECTIONS_MAX: usize = 1024;
/// The most header fields a request may have; more is answered 431.
const HEADERS_MAX: usize = 100;
/// The most bytes the head of a request may take; more is answered 431.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Whoever has come in: where the connection has reached us.
#[derive(Debug, Clone, Copy)]
pub(super) struct Met(pub(super) SocketAddr);

/// Where connections come in.
pub(super) struct Door {
    pub(super) listener: TcpListener,
    /// With what hands are shaken, where TLS is spoken.
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) per_address: PerAddress,
    pub(super) log: Log,
}

/// Accepts until it is dropped, and all connections go along. One that an address holds beyond its number is closed at once.
pub(super) async fn accept(door: Door, router: Router) {
    let free = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    let mut said: Option<Instant> = None;
    loop {
        let Ok(permit) = free.clone().acquire_owned().await else {
            return;
        };
        let (stream, from) = tokio::select! {
            accepted = door.listener.accept() => {
                let Ok(accepted) = accepted else {
                    // Out of descriptors, most likely: waiting lets connections end.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                };
                accepted
            }
            Some(_) = connections.join_next() => continue,
        };
        let Some(place) = door.per_address.take(from.ip()) else {
            if said.is_none_or(|said| said.elapsed() > SAY_AGAIN) {
                said = Some(Instant::now());
                too_many(&door, from);
            }
            continue;
        };
        let (router, tls) = (router.clone(), door.tls.clone());
        connections.spawn(async move {
            serve(stream, tls, router).await;
            drop((permit, place));
        });
    }
}

fn too_many(door: &Door, from: SocketAddr) {
    let (from, max) = (from.ip().to_canonical(), door.per_address.max());
    let message = format!(
        "{from} holds {max} connections, which is all that one address may; more are closed"
    );
    door.log.say(Level::Warning, "serve", &message);
}

/// Hands are shaken, where that is needed, in the time of a head; whoever does not speak TLS there is let go.
async fn serve(stream: TcpStream, tls: Option<TlsAcceptor>, router: Router) {
    let _ = stream.set_nodelay(true);
    let Ok(met) = stream.local_addr() else {
        return;
    };
    let stream = Steady::new(stream, WRITE_MAX);
    let Some(tls) = tls else {
        return speak(stream, met, router).await;
    };
    if let Ok(Ok(stream)) = timeout(HANDSHAKE_MAX, tls.accept(stream)).await {
        speak(stream, met, router).await;
    }
}

async fn speak<S: AsyncRead + AsyncWrite + Unpin>(stream: S, met: SocketAddr, router: Router) {
    let router = TowerToHyperService::new(router);
    let answer = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Met(met));
        router.call(request)
    });
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        // Who says that nothing more comes still wants the answer.
        .half_close(true)
        .header_read_timeout(HEAD_MAX)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), answer)
        .await;
}
