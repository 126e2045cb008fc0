//! Texts of others without secrets, in whatever pieces they come.

use bytes::{Bytes, BytesMut};
use memchr::memmem::Finder;
use secrecy::{ExposeSecret, SecretString};

const MASK: &[u8] = b"***";

/// Puts `***` in the place of secrets.
pub(crate) struct Mask {
    /// The longest first: one may be a part of another.
    secrets: Vec<(SecretString, Finder<'static>)>,
    /// What may be the beginning of a secret.
    held: BytesMut,
}

impl Mask {
    /// A mask for these. Those with less than `least` bytes are not masked: they would mask half the text.
    pub(crate) fn new(secrets: &[SecretString], least: usize) -> Mask {
        let mut secrets: Vec<_> = secrets
            .iter()
            .filter(|secret| secret.expose_secret().len() >= least.max(1))
            .map(|secret| {
                let finder = Finder::new(secret.expose_secret().as_bytes());
                (secret.clone(), finder.into_owned())
            })
            .collect();
        secrets.sort_by_key(|(secret, _)| std::cmp::Reverse(secret.expose_secret().len()));
        secrets.dedup_by(|left, right| left.0.expose_secret() == right.0.expose_secret());
        Mask {
            secrets,
            held: BytesMut::new(),
        }
    }

    /// The next piece, without what may be the beginning of a secret: that comes with the next one.
    pub(crate) fn push(&mut self, piece: Bytes) -> Bytes {
        if self.secrets.is_empty() {
            return piece;
        }
        let mut text = if self.held.is_empty() {
            piece
        } else {
            let mut whole = std::mem::take(&mut self.held);
            whole.extend_from_slice(&piece);
            whole.freeze()
        };
        self.replace(&mut text);
        let held = self.held_back(&text);
        self.held
            .extend_from_slice(&text.split_off(text.len() - held));
        text
    }

    /// What was held back, at the end.
    pub(crate) fn rest(&mut self) -> Bytes {
        let mut text = std::mem::take(&mut self.held).freeze();
        self.replace(&mut text);
        text
    }

    /// A whole text, beside the pieces.
    pub(crate) fn clean(&self, text: &str) -> String {
        let mut text = Bytes::copy_from_slice(text.as_bytes());
        self.replace(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    }

    fn replace(&self, text: &mut Bytes) {
        for (secret, finder) in &self.secrets {
            let length = secret.expose_secret().len();
            let mut clean = BytesMut::new();
            let mut from = 0;
            while let Some(at) = finder.find(&text[from..]) {
                clean.extend_from_slice(&text[from..from + at]);
                clean.extend_from_slice(MASK);
                from += at + length;
            }
            if from > 0 {
                clean.extend_from_slice(&text[from..]);
                *text = clean.freeze();
            }
        }
    }

    /// How much of the end may be the beginning of a secret.
    fn held_back(&self, text: &[u8]) -> usize {
        let longest = self.secrets.iter().map(|(secret, _)| {
            let secret = secret.expose_secret().as_bytes();
            let most = text.len().min(secret.len() - 1);
            (1..=most)
                .rev()
                .find(|length| text.ends_with(&secret[..*length]))
                .unwrap_or(0)
        });
        longest.max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, secrets: &[&str], expected: &str) {
        let secrets: Vec<SecretString> = secrets.iter().map(|one| (*one).into()).collect();
        for piece in 1..=text.len() {
            let mut mask = Mask::new(&secrets, 4);
            let mut out = Vec::new();
            for bytes in text.as_bytes().chunks(piece) {
                out.extend_from_slice(&mask.push(Bytes::copy_from_slice(bytes)));
            }
            out.extend_from_slice(&mask.rest());
            let out = String::from_utf8(out).expect("text");
            assert_eq!(out, expected, "pieces of {piece}");
        }
    }

    #[test]
    fn pieces_make_no_difference() {
        check("plain", &[], "plain");
        check("x hush hush y", &["hush hush"], "x *** y");
        check("abcdef xyzw ab", &["abcd", "xyzw"], "***ef *** ab");
        check(
            "Bearer hush hush, hush hush",
            &["hush hush", "Bearer hush hush"],
            "***, ***",
        );
        check("abc abc", &["abc"], "abc abc");
    }
}
