//! Reading the body of a request, to a bound of bytes and of time.

use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use futures_util::StreamExt;

/// The longest body.
pub(super) const BODY_BYTES_MAX: usize = 1 << 20;
/// How much of a longer one is taken and thrown away, and for how long: who still sends does not hear that it is too long.
const DRAINED_MAX: usize = 4 << 20;
const DRAINED_FOR: Duration = Duration::from_secs(1);
/// How long a body may take between two of its parts, and in all.
const BODY_IDLE_MAX: Duration = Duration::from_secs(10);
const BODY_MAX: Duration = Duration::from_secs(30);

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    /// It is longer than [`BODY_BYTES_MAX`].
    TooLarge,
    /// It is compressed.
    Encoded,
    /// It did not come in time.
    Late,
    /// It was cut off.
    Cut,
}

/// Reads a body whole.
pub(super) async fn whole(headers: &HeaderMap, body: Body) -> Result<Bytes, Unread> {
    let encoding = headers
        .get(CONTENT_ENCODING)
        .map(|value| value.as_bytes().to_ascii_lowercase());
    if encoding.is_some_and(|encoding| encoding != b"identity") {
        return Err(Unread::Encoded);
    }
    let length = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let mut parts = body.into_data_stream();
    if length.is_some_and(|length| length > BODY_BYTES_MAX) {
        drain(&mut parts).await;
        return Err(Unread::TooLarge);
    }
    let read = async {
        let mut bytes = Vec::with_capacity(length.unwrap_or(0));
        while let Some(part) = tokio::time::timeout(BODY_IDLE_MAX, parts.next())
            .await
            .map_err(|_| Unread::Late)?
        {
            let part = part.map_err(|_| Unread::Cut)?;
            if bytes.len() + part.len() > BODY_BYTES_MAX {
                drain(&mut parts).await;
                return Err(Unread::TooLarge);
            }
            bytes.extend_from_slice(&part);
        }
        Ok(Bytes::from(bytes))
    };
    let late = |_| Unread::Late;
    tokio::time::timeout(BODY_MAX, read).await.map_err(late)?
}

async fn drain(parts: &mut BodyDataStream) {
    let mut drained = 0;
    let drain = async {
        while let Some(Ok(part)) = parts.next().await {
            drained += part.len();
            if drained > DRAINED_MAX {
                return;
            }
        }
    };
    // Whoever has sent no more by then can hear the answer.
    let _ = tokio::time::timeout(DRAINED_FOR, drain).await;
}

/// The type of a body, in lower case and without its parameters.
pub(super) fn media(headers: &HeaderMap) -> Option<String> {
    let ty = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let ty = ty.split(';').next().unwrap_or_default();
    Some(ty.trim().to_ascii_lowercase())
}
