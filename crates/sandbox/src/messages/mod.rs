//! Messages: create, stream, and count tokens.
//!
//! `validate` (with `content`, `options` and `structured`) turns a body into a `Checked` request or
//! an error; `reply` turns that into an answer, with `schema` for answers that must fit one;
//! `stream` tells the same answer in events. Source: Claude API, Messages.

mod content;
mod head;
mod options;
mod reply;
mod schema;
mod stream;
mod structured;
mod tokens;
mod validate;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use hyper::header;
use serde_json::{Value, json};

use crate::app::Shared;
use crate::auth::Caller;
use crate::body::LimitedBody;
use crate::error::{ApiError, joined};
use crate::limits::TokensUsed;

pub(crate) use reply::reply;
pub(crate) use validate::{Context, check};

/// The most bytes of a Messages body.
pub(crate) const BODY_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Answers a message, whole or as events.
pub(crate) async fn create(
    State(app): Shared,
    caller: Caller,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let bytes = LimitedBody::new(&parts.headers, body, BODY_BYTES_MAX)?
        .collect()
        .await?;
    let id = app.ids.mint("msg");
    let (message, used, streamed) = joined(
        tokio::task::spawn_blocking(move || {
            let body = object(&bytes)?;
            let checked = check(
                &body,
                Context::Message {
                    version: caller.version,
                },
            )?;
            let reply = reply(&checked, &id, "standard");
            Ok((reply.message, reply.used, checked.stream))
        })
        .await,
    )?;
    let mut response = if streamed {
        let headers = [
            (header::CONTENT_TYPE, "text/event-stream; charset=utf-8"),
            (header::CACHE_CONTROL, "no-cache"),
        ];
        (headers, Body::from_stream(stream::events(message))).into_response()
    } else {
        axum::Json(message).into_response()
    };
    response.extensions_mut().insert(used);
    Ok(response)
}

/// Estimates how many tokens a message would send.
pub(crate) async fn count_tokens(
    caller: Caller,
    request: Request,
) -> Result<axum::Json<Value>, ApiError> {
    let (parts, body) = request.into_parts();
    let bytes = LimitedBody::new(&parts.headers, body, BODY_BYTES_MAX)?
        .collect()
        .await?;
    joined(
        tokio::task::spawn_blocking(move || {
            let body = object(&bytes)?;
            let checked = check(
                &body,
                Context::Count {
                    version: caller.version,
                },
            )?;
            Ok(axum::Json(json!({ "input_tokens": checked.input_tokens })))
        })
        .await,
    )
}

fn object(bytes: &[u8]) -> Result<Value, ApiError> {
    let body: Value = serde_json::from_slice(bytes).map_err(|error| {
        ApiError::invalid(format!("The request body is not valid JSON: {error}"))
    })?;
    if body.is_object() {
        Ok(body)
    } else {
        Err(ApiError::invalid("The request body must be a JSON object"))
    }
}

/// An answer: the message object and what it cost.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) message: Value,
    pub(crate) used: TokensUsed,
}
