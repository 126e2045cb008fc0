//! What a command writes: always read to its end, a little of it in memory, more of it straight into the store.

use std::fs::File;
use std::io::{self, BufWriter, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use flow_backend::context::{BlobWriter, Blobs};
use flow_engine::run::Failure;
use flow_engine::value::Value;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use secrecy::SecretString;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{ChildStderr, ChildStdout};
use tokio_util::sync::CancellationToken;

use super::clean::Cleaner;
use crate::blocking::blocking;
use crate::request::{INLINE_BYTES_MAX, store_failure};

/// How much is kept of one stream. The rest is read and dropped, so that the command never waits for a reader.
pub(super) const OUTPUT_BYTES_MAX: u64 = 256 << 20;
/// How much of the end is remembered for messages.
const TAIL_BYTES: usize = 4096;
/// How often a reader of a pipe that nothing comes from looks whether to go on.
const LOOK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

/// What was read of a stream.
pub(super) struct Captured {
    /// The text: in place while it is short, else in the store.
    pub(super) text: Value,
    /// The end of it.
    pub(super) tail: String,
    /// How many bytes were left out.
    pub(super) left_out: u64,
}

/// How a stream is read.
#[derive(Clone)]
pub(super) struct Reader {
    pub(super) blobs: Arc<dyn Blobs>,
    pub(super) secrets: Vec<SecretString>,
    /// Cancelled when nothing more is worth waiting for.
    pub(super) enough: CancellationToken,
}

/// A pipe that can be read on a thread from some point on.
pub(super) trait Pipe: AsyncRead + Unpin + Send {
    fn into_descriptor(self) -> io::Result<OwnedFd>;
}

impl Pipe for ChildStdout {
    fn into_descriptor(self) -> io::Result<OwnedFd> {
        self.into_owned_fd()
    }
}

impl Pipe for ChildStderr {
    fn into_descriptor(self) -> io::Result<OwnedFd> {
        self.into_owned_fd()
    }
}

impl Reader {
    /// Reads a stream until it ends, breaks, or there was enough.
    pub(super) async fn read(self, pipe: Option<impl Pipe>) -> Result<Captured, Failure> {
        let mut first = Vec::new();
        let Some(mut pipe) = pipe else {
            return self.in_place(&first);
        };
        let mut buffer = vec![0; 1 << 13];
        loop {
            let read = tokio::select! {
                read = pipe.read(&mut buffer) => read.unwrap_or(0),
                () = self.enough.cancelled() => 0,
            };
            if read == 0 {
                return self.in_place(&first);
            }
            first.extend_from_slice(&buffer[..read]);
            if first.len() as u64 > INLINE_BYTES_MAX {
                break;
            }
        }
        let descriptor = pipe
            .into_descriptor()
            .map_err(|error| store_failure(&error))?;
        blocking(move || {
            self.stored(&first, &File::from(descriptor))
                .map_err(|error| store_failure(&error))
        })
        .await
    }

    fn in_place(&self, bytes: &[u8]) -> Result<Captured, Failure> {
        let mut cleaner = Cleaner::new(Vec::new(), &self.secrets);
        let text = cleaner.take(bytes).and_then(|()| cleaner.finish());
        let text = text.map_err(|error| store_failure(&error))?;
        let text = String::from_utf8_lossy(&text).into_owned();
        Ok(Captured {
            tail: text.clone(),
            text: Value::from(text),
            left_out: 0,
        })
    }

    fn stored(&self, first: &[u8], pipe: &File) -> io::Result<Captured> {
        let out = Tailed {
            out: BufWriter::with_capacity(1 << 16, self.blobs.create()?),
            tail: Vec::new(),
        };
        let mut cleaner = Cleaner::new(out, &self.secrets);
        cleaner.take(first)?;
        let mut room = OUTPUT_BYTES_MAX.saturating_sub(first.len() as u64);
        let mut left_out = 0;
        let mut buffer = vec![0; 1 << 16];
        while let Some(read) = self.next(pipe, &mut buffer)? {
            let kept = read.min(usize::try_from(room).unwrap_or(usize::MAX));
            cleaner.take(&buffer[..kept])?;
            room -= kept as u64;
            left_out += (read - kept) as u64;
        }
        let mut out = cleaner.finish()?;
        if left_out > 0 {
            let note = format!("\n[... {left_out} bytes left out ...]\n");
            io::Write::write_all(&mut out, note.as_bytes())?;
        }
        let Tailed { out, tail } = out;
        let writer = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(Captured {
            text: Value::from(writer.finish("text/plain; charset=utf-8")?),
            tail: String::from_utf8_lossy(&tail).into_owned(),
            left_out,
        })
    }

    /// The next bytes; `None` at the end, or when there was enough and nothing waits.
    fn next(&self, mut pipe: &File, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            let mut ready = [PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN)];
            match poll(&mut ready, Some(&LOOK)) {
                Ok(0) if self.enough.is_cancelled() => return Ok(None),
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => {
                    let read = pipe.read(buffer)?;
                    return Ok((read > 0).then_some(read));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// A blob that is written, and the end of what was written.
struct Tailed {
    out: BufWriter<Box<dyn BlobWriter>>,
    tail: Vec<u8>,
}

impl io::Write for Tailed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        let from = written.saturating_sub(TAIL_BYTES);
        self.tail.extend_from_slice(&bytes[from..written]);
        let over = self.tail.len().saturating_sub(TAIL_BYTES);
        self.tail.drain(..over);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
