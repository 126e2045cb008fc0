//! What every request passes through: recording, faults, authentication, then the routes.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, FromRequestParts, Path, Request, State};
use axum::http::HeaderValue;
use axum::http::request::Parts;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use hyper::{HeaderMap, StatusCode, header};

use crate::auth::{self, Caller};
use crate::body::Tap;
use crate::config::Config;
use crate::connection::{Connection, Cut};
use crate::error::ApiError;
use crate::faults::{self, Action, ResetAt, RetryAfter, Script, StatusFault};
use crate::ids::Mint;
use crate::limits::{RateLimits, TokensUsed};
use crate::record::{Record, Recorder};
use crate::server::SandboxError;
use crate::{batches, control, disk, files, messages, models, skills};

/// The organization all keys belong to.
const ORGANIZATION: &str = "00000000-0000-4000-8000-0000005a4db0";

/// Everything the handlers share.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) ids: Mint,
    pub(crate) batches: batches::Store,
    pub(crate) files: files::Store,
    pub(crate) skills: skills::Store,
    pub(crate) models: models::Store,
    pub(crate) ends: batches::Ends,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) script: Script,
    limits: RateLimits,
    /// Held as long as anything may still write to the state folder.
    _lock: File,
}

/// How handlers get at the [`App`].
pub(crate) type Shared = State<Arc<App>>;

impl App {
    /// Takes the state folder and reads what is in it.
    pub(crate) fn open(config: Config) -> Result<App, SandboxError> {
        let state = config.state.clone();
        let fail = |source| SandboxError::State {
            state: state.clone(),
            source,
        };
        disk::make_folder(&state).map_err(fail)?;
        let lock = lock(&config)?;
        let scratch = state.join("scratch");
        disk::make_empty_folder(&scratch).map_err(fail)?;
        Ok(App {
            ids: Mint::default(),
            batches: batches::Store::open(&state.join("batches"), &scratch).map_err(fail)?,
            files: files::Store::open(&state.join("files"), &scratch).map_err(fail)?,
            skills: skills::Store::open(&state.join("skills")).map_err(fail)?,
            models: models::Store::open(&state.join("models.json")).map_err(fail)?,
            ends: batches::Ends::open(&state.join("endings.json"), config.endings).map_err(fail)?,
            recorder: Arc::new(Recorder::open(&state.join("requests.jsonl")).map_err(fail)?),
            script: Script::new(config.faults.clone()),
            limits: RateLimits::default(),
            config,
            _lock: lock,
        })
    }
}

/// Locks the state folder. A sandbox that was just dropped may still be finishing a write.
fn lock(config: &Config) -> Result<File, SandboxError> {
    let state = config.state.clone();
    let file = File::create(state.join("lock")).map_err(|source| SandboxError::State {
        state: state.clone(),
        source,
    })?;
    for _ in 0..200 {
        if file.try_lock().is_ok() {
            return Ok(file);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Err(SandboxError::InUse { state })
}

/// All routes.
pub(crate) fn router(app: Arc<App>) -> Router {
    let api = Router::new()
        .route("/v1/messages", post(messages::create))
        .route("/v1/messages/count_tokens", post(messages::count_tokens))
        .route(
            "/v1/messages/batches",
            get(batches::list).post(batches::create),
        )
        .route(
            "/v1/messages/batches/{id}",
            get(batches::retrieve).delete(batches::delete),
        )
        .route("/v1/messages/batches/{id}/cancel", post(batches::cancel))
        .route("/v1/messages/batches/{id}/results", get(batches::results))
        .route("/v1/models", get(models::list))
        .route("/v1/models/{id}", get(models::retrieve))
        .route("/v1/files", get(files::list).post(files::upload))
        .route("/v1/files/{id}", get(files::metadata).delete(files::delete))
        .route("/v1/files/{id}/content", get(files::download))
        .route("/v1/skills", get(skills::list).post(skills::create))
        .route(
            "/v1/skills/{id}",
            get(skills::retrieve).delete(skills::delete),
        )
        .route(
            "/v1/skills/{id}/versions",
            get(skills::list_versions).post(skills::create_version),
        )
        .route(
            "/v1/skills/{id}/versions/{version}",
            get(skills::retrieve_version).delete(skills::delete_version),
        )
        .route(
            "/v1/skills/{id}/versions/{version}/content",
            get(skills::download_version),
        )
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(
            Arc::clone(&app),
            authenticated,
        ))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), recorded));
    control::router()
        .merge(api)
        .layer(middleware::map_response(marked))
        .with_state(app)
}

async fn unknown_path() -> ApiError {
    ApiError::not_found("Not found")
}

async fn wrong_method(request: Request) -> ApiError {
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        format!("Method {} is not allowed here", request.method()),
    )
}

async fn marked(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert("x-flow-sandbox", HeaderValue::from_static("1"));
    response
}

