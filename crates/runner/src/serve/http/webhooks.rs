//! `POST /webhooks/PATH`: verified over the bytes as they came, recorded once, and only then answered.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use flow_engine::expr::Scope;
use flow_engine::journal::{RunEnded, StartedBy};
use flow_engine::run::Values;
use flow_engine::value::{Hash, Map, Value, journal, json};
use flow_engine::workflow::input::InputError;
use flow_engine::workflow::{Bare, Stop};
use flow_local::clock::now;
use flow_local::start::new_id;
use flow_local::store::{Noted, Occurrence, Outcome};
use serde_json::json as object;

use super::answer::Problem;
use super::api::trouble::refused as refused_inputs;
use super::body::{BODY_BYTES_MAX, Unread, media, whole};
use super::{World, nothing_here, stopping};
use crate::inputs;
use crate::serve::daemon::Daemon;
use crate::serve::hooks::Hook;
use crate::serve::queue::given;
use crate::serve::verify::{Check, Refusal, verify};
use crate::show::values;

/// How long a delivery may wait until it is on disk; whoever sent it comes back later.
const RECORDED_MAX: Duration = Duration::from_secs(10);
/// Payloads of bodies up to this size are made where they are taken.
const SMALL: usize = 16 << 10;

/// Takes a delivery.
pub(super) async fn deliver(
    State(world): State<World>,
    Path(path): Path<String>,
    Query(query): Query<Vec<(String, String)>>,
    method: Method,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let delivered = Delivered {
        method,
        query,
        headers,
        body: Bytes::new(),
    };
    let taken = taken(&world.daemon, &path, delivered, body).await;
    let answer = taken.unwrap_or_else(IntoResponse::into_response);
    world.daemon.metrics.answered(answer.status().as_u16());
    answer
}

/// A request as it came.
struct Delivered {
    method: Method,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
}

async fn taken(
    daemon: &Arc<Daemon>,
    path: &str,
    mut delivered: Delivered,
    body: Body,
) -> Result<Response, Problem> {
    if daemon.stopping.is_cancelled() {
        return Err(stopping());
    }
    if let Some(trouble) = daemon.store_trouble() {
        return Err(unstored(trouble.code()));
    }
    let hooks = daemon.hooks();
    // One that is paused is not told from one that is not there.
    let hooks = hooks.get(path).into_iter().flatten();
    let hooks: Vec<Arc<Hook>> = hooks
        .filter(|hook| !daemon.is_paused(&hook.source))
        .cloned()
        .collect();
    if hooks.is_empty() {
        return Err(nothing_here());
    }
    delivered.body = whole(&delivered.headers, body).await.map_err(unread)?;
    let mut answers = Vec::new();
    for hook in &hooks {
        answers.push(to_one(daemon, hook, &delivered).await);
    }
    // Where several listen, one that takes it is enough.
    let (taken, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    let mut taken: Vec<Answer> = taken.into_iter().flatten().collect();
    if taken.is_empty() {
        let problem = refused.into_iter().find_map(Result::err);
        return Err(problem.unwrap_or_else(|| unsigned("no signature fits")));
    }
    if taken.len() == 1 {
        return Ok(taken.remove(0).into_response());
    }
    let runs: Vec<Option<String>> = taken.into_iter().map(|answer| answer.run).collect();
    Ok((StatusCode::ACCEPTED, Json(object!({ "runs": runs }))).into_response())
}

/// What a delivery is answered with.
struct Answer {
    run: Option<String>,
    reason: Option<String>,
    ended: Option<RunEnded>,
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let Answer { run, reason, ended } = self;
        match ended {
            Some(ended) => {
                let outputs = values::to_json(&ended.outputs);
                let body =
                    object!({ "run": run, "status": ended.status.as_str(), "outputs": outputs });
                (StatusCode::OK, Json(body)).into_response()
            }
            None if run.is_some() => {
                (StatusCode::ACCEPTED, Json(object!({ "run": run }))).into_response()
            }
            None => (
                StatusCode::OK,
                Json(object!({ "run": null, "reason": reason })),
            )
                .into_response(),
        }
    }
}

/// The id of a delivery, if it has one, and what `trigger` means in its run.
fn verified(hook: &Hook, delivered: &Delivered) -> Result<(Option<String>, Value), Problem> {
    let check = hook.check.as_ref().map_err(|_| {
        let message = "this address cannot verify anybody at the moment";
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "webhook.unverified",
            message,
        )
    })?;
    let id = verify(check, &delivered.headers, &delivered.body, now().0 / 1000)
        .map_err(|refusal| refused(&refusal))?;
    let payload = payload(hook, check, delivered)?;
    let id = match &hook.delivery().dedupe {
        Some(dedupe) => of_trigger(hook, dedupe, &payload)?,
        None => id,
    };
    Ok((id, payload))
}

