//! Files: upload, list, metadata, download, delete.
//!
//! `store` keeps them; `upload` reads the multipart body. The beta `files-api-2025-04-14` selects
//! the older shapes. Source: Claude API, Files.

mod store;
mod upload;

use std::collections::BTreeSet;
use std::io;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{Stream, stream};
use hyper::header;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

use crate::app::{PathIds, Shared};
use crate::auth::Caller;
use crate::error::{ApiError, joined};
use crate::ids::now_us;
use crate::page::{Order, PageB, Query, page_a, page_b};

pub(crate) use store::Store;

/// The beta that selects the older shapes.
const OLD_SHAPE: &str = "files-api-2025-04-14";
/// The most identifiers of an `ids[]` query.
const IDS_MAX: usize = 100;

/// Stores an uploaded file, which cannot be downloaded again.
pub(crate) async fn upload(
    State(app): Shared,
    caller: Caller,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    let old = caller.has_beta(OLD_SHAPE);
    let uploaded = upload::receive(request, app.files.scratch(), old).await?;
    let stored = tokio::task::spawn_blocking(move || app.files.add(&app.ids, uploaded, false));
    Ok(Json(joined(stored.await)?.object(old)))
}

/// Stores a file that can be downloaded, as if a skill had made it. For tests: a control endpoint.
pub(crate) async fn plant(State(app): Shared, request: Request) -> Response {
    let planted = async {
        let uploaded = upload::receive(request, app.files.scratch(), false).await?;
        let stored = tokio::task::spawn_blocking(move || app.files.add(&app.ids, uploaded, true));
        joined(stored.await)
    };
    match planted.await {
        Ok(file) => Json(file.object(false)).into_response(),
        Err(error) => (error.status, Json(error.envelope(""))).into_response(),
    }
}

/// Lists files, newest first: by page, or those with the identifiers asked for.
pub(crate) async fn list(
    State(app): Shared,
    caller: Caller,
    uri: Uri,
) -> Result<Response, ApiError> {
    let query = Query::of(&uri)?;
    let now = now_us();
    let mut files = app.files.newest_first();
    files.retain(|file| !file.forgotten(now));
    if query.first("scope_id").is_some() {
        // Files of sessions, of which the sandbox has none.
        files.clear();
    }
    let ids: BTreeSet<&str> = query.all("ids[]").filter(|id| !id.is_empty()).collect();
    if caller.has_beta(OLD_SHAPE) {
        if !ids.is_empty() {
            return Err(ApiError::invalid(format!(
                "ids: not available under `{OLD_SHAPE}`"
            )));
        }
        let page = page_a(files, &query, Order::Sorted("file_"), |file| &file.id)?;
        return Ok(Json(page.map(|file| file.object(true))).into_response());
    }
    let page = if ids.is_empty() {
        page_b(files, &query, |file| file.id.clone())?
    } else {
        if ids.len() > IDS_MAX {
            return Err(ApiError::invalid(format!(
                "ids: at most {IDS_MAX} identifiers, not {}",
                ids.len()
            )));
        }
        if query.first("limit").is_some() || query.first("page").is_some() {
            return Err(ApiError::invalid(
                "ids: may not be given along with limit or page",
            ));
        }
        files.retain(|file| ids.contains(file.id.as_str()));
        PageB {
            data: files,
            next_page: None,
        }
    };
    Ok(Json(page.map(|file| file.object(false))).into_response())
}

/// Answers what is known of a file.
pub(crate) async fn metadata(
    State(app): Shared,
    caller: Caller,
    PathIds(id): PathIds<String>,
) -> Result<Json<Value>, ApiError> {
    Ok(Json(app.files.get(&id)?.object(caller.has_beta(OLD_SHAPE))))
}

/// Streams the content of a file that may be downloaded.
pub(crate) async fn download(
    State(app): Shared,
    PathIds(id): PathIds<String>,
) -> Result<Response, ApiError> {
    let file = app.files.get(&id)?;
    if !file.downloadable {
        return Err(
            ApiError::invalid(format!("File `{id}` is not downloadable"))
                .with_code("file_not_downloadable"),
        );
    }
    if file.expired(now_us()) {
        return Err(
            ApiError::not_found(format!("File `{id}` has expired")).with_code("file_expired")
        );
    }
    let content = tokio::fs::File::open(app.files.content_path(&id)).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, file.size_bytes.to_string()),
    ];
    Ok((headers, Body::from_stream(chunks(content))).into_response())
}

/// Deletes a file.
pub(crate) async fn delete(
    State(app): Shared,
    PathIds(id): PathIds<String>,
) -> Result<Json<Value>, ApiError> {
    let deleted = tokio::task::spawn_blocking(move || {
        app.files.delete(&id)?;
        Ok(Json(json!({ "id": id, "type": "file_deleted" })))
    });
    joined(deleted.await)
}

fn chunks(file: tokio::fs::File) -> impl Stream<Item = io::Result<Bytes>> {
    stream::unfold(file, |mut file| async {
        let mut buffer = vec![0; 64 * 1024];
        match file.read(&mut buffer).await {
            Ok(0) => None,
            Ok(read) => {
                buffer.truncate(read);
                Some((Ok(buffer.into()), file))
            }
            Err(error) => Some((Err(error), file)),
        }
    })
}