/// Checks the headers, and adds those that only authenticated answers have.
async fn authenticated(State(app): Shared, mut request: Request, next: Next) -> Response {
    let caller = match auth::check(request.headers()) {
        Ok(caller) => caller,
        Err(error) => return error.into_response(),
    };
    request.extensions_mut().insert(caller);
    let mut response = next.run(request).await;
    let used = response.extensions().get::<TokensUsed>().copied();
    organized(response.headers_mut());
    app.limits.show(response.headers_mut(), used);
    response
}

fn organized(headers: &mut HeaderMap) {
    let organization = HeaderValue::from_static(ORGANIZATION);
    headers.insert("anthropic-organization-id", organization);
}

/// Records the request, plays the faults, and writes the request id and the error body.
async fn recorded(State(app): Shared, request: Request, next: Next) -> Response {
    let request_id = app.ids.mint("req");
    let (mut parts, body) = request.into_parts();
    let tap = Tap::new(body);
    let record = Recorder::begin(Arc::clone(&app.recorder), &parts, tap.clone());
    let connection = parts
        .extensions
        .get::<Connection>()
        .cloned()
        .unwrap_or_default();
    let fault = app.script.next(parts.method.as_str(), parts.uri.path());
    parts.extensions.insert(tap.clone());
    let request = Request::from_parts(parts, tap.body());
    let response = match &fault {
        None => next.run(request).await,
        Some(Action::Status(fault)) => error_answer(fault, &app.limits),
        Some(fault) => faulty(fault, request, &tap, next, &connection).await,
    };
    if !response.status().is_success() {
        tap.drain().await;
    }
    finish(response, record, &request_id, fault.as_ref(), &connection)
}

/// Plays the part of a fault that comes before the answer.
async fn faulty(
    fault: &Action,
    request: Request,
    tap: &Tap,
    next: Next,
    connection: &Connection,
) -> Response {
    match fault {
        Action::Reset {
            reset: ResetAt::Before,
        } => {
            tap.drain().await;
            connection.cut_and_wait(Cut::Reset).await
        }
        Action::Reset {
            reset: ResetAt::AfterEffect,
        } => {
            next.run(request).await;
            connection.cut_and_wait(Cut::Reset).await
        }
        Action::Delay { delay_ms } => {
            tokio::time::sleep(Duration::from_millis(*delay_ms)).await;
            next.run(request).await
        }
        Action::Status(_)
        | Action::Reset { .. }
        | Action::Truncate { .. }
        | Action::Exhausted { .. }
        | Action::Drip { .. } => next.run(request).await,
    }
}

fn error_answer(fault: &StatusFault, limits: &RateLimits) -> Response {
    let status = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut error = ApiError::new(
        status,
        fault
            .message
            .clone()
            .unwrap_or_else(|| "Scripted fault".to_owned()),
    );
    error.code.clone_from(&fault.error_code);
    if let Some(kind) = &fault.error {
        error.kind.clone_from(kind);
    }
    let mut response = error.into_response();
    organized(response.headers_mut());
    limits.show(response.headers_mut(), None);
    if status == StatusCode::TOO_MANY_REQUESTS {
        let remaining = "anthropic-ratelimit-requests-remaining";
        response
            .headers_mut()
            .insert(remaining, HeaderValue::from_static("0"));
    }
    let retry_after = fault.retry_after.as_ref().map(|value| match value {
        RetryAfter::Seconds(seconds) => seconds.to_string(),
        RetryAfter::Text(text) => text.clone(),
    });
    if let Some(value) = retry_after.and_then(|value| HeaderValue::try_from(value).ok()) {
        response.headers_mut().insert(header::RETRY_AFTER, value);
    }
    if let Some(retry) = fault.should_retry {
        response.headers_mut().insert(
            "x-should-retry",
            HeaderValue::from_static(if retry { "true" } else { "false" }),
        );
    }
    response
}

fn finish(
    mut response: Response,
    record: Record,
    request_id: &str,
    fault: Option<&Action>,
    connection: &Connection,
) -> Response {
    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        *response.body_mut() = Body::from(error.envelope(request_id).to_string());
        response.headers_mut().remove(header::CONTENT_LENGTH);
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
    }
    if let Ok(value) = HeaderValue::try_from(request_id) {
        response.headers_mut().insert("request-id", value);
    }
    record.finish(response.status());
    match fault {
        Some(fault) => faults::shape(response, fault, connection),
        None => response,
    }
}

/// The parameters of a path, decoded.
#[derive(Debug)]
pub(crate) struct PathIds<T>(pub(crate) T);

impl<T: serde::de::DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for PathIds<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(ids)) => Ok(PathIds(ids)),
            Err(_) => Err(ApiError::not_found("Not found")),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts
            .extensions
            .get::<Caller>()
            .cloned()
            .ok_or_else(|| ApiError::internal("the request was not authenticated"))
    }
}

/// The URL of this server as the client sees it: its `Host` header.
pub(crate) fn base_url(headers: &HeaderMap) -> String {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or("127.0.0.1");
    format!("http://{host}")
}
