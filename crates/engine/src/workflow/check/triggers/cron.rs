//! What can be wrong with a calendar pattern: its fields, and whether it is ever due.

use std::str::FromStr;
use std::sync::LazyLock;

use croner::Cron;
use jiff::Zoned;
use jiff::civil::date;
use jiff::tz::TimeZone;

use crate::finding::nearest;

/// One thing to say of a pattern.
#[derive(Debug, PartialEq)]
pub(super) struct Problem {
    pub(super) code: &'static str,
    pub(super) is_error: bool,
    /// The bytes of the pattern that it is about.
    pub(super) at: (usize, usize),
    pub(super) message: String,
    pub(super) help: String,
}

/// A field: its name, its least and greatest number, names for numbers, and the letters that may stand in it besides.
struct Field {
    name: &'static str,
    least: u64,
    most: u64,
    names: &'static [&'static str],
    letters: &'static str,
}

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

const FIELDS: [Field; 6] = [
    Field::of("second", 0, 59),
    Field::of("minute", 0, 59),
    Field::of("hour", 0, 23),
    Field {
        letters: "LW?",
        ..Field::of("day of month", 1, 31)
    },
    Field {
        names: &MONTHS,
        ..Field::of("month", 1, 12)
    },
    Field {
        names: &DAYS,
        letters: "L#?",
        ..Field::of("day of week", 0, 7)
    },
];

/// Names for common times.
const NAMED: [&str; 6] = [
    "@hourly",
    "@daily",
    "@weekly",
    "@monthly",
    "@yearly",
    "@annually",
];

const HELP: &str = "a schedule has five fields: minute, hour, day of month, month, day of week, such as `0 2 * * *`";

/// From here times are searched: what is never due after it is never due at all, as no field names a year.
static START: LazyLock<Option<Zoned>> =
    LazyLock::new(|| date(2000, 1, 1).to_zoned(TimeZone::UTC).ok());

impl Field {
    const fn of(name: &'static str, least: u64, most: u64) -> Field {
        Field {
            name,
            least,
            most,
            names: &[],
            letters: "",
        }
    }
}

impl Problem {
    fn error(at: (usize, usize), message: String) -> Problem {
        Problem {
            code: "cron.syntax",
            is_error: true,
            at,
            message,
            help: HELP.to_owned(),
        }
    }

    fn help(mut self, help: impl Into<String>) -> Problem {
        self.help = help.into();
        self
    }
}

/// Everything that is wrong with a pattern: what keeps it from being read, or what it means that few would expect.
pub(super) fn problems(text: &str) -> Vec<Problem> {
    let whole = (0, text.len());
    if let Some((at, letter)) = text.char_indices().find(|(_, letter)| !letter.is_ascii()) {
        let message = format!(
            "the schedule has a character that is not ASCII: U+{:04X}",
            u32::from(letter)
        );
        let help = if letter.is_whitespace() {
            "put a plain space there: this one only looks like it"
        } else if letter.is_numeric() {
            "write the digits 0 to 9"
        } else {
            HELP
        };
        return vec![Problem::error((at, at + letter.len_utf8()), message).help(help)];
    }
    if text.trim().starts_with('@') {
        return named(text.trim(), whole).into_iter().collect();
    }
    let fields = split(text);
    if !(5..=6).contains(&fields.len()) {
        let message = match fields.len() {
            0 => "the schedule is empty".to_owned(),
            1 => "a schedule has five fields, and this one has 1".to_owned(),
            7 => "a schedule has five fields, and this one has 7: years cannot be said".to_owned(),
            count => format!("a schedule has five fields, and this one has {count}"),
        };
        return vec![Problem::error(whole, message)];
    }
    let kinds = &FIELDS[FIELDS.len() - fields.len()..];
    let wrong: Vec<_> = fields
        .iter()
        .zip(kinds)
        .filter_map(|((at, field), kind)| kind.problem(field, (*at, at + field.len())))
        .collect();
    if !wrong.is_empty() {
        return wrong;
    }
    meaning(text, &fields, whole)
}

