//! Arithmetic on times.

use jiff::civil::Time;
use jiff::{SignedDuration, Span, Unit, Zoned};

use super::super::{Call, Filter, Gives, Param, Takes};
use super::duration;
use super::moment::{Moment, out_of_range, written};
use super::zone::zone;
use crate::expr::error::Fault;
use crate::value::Value;

pub(in crate::expr::filters) const FILTERS: &[Filter] = &[
    Filter {
        name: "date_add",
        aliases: &["add_time"],
        about: "A time moved by a duration (`'1h30m'`, `'-2d'`), or by whole `days`, `weeks`, `months`, `years` of the calendar, in its offset or a time zone.",
        example: ("'2026-01-31' | date_add(months=1)", r#""2026-02-28""#),
        gives: Gives::Text,
        params: &[
            Param::optional("duration"),
            Param::optional("days"),
            Param::optional("weeks"),
            Param::optional("months"),
            Param::optional("years"),
            Param::optional("timezone"),
        ],
        takes: Takes::Any,
        run: date_add,
    },
    Filter {
        name: "date_diff",
        aliases: &["since"],
        about: "How long after another time this one is, in `s` (also `ms`, `m`, `h`, `d`); negative if it is before.",
        example: (
            "'2026-01-31T06:00:00Z' | date_diff('2026-01-30', 'h')",
            "30",
        ),
        gives: Gives::Number,
        params: &[Param::required("other"), Param::optional("unit")],
        takes: Takes::Any,
        run: date_diff,
    },
    Filter {
        name: "start_of",
        aliases: &[],
        about: "The first moment of the `year`, `month`, `week` (Monday), `day`, `hour` or `minute` that a time is in, in its offset or a time zone.",
        example: (
            "'2026-01-31T23:30:00Z' | start_of('day', 'Europe/Oslo')",
            r#""2026-02-01T00:00:00+01:00""#,
        ),
        gives: Gives::Text,
        params: &[Param::required("unit"), Param::optional("timezone")],
        takes: Takes::Any,
        run: start_of,
    },
];

/// A date stays a date as long as no part of a day is added.
fn shown(call: &Call<'_>, moment: &Moment, time: &Zoned, whole_days: bool) -> Result<Value, Fault> {
    match moment {
        Moment::Date(_) if whole_days => call.made(time.date().to_string()),
        _ => call.made(written(time)),
    }
}

fn placed(call: &Call<'_>, moment: &Moment, zone_at: usize) -> Result<Zoned, Fault> {
    let time = moment.zoned()?;
    Ok(match call.arg_text(zone_at)? {
        Some(name) => time.with_time_zone(zone(&name)?),
        None => time,
    })
}

fn date_add(call: &Call<'_>) -> Result<Value, Fault> {
    const DAY: i64 = 86_400_000;
    let moment = Moment::read(call, &call.input)?;
    let time = placed(call, &moment, 5)?;
    let millis = match call.arg_text(0)? {
        Some(text) => duration::millis(&text)?,
        None => 0,
    };
    let count = |at: usize| call.arg_whole(at).map(Option::unwrap_or_default);
    let (days, weeks, months, years) = (count(1)?, count(2)?, count(3)?, count(4)?);
    let too_far = |_| Fault::new("template.date", "a time is moved by too much");
    // One after the other, the largest first: each may have its own sign.
    let spans = [
        Span::new().try_years(years),
        Span::new().try_months(months),
        Span::new().try_weeks(weeks),
        Span::new().try_days(days),
    ];
    let mut moved = time;
    for span in spans {
        moved = moved
            .checked_add(span.map_err(too_far)?)
            .map_err(out_of_range)?;
    }
    let moved = moved
        .checked_add(SignedDuration::from_millis(millis))
        .map_err(out_of_range)?;
    let whole_days = millis % DAY == 0 && call.arg(5).is_none();
    shown(call, &moment, &moved, whole_days)
}

fn date_diff(call: &Call<'_>) -> Result<Value, Fault> {
    let time = Moment::read(call, &call.input)?.zoned()?;
    let other = Moment::read(call, &call.arg_content(0)?)?.zoned()?;
    let unit = call.arg_text(1)?.unwrap_or_else(|| "s".into());
    let per = match &*unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        other => return Err(duration::no_unit(call, other, &["ms", "s", "m", "h", "d"])),
    };
    let millis = time.timestamp().as_millisecond() - other.timestamp().as_millisecond();
    if millis % per == 0 {
        return Ok(Value::Int(millis / per));
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds of 20,000 years are below 2^53"
    )]
    Ok(Value::Float(millis as f64 / per as f64))
}

fn start_of(call: &Call<'_>) -> Result<Value, Fault> {
    let moment = Moment::read(call, &call.input)?;
    let time = placed(call, &moment, 1)?;
    let unit = call.arg_text(0)?.unwrap_or_default();
    let date = time.date();
    let day = match &*unit {
        "year" => date.first_of_year(),
        "month" => date.first_of_month(),
        "week" => {
            let back = i64::from(date.weekday().to_monday_zero_offset());
            date.checked_sub(Span::new().days(back))
                .map_err(out_of_range)?
        }
        "day" => date,
        "hour" | "minute" => {
            let unit = if &*unit == "hour" {
                Unit::Hour
            } else {
                Unit::Minute
            };
            let round = jiff::ZonedRound::new()
                .smallest(unit)
                .mode(jiff::RoundMode::Floor);
            return shown(
                call,
                &moment,
                &time.round(round).map_err(out_of_range)?,
                false,
            );
        }
        other => {
            let units = ["year", "month", "week", "day", "hour", "minute"];
            return Err(duration::no_unit(call, other, &units));
        }
    };
    let start = day
        .to_datetime(Time::midnight())
        .to_zoned(time.time_zone().clone())
        .map_err(out_of_range)?;
    shown(call, &moment, &start, call.arg(1).is_none())
}

