//! A route: what it is for, who may use it, and what is done then.
//!
//! Who may use it is the type of what it does: a route of the API is a function of an [`Ask`] of its class, and an `Ask` of a
//! class is only ever made of a request whose token has that scope. There is no route without a class.

use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use flow_engine::value::{Map, Value, json};

use super::World;
use super::answer::Problem;
use super::body::{BODY_BYTES_MAX, Unread, media, whole};
use super::shape::Shape;
use crate::tokens::{Scope, Token};

/// What comes of a request that is let through.
pub(super) type Tried = Pin<Box<dyn Future<Output = Result<Response, Problem>> + Send>>;

/// The methods that routes have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// Sees, and changes nothing.
    Get,
    /// Changes something.
    Post,
}

/// One of the things that the daemon can be asked.
pub(super) struct Route {
    pub(super) method: Method,
    /// Its address, as the router has it.
    pub(super) path: &'static str,
    pub(super) serves: Serves,
    /// Its name in the document.
    pub(super) name: &'static str,
    pub(super) summary: &'static str,
    pub(super) parameters: &'static [Parameter],
    pub(super) body: Option<&'static Shape>,
    pub(super) answers: &'static [Answer],
}

/// Who may use a route, and what is done then.
pub(super) enum Serves {
    /// Everybody.
    Public(fn(World, Request) -> Tried),
    /// Whoever signs what is delivered.
    Webhook(fn(World, Request) -> Tried),
    /// Tokens of every scope.
    Read(fn(Ask<Read>) -> Tried),
    /// Tokens that may start and end runs.
    Run(fn(Ask<Run>) -> Tried),
    /// Tokens that may do everything.
    Admin(fn(Ask<Admin>) -> Tried),
}

impl Serves {
    pub(super) fn word(&self) -> &'static str {
        match self {
            Serves::Public(_) => "public",
            Serves::Webhook(_) => "webhook",
            Serves::Read(_) => Read::SCOPE.as_str(),
            Serves::Run(_) => Run::SCOPE.as_str(),
            Serves::Admin(_) => Admin::SCOPE.as_str(),
        }
    }

    /// The scope that a token needs, where one is needed.
    pub(super) fn scope(&self) -> Option<Scope> {
        match self {
            Serves::Public(_) | Serves::Webhook(_) => None,
            Serves::Read(_) => Some(Read::SCOPE),
            Serves::Run(_) => Some(Run::SCOPE),
            Serves::Admin(_) => Some(Admin::SCOPE),
        }
    }
}

/// A class of routes of the API.
pub(super) trait Class: Send + 'static {
    const SCOPE: Scope;
}

pub(super) struct Read;
pub(super) struct Run;
pub(super) struct Admin;

impl Class for Read {
    const SCOPE: Scope = Scope::Read;
}
impl Class for Run {
    const SCOPE: Scope = Scope::Run;
}
impl Class for Admin {
    const SCOPE: Scope = Scope::Admin;
}

/// Where a parameter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Path,
    Query,
    /// In the query, any number of times.
    Queries,
    Header,
}

/// A parameter of a route.
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) place: Place,
    pub(super) shape: Shape,
    pub(super) about: &'static str,
}

/// How a request may be answered, troubles left out.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) about: &'static str,
    pub(super) content: Content,
}

/// What stands in an answer.
pub(super) enum Content {
    Json(&'static Shape),
    Text,
    /// What is counted, as Prometheus reads it.
    Metrics,
    /// Server-sent events.
    Events,
    /// A file.
    Bytes,
}

/// A request that may do what it asks for: its token has the scope, and what stands in it is of the form that the route says.
pub(super) struct Ask<C> {
    pub(super) world: World,
    pub(super) caller: Token,
    pub(super) headers: HeaderMap,
    /// The body; an empty map where the route has none.
    pub(super) body: Arc<Map>,
    path: Vec<(String, String)>,
    query: Vec<(String, String)>,
    class: PhantomData<C>,
}

impl Route {
    /// Answers a request.
    pub(super) async fn answer(&'static self, world: World, request: Request) -> Response {
        let answered = match &self.serves {
            Serves::Public(serve) | Serves::Webhook(serve) => serve(world, request).await,
            Serves::Read(serve) => self.ask(world, request, *serve).await,
            Serves::Run(serve) => self.ask(world, request, *serve).await,
            Serves::Admin(serve) => self.ask(world, request, *serve).await,
        };
        answered.unwrap_or_else(IntoResponse::into_response)
    }

