//! Filters on numbers.

use super::{Call, Filter, Gives, Param, Takes};
use crate::expr::error::Fault;
use crate::expr::operators::{finite, narrow, negate, whole};
use crate::value::Value;

pub(super) const FILTERS: &[Filter] = &[
    Filter {
        name: "round",
        aliases: &[],
        about: "The number with so many digits after the point; without any, the nearest whole number.",
        example: ("2.675 | round(1)", "2.7"),
        gives: Gives::Rounded,
        params: &[Param::optional("digits")],
        takes: Takes::Number,
        run: round,
    },
    Filter {
        name: "abs",
        aliases: &[],
        about: "The number without its sign.",
        example: ("-3 | abs", "3"),
        gives: Gives::Same,
        params: &[],
        takes: Takes::Number,
        run: abs,
    },
];

fn number(call: &Call<'_>) -> Result<f64, Fault> {
    call.input
        .as_f64()
        .ok_or_else(|| Fault::kind(&call.name(), "a number", &call.input))
}

fn round(call: &Call<'_>) -> Result<Value, Fault> {
    let number = number(call)?;
    let digits = call.arg_whole(0)?.unwrap_or(0);
    if whole(&call.input).is_some() && digits >= 0 {
        return Ok(call.input.clone());
    }
    if digits == 0 {
        return to_whole(number.round());
    }
    let digits = i32::try_from(digits.clamp(-300, 300)).unwrap_or(0);
    let factor = 10_f64.powi(digits);
    let scaled = number * factor;
    finite(if scaled.is_finite() {
        scaled.round() / factor
    } else {
        number
    })
}

/// A float without fraction as a whole number.
pub(super) fn to_whole(number: f64) -> Result<Value, Fault> {
    if number.abs() >= 1e20 || number.is_nan() {
        return Err(Fault::new(
            "template.number",
            "the result is a whole number outside 64 bits",
        ));
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the range was checked above"
    )]
    narrow(number as i128)
}

fn abs(call: &Call<'_>) -> Result<Value, Fault> {
    if number(call)? < 0.0 {
        negate(&call.input)
    } else {
        Ok(call.input.clone())
    }
}
