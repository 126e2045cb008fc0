//! An answer whose body is still to be read, piece by piece, within limits.

use std::time::Duration;

use bytes::Bytes;
use flow_engine::run::{Done, Failure, FailureKind};
use reqwest::header::{self, HeaderMap};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Exchange, HEADERS_MAX, TransportLimits, failure};
use crate::mask::Mask;

/// Status and headers, and the body to come.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// Where it came from in the end.
    pub(crate) url: String,
    pub(crate) body: AnswerBody,
}

/// A body to come.
pub(crate) struct AnswerBody {
    response: reqwest::Response,
    mask: Mask,
    cancel: CancellationToken,
    idle: Duration,
    deadline: Option<(Instant, Duration)>,
    left: u64,
    limit: u64,
    done: Done,
}

impl Answer {
    pub(super) fn new(
        response: reqwest::Response,
        limits: &TransportLimits,
        exchange: &Exchange<'_>,
    ) -> Result<Answer, Failure> {
        let headers = response.headers().clone();
        let done = match response.status().as_u16() {
            200..=399 => Done::Done,
            400..=499 => Done::NotDone,
            _ => Done::Unknown,
        };
        let bytes: usize = headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len() + 4)
            .sum();
        if headers.len() > HEADERS_MAX || bytes > limits.header_bytes {
            return Err(failure::headers(done));
        }
        // What could be decompressed has lost this header.
        if let Some(encoding) = headers.get(header::CONTENT_ENCODING)
            && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
            && exchange.request.method.as_ref() != "HEAD"
        {
            let message =
                format!("the answer has the encoding {encoding:?}, which cannot be undone");
            return Err(Failure::of(
                FailureKind::Permanent,
                done,
                "http.encoding",
                message,
            ));
        }
        let limit = if exchange.stream {
            limits.stream_bytes
        } else {
            limits.body_bytes
        };
        Ok(Answer {
            status: response.status().as_u16(),
            url: response.url().to_string(),
            headers,
            body: AnswerBody {
                response,
                mask: exchange.opener.mask(&exchange.request.secrets()),
                cancel: exchange.context.cancel.clone(),
                idle: limits.idle,
                deadline: (!exchange.stream).then(|| (Instant::now() + limits.whole, limits.whole)),
                left: limit,
                limit,
                done,
            },
        })
    }

    /// All headers but cookies, without the secrets that were sent.
    pub(crate) fn shown_headers(&self) -> impl Iterator<Item = (&str, String)> {
        let shown = self
            .headers
            .iter()
            .filter(|(name, _)| **name != header::SET_COOKIE);
        shown.map(|(name, value)| {
            let text = value.to_str().unwrap_or_default();
            (name.as_str(), self.body.mask.clean(text))
        })
    }

    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

impl AnswerBody {
    /// What is known of the effect, now that a status has come.
    pub(crate) fn done(&self) -> Done {
        self.done
    }

    /// The next piece, decompressed, without the secrets that were sent; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            let Some(piece) = self.piece().await? else {
                let rest = self.mask.rest();
                return Ok((!rest.is_empty()).then_some(rest));
            };
            let clean = self.mask.push(piece);
            if !clean.is_empty() {
                return Ok(Some(clean));
            }
        }
    }

    /// The next piece, decompressed, as it came; `None` at the end.
    async fn piece(&mut self) -> Result<Option<Bytes>, Failure> {
        let idle = Instant::now() + self.idle;
        let (until, what, limit) = match self.deadline {
            Some((deadline, whole)) if deadline < idle => {
                (deadline, "the answer was not complete", whole)
            }
            _ => (idle, "no further part of the answer came", self.idle),
        };
        let piece = tokio::select! {
            () = self.cancel.cancelled() => return Err(failure::cancelled()),
            piece = tokio::time::timeout_at(until, self.response.chunk()) => piece,
        };
        let piece = match piece {
            Err(_) => {
                return Err(Failure {
                    done: self.done,
                    ..failure::timeout(what, limit)
                });
            }
            Ok(Err(error)) => return Err(failure::of_reading(error, self.done)),
            Ok(Ok(piece)) => piece,
        };
        if let Some(piece) = &piece {
            let length = piece.len() as u64;
            self.left = self
                .left
                .checked_sub(length)
                .ok_or_else(|| failure::too_large(self.limit, self.done))?;
        }
        Ok(piece)
    }

    /// The whole body, up to `limit` bytes.
    pub(crate) async fn whole(&mut self, limit: u64) -> Result<Vec<u8>, Failure> {
        let mut whole = Vec::new();
        while let Some(piece) = self.next().await? {
            if (whole.len() + piece.len()) as u64 > limit {
                return Err(failure::too_large(limit, self.done));
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole)
    }

    /// As much of the body as fits into `limit` bytes, whatever breaks.
    pub(crate) async fn beginning(&mut self, limit: usize) -> Vec<u8> {
        let mut begin = Vec::new();
        while begin.len() < limit {
            match self.next().await {
                Ok(Some(piece)) => begin.extend_from_slice(&piece),
                _ => break,
            }
        }
        begin.truncate(limit);
        begin
    }
}
