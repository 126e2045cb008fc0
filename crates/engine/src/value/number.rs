//! Numbers across their three forms: comparison without loss, and the text of a number.

use std::cmp::Ordering;

use super::Value;

/// The number as a float; above 2^53 digits may be lost, so never use it to compare.
#[expect(
    clippy::cast_precision_loss,
    reason = "the caller asks for the nearest float"
)]
pub(super) fn as_f64(value: &Value) -> Option<f64> {
    match value {
        Value::Int(number) => Some(*number as f64),
        Value::UInt(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        _ => None,
    }
}

/// Compares two numbers by what they mean, exactly; `None` if one of them is no number.
pub(super) fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (whole(left), whole(right)) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        (Some(a), None) => compare_whole_float(a, as_f64(right)?),
        (None, Some(b)) => compare_whole_float(b, as_f64(left)?).map(Ordering::reverse),
        (None, None) => as_f64(left)?.partial_cmp(&as_f64(right)?),
    }
}

fn whole(value: &Value) -> Option<i128> {
    match value {
        Value::Int(number) => Some(i128::from(*number)),
        Value::UInt(number) => Some(i128::from(*number)),
        _ => None,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the range was checked on the line before"
)]
fn compare_whole_float(whole: i128, float: f64) -> Option<Ordering> {
    if float.is_nan() {
        return None;
    }
    if float.abs() >= 1e30 {
        return Some(if float > 0.0 {
            Ordering::Less
        } else {
            Ordering::Greater
        });
    }
    let floor = float.floor();
    Some(whole.cmp(&(floor as i128)).then(if float > floor {
        Ordering::Less
    } else {
        Ordering::Equal
    }))
}

impl Value {
    /// Orders two numbers or two strings by what they mean; `None` for anything else.
    pub fn compare(&self, other: &Value) -> Option<Ordering> {
        match (self, other) {
            (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
            _ => compare(self, other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_and_floats_compare_without_loss() {
        let big = Value::Int(9_007_199_254_740_993);
        assert_ne!(big, Value::Float(9_007_199_254_740_992.0));
        assert_eq!(Value::Int(2), Value::Float(2.0));
        assert_eq!(
            Value::Int(2).compare(&Value::Float(2.5)),
            Some(Ordering::Less)
        );
        assert_eq!(
            Value::from(u64::MAX).compare(&Value::Int(1)),
            Some(Ordering::Greater)
        );
        assert_eq!(Value::Int(1).compare(&Value::from("1")), None);
    }
}
