//! Filters between times and the forms that people write.

use jiff::civil::Time;
use jiff::fmt::strtime::BrokenDownTime;

use super::super::{Call, Filter, Gives, Param, Takes};
use super::moment::{Moment, out_of_range, written};
use super::zone::zone;
use crate::expr::error::Fault;
use crate::expr::member::excerpt;
use crate::value::Value;

pub(in crate::expr::filters) const FILTERS: &[Filter] = &[
    Filter {
        name: "date",
        aliases: &["strftime"],
        about: "A time (RFC 3339 text, or seconds since 1970) in another form, `%Y-%m-%d` if none is given; in its own offset, or in a time zone.",
        example: (
            "'2026-01-31T02:00:00+01:00' | date('%d.%m.%Y %H:%M')",
            r#""31.01.2026 02:00""#,
        ),
        gives: Gives::Text,
        params: &[Param::optional("format"), Param::optional("timezone")],
        takes: Takes::Any,
        run: date,
    },
    Filter {
        name: "parse_date",
        aliases: &["strptime", "to_date"],
        about: "The time that a text of another form means, as RFC 3339; without an offset in the text it is one of the time zone (UTC).",
        example: (
            "'31.01.2026 02:00' | parse_date('%d.%m.%Y %H:%M', 'Europe/Oslo')",
            r#""2026-01-31T02:00:00+01:00""#,
        ),
        gives: Gives::Text,
        params: &[Param::required("format"), Param::optional("timezone")],
        takes: Takes::Text,
        run: parse_date,
    },
    Filter {
        name: "in_zone",
        aliases: &["in_timezone"],
        about: "The same time as a clock in a time zone shows it, as RFC 3339.",
        example: (
            "'2026-07-01T12:00:00Z' | in_zone('Europe/Oslo')",
            r#""2026-07-01T14:00:00+02:00""#,
        ),
        gives: Gives::Text,
        params: &[Param::required("timezone")],
        takes: Takes::Any,
        run: in_zone,
    },
    Filter {
        name: "timestamp",
        aliases: &[],
        about: "The seconds from the start of 1970 to a time; with `'ms'` the milliseconds.",
        example: ("'2026-01-31T02:00:00+01:00' | timestamp", "1769821200"),
        gives: Gives::Number,
        params: &[Param::optional("unit")],
        takes: Takes::Any,
        run: timestamp,
    },
];

/// Longest format, in bytes.
const FORMAT_BYTES_MAX: usize = 200;

fn bounded(format: &str) -> Result<(), Fault> {
    if format.len() > FORMAT_BYTES_MAX {
        let message = format!("the format of a date is longer than {FORMAT_BYTES_MAX} bytes");
        return Err(Fault::new("template.date", message));
    }
    Ok(())
}

fn date(call: &Call<'_>) -> Result<Value, Fault> {
    let format = call.arg_text(0)?.unwrap_or_else(|| "%Y-%m-%d".into());
    bounded(&format)?;
    let moment = Moment::read(call, &call.input)?;
    let parts = match call.arg_text(1)? {
        None => moment.parts(),
        Some(name) => BrokenDownTime::from(&moment.zoned()?.with_time_zone(zone(&name)?)),
    };
    let text = parts.to_string(&*format).map_err(|problem| {
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

fn parse_date(call: &Call<'_>) -> Result<Value, Fault> {
    let text = call.text()?;
    let format = call.arg_text(0)?.unwrap_or_default();
    bounded(&format)?;
    let zone = zone(call.arg_text(1)?.as_deref().unwrap_or("UTC"))?;
    let wrong = |problem: jiff::Error| {
        let message = format!(
            "\"{}\" is not a time of the form \"{}\": {problem}",
            excerpt(&text),
            excerpt(&format)
        );
        Fault::new("template.date", message).help(
            "`%d` is the day, `%m` the month, `%Y` the year, `%H:%M:%S` the time, `%z` the offset",
        )
    };
    let parts = BrokenDownTime::parse(&*format, text.trim()).map_err(wrong)?;
    if let Ok(timestamp) = parts.to_timestamp() {
        let zone = parts.offset().map_or(zone, jiff::tz::TimeZone::fixed);
        return call.made(written(&timestamp.to_zoned(zone)));
    }
    let date = parts.to_date().map_err(wrong)?;
    if parts.hour().is_none() {
        return call.made(date.to_string());
    }
    let time = parts.to_time().unwrap_or_else(|_| Time::midnight());
    let zoned = date
        .to_datetime(time)
        .to_zoned(zone)
        .map_err(out_of_range)?;
    call.made(written(&zoned))
}

fn in_zone(call: &Call<'_>) -> Result<Value, Fault> {
    let zone = zone(&call.arg_text(0)?.unwrap_or_default())?;
    let zoned = Moment::read(call, &call.input)?.zoned()?;
    call.made(written(&zoned.with_time_zone(zone)))
}

fn timestamp(call: &Call<'_>) -> Result<Value, Fault> {
    let time = Moment::read(call, &call.input)?.zoned()?.timestamp();
    match call.arg_text(0)?.as_deref() {
        None | Some("s") if time.subsec_nanosecond() == 0 => Ok(Value::Int(time.as_second())),
        #[expect(clippy::cast_precision_loss, reason = "a float is what is asked for")]
        None | Some("s") => Ok(Value::Float(time.as_microsecond() as f64 / 1e6)),
        Some("ms") => Ok(Value::Int(time.as_millisecond())),
        Some(other) => Err(super::duration::no_unit(call, other, &["s", "ms"])),
    }
}
