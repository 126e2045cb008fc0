//! What others reach over HTTP: the API, deliveries, callbacks, and whether the daemon is well.
//!
//! Read in this order: `accept` with `steady` (connections and their bounds), `names` (under which the daemon is asked), `answer` (how troubles are told), `gate` (tokens), `shape` and `route`
//! (what a route is, and who may use it), `table` (all routes), `openapi` (the document of them), `body`; then what the routes do:
//! `health`, `webhooks`, `callbacks`, [`api`].

mod accept;
mod answer;
mod api;
mod body;
mod callbacks;
mod gate;
mod health;
mod names;
mod openapi;
mod route;
mod shape;
mod steady;
mod table;
mod webhooks;

use std::io::ErrorKind;
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
use tokio::task::JoinHandle;

use super::certificate::Certificate;
use super::daemon::Daemon;
use super::listening::Listening;
use crate::exit::{Exit, Trouble};
use crate::tokens::Tokens;
use accept::{Door, Met};
use answer::Problem;
use api::stream::STREAMS_MAX;
use gate::by_token;
use names::Names;
pub(crate) use openapi::{USUAL_SERVER, document as openapi};
use route::{Method, not_found};
use table::ROUTES;

/// What a handler sees.
#[derive(Clone)]
struct World {
    daemon: Arc<Daemon>,
    names: Arc<Names>,
    tokens: Arc<Tokens>,
    /// How many more streams may be open.
    streams: Arc<Semaphore>,
    /// How many more runs may be started by hand until some have ended.
    runs: Arc<Semaphore>,
}

/// A server that listens.
pub(super) struct Server {
    pub(super) names: Arc<Names>,
    /// What goes on until it stops.
    parts: Vec<JoinHandle<()>>,
}

impl Server {
    /// Listens. `runs_max` is how many runs that were started over it go at once.
    pub(super) async fn start(
        daemon: Arc<Daemon>,
        listening: &Listening,
        runs_max: usize,
    ) -> Result<Server, Trouble> {
        let asked = listening.address;
        let unbound = |error: std::io::Error| unbound(asked, &error);
        let listener = TcpListener::bind(asked).await.map_err(unbound)?;
        let address = listener.local_addr().map_err(unbound)?;
        let Listening {
            certificate,
            hosts,
            public,
            per_address,
            ..
        } = listening;
        let names = Names::new(address, certificate.is_some(), hosts, public.as_deref());
        let names = Arc::new(names);
        let tls = certificate
            .as_ref()
            .map(Certificate::acceptor)
            .transpose()?;
        let log = daemon.log;
        let world = World {
            tokens: Arc::new(Tokens::of(daemon.owner.store().folder())),
            daemon,
            names: names.clone(),
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            runs: Arc::new(Semaphore::new(runs_max.min(Semaphore::MAX_PERMITS))),
        };
        let door = Door {
            listener,
            tls,
            per_address: per_address.clone(),
            log,
        };
        let mut parts = vec![tokio::spawn(accept::accept(door, router(world)))];
        parts.extend(
            certificate
                .iter()
                .map(|it| tokio::spawn(it.clone().renew(log))),
        );
        Ok(Server { names, parts })
    }

    /// Takes no more requests.
    pub(super) fn stop(&self) {
        self.parts.iter().for_each(JoinHandle::abort);
    }
}

fn unbound(address: SocketAddr, error: &std::io::Error) -> Trouble {
    let message = format!("cannot listen on {address}: {error}");
    let help = match error.kind() {
        ErrorKind::AddrNotAvailable => "the address is to be one of this machine, or 0.0.0.0",
        ErrorKind::PermissionDenied => {
            "ports below 1024 need a right of the system: name another with `--port N`"
        }
        _ => "name another port with `--port N`, or 0 for any that is free",
    };
    Trouble::new(Exit::Unavailable, "serve.port", message).help(help)
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
        (Some(host), None) => host.to_str().unwrap_or_default().to_owned(),
        _ => String::new(),
    };
    let met = request.extensions().get::<Met>();
    if met.is_some_and(|met| world.names.know(&host, met.0)) {
        return next.run(request).await;
    }
    let problem = Problem::new(
        StatusCode::MISDIRECTED_REQUEST,
        "api.host",
        "the name in `Host` is not one of this daemon",
    );
    problem
        .help("`flow serve --host NAME` adds a name, and so does `hosts` of `[serve]` in flow.toml")
        .into_response()
}
