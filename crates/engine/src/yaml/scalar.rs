//! What a plain scalar means: YAML 1.2 core rules, less what loses digits.
//!
//! Only `true` and `false` (with the core schema's `True`, `TRUE`, `False`, `FALSE`) are booleans. A number with leading
//! zeros is text (`01234` is a postcode), and so is everything that is neither null, boolean nor number.

use super::{Scalar, Style};
use crate::value::Value;

/// Why a scalar has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NumberOutOfRange;

impl Scalar {
    /// Whether it is written as nothing.
    pub fn is_null(&self) -> bool {
        self.style == Style::Plain && matches!(&*self.text, "" | "~" | "null" | "Null" | "NULL")
    }

    /// The boolean, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match (&*self.text, self.style) {
            ("true" | "True" | "TRUE", Style::Plain) => Some(true),
            ("false" | "False" | "FALSE", Style::Plain) => Some(false),
            _ => None,
        }
    }

    /// The value that the core schema gives it.
    ///
    /// # Errors
    /// [`NumberOutOfRange`] for numbers that 64 bits cannot hold, and for infinities and not-a-number.
    pub fn value(&self) -> Result<Value, NumberOutOfRange> {
        if self.is_null() {
            return Ok(Value::Null);
        }
        if let Some(value) = self.as_bool() {
            return Ok(Value::Bool(value));
        }
        if self.style == Style::Plain
            && let Some(number) = number(&self.text)
        {
            return number;
        }
        Ok(Value::String(self.text.clone()))
    }

    /// What it is, as messages name it.
    pub fn describe(&self) -> &'static str {
        match self.value() {
            Ok(Value::Null) => "nothing",
            Ok(Value::Bool(_)) => "a boolean",
            Ok(Value::Int(_) | Value::UInt(_)) => "an integer",
            Ok(Value::Float(_)) | Err(NumberOutOfRange) => "a number",
            Ok(_) => "a string",
        }
    }
}

fn number(text: &str) -> Option<Result<Value, NumberOutOfRange>> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Some(Err(NumberOutOfRange));
    }
    for (prefix, radix) in [("0o", 8), ("0x", 16)] {
        if let Some(digits) = text.strip_prefix(prefix)
            && !digits.is_empty()
            && digits.chars().all(|digit| digit.is_digit(radix))
        {
            return Some(
                u64::from_str_radix(digits, radix)
                    .map(Value::from)
                    .map_err(|_| NumberOutOfRange),
            );
        }
    }
    let whole = unsigned.bytes().all(|byte| byte.is_ascii_digit());
    if unsigned.len() > 1 && unsigned.starts_with('0') && unsigned.as_bytes()[1].is_ascii_digit() {
        return None;
    }
    if whole && !unsigned.is_empty() {
        let plain = text.strip_prefix('+').unwrap_or(text);
        let value = plain
            .parse::<i64>()
            .map(Value::Int)
            .or_else(|_| plain.parse::<u64>().map(Value::from));
        return Some(value.map_err(|_| NumberOutOfRange));
    }
    is_float(unsigned).then(|| match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(Value::Float(number)),
        _ => Err(NumberOutOfRange),
    })
}

/// `[0-9]* ( . [0-9]* )? ( [eE] [-+]? [0-9]+ )?` with a digit before the exponent.
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let exponent_fits =
        exponent.is_none_or(|text| digits(text.strip_prefix(['-', '+']).unwrap_or(text)));
    let mantissa_fits = match mantissa.split_once('.') {
        Some((before, after)) => {
            (digits(before) || before.is_empty())
                && (digits(after) || after.is_empty())
                && mantissa.len() > 1
        }
        None => digits(mantissa),
    };
    exponent_fits && mantissa_fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let scalar = Scalar {
            text: text.into(),
            style: Style::Plain,
        };
        let shown = scalar.value().map_or_else(
            |_| "refused".to_owned(),
            |value| value.to_json().expect("plain"),
        );
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn core_scalars() {
        for text in [
            "no",
            "yes",
            "on",
            "off",
            "y",
            "12:30",
            "01234",
            "1_000",
            "0b11",
            "2024-01-01",
            "-",
            ".",
            "1e",
            "tRUE",
        ] {
            check(text, &format!("\"{text}\""));
        }
        check("", "null");
        check("~", "null");
        check("true", "true");
        check("0o17", "15");
        check("0x1F", "31");
        check("3.10", "3.1");
        check("-12", "-12");
        check("+12", "12");
        check("1e3", "1000.0");
        check(".5", "0.5");
        check("18446744073709551615", "18446744073709551615");
        check("18446744073709551616", "refused");
        check("1e400", "refused");
        check(".nan", "refused");
        check("-.inf", "refused");
    }
}
