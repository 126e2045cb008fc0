//! What others reach over HTTP: the API, deliveries, callbacks, and whether the daemon is well.
//!
//! Read in this order: `accept` (connections and their bounds), `answer` (how troubles are told), `gate` (tokens), `shape` and `route`
//! (what a route is, and who may use it), `table` (all routes), `openapi` (the document of them), `body`; then what the routes do:
//! `health`, `webhooks`, `callbacks`, [`api`].

mod accept;
mod answer;
mod api;
mod body;
mod callbacks;
mod gate;
mod health;
mod openapi;
mod route;
mod shape;
mod table;
mod webhooks;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, HOST, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::daemon::Daemon;
use crate::exit::{Exit, Trouble};
use crate::tokens::Tokens;
use answer::Problem;
use api::stream::STREAMS_MAX;
use gate::by_token;
pub(crate) use openapi::{USUAL_SERVER, document as openapi};
use route::{Method, not_found};
use table::ROUTES;

/// What a handler sees.
#[derive(Clone)]
struct World {
    daemon: Arc<Daemon>,
    /// The names under which it may be asked.
    hosts: Arc<Vec<String>>,
    tokens: Arc<Tokens>,
    /// How many more streams may be open.
    streams: Arc<Semaphore>,
    /// How many more runs may be started by hand until some have ended.
    runs: Arc<Semaphore>,
}

/// A server that listens.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    accepting: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Listens on an address; 127.0.0.1 alone. `names` are further names under which it may be
    /// asked; `runs_max` is how many runs that were started over it go at once.
    pub(super) async fn start(
        daemon: Arc<Daemon>,
        port: u16,
        names: &[String],
        runs_max: usize,
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
            tokens: Arc::new(Tokens::of(daemon.owner.store().folder())),
            daemon,
            hosts: Arc::new(hosts),
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            runs: Arc::new(Semaphore::new(runs_max.min(Semaphore::MAX_PERMITS))),
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
    let mut router = Router::new();
    for route in ROUTES {
        let filter = match route.method {
            Method::Get => MethodFilter::GET,
            Method::Post => MethodFilter::POST,
        };
        let answer = move |State(world): State<World>, request: Request| async move {
            route.answer(world, request).await
        };
        router = router.route(route.path, on(filter, answer));
    }
    router
        .fallback(|| async { nothing_here() })
        .method_not_allowed_fallback(|| async {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "api.method",
                "this is not a method of this address",
            )
        })
        .layer(from_fn_with_state(world.clone(), by_token))
        .layer(from_fn_with_state(world.clone(), by_known_name))
        .layer(from_fn(kept_to_itself))
        .with_state(world)
}

/// Answers are for whoever asked: nobody keeps them, and no browser guesses what they are.
async fn kept_to_itself(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn nothing_here() -> Problem {
    not_found("there is nothing here")
}

fn stopping() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "serve.stopping",
        "it is being stopped: nothing new is taken on",
    )
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
