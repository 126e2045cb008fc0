//! The accept loop: one task a connection, all of them gone when the [`Sandbox`] is dropped.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

use crate::app::{self, App};
use crate::config::Config;
use crate::connection::{Connection, CuttableStream};

/// How long a connection may be idle, or take to send the head of a request. Longer than clients
/// keep idle connections (90 seconds at most), so that none is closed just as one is used again.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(120);
/// The most header fields a request may have; more is answered 431.
const HEADERS_MAX: usize = 100;
/// The most bytes the head of a request may take; more is answered 431.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Why a sandbox could not be started.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The port could not be bound.
    #[error("cannot listen on 127.0.0.1:{port}: {source}")]
    Listen {
        /// The port asked for.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// Another sandbox holds the state folder.
    #[error("another sandbox uses the state folder `{}`", state.display())]
    InUse {
        /// The folder asked for.
        state: PathBuf,
    },
    /// The state folder could not be made or read.
    #[error("cannot use the state folder `{}`: {source}", state.display())]
    State {
        /// The folder asked for.
        state: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A number of the configuration is out of its bounds.
    #[error("{0}")]
    Config(String),
}

/// A running sandbox. Dropping it stops it at once, as a kill would.
#[derive(Debug)]
pub struct Sandbox {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Sandbox {
    /// Reads the state folder, binds 127.0.0.1 and begins to answer.
    ///
    /// # Errors
    /// [`SandboxError`] says which of these could not be done.
    pub async fn start(config: Config) -> Result<Sandbox, SandboxError> {
        check(&config)?;
        let port = config.port;
        let connections_max = config.connections_max;
        let app = tokio::task::spawn_blocking(move || App::open(config))
            .await
            .map_err(|panic| SandboxError::Config(panic.to_string()))??;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .map_err(|source| SandboxError::Listen { port, source })?;
        let address = listener
            .local_addr()
            .map_err(|source| SandboxError::Listen { port, source })?;
        let router = app::router(Arc::new(app));
        let accepting = tokio::spawn(accept(listener, router, connections_max));
        Ok(Sandbox { address, accepting })
    }

    /// Where it listens, as `http://127.0.0.1:PORT`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops it and waits until the port is free. Requests under way are cut off.
    pub async fn stop(mut self) {
        self.accepting.abort();
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn check(config: &Config) -> Result<(), SandboxError> {
    config.endings.check().map_err(SandboxError::Config)?;
    match config.cancel_seconds {
        0.0..=86_400.0 => Ok(()),
        other => Err(SandboxError::Config(format!(
            "cancel_seconds must be from 0 to 86400, not {other}"
        ))),
    }
}

/// Accepts until dropped. The set of connections lies in this future, so they go along with it.
async fn accept(listener: TcpListener, router: Router, connections_max: usize) {
    let free = Arc::new(Semaphore::new(connections_max.max(1)));
    let mut connections = JoinSet::new();
    loop {
        let Ok(permit) = Arc::clone(&free).acquire_owned().await else {
            return;
        };
        let stream = tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else {
                    // Out of file handles, mostly: waiting lets connections end.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                };
                stream
            }
            Some(_) = connections.join_next() => continue,
        };
        let _ = stream.set_nodelay(true);
        let router = router.clone();
        connections.spawn(async move {
            serve(stream, router).await;
            drop(permit);
        });
    }
}

async fn serve(stream: tokio::net::TcpStream, router: Router) {
    let connection = Connection::default();
    let stream = CuttableStream {
        stream,
        connection: connection.clone(),
    };
    let handle = connection.clone();
    let app = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(handle.clone());
        app.call(request)
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_READ_TIMEOUT)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .half_close(false)
        .serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        _ = serving => {}
        () = connection.cut_asked() => {}
    }
}
