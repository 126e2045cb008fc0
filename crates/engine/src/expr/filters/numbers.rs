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
    Filter {
        name: "floor",
        aliases: &[],
        about: "The largest whole number that is not above the number.",
        example: ("-2.5 | floor", "-3"),
        gives: Gives::Integer,
        params: &[],
        takes: Takes::Number,
        run: |call| whole_part(call, f64::floor),
    },
    Filter {
        name: "ceil",
        aliases: &[],
        about: "The smallest whole number that is not below the number.",
        example: ("2.1 | ceil", "3"),
        gives: Gives::Integer,
        params: &[],
        takes: Takes::Number,
        run: |call| whole_part(call, f64::ceil),
    },
    Filter {
        name: "fixed",
        aliases: &[],
        about: "The number as text with exactly so many digits (2) after the point.",
        example: ("3.5 | fixed(2)", r#""3.50""#),
        gives: Gives::Text,
        params: &[Param::optional("digits")],
        takes: Takes::Number,
        run: fixed,
    },
];

fn whole_part(call: &Call<'_>, part: fn(f64) -> f64) -> Result<Value, Fault> {
    if whole(&call.input).is_some() {
        return Ok(call.input.clone());
    }
    to_whole(part(number(call)?))
}

fn fixed(call: &Call<'_>) -> Result<Value, Fault> {
    let number = number(call)?;
    let digits = call.arg_whole(0)?.unwrap_or(2);
    let digits = usize::try_from(digits).ok().filter(|digits| *digits <= 20);
    let Some(digits) = digits else {
        let message = "`digits` of the filter `fixed` is from 0 to 20";
        return Err(Fault::new("template.type", message));
    };
    call.made(match whole(&call.input) {
        Some(whole) if digits == 0 => whole.to_string(),
        Some(whole) => format!("{whole}.{}", "0".repeat(digits)),
        None => format!("{number:.digits$}"),
    })
}

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
