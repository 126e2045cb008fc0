//! What a calendar pattern says, in words.

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];
const PLACES: [&str; 5] = ["first", "second", "third", "fourth", "fifth"];

/// How many times of day are written out.
const TIMES_MAX: usize = 6;

/// What a checked pattern says: `at 02:00, on Monday to Friday`.
pub(super) fn words(pattern: &str) -> String {
    let pattern = match pattern.trim().to_ascii_lowercase().as_str() {
        "@hourly" => "0 * * * *".to_owned(),
        "@daily" => "0 0 * * *".to_owned(),
        "@weekly" => "0 0 * * 0".to_owned(),
        "@monthly" => "0 0 1 * *".to_owned(),
        "@yearly" | "@annually" => "0 0 1 1 *".to_owned(),
        _ => pattern.to_ascii_uppercase(),
    };
    let fields: Vec<&str> = pattern.split_ascii_whitespace().collect();
    let (second, fields) = match fields.as_slice() {
        [second, fields @ ..] if fields.len() == 5 => (*second, fields),
        fields => ("0", fields),
    };
    let [minute, hour, day, month, weekday] = fields else {
        return pattern;
    };
    let mut text = time(second, minute, hour);
    let of_month = (!is_any(day)).then(|| listed(day, of_month));
    let of_week = (!is_any(weekday)).then(|| listed(weekday, of_week));
    match (of_month, of_week) {
        (None, None) => {}
        (Some(one), None) | (None, Some(one)) => text = format!("{text}, on {one}"),
        (Some(one), Some(other)) => text = format!("{text}, on {one}, and also on {other}"),
    }
    if !is_any(month) {
        text = format!(
            "{text}, in {}",
            listed(month, |part| {
                range(part, |month| name(month, &MONTHS, 1))
            })
        );
    }
    text
}

fn is_any(field: &str) -> bool {
    matches!(field, "*" | "?")
}

/// The times of day.
fn time(second: &str, minute: &str, hour: &str) -> String {
    let numbers = |field: &str| -> Option<Vec<u8>> {
        field.split(',').map(|part| part.parse().ok()).collect()
    };
    if let (Some(minutes), Some(hours), "0") = (numbers(minute), numbers(hour), second)
        && minutes.len() * hours.len() <= TIMES_MAX
    {
        let times = hours.iter().flat_map(|hour| {
            let times = minutes.iter();
            times.map(move |minute| format!("{hour:02}:{minute:02}"))
        });
        return format!("at {}", joined(&times.collect::<Vec<_>>()));
    }
    let mut units = vec![unit(minute, "minute"), unit(hour, "hour")];
    if second != "0" {
        units.insert(0, unit(second, "second"));
    }
    let text = units.join(" of ");
    if text.starts_with("every") {
        text
    } else {
        format!("at {text}")
    }
}

/// A field of seconds, minutes or hours.
fn unit(field: &str, unit: &str) -> String {
    match (field, field.strip_prefix("*/")) {
        ("*", _) => format!("every {unit}"),
        (_, Some(step)) if !step.contains(',') => format!("{} {unit}", every(step)),
        _ => format!(
            "{unit} {}",
            listed(field, |part| range(part, str::to_owned))
        ),
    }
}

/// `every 2nd`.
fn every(step: &str) -> String {
    let end = match step {
        "2" | "22" => "nd",
        "3" | "23" => "rd",
        "21" | "31" => "st",
        _ => "th",
    };
    format!("every {step}{end}")
}

fn of_month(part: &str) -> String {
    match (part, part.strip_suffix('W')) {
        ("L", _) => "the last day of the month".to_owned(),
        ("LW", _) => "the last workday of the month".to_owned(),
        (_, Some(day)) => format!("the workday nearest to day {day} of the month"),
        _ if part.starts_with("*/") => format!("{} day of the month", range(part, str::to_owned)),
        _ => format!("day {} of the month", range(part, str::to_owned)),
    }
}

fn of_week(part: &str) -> String {
    let day = |day: &str| name(day, &DAYS, 0);
    if let Some((of, place)) = part.split_once('#') {
        let place = match place
            .parse::<usize>()
            .ok()
            .and_then(|at| PLACES.get(at - 1))
        {
            Some(place) => place,
            None => "last",
        };
        return format!("the {place} {} of the month", day(of));
    }
    match part.strip_suffix('L') {
        Some(of) if !of.is_empty() => format!("the last {} of the month", day(of)),
        _ => range(part, day),
    }
}

/// `5`, `1-5`, `*/2`, `1-9/2`.
fn range(part: &str, name: impl Fn(&str) -> String) -> String {
    let (range, step) = part.split_once('/').unwrap_or((part, ""));
    let range = match range.split_once('-') {
        _ if is_any(range) => String::new(),
        Some((from, to)) => format!("{} to {}", name(from), name(to)),
        None => name(range),
    };
    match (step, range.as_str()) {
        ("", _) => range,
        (step, "") => every(step),
        (step, range) => format!("{} from {range}", every(step)),
    }
}

/// A number or a short name as a whole name.
fn name(text: &str, names: &[&str], first: usize) -> String {
    let by_number = text.parse::<usize>().ok();
    let found = match by_number.and_then(|number| number.checked_sub(first)) {
        Some(at) => names.get(at % names.len()),
        None => names.iter().find(|name| {
            let short = name.get(..3).unwrap_or_default();
            short.eq_ignore_ascii_case(text)
        }),
    };
    found.map_or_else(|| text.to_owned(), |name| (*name).to_owned())
}

fn listed(field: &str, part: impl Fn(&str) -> String) -> String {
    let parts: Vec<String> = field.split(',').map(part).collect();
    joined(&parts)
}

fn joined(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [parts @ .., last] => format!("{} and {last}", parts.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::words;

    #[track_caller]
    fn check(pattern: &str, expected: &str) {
        assert_eq!(words(pattern), expected, "{pattern}");
    }

    #[test]
    fn patterns_read_as_sentences() {
        check("0 2 * * *", "at 02:00");
        check("@daily", "at 00:00");
        check("@Hourly", "at minute 0 of every hour");
        check("15,45 1 * * *", "at 01:15 and 01:45");
        check("* * * * *", "every minute of every hour");
        check("*/30 * * * *", "every 30th minute of every hour");
        check("0 */2 * * *", "at minute 0 of every 2nd hour");
        check(
            "*/10 30 8-17 * * mon-fri",
            "every 10th second of minute 30 of hour 8 to 17, on Monday to Friday",
        );
        check(
            "0 6 L,15 * *",
            "at 06:00, on the last day of the month and day 15 of the month",
        );
        check(
            "0 6 LW 2 *",
            "at 06:00, on the last workday of the month, in February",
        );
        check(
            "0 6 15W JAN-MAR ?",
            "at 06:00, on the workday nearest to day 15 of the month, in January to March",
        );
        check(
            "0 6 1 * MON#2,5L",
            "at 06:00, on day 1 of the month, and also on the second Monday of the month and the last Friday of the month",
        );
        check("0 6 * * 7", "at 06:00, on Sunday");
        check(
            "0-30/5 6 * * *",
            "at minute every 5th from 0 to 30 of hour 6",
        );
        check("0 6 */2 * *", "at 06:00, on every 2nd day of the month");
    }
}
