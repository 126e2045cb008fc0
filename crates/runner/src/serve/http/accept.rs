//! The accept loop: so many connections and no more, each with bounds on how long its parts may take.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How long the head of a request may take, and a connection be idle.
const HEAD_MAX: Duration = Duration::from_secs(10);
/// How many connections there are at once. Those that wait are taken when others end, at the latest after [`HEAD_MAX`].
const CONNECTIONS_MAX: usize = 1024;
/// The most header fields a request may have; more is answered 431.
const HEADERS_MAX: usize = 100;
/// The most bytes the head of a request may take; more is answered 431.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Accepts until it is dropped, and all connections go along.
pub(super) async fn accept(listener: TcpListener, router: Router) {
    let free = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let Ok(permit) = free.clone().acquire_owned().await else {
            return;
        };
        let stream = tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else {
                    // Out of descriptors, most likely: waiting lets connections end.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                };
                stream
            }
            Some(_) = connections.join_next() => continue,
        };
        let router = router.clone();
        connections.spawn(async move {
            serve(stream, router).await;
            drop(permit);
        });
    }
}

async fn serve(stream: TcpStream, router: Router) {
    let _ = stream.set_nodelay(true);
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_MAX)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .await;
}
