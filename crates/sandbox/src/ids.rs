//! Identifiers that sort by the time they were made.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

/// The digits of an identifier, in ASCII order, so that identifiers sort as the numbers they hold.
const DIGITS: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/// How many of them hold 128 bits.
const LENGTH: usize = 22;

/// Makes identifiers and, along with each, the time it stands for.
///
/// An identifier is its prefix, `_01`, and 22 digits: 64 bits of microseconds since the epoch, then
/// 64 random bits. Within a process no two share their microsecond; across restarts the random bits
/// tell them apart. So a list in the order of identifiers is a list in the order of creation, and a
/// cursor stays good after its object is gone.
#[derive(Debug, Default)]
pub(crate) struct Mint {
    last: AtomicI64,
}

impl Mint {
    /// A new identifier with the microsecond it was made at.
    pub(crate) fn mint_at(&self, prefix: &str) -> (String, i64) {
        let now = now_us();
        let last = self
            .last
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |last| {
                Some(now.max(last + 1))
            })
            .unwrap_or(now);
        let us = now.max(last + 1);
        let random = RandomState::new().build_hasher().finish();
        let number = (u128::from(us.unsigned_abs()) << 64) | u128::from(random);
        (encode(prefix, number), us)
    }

    /// A new identifier.
    pub(crate) fn mint(&self, prefix: &str) -> String {
        self.mint_at(prefix).0
    }
}

/// An identifier that always comes out the same for the same `seed`.
pub(crate) fn derived(prefix: &str, seed: [u8; 16]) -> String {
    encode(prefix, u128::from_be_bytes(seed))
}

fn encode(prefix: &str, mut number: u128) -> String {
    let mut digits = [b'1'; LENGTH];
    for digit in digits.iter_mut().rev() {
        let index = usize::try_from(number % 58).expect("a number below 58 fits");
        *digit = DIGITS[index];
        number /= 58;
    }
    let digits = std::str::from_utf8(&digits).expect("the digits are ASCII");
    format!("{prefix}_01{digits}")
}

/// Microseconds since the epoch.
pub(crate) fn now_us() -> i64 {
    Timestamp::now().as_microsecond()
}

/// RFC 3339 in UTC with six digits of a second, as the service writes it.
pub(crate) fn rfc3339(us: i64) -> String {
    Timestamp::from_microsecond(us).map_or_else(
        |_| "1970-01-01T00:00:00.000000Z".to_owned(),
        |time| format!("{time:.6}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_unique_and_sort_by_creation() {
        let mint = Mint::default();
        let made: Vec<_> = (0..1000).map(|_| mint.mint("msgbatch")).collect();
        assert!(made.is_sorted_by(|a, b| a < b));
        assert!(
            made.iter()
                .all(|id| id.len() == "msgbatch_01".len() + LENGTH)
        );
    }

    #[test]
    fn times_have_six_digits() {
        assert_eq!(
            rfc3339(1_700_000_000_000_000),
            "2023-11-14T22:13:20.000000Z"
        );
    }
}
