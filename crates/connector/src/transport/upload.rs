//! The body of a request on its way: small ones whole, large ones as a stream of known length.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use flow_backend::context::{Blobs, StepContext};
use flow_engine::run::Failure;
use futures_util::stream;
use reqwest::{RequestBuilder, header};
use tokio::sync::mpsc;

use crate::blocking::blocking;
use crate::request::secrets::Opener;
use crate::request::{Body, Request, WriteError, body, measure};

/// Bodies up to this length are kept in memory while they are sent.
const WHOLE_BYTES_MAX: u64 = 256 << 10;
/// Length of the pieces of longer ones.
const PIECE_BYTES: usize = 64 << 10;

pub(super) struct Upload {
    content: Content,
    failure: Arc<Mutex<Option<Failure>>>,
}

enum Content {
    Empty,
    Whole(Bytes),
    Stream { source: Arc<Source>, bytes: u64 },
}

struct Source {
    body: Body,
    blobs: Arc<dyn Blobs>,
    opener: Opener,
}

impl Upload {
    pub(super) async fn new(
        request: &Request,
        opener: &Opener,
        context: &StepContext,
    ) -> Result<Upload, Failure> {
        let failure = Arc::default();
        if request.body == Body::Empty {
            return Ok(Upload {
                content: Content::Empty,
                failure,
            });
        }
        let source = Arc::new(Source {
            body: request.body.clone(),
            blobs: context.blobs.clone(),
            opener: opener.clone(),
        });
        let read = blocking(move || {
            let bytes = measure(&[], &source.body, &*source.blobs, &source.opener)?.bytes;
            if bytes > WHOLE_BYTES_MAX {
                return Ok(Content::Stream { source, bytes });
            }
            let mut whole = Vec::new();
            match body(
                &source.body,
                &*source.blobs,
                &source.opener,
                false,
                &mut whole,
            ) {
                Err(WriteError::Failed(failure)) => Err(failure),
                _ => Ok(Content::Whole(whole.into())),
            }
        })
        .await?;
        Ok(Upload {
            content: read,
            failure,
        })
    }

    /// Adds the body; `progress` counts what was taken of it.
    pub(super) fn attach(
        &self,
        builder: RequestBuilder,
        progress: &Arc<AtomicU64>,
    ) -> RequestBuilder {
        match &self.content {
            Content::Empty => builder,
            Content::Whole(bytes) => builder.body(bytes.clone()),
            Content::Stream { source, bytes } => {
                let pieces = self.pieces(source.clone(), progress.clone());
                let body = reqwest::Body::wrap_stream(stream::unfold(pieces, |mut pieces| async {
                    pieces.recv().await.map(|piece| (piece, pieces))
                }));
                builder.header(header::CONTENT_LENGTH, *bytes).body(body)
            }
        }
    }

    fn pieces(
        &self,
        source: Arc<Source>,
        progress: Arc<AtomicU64>,
    ) -> mpsc::Receiver<io::Result<Bytes>> {
        let (sender, receiver) = mpsc::channel(4);
        let failure = self.failure.clone();
        tokio::task::spawn_blocking(move || {
            let mut pieces = Pieces {
                sender,
                progress,
                buffer: Vec::with_capacity(PIECE_BYTES),
            };
            let written = body(
                &source.body,
                &*source.blobs,
                &source.opener,
                false,
                &mut pieces,
            );
            match written {
                Ok(()) => drop(pieces.flush()),
                Err(WriteError::Closed) => {}
                Err(WriteError::Failed(cause)) => {
                    let text = io::Error::other(cause.message.clone());
                    *failure
                        .lock()
                        .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(cause);
                    drop(pieces.sender.blocking_send(Err(text)));
                }
            }
        });
        receiver
    }

    /// Why the body could not be read, if that is what broke the exchange.
    pub(super) fn failure(&self) -> Option<Failure> {
        self.failure
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .take()
    }
}

/// Collects what is written into pieces and hands them over.
struct Pieces {
    sender: mpsc::Sender<io::Result<Bytes>>,
    progress: Arc<AtomicU64>,
    buffer: Vec<u8>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= PIECE_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.buffer, Vec::with_capacity(PIECE_BYTES));
        self.progress
            .fetch_add(piece.len() as u64, Ordering::Relaxed);
        self.sender
            .blocking_send(Ok(piece.into()))
            .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }
}
