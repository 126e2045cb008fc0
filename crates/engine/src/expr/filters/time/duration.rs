//! Filters between lengths of time as text and as numbers.

use super::super::{Call, Filter, Gives, Param, Takes};
use crate::duration::Millis;
use crate::expr::error::Fault;
use crate::expr::member::excerpt;
use crate::value::Value;

pub(in crate::expr::filters) const FILTERS: &[Filter] = &[
    Filter {
        name: "seconds",
        aliases: &[],
        about: "How many seconds a duration such as `1h30m` has; with `'ms'` how many milliseconds.",
        example: ("'1h30m' | seconds", "5400"),
        gives: Gives::Number,
        params: &[Param::optional("unit")],
        takes: Takes::Text,
        run: seconds,
    },
    Filter {
        name: "duration",
        aliases: &[],
        about: "A number of seconds as a duration; with `'ms'` of milliseconds.",
        example: ("5400 | duration", r#""1h30m""#),
        gives: Gives::Text,
        params: &[Param::optional("unit")],
        takes: Takes::Number,
        run: duration,
    },
];

/// A duration in milliseconds, negative behind `-`.
pub(super) fn millis(text: &str) -> Result<i64, Fault> {
    let text = text.trim();
    let (sign, length) = match text.strip_prefix('-') {
        Some(length) => (-1, length),
        None => (1, text),
    };
    let read = Millis::parse(length).and_then(|length| i64::try_from(length.0).ok());
    read.map(|length| sign * length).ok_or_else(|| {
        let message = format!("\"{}\" is not a duration", excerpt(text));
        Fault::new("template.date", message)
            .help("durations have units, largest first, such as `10s`, `1h30m`, `-2d`")
    })
}

/// The fault of a unit that a filter does not know.
pub(super) fn no_unit(call: &Call<'_>, unit: &str, known: &[&str]) -> Fault {
    let message = format!("{} knows no unit `{}`", call.name(), excerpt(unit));
    let known: Vec<_> = known.iter().map(|unit| format!("`{unit}`")).collect();
    Fault::new("template.date", message).help(format!("the units are {}", known.join(", ")))
}

/// Milliseconds in the unit that the argument names.
fn per_unit(call: &Call<'_>) -> Result<i64, Fault> {
    match call.arg_text(0)?.as_deref() {
        None | Some("s") => Ok(1_000),
        Some("ms") => Ok(1),
        Some(other) => Err(no_unit(call, other, &["s", "ms"])),
    }
}

fn seconds(call: &Call<'_>) -> Result<Value, Fault> {
    let millis = millis(&call.text()?)?;
    let per = per_unit(call)?;
    if millis % per == 0 {
        return Ok(Value::Int(millis / per));
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "ten years of milliseconds are below 2^53"
    )]
    Ok(Value::Float(millis as f64 / per as f64))
}

fn duration(call: &Call<'_>) -> Result<Value, Fault> {
    let per = per_unit(call)?;
    let number = call.input.as_f64();
    let number = number.ok_or_else(|| Fault::kind(&call.name(), "a number", &call.input))?;
    #[expect(clippy::cast_precision_loss, reason = "1 or 1,000")]
    let millis = (number * per as f64).round();
    // As long as what can be read back.
    if millis.abs() > 3.2e11 {
        return Err(Fault::new(
            "template.date",
            "a duration is longer than ten years",
        ));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range was checked above, and the sign is written apart"
    )]
    let length = Millis(millis.abs() as u64);
    call.made(format!("{}{length}", if millis < 0.0 { "-" } else { "" }))
}

#[cfg(test)]
mod tests {
    use crate::expr::testing::shown;

    #[test]
    fn durations_go_both_ways() {
        assert_eq!(shown("'500ms' | seconds"), "0.5");
        assert_eq!(shown("'-1d' | seconds"), "-86400");
        assert_eq!(shown("'2s' | seconds('ms')"), "2000");
        assert_eq!(shown("90061.5 | duration"), r#""1d1h1m1s500ms""#);
        assert_eq!(shown("-90 | duration"), r#""-1m30s""#);
        assert_eq!(shown("0 | duration"), r#""0s""#);
        assert_eq!(
            shown("1e20 | duration"),
            "template.date at `1e20 | duration`: a duration is longer than ten years"
        );
    }
}
