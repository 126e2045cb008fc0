//! Bending an answer: cut short, reset on the way, or slow.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};

use super::rule::{Action, Drip, ResetAt};
use crate::connection::{Connection, Cut};
use crate::limits::RateLimits;

/// How long what was sent is given to leave before the connection is cut.
const FLUSH: Duration = Duration::from_millis(25);

/// The answer as `action` has it; actions that are not about answers leave it as it is.
pub(crate) fn shape(mut response: Response, action: &Action, connection: &Connection) -> Response {
    match action {
        Action::Truncate { truncate } => {
            cut(response, Keep::Bytes(*truncate), Cut::Close, connection)
        }
        Action::Reset {
            reset: ResetAt::AfterHeaders,
        } => cut(response, Keep::Bytes(0), Cut::Reset, connection),
        Action::Reset {
            reset: ResetAt::MidBody,
        } => cut(response, Keep::Half, Cut::Reset, connection),
        Action::Drip { drip } => slow(response, *drip),
        Action::Exhausted { exhausted } => {
            RateLimits::exhaust(response.headers_mut(), *exhausted);
            response
        }
        Action::Status(_) | Action::Reset { .. } | Action::Delay { .. } => response,
    }
}

/// How much of a body is sent.
#[derive(Clone, Copy)]
enum Keep {
    Bytes(u64),
    Half,
}

fn cut(response: Response, keep: Keep, how: Cut, connection: &Connection) -> Response {
    let (mut parts, body) = response.into_parts();
    let length = body.size_hint().exact();
    if let Some(length) = length {
        // A body made of a stream has no length of its own, so the head must tell it.
        parts
            .headers
            .insert(hyper::header::CONTENT_LENGTH, length.into());
    }
    let connection = connection.clone();
    let mut left = match (keep, length) {
        (Keep::Bytes(bytes), _) => Some(bytes),
        (Keep::Half, Some(length)) => Some(length / 2),
        (Keep::Half, None) => None,
    };
    let kept = body.into_data_stream().scan((), move |(), chunk| {
        let chunk = chunk.ok().and_then(|chunk| match left {
            Some(0) => None,
            Some(bytes) => {
                let end = usize::try_from(bytes)
                    .unwrap_or(usize::MAX)
                    .min(chunk.len());
                left = Some(bytes - end as u64);
                Some(chunk.slice(..end))
            }
            None => {
                left = Some(0);
                Some(chunk.slice(..chunk.len() / 2))
            }
        });
        std::future::ready(chunk.map(Ok::<Bytes, std::io::Error>))
    });
    let end = stream::once(async move {
        tokio::time::sleep(FLUSH).await;
        connection.cut_and_wait(how).await
    });
    Response::from_parts(parts, Body::from_stream(kept.chain(end)))
}

fn slow(response: Response, drip: Drip) -> Response {
    let (parts, body) = response.into_parts();
    Response::from_parts(parts, Body::from_stream(dripping(body, drip)))
}

fn dripping(body: Body, drip: Drip) -> impl Stream<Item = Result<Bytes, axum::Error>> {
    let size = drip.chunk.max(1);
    let delay = Duration::from_millis(drip.delay_ms);
    stream::unfold(
        (body.into_data_stream(), Bytes::new()),
        move |(mut stream, mut rest)| async move {
            while rest.is_empty() {
                match stream.next().await? {
                    Ok(chunk) => rest = chunk,
                    Err(error) => return Some((Err(error), (stream, rest))),
                }
            }
            tokio::time::sleep(delay).await;
            let piece = rest.split_to(size.min(rest.len()));
            Some((Ok(piece), (stream, rest)))
        },
    )
}
