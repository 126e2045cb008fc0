//! What a command writes, as text without the secrets that it was given, in whatever pieces it comes.

use std::io::{self, Write};

use secrecy::{ExposeSecret, SecretString};

/// Shorter secrets are not masked: they would mask half the text.
const MASKED_BYTES_MIN: usize = 4;
const MASK: &[u8] = b"***";

/// Masks secrets and mends what is not UTF-8, on the way to `out`.
pub(super) struct Cleaner<W> {
    out: W,
    secrets: Vec<SecretString>,
    /// What may be the beginning of a secret or of a letter.
    held: Vec<u8>,
}

impl<W: Write> Cleaner<W> {
    pub(super) fn new(out: W, secrets: &[SecretString]) -> Cleaner<W> {
        let mut secrets = secrets.to_vec();
        secrets.retain(|secret| secret.expose_secret().len() >= MASKED_BYTES_MIN);
        // The longest first: one may be a part of another.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.expose_secret().len()));
        Cleaner {
            out,
            secrets,
            held: Vec::new(),
        }
    }

    pub(super) fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut text = std::mem::take(&mut self.held);
        text.extend_from_slice(bytes);
        let text = self.masked(text);
        let safe = text.len() - self.held_back(&text);
        let used = mend(&text[..safe], false, &mut self.out)?;
        self.held = text[used..].to_vec();
        Ok(())
    }

    /// Writes what was held back.
    pub(super) fn finish(mut self) -> io::Result<W> {
        let held = std::mem::take(&mut self.held);
        let text = self.masked(held);
        mend(&text, true, &mut self.out)?;
        Ok(self.out)
    }

    fn masked(&self, mut text: Vec<u8>) -> Vec<u8> {
        for secret in &self.secrets {
            let secret = secret.expose_secret().as_bytes();
            let mut from = 0;
            while let Some(at) = find(&text[from..], secret) {
                text.splice(from + at..from + at + secret.len(), MASK.iter().copied());
                from += at + MASK.len();
            }
        }
        text
    }

    /// How much of the end may be the beginning of a secret.
    fn held_back(&self, text: &[u8]) -> usize {
        let longest = self.secrets.iter().map(|secret| {
            let secret = secret.expose_secret().as_bytes();
            let most = text.len().min(secret.len() - 1);
            let lengths = (1..=most).rev();
            lengths
                .into_iter()
                .find(|length| text.ends_with(&secret[..*length]))
                .unwrap_or(0)
        });
        longest.max().unwrap_or(0)
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
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
        check(b"x hush hush y", &["hush hush"], "x *** y");
        check(b"abcdef xyzw ab", &["abcd", "xyzw"], "***ef *** ab");
    }
}
