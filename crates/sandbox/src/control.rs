//! The endpoints under `/_sandbox`, for tests: no key, no record, no faults.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, http::Uri};
use hyper::{StatusCode, header};
use serde_json::json;
use std::sync::Arc;

use crate::app::{App, Shared};
use crate::faults::Faults;
use crate::page::Query;
use crate::{batches, files, models};

/// The control routes.
pub(crate) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/_sandbox/health", get(health))
        .route("/_sandbox/requests", get(requests).delete(forget))
        .route("/_sandbox/faults", put(replace_faults))
        .route("/_sandbox/batches", put(batches::end_otherwise))
        .route("/_sandbox/models", post(models::add))
        .route(
            "/_sandbox/files",
            post(files::plant).layer(DefaultBodyLimit::disable()),
        )
}

async fn health() -> Response {
    Json(json!({ "status": "ok" })).into_response()
}

/// The records after `since`, oldest first.
async fn requests(State(app): Shared, uri: Uri) -> Response {
    let since = Query::of(&uri)
        .ok()
        .and_then(|query| query.first("since")?.parse().ok())
        .unwrap_or(0);
    (
        [(header::CONTENT_TYPE, "application/json")],
        app.recorder.list(since),
    )
        .into_response()
}

async fn forget(State(app): Shared) -> StatusCode {
    app.recorder.clear();
    StatusCode::NO_CONTENT
}

/// Replaces the script by the JSON or YAML in the body.
async fn replace_faults(State(app): Shared, body: Bytes) -> Response {
    match Faults::parse(&String::from_utf8_lossy(&body)) {
        Ok(faults) => {
            let rules = faults.rules.len();
            app.script.replace(faults);
            Json(json!({ "rules": rules })).into_response()
        }
        Err(error) => (
            StatusCode::BAD_REQUEST,
            Json(json!({ "message": error.to_string() })),
        )
            .into_response(),
    }
}
