//! What a command writes, as text without the secrets that it was given, in whatever pieces it comes.

use std::io::{self, Write};

use bytes::Bytes;
use secrecy::SecretString;

use crate::mask::Mask;

/// Shorter secrets are not masked: they would mask half the text.
const MASKED_BYTES_MIN: usize = 4;

/// Masks secrets and mends what is not UTF-8, on the way to `out`.
pub(super) struct Cleaner<W> {
    out: W,
    mask: Mask,
    /// What may be the beginning of a letter.
    held: Vec<u8>,
}

impl<W: Write> Cleaner<W> {
    pub(super) fn new(out: W, secrets: &[SecretString]) -> Cleaner<W> {
        Cleaner {
            out,
            mask: Mask::new(secrets, MASKED_BYTES_MIN),
            held: Vec::new(),
        }
    }

    pub(super) fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        let safe = self.mask.push(Bytes::copy_from_slice(bytes));
        self.held.extend_from_slice(&safe);
        let used = mend(&self.held, false, &mut self.out)?;
        self.held.drain(..used);
        Ok(())
    }

    /// Writes what was held back.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.held.extend_from_slice(&self.mask.rest());
        mend(&self.held, true, &mut self.out)?;
        Ok(self.out)
    }
}

/// Writes text with a replacement character for what is none; how much was used: a letter that is cut at the end is left,
/// unless it is the last of all.
fn mend(mut text: &[u8], last: bool, out: &mut impl Write) -> io::Result<usize> {
    let whole = text.len();
    while !text.is_empty() {
        let Err(error) = std::str::from_utf8(text) else {
            out.write_all(text)?;
            return Ok(whole);
        };
        out.write_all(&text[..error.valid_up_to()])?;
        text = &text[error.valid_up_to()..];
        let bad = match error.error_len() {
            Some(bad) => bad,
            None if last => text.len(),
            None => return Ok(whole - text.len()),
        };
        out.write_all("\u{fffd}".as_bytes())?;
        text = &text[bad..];
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &[u8], secrets: &[&str], expected: &str) {
        let secrets: Vec<SecretString> = secrets.iter().map(|one| (*one).into()).collect();
        for piece in 1..=text.len() {
            let mut cleaner = Cleaner::new(Vec::new(), &secrets);
            for bytes in text.chunks(piece) {
                cleaner.take(bytes).expect("memory takes it");
            }
            let out = cleaner.finish().expect("memory takes it");
            assert_eq!(
                String::from_utf8(out).expect("text"),
                expected,
                "pieces of {piece}"
            );
        }
    }

    #[test]
    fn pieces_make_no_difference() {
        check(b"plain \xc3\xa9 \0", &[], "plain é \0");
        check(b"a\xff\xc3(\xe2\x82", &[], "a\u{fffd}\u{fffd}(\u{fffd}");
        check(b"x hush hush \xc3\xa9", &["hush hush"], "x *** é");
    }
}
