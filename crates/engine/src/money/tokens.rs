//! Tokens by kind.

use serde::{Deserialize, Serialize};

/// What a token was, as prices tell tokens apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// Of the prompt, neither written to a cache nor read from one.
    Input,
    /// Of the answer.
    Output,
    /// Of the prompt, written to a cache for five minutes.
    CacheWrite5m,
    /// Of the prompt, written to a cache for an hour.
    CacheWrite1h,
    /// Of the prompt, read from a cache.
    CacheRead,
}

impl TokenKind {
    /// All kinds.
    pub const ALL: [TokenKind; 5] = [
        TokenKind::Input,
        TokenKind::Output,
        TokenKind::CacheWrite5m,
        TokenKind::CacheWrite1h,
        TokenKind::CacheRead,
    ];

    /// As prices and descriptors name it.
    pub fn as_str(self) -> &'static str {
        match self {
            TokenKind::Input => "input",
            TokenKind::Output => "output",
            TokenKind::CacheWrite5m => "cache_write_5m",
            TokenKind::CacheWrite1h => "cache_write_1h",
            TokenKind::CacheRead => "cache_read",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<TokenKind> {
        let mut all = TokenKind::ALL.into_iter();
        all.find(|kind| kind.as_str() == text)
    }
}

/// Numbers of tokens by kind. Sums stop at the largest number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tokens {
    /// See [`TokenKind::Input`].
    #[serde(default, skip_serializing_if = "is_zero")]
    pub input: u64,
    /// See [`TokenKind::Output`].
    #[serde(default, skip_serializing_if = "is_zero")]
    pub output: u64,
    /// See [`TokenKind::CacheWrite5m`].
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cache_write_5m: u64,
    /// See [`TokenKind::CacheWrite1h`].
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cache_write_1h: u64,
    /// See [`TokenKind::CacheRead`].
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cache_read: u64,
}

impl Tokens {
    /// How many there are of a kind.
    pub fn get(&self, kind: TokenKind) -> u64 {
        match kind {
            TokenKind::Input => self.input,
            TokenKind::Output => self.output,
            TokenKind::CacheWrite5m => self.cache_write_5m,
            TokenKind::CacheWrite1h => self.cache_write_1h,
            TokenKind::CacheRead => self.cache_read,
        }
    }

    /// Adds tokens of a kind.
    pub fn add(&mut self, kind: TokenKind, count: u64) {
        let held = match kind {
            TokenKind::Input => &mut self.input,
            TokenKind::Output => &mut self.output,
            TokenKind::CacheWrite5m => &mut self.cache_write_5m,
            TokenKind::CacheWrite1h => &mut self.cache_write_1h,
            TokenKind::CacheRead => &mut self.cache_read,
        };
        *held = held.saturating_add(count);
    }

    /// Adds others, kind by kind.
    pub fn extend(&mut self, other: &Tokens) {
        for kind in TokenKind::ALL {
            self.add(kind, other.get(kind));
        }
    }

    /// All of them.
    pub fn all(&self) -> u64 {
        let kinds = TokenKind::ALL.into_iter();
        kinds.fold(0, |sum, kind| sum.saturating_add(self.get(kind)))
    }

    /// Those of the prompt, wherever it was read from.
    pub fn prompt(&self) -> u64 {
        self.all().saturating_sub(self.output)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
pub(super) fn is_zero(count: &u64) -> bool {
    *count == 0
}
