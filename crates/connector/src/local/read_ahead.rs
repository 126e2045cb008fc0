//! A stored value read on a thread of its own: reading and verifying goes on while what was read is used.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Values below this are read in place.
const BYTES_MIN: u64 = 4 << 20;
/// How much is read at once.
const PIECE_BYTES: usize = 1 << 20;
/// How many pieces wait at most.
const PIECES: usize = 4;

/// A reader of `bytes` bytes.
pub(super) fn read_ahead(content: Box<dyn Read + Send>, bytes: u64) -> Box<dyn BufRead> {
    if bytes < BYTES_MIN {
        return Box::new(BufReader::with_capacity(1 << 16, content));
    }
    let (full, pieces) = sync_channel(PIECES);
    let (back, used) = sync_channel(PIECES + 2);
    std::thread::spawn(move || fill(content, &full, &used));
    Box::new(ReadAhead {
        pieces,
        back,
        piece: Vec::new(),
        at: 0,
        ended: false,
    })
}

/// Reads until the content ends or nobody takes it any more. The end is an empty piece.
fn fill(
    mut content: Box<dyn Read + Send>,
    full: &SyncSender<io::Result<Vec<u8>>>,
    used: &Receiver<Vec<u8>>,
) {
    loop {
        let mut piece = used.try_recv().unwrap_or_default();
        piece.clear();
        let read = content
            .by_ref()
            .take(PIECE_BYTES as u64)
            .read_to_end(&mut piece);
        let ended = !matches!(read, Ok(1..));
        if full.send(read.map(|_| piece)).is_err() || ended {
            return;
        }
    }
}

struct ReadAhead {
    pieces: Receiver<io::Result<Vec<u8>>>,
    back: SyncSender<Vec<u8>>,
    piece: Vec<u8>,
    at: usize,
    ended: bool,
}

impl Read for ReadAhead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for ReadAhead {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.piece.len() && !self.ended {
            let next = self.pieces.recv();
            let lost = || io::Error::other("the thread that read it ended");
            let piece = std::mem::replace(&mut self.piece, next.map_err(|_| lost())??);
            // It is used again; that the reader has ended is fine.
            let _ = self.back.try_send(piece);
            self.at = 0;
            self.ended = self.piece.is_empty();
        }
        Ok(&self.piece[self.at..])
    }

    fn consume(&mut self, bytes: usize) {
        self.at += bytes;
    }
}
