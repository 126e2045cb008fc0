//! A connection that a request can cut: how resets and truncated bodies are played.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// How a connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// With a TCP reset.
    Reset,
    /// With an ordinary close, in the middle of what was being sent.
    Close,
}

/// The handle by which a request cuts the connection it came on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Connection(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    cut: AtomicU8,
    notify: Notify,
}

impl Connection {
    /// Asks for the cut; the accept loop then drops the connection.
    pub(crate) fn cut(&self, how: Cut) {
        let code = match how {
            Cut::Reset => 1,
            Cut::Close => 2,
        };
        self.0.cut.store(code, Ordering::SeqCst);
        self.0.notify.notify_one();
    }

    /// Cuts the connection and never returns: the caller is dropped along with it.
    pub(crate) async fn cut_and_wait<T>(&self, how: Cut) -> T {
        self.cut(how);
        std::future::pending().await
    }

    /// Returns once [`Connection::cut`] was called.
    pub(crate) async fn cut_asked(&self) {
        self.0.notify.notified().await;
    }

    fn resets(&self) -> bool {
        self.0.cut.load(Ordering::SeqCst) == 1
    }
}

/// A TCP stream that ends with a reset if its [`Connection`] asks for one.
#[derive(Debug)]
pub(crate) struct CuttableStream {
    pub(crate) stream: TcpStream,
    pub(crate) connection: Connection,
}

impl Drop for CuttableStream {
    fn drop(&mut self) {
        if self.connection.resets() {
            // Closing a socket that lingers for zero seconds sends a reset.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for CuttableStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for CuttableStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