/// What a pattern means that can be read.
fn meaning(text: &str, fields: &[(usize, &str)], whole: (usize, usize)) -> Vec<Problem> {
    let mut all = Vec::new();
    let Ok(cron) = Cron::from_str(text) else {
        return vec![Problem::error(whole, format!("`{text}` is not a schedule"))];
    };
    if let Some(start) = START.as_ref()
        && cron.find_next_occurrence(start, true).is_err()
    {
        let months = "no month that it names has such a day: February has 29 days at most, and April, June, September and November have 30";
        all.push(Problem {
            code: "cron.never",
            is_error: true,
            at: whole,
            message: "this schedule is never due".to_owned(),
            help: months.to_owned(),
        });
        return all;
    }
    if let [(at, seconds), ..] = fields
        && fields.len() == 6
    {
        all.push(Problem {
            code: "cron.seconds",
            is_error: false,
            at: (*at, at + seconds.len()),
            message: "this schedule has 6 fields: the first one counts seconds".to_owned(),
            help: "five fields count from the minute".to_owned(),
        });
    }
    let from_end = |back: usize| fields[fields.len() - back];
    let (day, week) = (from_end(3), from_end(1));
    let bound = |field: &str| field != "*" && field != "?";
    if bound(day.1) && bound(week.1) {
        let message = format!(
            "this is due on the days `{}` of the month, and also on every day of the week `{}`",
            day.1, week.1
        );
        all.push(Problem {
            code: "cron.either_day",
            is_error: false,
            at: (day.0, week.0 + week.1.len()),
            message,
            help: "for one of the two write `*` in the other field; for days that are both, ask for the weekday in an `if`".to_owned(),
        });
    }
    all
}

/// A name for common times.
fn named(text: &str, at: (usize, usize)) -> Option<Problem> {
    let lower = text.to_ascii_lowercase();
    if NAMED.contains(&&*lower) {
        return None;
    }
    let list = NAMED.map(|name| format!("`{name}`")).join(", ");
    let help = if let Some(interval) = lower.strip_prefix("@every ") {
        format!(
            "an interval has a word of its own: `every: {}`",
            interval.trim()
        )
    } else if lower == "@midnight" {
        "write `@daily`".to_owned()
    } else if lower == "@reboot" {
        "nothing starts runs when a machine starts: choose a time, or an interval with `every:`"
            .to_owned()
    } else {
        match nearest(&lower, NAMED) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the names are {list}"),
        }
    };
    Some(Problem::error(at, format!("`{text}` is not a name for times")).help(help))
}

/// The fields with the bytes at which they begin.
fn split(text: &str) -> Vec<(usize, &str)> {
    let begin = |field: &str| field.as_ptr() as usize - text.as_ptr() as usize;
    text.split_ascii_whitespace()
        .map(|field| (begin(field), field))
        .collect()
}

impl Field {
    /// What is wrong with a field: one thing, the first.
    fn problem(&self, field: &str, at: (usize, usize)) -> Option<Problem> {
        field.split(',').find_map(|part| self.part(part, at))
    }

    fn part(&self, part: &str, at: (usize, usize)) -> Option<Problem> {
        let name = self.name;
        let wrong = |message: String| Some(Problem::error(at, message));
        if part.is_empty() {
            return wrong(format!(
                "the {name} has nothing between two commas, or at an end"
            ));
        }
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (part, None),
        };
        if let Some(step) = step {
            let most = self.most;
            if step
                .parse::<u64>()
                .map_or(true, |step| step == 0 || step > most)
            {
                return wrong(format!(
                    "a step of the {name} is a number from 1 to {most}, found `{step}`"
                ));
            }
            if range != "*" && !range.contains('-') {
                return Some(
                    Problem::error(at, format!("the step `/{step}` of the {name} has no range"))
                        .help(format!("write `*/{step}`, or `{range}-{most}/{step}`")),
                );
            }
        }
        if matches!(range, "*") || (range == "?" && self.letters.contains('?')) {
            return None;
        }
        // `L`, `LW`, `15W`, `5L`, `MON#2`: which of them exist is known to the parser.
        if self.letters.contains('W') && matches!(range, "L" | "LW" | "W") {
            return None;
        }
        let (range, nth) = match range.split_once('#') {
            Some((day, nth)) if self.letters.contains('#') => (day, Some(nth)),
            _ => (range, None),
        };
        if nth.is_some_and(|nth| nth != "L" && !matches!(nth.parse::<u64>(), Ok(1..=5))) {
            return wrong(format!(
                "after `#` stands which one in the month, from 1 to 5, found `{}`",
                nth.unwrap_or_default()
            ));
        }
        let range = range
            .strip_suffix(['L', 'W'])
            .filter(|rest| {
                !rest.is_empty()
                    && self.letters.contains(&range[rest.len()..])
                    && rest.bytes().all(|byte| byte.is_ascii_digit())
            })
            .unwrap_or(range);
        let ends: Vec<&str> = range.splitn(2, '-').collect();
        let mut numbers = Vec::new();
        for end in &ends {
            match self.number(end) {
                Ok(number) => numbers.push(number),
                Err(message) => return wrong(message),
            }
        }
        match numbers.as_slice() {
            [from, to] if from > to => Some(
                Problem::error(
                    at,
                    format!("the range `{range}` of the {name} ends before it begins"),
                )
                .help(format!(
                    "write two ranges: `{}-{},{}-{}`",
                    ends[0], self.most, self.least, ends[1]
                )),
            ),
            _ => None,
        }
    }

    fn number(&self, text: &str) -> Result<u64, String> {
        let (name, least, most) = (self.name, self.least, self.most);
        let upper = text.to_ascii_uppercase();
        if let Some(at) = self.names.iter().position(|known| *known == upper) {
            return Ok(at as u64 + least);
        }
        let names = match self.names {
            [] => String::new(),
            names => format!(", or one of {}", names.join(", ")),
        };
        text.parse::<u64>()
            .ok()
            .filter(|number| (least..=most).contains(number))
            .ok_or_else(|| {
                format!("the {name} is a number from {least} to {most}{names}, found `{text}`")
            })
    }
}