async fn to_one(
    daemon: &Arc<Daemon>,
    hook: &Hook,
    delivered: &Delivered,
) -> Result<Answer, Problem> {
    let (id, payload) = verified(hook, delivered)?;
    let is_let_through = daemon
        .lets_through(&hook.loaded, &hook.source.1, &payload)
        .map_err(|failure| {
            let message = format!("`where` cannot be judged: {}", failure.message);
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "webhook.where", message)
        })?;
    let run = new_id();
    let key = id.unwrap_or_else(|| run.clone());
    if is_let_through {
        fits(daemon, hook, &key, &payload)?;
    }
    let outcome = if is_let_through {
        Outcome::Queued { run: run.clone() }
    } else {
        Outcome::Passed {
            reason: "`where` does not hold for it".to_owned(),
        }
    };
    let payload =
        recorded(daemon, payload, delivered.body.len()).map_err(|error| unstored(&error))?;
    let waits = hook.delivery().respond.filter(|_| is_let_through);
    let ended = waits.map(|_| daemon.await_end(&run));
    let occurrence = Occurrence {
        key,
        at: now(),
        due: None,
        payload,
        digest: Some(Hash::of(&delivered.body).to_string()),
        causes: 0,
        outcome: outcome.clone(),
    };
    // What is given up here may be recorded all the same, once the store takes it: sent again, it is known by its id.
    let noted = daemon.notice(&hook.source, vec![occurrence], None);
    let noted = match tokio::time::timeout(RECORDED_MAX, noted).await {
        Ok(noted) => noted.map_err(|error| unstored(error.code())),
        Err(_) => Err(unstored("store.busy")),
    };
    if !matches!(noted.as_deref(), Ok([Noted::New])) {
        daemon.await_no_more(&run);
    }
    let noted = noted?.pop();
    let answer = |run| Answer {
        run,
        reason: None,
        ended: None,
    };
    match (noted, outcome) {
        (Some(Noted::Known { same: false, .. }), _) => {
            let message = "a delivery of this id came before, with another body";
            Err(Problem::new(
                StatusCode::CONFLICT,
                "webhook.id_conflict",
                message,
            ))
        }
        (Some(Noted::Known { run, reason, .. }), _) => Ok(Answer {
            reason,
            ..answer(run)
        }),
        (_, Outcome::Passed { reason }) => Ok(Answer {
            reason: Some(reason),
            ..answer(None)
        }),
        (_, Outcome::Queued { run }) => {
            let ended = match (waits, ended) {
                (Some(wait), Some(ended)) => {
                    let wait = tokio::time::timeout(Duration::from_millis(wait.0), ended);
                    let ended = tokio::select! {
                        ended = wait => ended.ok().and_then(Result::ok),
                        // It is on disk, and goes on at the next start at the latest.
                        () = daemon.stopping.cancelled() => None,
                    };
                    daemon.await_no_more(&run);
                    ended
                }
                _ => None,
            };
            Ok(match ended.transpose() {
                Ok(ended) => Answer {
                    ended,
                    ..answer(Some(run))
                },
                Err(reason) => Answer {
                    reason: Some(reason),
                    ..answer(None)
                },
            })
        }
    }
}

/// Refuses what does not fit the inputs that the trigger gives: no run could begin with it.
fn fits(daemon: &Daemon, hook: &Hook, key: &str, payload: &Value) -> Result<(), Problem> {
    let trigger = &hook.loaded.workflow.triggers[&hook.source.1];
    let started_by = StartedBy {
        name: Some(trigger.name.to_string()),
        kind: trigger.starts.kind().to_owned(),
        key: Some(key.to_owned()),
        ..StartedBy::default()
    };
    let given = || given(daemon, &hook.loaded, trigger, &started_by, payload);
    let given = if inputs::takes_files(&hook.loaded.workflow) {
        tokio::task::block_in_place(given)
    } else {
        given()
    };
    let Err(error) = given else {
        return Ok(());
    };
    // Whether a file is there is not told to whoever is outside.
    let message = match error.code {
        "input.file" => "it is no file of the project folder".to_owned(),
        _ => error.message,
    };
    Err(refused_inputs(&[InputError { message, ..error }]))
}

/// A payload as it is recorded. Only a large one writes a file.
fn recorded(daemon: &Daemon, payload: Value, size: usize) -> Result<String, String> {
    if size <= SMALL {
        return daemon.payload(payload);
    }
    tokio::task::block_in_place(|| daemon.payload(payload))
}

/// Why a body was not read, as it is told.
pub(super) fn unread(why: Unread) -> Problem {
    let problem = |status, code: &'static str, message: &str| Problem::new(status, code, message);
    match why {
        Unread::TooLarge => {
            let message = format!("the body is larger than {} MiB", BODY_BYTES_MAX >> 20);
            problem(StatusCode::PAYLOAD_TOO_LARGE, "webhook.too_large", &message)
        }
        Unread::Encoded => problem(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "webhook.encoding",
            "the body is compressed: it is verified as it comes, and taken only as it is",
        ),
        Unread::Late => problem(
            StatusCode::REQUEST_TIMEOUT,
            "webhook.timeout",
            "the body did not come in time",
        ),
        Unread::Cut => problem(
            StatusCode::BAD_REQUEST,
            "webhook.body",
            "the body was cut off",
        ),
    }
}

