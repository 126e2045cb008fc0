//! One operation of a service, from request to value, by the kind of its answer.

use std::sync::Arc;
use std::time::Duration;

use flow_backend::context::StepContext;
use flow_engine::collections::IndexMap;
use flow_engine::run::Failure;
use flow_engine::value::{Blob, Map, Value, View};

use super::credentials::tls::TlsIdentity;
use super::usage;
use crate::blocking::blocking;
use crate::descriptor::operation::{Answer as AnswerKind, Pagination};
use crate::descriptor::service::ErrorRules;
use crate::processes::Ledger;
use crate::request::secrets::Opener;
use crate::request::{INLINE_BYTES_MAX, Request, spill, store};
use crate::response::structured::Promise;
use crate::response::{error, json as json_answer, rates, text};
use crate::transport::{Answer, Exchange, Transport, TransportLimits};

/// What is needed besides the request.
pub(crate) struct Performer<'a> {
    pub(crate) transport: &'a Transport,
    pub(crate) limits: &'a TransportLimits,
    pub(crate) errors: &'a ErrorRules,
    /// Groups of headers that say how much more the service takes.
    pub(crate) rates: &'a IndexMap<Arc<str>, Arc<str>>,
    pub(crate) opener: Opener,
    /// What it shows and trusts besides the usual, at the request's own address.
    pub(crate) identity: Option<&'a TlsIdentity>,
    pub(crate) context: &'a StepContext,
    /// Where commands are noted down, if anywhere.
    pub(crate) ledger: Option<&'a Arc<Ledger>>,
}

/// How the answer is read.
#[derive(Clone)]
pub(crate) struct Reading {
    pub(crate) answer: AnswerKind,
    pub(crate) view: Option<Arc<View>>,
    pub(crate) pagination: Option<Pagination>,
    /// How many pages at most; `None` for all.
    pub(crate) pages: Option<u32>,
    pub(crate) with_response: bool,
    /// Statuses that are no failure, besides 200 to 299.
    pub(crate) accept: Vec<u16>,
    /// What the answer is held to.
    pub(crate) promise: Option<Promise>,
    /// Reads what the answer cost, if it tells.
    pub(crate) usage: Option<usage::Reader>,
}

impl Reading {
    /// Holds an answer to what was promised.
    pub(super) fn hold(&self, value: &Value) -> Result<(), Failure> {
        match &self.promise {
            Some(promise) => promise.check(value, self.view.as_deref()),
            None => Ok(()),
        }
    }
}

