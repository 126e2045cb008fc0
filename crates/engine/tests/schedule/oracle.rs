//! Forty patterns in ten zones, around every change of the clock from 2020 to 2035: the engine and the judge agree on
//! every time. `ORACLE=whole cargo test --workspace oracle` compares all sixteen years instead of the days around changes.

use flow_engine::schedule::Timetable;
use flow_engine::time::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::judge::{Policy, Stretch};
use crate::pattern::Pattern;
use crate::support::timetable;

const PATTERNS: [&str; 40] = [
    "* * * * *",
    "*/5 * * * *",
    "*/7 * * * *",
    "*/20 * * * *",
    "*/30 * * * *",
    "0 * * * *",
    "15 * * * *",
    "10,50 * * * *",
    "35 * * * MON-FRI",
    "0 */2 * * *",
    "30 */2 * * *",
    "*/10 */2 * * *",
    "45 */3 * * *",
    "0 */6 * * *",
    "0 */12 * * SUN",
    "0 * 28-31 * *",
    "@hourly",
    "30 2 * * *",
    "30 1 * * *",
    "0 2 * * *",
    "0 3 * * *",
    "15,45 1 * * *",
    "*/15 1-3 * * *",
    "*/20 0-4/2 * * *",
    "0 0 * * *",
    "59 23 * * *",
    "30 0 * * SUN",
    "5 0 * * 7",
    "0-30/10 2 * MAR,NOV,APR,OCT *",
    "0 0-23 * * *",
    "30 2 8-14 3 SUN",
    "30 2 * * SUN#2",
    "30 1 * * 0L",
    "45 2 L * *",
    "15 1 LW * ?",
    "15 2 1W,15W,30W * *",
    "@daily",
    "@weekly",
    "0,30 */15 1 * * *",
    "*/40 */30 * * * *",
];

const ZONES: [&str; 10] = [
    "America/New_York",
    "Europe/Oslo",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Pacific/Apia",
    "Asia/Kolkata",
    "America/Sao_Paulo",
    "Asia/Tehran",
    "UTC",
];

/// 2020-01-01 and 2036-01-01.
const YEARS: std::ops::Range<i64> = 1_577_836_800..2_082_758_400;
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// The instants at which the clock of a zone changes, looked for hour by hour.
fn changes(zone: &TimeZone) -> Vec<i64> {
    let ahead = |second: i64| {
        let instant = jiff::Timestamp::from_second(second).expect("in range");
        zone.to_offset(instant)
    };
    let hours = (YEARS.start / HOUR..YEARS.end / HOUR).map(|hour| hour * HOUR);
    hours
        .filter(|second| ahead(*second) != ahead(second - HOUR))
        .collect()
}

/// What is compared of a zone.
fn stretches(zone: &TimeZone, is_whole: bool) -> Vec<(i64, i64)> {
    if is_whole {
        let begins = (YEARS.start..YEARS.end).step_by(usize::try_from(30 * DAY).expect("positive"));
        return begins.map(|from| (from, from + 30 * DAY)).collect();
    }
    let changes = changes(zone).into_iter();
    let around = changes.map(|change| (change - DAY - 5 * HOUR, change + DAY + 5 * HOUR));
    // Leap days, ends of months and of years, also where the clock is never changed.
    let others = [
        (1_582_848_000, 1_583_107_200),
        (1_767_139_200, 1_767_312_000),
        (2_147_400_000, 2_147_580_000),
    ];
    around.chain(others).collect()
}

/// A pattern with what the engine makes of it under each policy.
struct Subject {
    text: &'static str,
    pattern: Pattern,
    timetables: Vec<(Policy, Timetable)>,
}

impl Subject {
    fn new(text: &'static str, zone: &str) -> Subject {
        let policies = [(false, false), (true, true), (true, false), (false, true)];
        let timetables = policies.map(|(skips_gaps, counts_both)| {
            let gap = if skips_gaps { "skip" } else { "run_after" };
            let overlap = if counts_both { "both" } else { "first" };
            let on = format!(
                "{{ schedule: \"{text}\", timezone: {zone}, dst_gap: {gap}, dst_overlap: {overlap} }}"
            );
            let policy = Policy {
                skips_gaps,
                counts_both,
            };
            (policy, timetable(&on))
        });
        Subject {
            text,
            pattern: Pattern::read(text),
            timetables: timetables.into(),
        }
    }

    /// Compares what is due; gives how many times there were.
    fn compare(&self, zone: &str, stretch: &Stretch, (from, to): (i64, i64)) -> usize {
        let mut count = 0;
        for (policy, timetable) in &self.timetables {
            let before = Timestamp(from * 1000 - 1);
            let found: Vec<i64> = timetable
                .after(before)
                .map(|due| due.at.0 / 1000)
                .take_while(|at| *at < to)
                .collect();
            let expected = stretch.due(&self.pattern, *policy);
            if found != expected {
                let differs = found
                    .iter()
                    .zip(&expected)
                    .position(|(one, other)| one != other);
                let at = differs.unwrap_or(found.len().min(expected.len()));
                let told = |times: &[i64]| {
                    let time = times.get(at).copied().map(|at| Timestamp(at * 1000));
                    time.map_or_else(|| "nothing".to_owned(), |time| time.to_string())
                };
                panic!(
                    "`{}` in {zone}, skips gaps: {}, counts both: {}: the engine says {}, the judge {}",
                    self.text,
                    policy.skips_gaps,
                    policy.counts_both,
                    told(&found),
                    told(&expected)
                );
            }
            count += found.len();
        }
        count
    }
}

/// All patterns of a zone; gives how many times were compared, and how many changes of the clock were in them.
fn compare(name: &str, is_whole: bool) -> (usize, usize) {
    let zone = TimeZoneDatabase::bundled().get(name).expect("a zone");
    let subjects: Vec<Subject> = PATTERNS.map(|text| Subject::new(text, name)).into();
    let (by_second, by_minute): (Vec<_>, Vec<_>) = subjects
        .iter()
        .partition(|subject| subject.pattern.has_seconds());
    let mut count = 0;
    for (from, to) in stretches(&zone, is_whole) {
        let stretch = Stretch::new(&zone, from, to, 60);
        for subject in &by_minute {
            count += subject.compare(name, &stretch, (from, to));
        }
    }
    for change in changes(&zone) {
        // Second by second there is more to look at: some hours are enough.
        let around = (change - 2 * HOUR, change + 2 * HOUR);
        let stretch = Stretch::new(&zone, around.0, around.1, 10);
        for subject in &by_second {
            count += subject.compare(name, &stretch, around);
        }
    }
    (count, changes(&zone).len())
}

#[test]
fn the_engine_and_the_judge_agree_on_every_time() {
    let is_whole = std::env::var("ORACLE").is_ok_and(|what| what == "whole");
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let totals = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|thread| {
                let zones = ZONES.iter().skip(thread).step_by(threads);
                scope.spawn(move || zones.map(|zone| compare(zone, is_whole)).collect())
            })
            .collect();
        let ends = workers.into_iter().map(std::thread::ScopedJoinHandle::join);
        let ends = ends.flat_map(|end: Result<Vec<_>, _>| end.expect("they agree"));
        ends.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    });
    println!("{} times around {} changes", totals.0, totals.1);
    assert!(totals.1 > 120, "{} changes", totals.1);
    assert!(totals.0 > 1_000_000, "{} times", totals.0);
}