    async fn ask<C: Class>(
        &self,
        world: World,
        request: Request,
        serve: fn(Ask<C>) -> Tried,
    ) -> Result<Response, Problem> {
        let (mut parts, body) = request.into_parts();
        // Put there by the gate; without it nobody gets in.
        let caller = parts.extensions.remove::<Token>();
        let caller = caller.ok_or_else(super::gate::unauthorized)?;
        if caller.scope < C::SCOPE {
            let (has, needs) = (caller.scope.as_str(), C::SCOPE.as_str());
            let message = format!("the token `{}` may {has}; this needs {needs}", caller.name);
            let problem = Problem::new(StatusCode::FORBIDDEN, "api.scope", message);
            let help = format!("`flow token new NAME --scope {needs}` makes one that may");
            return Err(problem.help(help));
        }
        if self.method == Method::Post && world.daemon.stopping.is_cancelled() {
            let message = "it is being stopped: nothing new is taken on";
            let status = StatusCode::SERVICE_UNAVAILABLE;
            return Err(Problem::new(status, "serve.stopping", message));
        }
        let path = self.path(&mut parts, &world).await?;
        let query = self.query(&parts)?;
        self.check_headers(&parts.headers)?;
        let body = self.body(&parts, body).await?;
        let ask = Ask {
            world,
            caller,
            headers: parts.headers,
            body,
            path,
            query,
            class: PhantomData,
        };
        serve(ask).await
    }

    /// The parameters of the path. What is not of their form names nothing that is there.
    async fn path(
        &self,
        parts: &mut Parts,
        world: &World,
    ) -> Result<Vec<(String, String)>, Problem> {
        let raw = RawPathParams::from_request_parts(parts, world).await;
        let raw = raw.map_err(|_| not_found("there is nothing here"))?;
        let mut path = Vec::new();
        for (name, value) in &raw {
            let known = self.parameters.iter().find(|known| known.name == name);
            let takes = known.is_some_and(|known| known.shape.takes(value));
            if !takes {
                return Err(match name {
                    "run" => unknown_run(value),
                    _ => not_found("there is nothing here"),
                });
            }
            path.push((name.to_owned(), value.to_owned()));
        }
        Ok(path)
    }

