//! Reading request bodies up to a limit, and what is noted of them on the way.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use hyper::{HeaderMap, header};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex as AsyncMutex;

use crate::error::ApiError;

/// The most bytes of a body that are recorded; of a longer one only its length and digest are.
const RECORDED_BYTES_MAX: usize = 256 * 1024;
/// How much of a body that nobody wants is still read, so that its sender sees the answer.
const DRAINED_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A request's body on its way to the handler, and what went by of it.
#[derive(Debug, Clone)]
pub(crate) struct Tap {
    stream: Arc<AsyncMutex<BodyDataStream>>,
    tapped: Arc<Mutex<Tapped>>,
}

#[derive(Debug, Default)]
struct Tapped {
    length: u64,
    digest: Sha256,
    head: Vec<u8>,
    summary: Option<Value>,
}

impl Tap {
    /// Taps a body.
    pub(crate) fn new(body: Body) -> Tap {
        Tap {
            stream: Arc::new(AsyncMutex::new(body.into_data_stream())),
            tapped: Arc::default(),
        }
    }

    /// The same body, noted as it is read.
    pub(crate) fn body(&self) -> Body {
        Body::from_stream(stream::unfold(self.clone(), |tap| async {
            let chunk = tap.stream.lock().await.next().await?;
            if let Ok(chunk) = &chunk {
                tap.note(chunk);
            }
            Some((chunk, tap))
        }))
    }

    /// Reads and forgets what is left of the body: a client that is still sending would else see a
    /// reset, not the answer.
    pub(crate) async fn drain(&self) {
        let mut stream = self.stream.lock().await;
        let mut read = 0;
        while let Some(Ok(chunk)) = stream.next().await {
            self.note(&chunk);
            read += chunk.len() as u64;
            if read > DRAINED_BYTES_MAX {
                return;
            }
        }
    }

    /// Sets what the record shows in place of the bytes, for bodies of several parts.
    pub(crate) fn summarise(&self, summary: Value) {
        self.tapped
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .summary = Some(summary);
    }

    /// What the record shows: the JSON, the summary, the text, or length and digest.
    pub(crate) fn recorded(&self) -> Value {
        let mut tapped = self.tapped.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(summary) = tapped.summary.take() {
            return summary;
        }
        if tapped.length == 0 {
            return Value::Null;
        }
        if tapped.length == tapped.head.len() as u64 {
            return serde_json::from_slice(&tapped.head).unwrap_or_else(|_| {
                Value::String(String::from_utf8_lossy(&tapped.head).into_owned())
            });
        }
        json!({ "bytes": tapped.length, "sha256": hex(&tapped.digest.clone().finalize()) })
    }

    fn note(&self, chunk: &Bytes) {
        let mut tapped = self.tapped.lock().unwrap_or_else(PoisonError::into_inner);
        tapped.length += chunk.len() as u64;
        tapped.digest.update(chunk);
        let room = RECORDED_BYTES_MAX - tapped.head.len();
        tapped
            .head
            .extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// A body read chunk by chunk, refused past its limit.
#[derive(Debug)]
pub(crate) struct LimitedBody {
    stream: BodyDataStream,
    read: u64,
    bytes_max: u64,
}

impl LimitedBody {
    /// Begins to read a body of at most `bytes_max` bytes.
    ///
    /// # Errors
    /// 400 for a content encoding, since the sandbox reads none; 413 if the announced length is
    /// past the limit.
    pub(crate) fn new(
        headers: &HeaderMap,
        body: Body,
        bytes_max: u64,
    ) -> Result<LimitedBody, ApiError> {
        if let Some(encoding) = headers
            .get(header::CONTENT_ENCODING)
            .filter(|encoding| encoding.as_bytes() != b"identity")
        {
            let message = format!(
                "content-encoding: `{}` is not supported",
                String::from_utf8_lossy(encoding.as_bytes())
            );
            return Err(ApiError::invalid(message).with_code("request_body_encoding_unsupported"));
        }
        let announced = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|length| length > bytes_max) {
            return Err(ApiError::too_large(bytes_max));
        }
        Ok(LimitedBody {
            stream: body.into_data_stream(),
            read: 0,
            bytes_max,
        })
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// 413 past the limit; 400 if the client broke off.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, ApiError> {
        let Some(chunk) = self.stream.next().await else {
            return Ok(None);
        };
        let chunk = chunk
            .map_err(|error| ApiError::invalid(format!("the request body broke off: {error}")))?;
        self.read += chunk.len() as u64;
        if self.read > self.bytes_max {
            return Err(ApiError::too_large(self.bytes_max));
        }
        Ok(Some(chunk))
    }

    /// All of it.
    ///
    /// # Errors
    /// As for [`LimitedBody::chunk`].
    pub(crate) async fn collect(mut self) -> Result<Vec<u8>, ApiError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }
}
