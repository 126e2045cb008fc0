//! Message Batches: durable requests whose end is a time, and whose results are made when read.
//!
//! `draft` checks and stores a create body; `endings` is how batches end; `entry` is what is known of one request; `batch` is the
//! object and its state at a time; `store` keeps the batches; `results` writes the result lines.
//! Source: Claude API, Message Batches.

mod batch;
mod draft;
mod endings;
mod entry;
mod results;
mod store;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use hyper::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::io::AsyncWriteExt;

use crate::app::{PathIds, Shared, base_url};
use crate::auth::Caller;
use crate::body::LimitedBody;
use crate::error::{ApiError, joined};
use crate::ids::now_us;
use crate::page::{Order, PageA, Query, page_a};

use draft::Draft;
pub use endings::Endings;
pub(crate) use endings::Ends;
pub(crate) use store::Store;

/// The most bytes of a create body.
const BODY_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// The start of every identifier of a batch.
const PREFIX: &str = "msgbatch_";

/// Stores a batch. It exists once this was answered, or once the answer was lost on its way.
pub(crate) async fn create(
    State(app): Shared,
    caller: Caller,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    let (parts, body) = request.into_parts();
    let mut body = LimitedBody::new(&parts.headers, body, BODY_BYTES_MAX)?;
    let draft = Draft::new(app.batches.scratch())?;
    let mut file = tokio::fs::File::create(draft.body_path()).await?;
    while let Some(chunk) = body.chunk().await? {
        file.write_all(&chunk).await?;
    }
    file.flush().await?;
    drop(file);
    let base_url = base_url(&parts.headers);
    // The whole effect lies in this closure, which runs to its end even if the client goes away.
    let created = tokio::task::spawn_blocking(move || {
        let batch = draft.finish(&app, &caller)?;
        Ok(Json(batch.object(now_us(), &base_url)))
    });
    joined(created.await)
}

/// Answers one batch.
pub(crate) async fn retrieve(
    State(app): Shared,
    PathIds(id): PathIds<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    Ok(Json(
        app.batches.get(&id)?.object(now_us(), &base_url(&headers)),
    ))
}

/// Lists the batches, newest first.
pub(crate) async fn list(
    State(app): Shared,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Json<PageA<Value>>, ApiError> {
    let query = Query::of(&uri)?;
    let page = page_a(
        app.batches.newest_first(),
        &query,
        Order::Sorted(PREFIX),
        |batch| &batch.id,
    )?;
    let (now, base_url) = (now_us(), base_url(&headers));
    Ok(Json(page.map(|batch| batch.object(now, &base_url))))
}

/// Cancels a batch that has not ended: it ends a moment later.
pub(crate) async fn cancel(
    State(app): Shared,
    PathIds(id): PathIds<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let base_url = base_url(&headers);
    let canceled = tokio::task::spawn_blocking(move || {
        let batch = app.batches.cancel(&id, app.config.cancel_seconds)?;
        Ok(Json(batch.object(now_us(), &base_url)))
    });
    joined(canceled.await)
}

/// Deletes a batch that has ended.
pub(crate) async fn delete(
    State(app): Shared,
    PathIds(id): PathIds<String>,
) -> Result<Json<Value>, ApiError> {
    let deleted = tokio::task::spawn_blocking(move || {
        app.batches.delete(&id)?;
        Ok(Json(json!({ "id": id, "type": "message_batch_deleted" })))
    });
    joined(deleted.await)
}

/// Changes how batches end that are made from now on. For tests: a control endpoint.
pub(crate) async fn end_otherwise(State(app): Shared, Json(endings): Json<Endings>) -> Response {
    match tokio::task::spawn_blocking(move || app.ends.change(endings)).await {
        Ok(Ok(now)) => Json(now).into_response(),
        Ok(Err(wrong)) => {
            let message = json!({ "message": wrong.to_string() });
            (StatusCode::BAD_REQUEST, Json(message)).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Streams the results of a batch that has ended, one JSON object a line, in no useful order.
pub(crate) async fn results(
    State(app): Shared,
    PathIds(id): PathIds<String>,
) -> Result<Response, ApiError> {
    let batch = app.batches.get(&id)?;
    if !batch.ended(now_us()) {
        return Err(ApiError::invalid(format!(
            "Results of batch `{id}` are not available before it has ended"
        )));
    }
    if batch.archived(now_us()) {
        return Err(ApiError::not_found(format!(
            "Results of batch `{id}` are no longer available"
        )));
    }
    let folder = app.batches.folder(&id);
    let lines = results::stream(Arc::new(batch), folder).await?;
    Ok((
        [(header::CONTENT_TYPE, "application/x-jsonl")],
        Body::from_stream(lines),
    )
        .into_response())
}
