//! Server-sent events out of a stream of bytes, each within a bound.

use std::fmt;

use bytes::Bytes;
use flow_engine::run::{Done, Failure, FailureKind};
use futures_util::stream::{self, StreamExt, TryStream};
use sse_stream::{Error, Sse, SseByteStream};

use crate::transport::AnswerBody;

/// A failure on its way through the decoder.
struct Broken(Failure);

impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Broken {}

/// Reads events until `take` says that it has enough, or the stream ends.
pub(crate) async fn read(
    body: AnswerBody,
    event_bytes: usize,
    mut take: impl FnMut(Sse) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    let done = body.done();
    let pieces = stream::try_unfold(
        (body, Meter::new(event_bytes)),
        |(mut body, mut meter)| async {
            let Some(piece) = body.next().await.map_err(Broken)? else {
                return Ok(None);
            };
            if !meter.fits(&piece) {
                let message = format!(
                    "an event of the stream is longer than {} bytes",
                    meter.limit
                );
                return Err(Broken(Failure::of(
                    FailureKind::Permanent,
                    Done::Unknown,
                    "http.too_large",
                    message,
                )));
            }
            Ok(Some((piece, (body, meter))))
        },
    );
    drain(Box::pin(pieces), done, &mut take).await
}

async fn drain<S>(
    pieces: S,
    done: Done,
    take: &mut impl FnMut(Sse) -> Result<bool, Failure>,
) -> Result<(), Failure>
where
    S: TryStream<Ok = Bytes, Error = Broken> + Unpin,
{
    let mut events = SseByteStream::new(pieces);
    while let Some(event) = events.next().await {
        match event {
            // A block without data is no event.
            Ok(event) if event.data.is_some() => {
                if !take(event)? {
                    return Ok(());
                }
            }
            Ok(_) => {}
            Err(Error::Body(cause)) => match cause.downcast::<Broken>() {
                Ok(broken) => return Err(broken.0),
                Err(other) => {
                    return Err(Failure::of(
                        FailureKind::Reset,
                        done,
                        "http.reset",
                        other.to_string(),
                    ));
                }
            },
            Err(other) => {
                let message = format!("the stream of events cannot be read: {other}");
                return Err(Failure::of(
                    FailureKind::Permanent,
                    done,
                    "http.encoding",
                    message,
                ));
            }
        }
    }
    Ok(())
}

/// Counts the bytes since the last blank line: the decoder itself has no bound.
struct Meter {
    limit: usize,
    bytes: usize,
    line_is_empty: bool,
    after_return: bool,
}

impl Meter {
    fn new(limit: usize) -> Meter {
        Meter {
            limit,
            bytes: 0,
            line_is_empty: true,
            after_return: false,
        }
    }

    fn fits(&mut self, piece: &[u8]) -> bool {
        for byte in piece {
            self.bytes += 1;
            match byte {
                b'\n' if self.after_return => self.after_return = false,
                b'\n' | b'\r' => {
                    if self.line_is_empty {
                        self.bytes = 0;
                    }
                    self.line_is_empty = true;
                    self.after_return = *byte == b'\r';
                }
                _ => {
                    self.line_is_empty = false;
                    self.after_return = false;
                }
            }
            if self.bytes > self.limit {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn events(pieces: &[&[u8]]) -> Vec<(Option<String>, Option<String>)> {
        let pieces: Vec<Result<Bytes, Broken>> = pieces
            .iter()
            .map(|piece| Ok(Bytes::copy_from_slice(piece)))
            .collect();
        let mut found = Vec::new();
        let mut take = |event: Sse| {
            found.push((event.event, event.data));
            Ok(true)
        };
        drain(Box::pin(stream::iter(pieces)), Done::Done, &mut take)
            .await
            .expect("well formed");
        found
    }

    #[tokio::test]
    async fn odd_frames_are_decoded() {
        let found = events(&[
            "\u{feff}event: a\r\ndata: é".as_bytes().split_at(20).0,
            "\u{feff}event: a\r\ndata: é".as_bytes().split_at(20).1,
            b"\r\rdata: 1\ndata: 2\n\n: comment\n\nretry: 5\n\ndata: cut",
        ])
        .await;
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(found, vec![(text("a"), text("é")), (None, text("1\n2"))]);
    }

    #[test]
    fn events_are_metered_one_by_one() {
        let mut meter = Meter::new(10);
        assert!(meter.fits(b"data: 1\n\ndata: 2\r\n\r\ndata: 3\r\r"));
        assert!(!meter.fits(b"data: 12345"));
    }
}
