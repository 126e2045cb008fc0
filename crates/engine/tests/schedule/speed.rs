//! A step costs microseconds, and what is owed after years as little as after minutes. Bounds are far above what is
//! measured: they hold on a busy machine, and a search that walks minute by minute breaks them.

#![expect(clippy::disallowed_methods, reason = "a test may look at the clock")]

use std::time::{Duration, Instant};

use flow_engine::schedule::owed;

use crate::support::{at, timetable};

fn took(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}

#[test]
fn a_step_is_cheap() {
    for pattern in [
        "* * * * *",
        "*/15 * * * *",
        "0 2 * * *",
        "30 2 * * SUN#2",
        "0 6 LW * *",
        "0 0 29 2 *",
        "0 * 29 2 *",
    ] {
        let timetable = timetable(&format!(
            "{{ schedule: \"{pattern}\", timezone: America/New_York }}"
        ));
        let mut count = 0;
        let took = took(|| count = timetable.after(at("2026-01-01T00:00")).take(2_000).count());
        assert!(
            count > 500 && took < Duration::from_secs(2),
            "{pattern}: {took:?}"
        );
    }
}

#[test]
fn what_is_owed_after_years_costs_no_more_than_after_minutes() {
    for (on, bound) in [
        ("{ schedule: \"* * * * *\", timezone: Europe/Oslo }", 1),
        ("{ schedule: \"* * * 1 *\", timezone: Europe/Oslo }", 1),
        ("{ schedule: \"0 0 29 2 *\", misfire: skip }", 0),
        ("{ every: 1s, misfire: { all: 1000 } }", 1_000),
        (
            "{ schedule: \"*/5 * * * *\", timezone: Europe/Oslo, misfire: { all: 1000 } }",
            1_000,
        ),
    ] {
        let timetable = timetable(on);
        let mut found = None;
        let (since, now) = (at("2016-03-01T00:00"), at("2026-12-31T12:00"));
        let took = took(|| found = Some(owed(&timetable, since, now)));
        let found = found.expect("it was asked");
        assert_eq!(found.due.len(), bound, "{on}");
        assert!(took < Duration::from_secs(1), "{on}: {took:?}");
    }
}
