//! A time as people and services write it, and its text form.

use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::strtime::BrokenDownTime;
use jiff::fmt::temporal::Pieces;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::super::Call;
use crate::expr::error::Fault;
use crate::expr::member::excerpt;
use crate::value::Value;

/// What was written.
pub(super) enum Moment {
    /// A date without a time of day.
    Date(Date),
    /// A time without a zone or an offset.
    Civil(DateTime),
    /// A time in a zone or at an offset.
    Zoned(Zoned),
}

impl Moment {
    /// Reads text (RFC 3339, or a date) or seconds since 1970.
    pub(super) fn read(call: &Call<'_>, value: &Value) -> Result<Moment, Fault> {
        match value {
            Value::String(text) => of_text(text).ok_or_else(|| {
                let message = format!(
                    "\"{}\" is not a time in the form of RFC 3339",
                    excerpt(text)
                );
                Fault::new("template.date", message)
                    .help("such as `2026-01-31T02:00:00Z` or `2026-01-31`; `| parse_date('%d.%m.%Y')` reads other forms")
            }),
            number => of_number(number).map(Moment::Zoned).ok_or_else(|| {
                Fault::kind(
                    &call.name(),
                    "a time as text, or seconds since 1970",
                    number,
                )
            }),
        }
    }

    /// The point in time; what has no offset is taken as UTC, and a date as its first moment.
    pub(super) fn zoned(&self) -> Result<Zoned, Fault> {
        let civil = match self {
            Moment::Zoned(zoned) => return Ok(zoned.clone()),
            Moment::Civil(time) => *time,
            Moment::Date(date) => date.to_datetime(Time::midnight()),
        };
        civil.to_zoned(TimeZone::UTC).map_err(out_of_range)
    }

    /// What formats can ask for: nothing about a zone if none was written.
    pub(super) fn parts(&self) -> BrokenDownTime {
        match self {
            Moment::Date(date) => BrokenDownTime::from(date.to_datetime(Time::midnight())),
            Moment::Civil(time) => BrokenDownTime::from(*time),
            Moment::Zoned(zoned) => BrokenDownTime::from(zoned),
        }
    }
}

/// The calendar ends in the years -9999 and 9999.
pub(super) fn out_of_range(_: jiff::Error) -> Fault {
    Fault::new(
        "template.date",
        "the time leaves the calendar, which ends with the year 9999",
    )
}

/// RFC 3339 with the offset of its zone; `Z` for UTC.
pub(super) fn written(zoned: &Zoned) -> String {
    if *zoned.time_zone() == TimeZone::UTC {
        return zoned.timestamp().to_string();
    }
    zoned
        .timestamp()
        .display_with_offset(zoned.offset())
        .to_string()
}

fn of_text(text: &str) -> Option<Moment> {
    let text = text.trim();
    if let Ok(zoned) = text.parse::<Zoned>() {
        return Some(Moment::Zoned(zoned));
    }
    let pieces = Pieces::parse(text).ok()?;
    let Some(offset) = pieces.to_numeric_offset() else {
        return Some(match pieces.time() {
            Some(time) => Moment::Civil(DateTime::from_parts(pieces.date(), time)),
            None => Moment::Date(pieces.date()),
        });
    };
    let time = DateTime::from_parts(pieces.date(), pieces.time().unwrap_or_default());
    let zone = match offset.seconds() {
        0 => TimeZone::UTC,
        _ => TimeZone::fixed(offset),
    };
    Some(Moment::Zoned(
        offset.to_timestamp(time).ok()?.to_zoned(zone),
    ))
}

fn of_number(value: &Value) -> Option<Zoned> {
    let timestamp = match value {
        Value::Int(seconds) => Timestamp::from_second(*seconds).ok()?,
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the range is checked by the time library"
        )]
        Value::Float(seconds) => Timestamp::from_millisecond((seconds * 1000.0) as i64).ok()?,
        _ => return None,
    };
    Some(timestamp.to_zoned(TimeZone::UTC))
}