#[cfg(test)]
mod tests {
    use super::problems;

    /// The codes and messages of a pattern, one a line.
    #[track_caller]
    fn check(text: &str, expected: &str) {
        let found: Vec<String> = problems(text)
            .into_iter()
            .map(|problem| format!("{}: {}", problem.code, problem.message))
            .collect();
        assert_eq!(found.join("\n"), expected, "{text}");
    }

    #[test]
    fn right_patterns_say_nothing() {
        for text in [
            "0 2 * * *",
            "*/15 * * * *",
            "0 0-6/2 * * *",
            "0 6 * * MON-FRI",
            "0 6 1,15 * ?",
            "0 6 L * *",
            "0 6 15W * *",
            "0 6 LW * *",
            "0 6 * * 5L",
            "0 6 * * MON#2",
            "0 6 * JAN-MAR,dec *",
            "0 0 29 2 *",
            "@daily",
            "@Yearly",
            "  0 2 * * *  ",
        ] {
            check(text, "");
        }
    }

    #[test]
    fn wrong_fields_are_named() {
        check(
            "60 * * * *",
            "cron.syntax: the minute is a number from 0 to 59, found `60`",
        );
        check(
            "0 24 * * *",
            "cron.syntax: the hour is a number from 0 to 23, found `24`",
        );
        check(
            "*/0 * * * *",
            "cron.syntax: a step of the minute is a number from 1 to 59, found `0`",
        );
        check(
            "* 5-1 * * *",
            "cron.syntax: the range `5-1` of the hour ends before it begins",
        );
        check(
            "*/99999999999 * * * *",
            "cron.syntax: a step of the minute is a number from 1 to 59, found `99999999999`",
        );
        check(
            "5/15 * * * *",
            "cron.syntax: the step `/15` of the minute has no range",
        );
        check(
            "0 0 * * MON#6",
            "cron.syntax: after `#` stands which one in the month, from 1 to 5, found `6`",
        );
        check(
            "0 L * * *",
            "cron.syntax: the hour is a number from 0 to 23, found `L`",
        );
        check(
            "0,,1 * * * *",
            "cron.syntax: the minute has nothing between two commas, or at an end",
        );
        check("", "cron.syntax: the schedule is empty");
        check(
            "* * *",
            "cron.syntax: a schedule has five fields, and this one has 3",
        );
        check(
            "0 0 0 1 1 * 2030",
            "cron.syntax: a schedule has five fields, and this one has 7: years cannot be said",
        );
        check(
            "0 0 1 * +MON",
            "cron.syntax: the day of week is a number from 0 to 7, or one of SUN, MON, TUE, WED, THU, FRI, SAT, found `+MON`",
        );
        check("@reboot", "cron.syntax: `@reboot` is not a name for times");
        check(
            "@every 5m",
            "cron.syntax: `@every 5m` is not a name for times",
        );
        check(
            "0\u{a0}2 * * *",
            "cron.syntax: the schedule has a character that is not ASCII: U+00A0",
        );
        check(
            "\u{661} 2 * * *",
            "cron.syntax: the schedule has a character that is not ASCII: U+0661",
        );
    }

    #[test]
    fn what_is_never_due_is_found_quickly() {
        let before = "cron.never: this schedule is never due";
        for text in ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 31W 2 *"] {
            check(text, before);
        }
    }

    #[test]
    fn two_kinds_of_days_are_either() {
        check(
            "0 0 1 * MON",
            "cron.either_day: this is due on the days `1` of the month, and also on every day of the week `MON`",
        );
    }
}
