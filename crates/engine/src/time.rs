//! Instants. The engine is told the time; it never asks.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::duration::Millis;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Reads RFC 3339, such as `2026-01-31T08:00:00Z`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Timestamp> {
        let instant: jiff::Timestamp = text.parse().ok()?;
        Some(Timestamp(instant.as_millisecond()))
    }

    /// This much later; stays at the end of time instead of wrapping.
    #[must_use]
    pub fn plus(self, duration: Millis) -> Timestamp {
        Timestamp(
            self.0
                .saturating_add(i64::try_from(duration.0).unwrap_or(i64::MAX)),
        )
    }

    /// The time from `earlier` to this instant; zero if it is later.
    pub fn since(self, earlier: Timestamp) -> Millis {
        Millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC, with milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(instant) => write!(f, "{instant:.3}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}