    fn query(&self, parts: &Parts) -> Result<Vec<(String, String)>, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let mut found: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let is_it = |known: &&Parameter| {
                known.name == name && matches!(known.place, Place::Query | Place::Queries)
            };
            let Some(known) = self.parameters.iter().find(is_it) else {
                let names = self.parameters.iter();
                let names =
                    names.filter(|known| matches!(known.place, Place::Query | Place::Queries));
                let names: Vec<&str> = names.map(|known| known.name).collect();
                let message = "the address has a parameter in its query that this route has not";
                return Err(bad_parameter(message.to_owned()).help(if names.is_empty() {
                    "it has none".to_owned()
                } else {
                    format!("it has `{}`", names.join("`, `"))
                }));
            };
            if !known.shape.takes(&value) {
                let expected = known.shape.expected();
                return Err(bad_parameter(format!("`{name}`: expected {expected}")));
            }
            let twice =
                known.place == Place::Query && found.iter().any(|(known, _)| *known == name);
            if twice {
                return Err(bad_parameter(format!("`{name}`: it is given twice")));
            }
            found.push((name.into_owned(), value.into_owned()));
        }
        Ok(found)
    }

    fn check_headers(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let known = self.parameters.iter();
        for known in known.filter(|known| known.place == Place::Header) {
            let mut values = headers.get_all(known.name).into_iter();
            if !values.all(|value| value.to_str().is_ok_and(|text| known.shape.takes(text))) {
                let (name, expected) = (known.name, known.shape.expected());
                return Err(bad_parameter(format!("`{name}`: expected {expected}")));
            }
        }
        Ok(())
    }

    async fn body(&self, parts: &Parts, body: Body) -> Result<Arc<Map>, Problem> {
        let Some(shape) = self.body else {
            return Ok(Arc::default());
        };
        if media(&parts.headers).as_deref() != Some("application/json") {
            let message = "the body is to be JSON, and to say so";
            let problem = Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "api.content_type",
                message,
            );
            return Err(problem.help("send `content-type: application/json`"));
        }
        let bytes = whole(&parts.headers, body).await.map_err(unread)?;
        if let Err(error) = std::str::from_utf8(&bytes) {
            let at = error.valid_up_to();
            let message = format!("the body is not UTF-8: byte {at} is out of place");
            let problem = Problem::new(StatusCode::BAD_REQUEST, "json.syntax", message);
            return Err(problem.with("offset", at));
        }
        let value = json::parse(&bytes).map_err(|error| {
            let before = bytes
                .split_inclusive(|byte| *byte == b'\n')
                .take(error.line.saturating_sub(1));
            let offset = before.map(<[u8]>::len).sum::<usize>() + error.column.saturating_sub(1);
            let message = format!("the body is not JSON that we take: {error}");
            let problem = Problem::new(StatusCode::BAD_REQUEST, error.code, message);
            problem.with("offset", offset.min(bytes.len()))
        })?;
        shape.check(&value).map_err(|(path, expected)| {
            let message = match path.as_str() {
                "" => format!("the body: expected {expected}"),
                path => format!("the body, at `{path}`: expected {expected}"),
            };
            Problem::new(StatusCode::BAD_REQUEST, "api.body", message).with("pointer", path)
        })?;
        Ok(match value {
            Value::Map(map) => map,
            _ => Arc::default(),
        })
    }
}

impl<C> Ask<C> {
    /// A parameter of the path.
    pub(super) fn part(&self, name: &str) -> &str {
        let mut found = self.path.iter().filter(|(known, _)| known == name);
        found.next().map_or("", |(_, value)| value)
    }

    /// A parameter of the query.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        let mut found = self.query.iter().filter(|(known, _)| known == name);
        found.next().map(|(_, value)| value.as_str())
    }

    /// All values of a parameter of the query.
    pub(super) fn queries<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let found = self.query.iter().filter(move |(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// A number of the query.
    pub(super) fn number(&self, name: &str, usual: u32) -> u32 {
        let given = self.query(name).and_then(|text| text.parse().ok());
        given.unwrap_or(usual)
    }

    /// A text of the body.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.body.get(name)?.as_str()
    }

    /// Whether the body says yes to something.
    pub(super) fn says(&self, name: &str) -> bool {
        matches!(self.body.get(name), Some(Value::Bool(true)))
    }

    /// The texts of a list of the body.
    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        let Some(Value::List(items)) = self.body.get(name) else {
            return Vec::new();
        };
        let texts = items.iter().filter_map(Value::as_str);
        texts.map(str::to_owned).collect()
    }
}

/// There is nothing of this name.
pub(super) fn not_found(message: impl Into<String>) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "api.not_found", message)
}

/// There is no such run.
pub(super) fn unknown_run(run: &str) -> Problem {
    let shown: String = run.chars().take(40).collect();
    let message = format!("there is no run `{shown}`");
    Problem::new(StatusCode::NOT_FOUND, "run.unknown", message)
}

/// A parameter of the query that is not of its form.
pub(super) fn bad_parameter(message: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "api.parameter", message)
}

fn unread(why: Unread) -> Problem {
    match why {
        Unread::TooLarge => {
            let message = format!("the body is larger than {} MiB", BODY_BYTES_MAX >> 20);
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "api.too_large", message)
                .help("put large inputs into a file of the project folder, and give its path")
        }
        Unread::Encoded => {
            let message = "the body is compressed: it is taken only as it is";
            Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "api.content_type",
                message,
            )
        }
        Unread::Late => {
            let message = "the body did not come in time";
            Problem::new(StatusCode::REQUEST_TIMEOUT, "api.timeout", message)
        }
        Unread::Cut => {
            let message = "the body was cut off";
            Problem::new(StatusCode::BAD_REQUEST, "api.body", message)
        }
    }
}
