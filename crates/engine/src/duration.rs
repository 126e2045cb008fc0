//! Lengths of time as people write them: `500ms 10s 5m 25h 7d 1h30m`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A length of time in milliseconds.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Millis(pub u64);

const UNITS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

impl Millis {
    /// Reads one or more numbers with units, largest first, without blanks; `None` for anything else.
    /// At most ten years.
    pub fn parse(text: &str) -> Option<Millis> {
        const YEARS_10: u64 = 10 * 366 * 86_400_000;
        let mut rest = text;
        let mut total = 0_u64;
        let mut last = u64::MAX;
        while !rest.is_empty() {
            let digits = rest.find(|letter: char| !letter.is_ascii_digit())?;
            let number: u64 = rest[..digits].parse().ok()?;
            rest = &rest[digits..];
            let letters = rest
                .find(|letter: char| letter.is_ascii_digit())
                .unwrap_or(rest.len());
            let (_, factor) = UNITS
                .into_iter()
                .find(|(unit, _)| *unit == &rest[..letters])?;
            if factor >= last {
                return None;
            }
            last = factor;
            total = total.checked_add(number.checked_mul(factor)?)?;
            rest = &rest[letters..];
        }
        (last != u64::MAX && total <= YEARS_10).then_some(Millis(total))
    }

    /// Whole seconds.
    pub const fn seconds(seconds: u64) -> Millis {
        Millis(seconds * 1000)
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.0;
        for (unit, factor) in UNITS.into_iter().rev() {
            if rest >= factor {
                write!(f, "{}{unit}", rest / factor)?;
                rest %= factor;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Millis;

    #[test]
    fn durations_read_and_write() {
        for text in ["500ms", "10s", "5m", "7d", "1h30m"] {
            assert_eq!(Millis::parse(text).expect(text).to_string(), text);
        }
        assert_eq!(Millis::parse("25h"), Some(Millis::seconds(25 * 3600)));
        for text in [
            "",
            "5",
            "5 m",
            "m",
            "1m1h",
            "-1s",
            "1.5s",
            "99999999999999999999s",
            "4000000d",
        ] {
            assert_eq!(Millis::parse(text), None, "{text}");
        }
    }
}
