//! Answers that are streams: lines and bytes into the store, events as a list or as one message.

use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use flow_backend::context::Blobs;
use flow_engine::run::{Done, Failure, FailureKind};
use flow_engine::value::{Blob, Value, json};
use tokio::sync::mpsc;

use super::perform::{Performer, Reading};
use super::usage::Reader;
use crate::blocking::blocking;
use crate::request::store;
use crate::response::{events, lines, message};
use crate::sink::ItemSink;
use crate::transport::{AnswerBody, failure};

impl Performer<'_> {
    /// One JSON value a line, into the store.
    pub(super) async fn json_lines(
        &self,
        body: AnswerBody,
        reading: &Reading,
    ) -> Result<Value, Failure> {
        let done = body.done();
        let (view, usage) = (reading.view.clone(), reading.usage.clone());
        let stored = self
            .pump(body, move |input, blobs| {
                let mut usage = usage.map(Reader::lines);
                let stored = lines::store(input, &*blobs, view, done, |line| {
                    if let Some(usage) = &mut usage {
                        usage.line(line);
                    }
                })?;
                if let Some(usage) = usage {
                    usage.end();
                }
                Ok(stored)
            })
            .await?;
        Ok(Value::from(stored))
    }

    /// Bytes, into the store.
    pub(super) async fn binary(&self, body: AnswerBody, media: String) -> Result<Value, Failure> {
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
    pub(super) async fn events(&self, body: AnswerBody) -> Result<Value, Failure> {
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
    pub(super) async fn message(
        &self,
        body: AnswerBody,
        reading: &Reading,
    ) -> Result<Value, Failure> {
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
        reading.hold(&message)?;
        let bytes = message.to_json().unwrap_or_default().into_bytes();
        if let Some(usage) = &reading.usage {
            usage.answer(&message);
        }
        self.keep(message, bytes, reading.view.clone()).await
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
