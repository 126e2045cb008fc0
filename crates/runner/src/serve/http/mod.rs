//! What others reach over HTTP: deliveries, callbacks, and whether the daemon is well.
//!
//! Read in this order: `accept` (connections and their bounds), `answer` (how troubles are told), `webhooks`, `callbacks`.

mod accept;
mod answer;
mod callbacks;
mod webhooks;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::http::header::HOST;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::net::TcpListener;

use super::daemon::Daemon;
use crate::exit::{Exit, Trouble};
use answer::Problem;

/// What a handler sees.
#[derive(Clone)]
struct World {
    daemon: Arc<Daemon>,
    /// The names under which it may be asked.
    hosts: Arc<Vec<String>>,
}

/// A server that listens.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    accepting: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Listens on an address; 127.0.0.1 alone. `names` are further names under which it may be asked.
    pub(super) async fn start(
        daemon: Arc<Daemon>,
        port: u16,
        names: &[String],
    ) -> Result<Server, Trouble> {
        let listening = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, port)).await;
        let listener = listening.map_err(|error| unbound(port, &error))?;
        let address = listener
            .local_addr()
            .map_err(|error| unbound(port, &error))?;
        let mut hosts: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
        for name in ["127.0.0.1", "localhost", "[::1]"] {
            hosts.push(format!("{name}:{}", address.port()));
        }
        let world = World {
            daemon,
            hosts: Arc::new(hosts),
        };
        let accepting = tokio::spawn(accept::accept(listener, router(world)));
        Ok(Server { address, accepting })
    }

    /// Takes no more requests.
    pub(super) fn stop(&self) {
        self.accepting.abort();
    }
}

fn unbound(port: u16, error: &std::io::Error) -> Trouble {
    let message = format!("cannot listen on 127.0.0.1:{port}: {error}");
    Trouble::new(Exit::Unavailable, "serve.port", message)
        .help("name another port with `--port N`, or 0 for any that is free")
}

fn router(world: World) -> Router {
    Router::new()
        .route("/webhooks/{*path}", post(webhooks::deliver))
        .route(
            "/callbacks/{run}/{signature}/{*step}",
            post(callbacks::call_back),
        )
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .fallback(|| async { nothing_here() })
        .method_not_allowed_fallback(|| async {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "api.method",
                "this is not a method of this address",
            )
        })
        .layer(DefaultBodyLimit::max(webhooks::BODY_BYTES_MAX))
        .layer(from_fn_with_state(world.clone(), by_known_name))
        .with_state(world)
}

fn nothing_here() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "api.not_found",
        "there is nothing here",
    )
}

fn stopping() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "serve.stopping",
        "it is being stopped: nothing new is taken on",
    )
}

/// Whether it takes on work.
async fn ready(State(world): State<World>) -> Response {
    if world.daemon.stopping.is_cancelled() {
        return Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "serve.stopping",
            "it is being stopped",
        )
        .into_response();
    }
    "ready\n".into_response()
}

/// A web page whose name points at this machine must not reach it: only known names are answered.
async fn by_known_name(State(world): State<World>, request: Request, next: Next) -> Response {
    let mut hosts = request.headers().get_all(HOST).into_iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().unwrap_or_default().to_ascii_lowercase(),
        _ => String::new(),
    };
    if world.hosts.contains(&host) {
        return next.run(request).await;
    }
    let problem = Problem::new(
        StatusCode::MISDIRECTED_REQUEST,
        "api.host",
        "the name in `Host` is not one of this daemon",
    );
    problem
        .help("`flow serve --host NAME` adds a name")
        .into_response()
}
