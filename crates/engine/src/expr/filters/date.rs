//! The filter `date`.

use jiff::civil::DateTime;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::fmt::temporal::Pieces;
use jiff::{Timestamp, Zoned, tz};

use super::{Call, Filter, Gives, Param, Takes};
use crate::expr::error::Fault;
use crate::expr::member::excerpt;
use crate::value::Value;

pub(super) const FILTERS: &[Filter] = &[Filter {
    name: "date",
    aliases: &["strftime"],
    about: "A time (RFC 3339 text in its own offset, or seconds since 1970 in UTC) in another form, `%Y-%m-%d` if none is given.",
    example: (
        "'2026-01-31T02:00:00+01:00' | date('%d.%m.%Y %H:%M')",
        r#""31.01.2026 02:00""#,
    ),
    gives: Gives::Text,
    params: &[Param::optional("format")],
    takes: Takes::Any,
    run: date,
}];

/// Longest format, in bytes.
const FORMAT_BYTES_MAX: usize = 200;

fn date(call: &Call<'_>) -> Result<Value, Fault> {
    let format = call.arg_text(0)?.unwrap_or_else(|| "%Y-%m-%d".into());
    if format.len() > FORMAT_BYTES_MAX {
        let message = format!("the format of a date is longer than {FORMAT_BYTES_MAX} bytes");
        return Err(Fault::new("template.date", message));
    }
    let time = match &call.input {
        Value::String(text) => of_text(text).ok_or_else(|| {
            let message = format!(
                "\"{}\" is not a time in the form of RFC 3339",
                excerpt(text)
            );
            Fault::new("template.date", message)
                .help("such as `2026-01-31T02:00:00Z` or `2026-01-31`")
        })?,
        number => of_number(number).ok_or_else(|| {
            Fault::kind(
                &call.name(),
                "a time as text, or seconds since 1970",
                number,
            )
        })?,
    };
    let text = time.to_string(&*format).map_err(|problem| {
        Fault::new(
            "template.date",
            format!(
                "the format \"{}\" cannot be used: {problem}",
                excerpt(&format)
            ),
        )
    })?;
    call.made(text)
}

fn of_text(text: &str) -> Option<BrokenDownTime> {
    let text = text.trim();
    if let Ok(zoned) = text.parse::<Zoned>() {
        return Some(BrokenDownTime::from(&zoned));
    }
    let pieces = Pieces::parse(text).ok()?;
    let Some(offset) = pieces.to_numeric_offset() else {
        return match pieces.time() {
            Some(time) => Some(BrokenDownTime::from(DateTime::from_parts(
                pieces.date(),
                time,
            ))),
            None => Some(BrokenDownTime::from(
                pieces.date().to_datetime(jiff::civil::Time::midnight()),
            )),
        };
    };
    let time = DateTime::from_parts(pieces.date(), pieces.time().unwrap_or_default());
    let zoned = offset
        .to_timestamp(time)
        .ok()?
        .to_zoned(tz::TimeZone::fixed(offset));
    Some(BrokenDownTime::from(&zoned))
}

fn of_number(value: &Value) -> Option<BrokenDownTime> {
    let timestamp = match value {
        Value::Int(seconds) => Timestamp::from_second(*seconds).ok()?,
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the range is checked by the time library"
        )]
        Value::Float(seconds) => Timestamp::from_millisecond((seconds * 1000.0) as i64).ok()?,
        _ => return None,
    };
    Some(BrokenDownTime::from(&timestamp.to_zoned(tz::TimeZone::UTC)))
}