/// What `trigger` means in the run.
fn payload(hook: &Hook, check: &Check, delivered: &Delivered) -> Result<Value, Problem> {
    let body = content(&delivered.headers, &delivered.body)?;
    if let Some(event) = &hook.delivery().event {
        let connectors = &hook.loaded.connectors;
        return Ok(connectors.delivered(&event.connector, &event.operation, &body));
    }
    let secret = match check {
        Check::Token { header, .. } => Some(header.as_str()),
        _ => None,
    };
    let mut query = Map::new();
    for (name, value) in &delivered.query {
        query.insert(name.as_str(), Value::from(value.as_str()));
    }
    Ok(Value::map([
        ("body", body),
        ("headers", headers_of(&delivered.headers, secret)),
        ("query", Value::from(query)),
        ("method", Value::from(delivered.method.as_str())),
    ]))
}

/// Headers that prove who somebody is, by what the world calls them.
const CREDENTIALS: [HeaderName; 9] = [
    AUTHORIZATION,
    PROXY_AUTHORIZATION,
    COOKIE,
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-auth-token"),
    HeaderName::from_static("x-access-token"),
    HeaderName::from_static("x-amz-security-token"),
    HeaderName::from_static("x-gitlab-token"),
];

/// The headers of a request, without what proves who somebody is: that goes no further. `secret` is one of that kind.
pub(super) fn headers_of(headers: &HeaderMap, secret: Option<&str>) -> Value {
    let mut found = Map::new();
    for name in headers.keys() {
        if CREDENTIALS.contains(name) || Some(name.as_str()) == secret {
            continue;
        }
        let values = headers.get_all(name).iter();
        let text: Vec<String> = values
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .collect();
        found.insert(name.as_str(), Value::from(text.join(", ")));
    }
    Value::from(found)
}

/// The body by its type: JSON, a form, or a text.
pub(super) fn content(headers: &HeaderMap, body: &[u8]) -> Result<Value, Problem> {
    let bad = |message: String| Problem::new(StatusCode::BAD_REQUEST, "webhook.body", message);
    let ty = media(headers).unwrap_or_else(|| "application/json".to_owned());
    let text = || {
        std::str::from_utf8(body).map_err(|error| {
            bad(format!(
                "the body is not UTF-8: byte {} is out of place",
                error.valid_up_to()
            ))
        })
    };
    match &*ty {
        _ if body.is_empty() => Ok(Value::Null),
        ty if ty == "application/json" || ty.ends_with("+json") => {
            json::parse(body).map_err(|error| bad(format!("the body is not JSON: {error}")))
        }
        "application/x-www-form-urlencoded" => {
            let mut form = Map::new();
            for (name, value) in form_urlencoded::parse(text()?.as_bytes()) {
                form.insert(&*name, Value::from(&*value));
            }
            Ok(Value::from(form))
        }
        "text/plain" => text().map(Value::from),
        other => {
            let message = format!("`{other}` is not taken: JSON, a form, or `text/plain`");
            Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "webhook.content_type",
                message,
            ))
        }
    }
}

/// What repeated deliveries of one event have in common; none if this one has no id. A text that could be another value is
/// written with its quotes: 7 and "7" are two.
fn of_trigger(hook: &Hook, dedupe: &Bare, payload: &Value) -> Result<Option<String>, Problem> {
    let workflow = &hook.loaded.workflow;
    let values = Values {
        trigger: payload.clone(),
        ..Values::default()
    };
    let key = dedupe
        .eval(&Scope::new(&values), &workflow.source)
        .map_err(Stop::into_failure);
    match key {
        Ok(Value::Null) => Ok(None),
        Ok(Value::String(text)) if json::parse(text.as_bytes()).is_err() => {
            Ok(Some(text.to_string()))
        }
        Ok(other) => Ok(Some(journal::to_string(&other))),
        Err(failure) => Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "webhook.dedupe",
            format!(
                "what tells deliveries apart cannot be found in it: {}",
                failure.message
            ),
        )),
    }
}

/// What a refusal tells: to whoever cannot sign, nothing that helps.
fn refused(refusal: &Refusal) -> Problem {
    match refusal {
        Refusal::Unsigned(why) => unsigned(why),
        Refusal::Time => Problem::new(
            StatusCode::UNAUTHORIZED,
            "webhook.timestamp",
            "the time of the delivery is more than five minutes away from ours, or is none",
        ),
        Refusal::Id => Problem::new(
            StatusCode::BAD_REQUEST,
            "webhook.id",
            "the id of the delivery is longer than 256 bytes, or has characters that ids have not",
        ),
        Refusal::Secret(_) => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "webhook.unverified",
            "this address cannot verify anybody at the moment",
        ),
    }
}

fn unsigned(why: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "webhook.signature", why)
}

pub(super) fn unstored(code: &str) -> Problem {
    let message = format!("it cannot be recorded at the moment: {code}");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "webhook.unstored", message)
}
