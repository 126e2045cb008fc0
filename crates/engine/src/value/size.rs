//! How long a value is, without writing it out.

use super::Value;

/// Values whose JSON is longer than this are stored as blobs.
pub const INLINE_BYTES_MAX: usize = 64 << 10;

impl Value {
    /// Whether its JSON is likely longer than `bytes`: escapes are not counted. Stops as soon as it is certain.
    pub fn is_longer_than(&self, bytes: usize) -> bool {
        let mut left = bytes;
        !self.fits_into(&mut left)
    }

    /// The same for one value after another: takes what this one needs of what is `left`; `false` if it does not fit.
    pub fn fits_into(&self, left: &mut usize) -> bool {
        fits(self, left)
    }
}

fn fits(value: &Value, left: &mut usize) -> bool {
    match value {
        Value::String(text) => take(left, text.len() + 2),
        Value::List(items) => take(left, 2) && items.iter().all(|item| fits(item, left)),
        Value::Map(map) => {
            let mut members = map.iter();
            take(left, 2)
                && members.all(|(key, value)| take(left, key.len() + 4) && fits(value, left))
        }
        _ => take(left, 8),
    }
}

fn take(left: &mut usize, bytes: usize) -> bool {
    let rest = left.checked_sub(bytes);
    *left = rest.unwrap_or(0);
    rest.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_judged_without_writing() {
        let text = Value::from("x".repeat(100));
        assert!(text.is_longer_than(101) && !text.is_longer_than(102));
        let list = Value::list((0..10).map(|_| text.clone()));
        assert!(list.is_longer_than(1000) && !list.is_longer_than(1100));
        assert!(!Value::Null.is_longer_than(8));
    }
}
