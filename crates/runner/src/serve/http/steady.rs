//! A connection whose other side takes what it is sent, or is let go.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// A stream that fails once nothing more could be written for so long.
pub(super) struct Steady {
    stream: TcpStream,
    patience: Duration,
    /// Runs while the other side takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Steady {
    pub(super) fn new(stream: TcpStream, patience: Duration) -> Steady {
        Steady {
            stream,
            patience,
            stalled: None,
        }
    }

    fn watch(
        &mut self,
        written: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let patience = self.patience;
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Steady {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Steady {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.watch(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::{TcpListener, TcpStream as Other};

    use tokio::io::AsyncWriteExt;

    use super::*;

    /// More than the buffers of both sides hold.
    const MANY: usize = 64 << 20;

    async fn pair(patience: Duration) -> (Steady, Other) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let address = listener.local_addr().expect("it is bound");
        let stream = TcpStream::connect(address).await.expect("it listens");
        let (other, _) = listener.accept().expect("somebody came");
        (Steady::new(stream, patience), other)
    }

    #[tokio::test]
    async fn whoever_takes_nothing_is_let_go() {
        let (mut steady, other) = pair(Duration::from_millis(50)).await;
        let sent = steady.write_all(&vec![0; MANY]).await;
        let error = sent.expect_err("nobody reads");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(other);
    }

    #[tokio::test]
    async fn whoever_takes_a_little_now_and_then_is_served() {
        let (mut steady, mut other) = pair(Duration::from_secs(30)).await;
        let reads = std::thread::spawn(move || {
            let mut part = vec![0; 1 << 20];
            let mut all = 0;
            while let Ok(count @ 1..) = other.read(&mut part) {
                all += count;
                std::thread::yield_now();
            }
            all
        });
        let sent = steady.write_all(&vec![0; MANY]).await;
        sent.expect("all of it was taken");
        drop(steady);
        assert_eq!(reads.join().expect("it ends"), MANY);
    }
}