#[cfg(test)]
mod tests {
    use crate::expr::testing::shown;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(shown(text), expected, "{text}");
    }

    #[test]
    fn times_are_moved_by_durations_and_by_the_calendar() {
        check(
            "'2026-01-31T02:00:00+01:00' | date_add('1h30m')",
            r#""2026-01-31T03:30:00+01:00""#,
        );
        check("'2026-01-31' | date_add('-31d')", r#""2025-12-31""#);
        check(
            "'2026-01-31' | date_add('36h')",
            r#""2026-02-01T12:00:00Z""#,
        );
        check(
            "'2024-02-29' | date_add(years=1, days=-1)",
            r#""2025-02-27""#,
        );
        // The night in which clocks go forward: a day has 23 hours.
        check(
            "'2026-03-28T12:00:00+01:00' | date_add(days=1, timezone='Europe/Oslo')",
            r#""2026-03-29T12:00:00+02:00""#,
        );
        check(
            "'2026-03-28T12:00:00+01:00' | date_add('1d', timezone='Europe/Oslo')",
            r#""2026-03-29T13:00:00+02:00""#,
        );
        check("1769821200 | date_add('1d')", r#""2026-02-01T01:00:00Z""#);
        check(
            "'2026-01-31' | date_add(years=90000)",
            "template.date at `'2026-01-31' | date_add(years=90000)`: a time is moved by too much",
        );
        check(
            "'2026-01-31' | date_add(years=9000)",
            "template.date at `'2026-01-31' | date_add(years=9000)`: the time leaves the calendar, which ends with the year 9999",
        );
        check(
            "'2026-01-31' | date_add('1 day')",
            "template.date at `'2026-01-31' | date_add('1 day')`: \"1 day\" is not a duration = durations have units, largest first, such as `10s`, `1h30m`, `-2d`",
        );
        check(
            "'2026-01-31' | date_add(months='1')",
            "template.type at `'2026-01-31' | date_add(months='1')`: `months` of the filter `date_add` takes a whole number, not a string",
        );
    }

    #[test]
    fn differences_are_exact() {
        check(
            "'2026-01-31T02:00:00+01:00' | date_diff('2026-01-31T02:00:00+02:00')",
            "3600",
        );
        check("'2026-01-30' | date_diff('2026-01-31', 'd')", "-1");
        check(
            "'2026-01-31T01:30:00Z' | date_diff('2026-01-31', 'h')",
            "1.5",
        );
        check(
            "'2026-01-31' | date_diff('2026-01-31', 'weeks')",
            "template.date at `'2026-01-31' | date_diff('2026-01-31', 'weeks')`: the filter `date_diff` knows no unit `weeks` = the units are `ms`, `s`, `m`, `h`, `d`",
        );
    }

    #[test]
    fn periods_begin() {
        check("'2026-11-22' | start_of('month')", r#""2026-11-01""#);
        check("'2026-11-22' | start_of('week')", r#""2026-11-16""#);
        check(
            "'2026-11-22T10:20:30+01:00' | start_of('hour')",
            r#""2026-11-22T10:00:00+01:00""#,
        );
        check(
            "'2026-11-22T10:20:30.5Z' | start_of('year')",
            r#""2026-01-01T00:00:00Z""#,
        );
    }

    #[test]
    fn zones_have_names_and_forms_are_read() {
        check(
            "'2026-07-01T12:00:00' | in_zone('America/New_York')",
            r#""2026-07-01T08:00:00-04:00""#,
        );
        check(
            "'2026-07-01T12:00:00Z' | in_zone('+05:30')",
            r#""2026-07-01T17:30:00+05:30""#,
        );
        check(
            "'2026-07-01T12:00:00Z' | date('%H:%M %Z', 'Europe/Oslo')",
            r#""14:00 CEST""#,
        );
        check(
            "'2026-07-01T12:00:00Z' | in_zone('Europe/Olso')",
            "template.date at `'2026-07-01T12:00:00Z' | in_zone('Europe/Olso')`: there is no time zone `Europe/Olso` = did you mean `Europe/Oslo`?",
        );
        check(
            "'Sat, 31 Jan 2026 02:00:00 +0100' | parse_date('%a, %d %b %Y %H:%M:%S %z')",
            r#""2026-01-31T02:00:00+01:00""#,
        );
        check("'31/01/2026' | parse_date('%d/%m/%Y')", r#""2026-01-31""#);
        check(
            "'1769821200' | parse_date('%s')",
            r#""2026-01-31T01:00:00Z""#,
        );
        check("'2026-01-31T02:00:00.250Z' | timestamp", "1769824800.25");
        check(
            "'2026-01-31T02:00:00.250Z' | timestamp('ms')",
            "1769824800250",
        );
    }
}
