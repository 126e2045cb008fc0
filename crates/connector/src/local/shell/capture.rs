//! What a command writes: always read to the end, kept at its beginning and its end.

use std::collections::VecDeque;

use tokio::io::{AsyncRead, AsyncReadExt};

/// How much is kept of the beginning, and of the end.
pub(super) const KEPT_BYTES_MAX: usize = 512 << 10;

/// The kept parts of a stream.
#[derive(Default)]
pub(super) struct Capture {
    first: Vec<u8>,
    last: VecDeque<u8>,
    total: u64,
}

impl Capture {
    /// Reads until the stream ends or breaks.
    pub(super) async fn read(mut self, mut input: impl AsyncRead + Unpin) -> Capture {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(read @ 1..) = input.read(&mut buffer).await {
            self.take(&buffer[..read]);
        }
        self
    }

    fn take(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        let (first, rest) = bytes.split_at(bytes.len().min(KEPT_BYTES_MAX - self.first.len()));
        self.first.extend_from_slice(first);
        self.last.extend(rest);
        let over = self.last.len().saturating_sub(KEPT_BYTES_MAX);
        self.last.drain(..over);
    }

    /// How many bytes were left out.
    pub(super) fn left_out(&self) -> u64 {
        self.total - (self.first.len() + self.last.len()) as u64
    }

    /// The kept bytes, with a mark where some were left out.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.first.clone();
        if self.left_out() > 0 {
            bytes.extend_from_slice(
                format!("\n[... {} bytes left out ...]\n", self.left_out()).as_bytes(),
            );
        }
        bytes.extend(&self.last);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn beginning_and_end_are_kept() {
        let input = [
            vec![b'a'; KEPT_BYTES_MAX],
            vec![b'b'; 10],
            vec![b'c'; KEPT_BYTES_MAX],
        ]
        .concat();
        let capture = Capture::default().read(input.as_slice()).await;
        assert_eq!(capture.left_out(), 10);
        let text = String::from_utf8(capture.bytes()).expect("text");
        assert!(
            text.starts_with('a')
                && text.ends_with('c')
                && text.contains("\n[... 10 bytes left out ...]\n")
        );
    }
}
