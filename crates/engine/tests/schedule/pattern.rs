//! The judge's own reading of calendar patterns: plain, slow to make, and written without a look at the engine's.

/// What a clock shows.
#[derive(Clone, Copy)]
pub(crate) struct Reading {
    pub(crate) year: i16,
    pub(crate) month: i8,
    pub(crate) day: i8,
    pub(crate) hour: i8,
    pub(crate) minute: i8,
    pub(crate) second: i8,
}

/// A pattern: the numbers that each field allows, and what else its days may be.
pub(crate) struct Pattern {
    seconds: Vec<bool>,
    minutes: Vec<bool>,
    hours: Vec<bool>,
    months: Vec<bool>,
    days: Option<Vec<Day>>,
    weekdays: Option<Vec<Weekday>>,
    /// Whether the hour is `*` or `*/n`.
    pub(crate) is_interval: bool,
}

enum Day {
    Number(i8),
    Last,
    LastWorkday,
    Nearest(i8),
}

enum Weekday {
    Any(i8),
    Nth(i8, i8),
    Last(i8),
}

const MONTHS: &str = "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC";
const DAYS: &str = "SUNMONTUEWEDTHUFRISAT";

impl Pattern {
    pub(crate) fn read(text: &str) -> Pattern {
        let text = match text {
            "@hourly" => "0 * * * *",
            "@daily" => "0 0 * * *",
            "@weekly" => "0 0 * * 0",
            "@monthly" => "0 0 1 * *",
            "@yearly" | "@annually" => "0 0 1 1 *",
            other => other,
        };
        let mut fields: Vec<&str> = text.split(' ').collect();
        if fields.len() == 5 {
            fields.insert(0, "0");
        }
        let [second, minute, hour, day, month, weekday] = fields[..] else {
            panic!("{text}");
        };
        Pattern {
            seconds: allowed(second, 0, 59),
            minutes: allowed(minute, 0, 59),
            hours: allowed(hour, 0, 23),
            months: allowed(month, 1, 12),
            days: (!matches!(day, "*" | "?")).then(|| day.split(',').flat_map(days).collect()),
            weekdays: (!matches!(weekday, "*" | "?"))
                .then(|| weekday.split(',').flat_map(weekdays).collect()),
            is_interval: hour == "*" || hour.starts_with("*/"),
        }
    }

    pub(crate) fn has_seconds(&self) -> bool {
        self.seconds.iter().skip(1).any(|allowed| *allowed)
    }

    pub(crate) fn matches(&self, at: Reading) -> bool {
        let allowed = |field: &[bool], number: i8| field[usize::from(number.unsigned_abs())];
        allowed(&self.seconds, at.second)
            && allowed(&self.minutes, at.minute)
            && allowed(&self.hours, at.hour)
            && allowed(&self.months, at.month)
            && self.on_day(at)
    }

    fn on_day(&self, at: Reading) -> bool {
        let (month, weekday) = (
            length(at.year, at.month),
            weekday(at.year, at.month, at.day),
        );
        let of_month = self.days.as_ref().map(|days| {
            days.iter().any(|day| match day {
                Day::Number(day) => at.day == *day,
                Day::Last => at.day == month,
                Day::LastWorkday => at.day == workday(at, month, month),
                Day::Nearest(day) => *day <= month && at.day == workday(at, *day, month),
            })
        });
        let of_week = self.weekdays.as_ref().map(|days| {
            days.iter().any(|day| match day {
                Weekday::Any(day) => weekday == *day,
                Weekday::Nth(day, nth) => weekday == *day && (at.day - 1) / 7 + 1 == *nth,
                Weekday::Last(day) => weekday == *day && at.day + 7 > month,
            })
        });
        match (of_month, of_week) {
            (None, None) => true,
            (Some(one), None) | (None, Some(one)) => one,
            (Some(one), Some(other)) => one || other,
        }
    }
}

/// The workday nearest to a day, without leaving the month.
fn workday(at: Reading, day: i8, month: i8) -> i8 {
    match weekday(at.year, at.month, day) {
        6 if day == 1 => 3,
        6 => day - 1,
        0 if day == month => day - 2,
        0 => day + 1,
        _ => day,
    }
}

fn length(year: i16, month: i8) -> i8 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Sakamoto's method; 0 is Sunday.
fn weekday(year: i16, month: i8, day: i8) -> i8 {
    const SHIFTS: [i16; 12] = [0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4];
    let year = if month < 3 { year - 1 } else { year };
    let shift = SHIFTS[usize::from(month.unsigned_abs()) - 1];
    let days = year + year / 4 - year / 100 + year / 400 + shift + i16::from(day);
    i8::try_from(days % 7).expect("below seven")
}

/// A number, or a name as one.
fn number(text: &str, names: &str, first: i8) -> i8 {
    if let Ok(number) = text.parse() {
        return number;
    }
    let place = names
        .find(&text.to_uppercase())
        .unwrap_or_else(|| panic!("{text}"));
    i8::try_from(place / 3).expect("few names") + first
}

/// The numbers of `5`, `1-5`, `*`, `*/2`, `1-9/2`.
fn numbers(part: &str, least: i8, most: i8, names: &str) -> Vec<i8> {
    let (range, step) = part.split_once('/').unwrap_or((part, "1"));
    let (from, to) = match range.split_once('-') {
        _ if range == "*" || range == "?" => (least, most),
        Some((from, to)) => (number(from, names, least), number(to, names, least)),
        None => {
            let one = number(range, names, least);
            (one, one)
        }
    };
    (from..=to).step_by(step.parse().expect("a step")).collect()
}

fn allowed(field: &str, least: i8, most: i8) -> Vec<bool> {
    let mut allowed = vec![false; usize::from(most.unsigned_abs()) + 1];
    for number in field
        .split(',')
        .flat_map(|part| numbers(part, least, most, MONTHS))
    {
        allowed[usize::from(number.unsigned_abs())] = true;
    }
    allowed
}

fn days(part: &str) -> Vec<Day> {
    match part {
        "L" => vec![Day::Last],
        "LW" => vec![Day::LastWorkday],
        _ => match part.strip_suffix('W') {
            Some(day) => vec![Day::Nearest(day.parse().expect("a day"))],
            None => numbers(part, 1, 31, "")
                .into_iter()
                .map(Day::Number)
                .collect(),
        },
    }
}

fn weekdays(part: &str) -> Vec<Weekday> {
    if let Some((day, nth)) = part.split_once('#') {
        return vec![Weekday::Nth(
            number(day, DAYS, 0) % 7,
            nth.parse().expect("a number"),
        )];
    }
    if let Some(day) = part.strip_suffix('L').filter(|day| !day.is_empty()) {
        return vec![Weekday::Last(number(day, DAYS, 0) % 7)];
    }
    let days = numbers(part, 0, 7, DAYS).into_iter();
    days.map(|day| Weekday::Any(day % 7)).collect()
}