impl Performer<'_> {
    /// Sends the request and reads the answer.
    pub(crate) async fn perform(
        &self,
        request: &Request,
        reading: &Reading,
    ) -> Result<Value, Failure> {
        if let Some(rule) = &reading.pagination {
            return self.pages(request, rule, reading).await;
        }
        let answer = self
            .exchange(request, None, reading.answer, &reading.accept)
            .await?;
        let response = reading.with_response.then(|| response(&answer));
        let value = self.read(answer, reading).await?;
        Ok(with_response(value, response))
    }

    /// Sends the request and gives status and headers of the answer.
    pub(crate) async fn head(&self, request: &Request, accept: &[u16]) -> Result<Value, Failure> {
        let answer = self
            .exchange(request, None, AnswerKind::Empty, accept)
            .await?;
        let status = Value::from(u32::from(answer.status));
        Ok(Value::map([
            ("status", status),
            ("headers", Value::from(headers(&answer))),
        ]))
    }

    /// One exchange whose status is a success.
    pub(crate) async fn exchange(
        &self,
        request: &Request,
        home: Option<&str>,
        kind: AnswerKind,
        accept: &[u16],
    ) -> Result<Answer, Failure> {
        let stream = !matches!(kind, AnswerKind::Json | AnswerKind::Empty);
        let exchange = Exchange {
            request,
            home,
            opener: &self.opener,
            identity: self.identity,
            context: self.context,
            stream,
        };
        let mut answer = self.transport.exchange(&exchange).await?;
        let now = jiff::Timestamp::now();
        if let Some(rest) = rates::rest(self.rates, &answer.headers, now, self.limits.retry_after) {
            self.context.rest.ask(rest);
        }
        if (200..300).contains(&answer.status) || accept.contains(&answer.status) {
            return Ok(answer);
        }
        let failure = self.failure_of(&mut answer).await;
        Err(Failure {
            message: self.opener.masked(&failure.message, &request.secrets()),
            ..failure
        })
    }

    /// What an answer without success means.
    async fn failure_of(&self, answer: &mut Answer) -> Failure {
        let reading = answer.body.beginning(error::ERROR_BYTES_MAX);
        let body = tokio::time::timeout(Duration::from_secs(10), reading)
            .await
            .unwrap_or_default();
        let now = jiff::Timestamp::now();
        error::failure(
            self.errors,
            answer.status,
            &answer.headers,
            &body,
            now,
            self.limits.retry_after,
        )
    }

    async fn read(&self, mut answer: Answer, reading: &Reading) -> Result<Value, Failure> {
        match reading.answer {
            AnswerKind::Json => {
                let done = answer.body.done();
                let bytes = answer.body.whole(self.limits.body_bytes).await?;
                let value = json_answer::read(&bytes, answer.header("content-type"), done)?;
                reading.hold(&value)?;
                if let Some(usage) = &reading.usage {
                    usage.answer(&value);
                }
                self.keep(value, bytes, reading.view.clone()).await
            }
            AnswerKind::JsonLines => self.json_lines(answer.body, reading).await,
            AnswerKind::Events => self.events(answer.body).await,
            AnswerKind::Message => self.message(answer.body, reading).await,
            AnswerKind::Binary => {
                let media = answer
                    .header("content-type")
                    .unwrap_or("application/octet-stream")
                    .to_owned();
                self.binary(answer.body, media).await
            }
            AnswerKind::Empty => Ok(Value::Null),
            AnswerKind::Auto => self.by_content_type(answer, reading).await,
        }
    }

    async fn by_content_type(
        &self,
        mut answer: Answer,
        reading: &Reading,
    ) -> Result<Value, Failure> {
        let view = reading.view.clone();
        let written = answer.header("content-type").unwrap_or_default().to_owned();
        let media = json_answer::media(Some(&written));
        if answer.status == 204 || answer.header("content-length") == Some("0") {
            return Ok(Value::Null);
        }
        match media.as_str() {
            "application/x-ndjson"
            | "application/x-jsonl"
            | "application/jsonl"
            | "application/json-lines" => self.json_lines(answer.body, reading).await,
            "text/event-stream" => self.events(answer.body).await,
            media if json_answer::is_json(media) => {
                let done = answer.body.done();
                let bytes = answer.body.whole(self.limits.body_bytes).await?;
                let value = json_answer::read(&bytes, Some(media), done)?;
                self.keep(value, bytes, view).await
            }
            media if text::is_text(media, &written) => {
                let done = answer.body.done();
                let bytes = answer.body.whole(self.limits.body_bytes).await?;
                let text = Value::from(text::decode(bytes, &written, done)?);
                let blobs = self.context.blobs.clone();
                blocking(move || spill(&text, &*blobs)).await
            }
            _ => {
                let media = if written.is_empty() {
                    "application/octet-stream".to_owned()
                } else {
                    written
                };
                self.binary(answer.body, media).await
            }
        }
    }

    /// A JSON value in place, or in the store if it is long.
    pub(super) async fn keep(
        &self,
        value: Value,
        bytes: Vec<u8>,
        view: Option<Arc<View>>,
    ) -> Result<Value, Failure> {
        let is_tree = matches!(value, Value::List(_) | Value::Map(_) | Value::String(_));
        if bytes.len() as u64 <= INLINE_BYTES_MAX || !is_tree {
            return Ok(viewed(value, view));
        }
        let blobs = self.context.blobs.clone();
        let count = value.as_list().map(|items| items.len() as u64);
        blocking(move || {
            let mut blob = store(&*blobs, Blob::JSON, |out| out.write_all(&bytes))?;
            blob.count = count;
            blob.item_view = view;
            Ok(Value::from(blob))
        })
        .await
    }
}

/// The value, seen through the view if it is a map.
pub(super) fn viewed(value: Value, view: Option<Arc<View>>) -> Value {
    match (value, view) {
        (Value::Map(map), Some(view)) => {
            Value::from(Arc::unwrap_or_clone(map).with_view(Some(view)))
        }
        (value, _) => value,
    }
}

/// Status, headers and request id, as `with_response` shows them.
pub(super) fn response(answer: &Answer) -> Value {
    let headers = headers(answer);
    let id = ["request-id", "x-request-id"]
        .iter()
        .find_map(|name| answer.header(name));
    Value::map([
        ("status", Value::from(u32::from(answer.status))),
        ("headers", Value::from(headers)),
        ("request_id", Value::from(id)),
    ])
}

fn headers(answer: &Answer) -> Map {
    let shown = answer.shown_headers();
    shown
        .map(|(name, text)| (name.into(), Value::from(text)))
        .collect()
}

/// Adds `response` to a map; other values become a map of `value` and `response`.
pub(super) fn with_response(value: Value, response: Option<Value>) -> Value {
    let Some(response) = response else {
        return value;
    };
    match value {
        Value::Map(map) => {
            let mut map = Arc::unwrap_or_clone(map);
            map.insert("response", response);
            Value::from(map)
        }
        other => Value::map([("value", other), ("response", response)]),
    }
}
