//! One operation of a service, from request to value: answers by their kind, lists page by page.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flow_backend::context::{Blobs, StepContext};
use flow_engine::run::{Done, Failure, FailureKind};
use flow_engine::value::{Blob, Map, Value, View, json};
use tokio::sync::mpsc;

use crate::blocking::blocking;
use crate::descriptor::operation::{Answer as AnswerKind, Pagination};
use crate::descriptor::service::ErrorRules;
use crate::request::secrets::Opener;
use crate::request::{INLINE_BYTES_MAX, Request, spill, store};
use crate::response::{error, events, json as json_answer, lines, message, page, text};
use crate::sink::ItemSink;
use crate::transport::{Answer, AnswerBody, Exchange, Transport, TransportLimits, failure};

/// What is needed besides the request.
pub(crate) struct Performer<'a> {
    pub(crate) transport: &'a Transport,
    pub(crate) limits: &'a TransportLimits,
    pub(crate) errors: &'a ErrorRules,
    pub(crate) opener: Opener,
    pub(crate) context: &'a StepContext,
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
    async fn exchange(
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
            context: self.context,
            stream,
        };
        let mut answer = self.transport.exchange(&exchange).await?;
        if (200..300).contains(&answer.status) || accept.contains(&answer.status) {
            return Ok(answer);
        }
        Err(self.failure_of(&mut answer).await)
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
                self.keep(value, bytes, reading.view.clone()).await
            }
            AnswerKind::JsonLines => self.json_lines(answer.body, reading.view.clone()).await,
            AnswerKind::Events => self.events(answer.body).await,
            AnswerKind::Message => self.message(answer.body, reading.view.clone()).await,
            AnswerKind::Binary => {
                let media = answer
                    .header("content-type")
                    .unwrap_or("application/octet-stream")
                    .to_owned();
                self.binary(answer.body, media).await
            }
            AnswerKind::Empty => Ok(Value::Null),
            AnswerKind::Auto => self.by_content_type(answer, reading.view.clone()).await,
        }
    }

    async fn by_content_type(
        &self,
        mut answer: Answer,
        view: Option<Arc<View>>,
    ) -> Result<Value, Failure> {
        let written = answer.header("content-type").unwrap_or_default().to_owned();
        let media = json_answer::media(Some(&written));
        if answer.status == 204 || answer.header("content-length") == Some("0") {
            return Ok(Value::Null);
        }
        match media.as_str() {
            "application/x-ndjson"
            | "application/x-jsonl"
            | "application/jsonl"
            | "application/json-lines" => self.json_lines(answer.body, view).await,
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
    async fn keep(
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

    /// One JSON value a line, into the store.
    async fn json_lines(
        &self,
        body: AnswerBody,
        view: Option<Arc<View>>,
    ) -> Result<Value, Failure> {
        let done = body.done();
        let stored = self
            .pump(body, move |input, blobs| {
                lines::store(input, &*blobs, view, done)
            })
            .await?;
        Ok(Value::from(stored))
    }

    /// Bytes, into the store.
    async fn binary(&self, body: AnswerBody, media: String) -> Result<Value, Failure> {
        let stored = self
            .pump(body, move |mut input, blobs| {
                store(&*blobs, &media, |out| {
                    std::io::copy(&mut input, out).map(|_| ())
                })
            })
            .await?;
        Ok(Value::from(stored))
    }

    /// Hands the body to blocking work, piece by piece. What breaks the body wins over what that does to the work.
    async fn pump(
        &self,
        mut body: AnswerBody,
        work: impl FnOnce(Pieces, Arc<dyn Blobs>) -> Result<Blob, Failure> + Send + 'static,
    ) -> Result<Blob, Failure> {
        let (sender, receiver) = mpsc::channel::<Option<Bytes>>(8);
        let blobs = self.context.blobs.clone();
        let working = blocking(move || {
            work(
                Pieces {
                    receiver,
                    piece: Bytes::new(),
                    ended: false,
                },
                blobs,
            )
        });
        // The sender goes away with this future: the work then sees that nothing more comes.
        let feeding = async move {
            loop {
                let piece = body.next().await?;
                let ended = piece.is_none();
                // The work has failed if nobody listens: it says why.
                if sender.send(piece).await.is_err() || ended {
                    return Ok::<(), Failure>(());
                }
            }
        };
        let (fed, worked) = tokio::join!(feeding, working);
        fed?;
        worked
    }

    /// Server-sent events as a list.
    async fn events(&self, body: AnswerBody) -> Result<Value, Failure> {
        let mut sink = ItemSink::new(self.context.blobs.clone());
        events::read(body, self.limits.event_bytes, |event| {
            let data = event.data.unwrap_or_default();
            let data = json::parse(data.as_bytes()).unwrap_or_else(|_| Value::from(data));
            let members = [
                ("event", Value::from(event.event)),
                ("id", Value::from(event.id)),
                ("data", data),
            ];
            sink.push(Value::map(members)).map(|()| true)
        })
        .await?;
        blocking(move || sink.finish()).await
    }

    /// Server-sent events that build one message.
    async fn message(&self, body: AnswerBody, view: Option<Arc<View>>) -> Result<Value, Failure> {
        let mut assembly = message::Assembly::default();
        let mut left = self.limits.body_bytes;
        let read = events::read(body, self.limits.event_bytes, |event| {
            let data = event.data.unwrap_or_default();
            left = left
                .checked_sub(data.len() as u64)
                .ok_or_else(|| failure::too_large(self.limits.body_bytes, Done::Unknown))?;
            let event = json::parse(data.as_bytes()).map_err(|error| {
                message::incomplete(&format!("an event of the stream is not JSON: {error}"))
            })?;
            assembly.push(&event)?;
            Ok(!assembly.is_complete())
        });
        read.await.map_err(|cause| match cause.kind {
            FailureKind::Reset => message::incomplete(&format!(
                "the stream ended before the message did: {}",
                cause.message
            )),
            _ => cause,
        })?;
        let message = Value::from(assembly.finish()?);
        let bytes = message.to_json().unwrap_or_default().into_bytes();
        self.keep(message, bytes, view).await
    }

    /// A list over all its pages.
    async fn pages(
        &self,
        first: &Request,
        rule: &Pagination,
        reading: &Reading,
    ) -> Result<Value, Failure> {
        let mut request = first.clone();
        let mut sink = ItemSink::new(self.context.blobs.clone());
        let mut seen = page::Seen::default();
        let mut response_of_first = None;
        let wanted = reading.pages.unwrap_or(u32::MAX).max(1);
        for number in 1..=wanted {
            if number > self.limits.pages {
                let message = format!("the list has more than {} pages", self.limits.pages);
                return Err(Failure::of(
                    FailureKind::Permanent,
                    Done::Done,
                    "page.limit",
                    message,
                ));
            }
            let mut answer = self
                .exchange(
                    &request,
                    Some(&first.url),
                    AnswerKind::Json,
                    &reading.accept,
                )
                .await?;
            if number == 1 && reading.with_response {
                response_of_first = Some(response(&answer));
            }
            let bytes = answer.body.whole(self.limits.body_bytes).await?;
            let body =
                json_answer::read(&bytes, answer.header("content-type"), answer.body.done())?;
            let items = page::items(rule, &body)?;
            let next = page::next(
                &rule.next,
                &request,
                &body,
                items.len(),
                answer.header("link"),
                &answer.url,
            )?;
            let view = reading.view.clone();
            sink = blocking(move || {
                for item in items {
                    sink.push(viewed(item, view.clone()))?;
                }
                Ok(sink)
            })
            .await?;
            if number < wanted {
                seen.note(&next)?;
            }
            match next {
                page::Next::End => break,
                page::Next::Query(name, value) => request.set_query(&name, value),
                page::Next::Address(address) => {
                    request.url = address.into();
                    request.query.clear();
                }
            }
        }
        let list = blocking(move || sink.finish()).await?;
        Ok(with_response(list, response_of_first))
    }
}

fn viewed(value: Value, view: Option<Arc<View>>) -> Value {
    match (value, view) {
        (Value::Map(map), Some(view)) => {
            Value::from(Arc::unwrap_or_clone(map).with_view(Some(view)))
        }
        (value, _) => value,
    }
}

/// Status, headers and request id, as `with_response` shows them.
fn response(answer: &Answer) -> Value {
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
    let mut headers = Map::new();
    for (name, value) in answer
        .headers
        .iter()
        .filter(|(name, _)| *name != "set-cookie")
    {
        headers.insert(
            name.as_str(),
            Value::from(value.to_str().unwrap_or_default()),
        );
    }
    headers
}

/// Adds `response` to a map; other values become a map of `value` and `response`.
fn with_response(value: Value, response: Option<Value>) -> Value {
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

/// The pieces of a body as a reader for blocking work. That the sender goes away before the end is an error: the body
/// broke.
struct Pieces {
    receiver: mpsc::Receiver<Option<Bytes>>,
    piece: Bytes,
    ended: bool,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.piece.is_empty() && !self.ended {
            match self.receiver.blocking_recv() {
                Some(Some(piece)) => self.piece = piece,
                Some(None) => self.ended = true,
                None => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            }
        }
        let length = self.piece.len().min(buffer.len());
        buffer[..length].copy_from_slice(&self.piece.split_to(length));
        Ok(length)
    }
}
