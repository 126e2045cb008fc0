//! However often a process ends and starts, and whenever: each time gets one row.

use std::collections::BTreeMap;

use flow_engine::schedule::{Timetable, owed};
use flow_engine::time::Timestamp;
use proptest::prelude::*;
use proptest::sample::select;

use crate::support::{at, timetable};

/// Triggers whose times lie close together around the change of a clock, under each policy.
const TRIGGERS: [&str; 8] = [
    "{ schedule: \"*/30 * * * *\", timezone: America/New_York, misfire: skip }",
    "{ schedule: \"*/20 * * * *\", timezone: America/New_York, misfire: { all: 3 } }",
    "{ schedule: \"15,45 1,2 * * *\", timezone: America/New_York, dst_overlap: both }",
    "{ schedule: \"15,45 1,2 * * *\", timezone: America/New_York }",
    "{ schedule: \"0 */2 * * *\", timezone: Australia/Lord_Howe, misfire: { all: 2 } }",
    "{ schedule: \"*/10 * * * * *\", misfire: { all: 1000 } }",
    "{ every: 7m, jitter: 5m }",
    "{ every: 7m, misfire: skip }",
];

/// What a store holds of a trigger.
struct Store {
    mark: Timestamp,
    /// Each time with whether it got a run.
    rows: BTreeMap<i64, bool>,
}

impl Store {
    fn new(mark: Timestamp) -> Store {
        Store {
            mark,
            rows: BTreeMap::new(),
        }
    }

    /// Looks what is owed; what dies before it is written down is lost.
    fn look(&mut self, timetable: &Timetable, now: Timestamp, dies: bool) {
        let owed = owed(timetable, self.mark, now);
        if dies {
            return;
        }
        if let Some(skipped) = owed.skipped {
            let passed = timetable.after(Timestamp(skipped.first.0 - 1));
            for due in passed.take_while(|due| due.at <= skipped.last) {
                assert_eq!(self.rows.insert(due.at.0, false), None, "{} twice", due.at);
            }
        }
        for due in &owed.due {
            assert!(due.start >= due.at && due.at <= now);
            assert_eq!(self.rows.insert(due.at.0, true), None, "{} twice", due.at);
        }
        self.mark = owed.mark;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Restarts anywhere, most of them within a second of a time that is due; some die before they have written.
    #[test]
    fn each_time_gets_one_row(
        on in select(&TRIGGERS[..]),
        is_autumn in any::<bool>(),
        restarts in prop::collection::vec((0_usize..120, -1_000_i64..=1_000, any::<bool>()), 1..40),
    ) {
        let timetable = timetable(on);
        let begin = at(if is_autumn { "2026-11-01T04:00" } else { "2026-03-08T05:00" });
        let times: Vec<Timestamp> = timetable.after(begin).take(120).map(|due| due.at).collect();
        let mut looks: Vec<(Timestamp, bool)> = restarts
            .into_iter()
            .map(|(time, beside, dies)| (Timestamp((times[time].0 + beside).max(begin.0)), dies))
            .collect();
        looks.sort_unstable();
        let mut store = Store::new(begin);
        for (now, dies) in &looks {
            store.look(&timetable, *now, *dies);
        }
        let end = times[119];
        store.look(&timetable, end, false);
        let rows: Vec<i64> = store.rows.keys().copied().collect();
        let due: Vec<i64> = times.iter().map(|at| at.0).collect();
        prop_assert_eq!(rows, due);
    }

    /// The same with a clock that goes back and on by minutes and hours: no time twice.
    #[test]
    fn a_clock_that_goes_back_gives_no_time_twice(
        on in select(&TRIGGERS[..]),
        steps in prop::collection::vec(-20_000_i64..40_000, 1..60),
    ) {
        let timetable = timetable(on);
        let mut store = Store::new(at("2026-11-01T04:00"));
        let mut now = store.mark;
        for step in steps {
            let back_to = store.mark.0 - 23 * 3_600_000;
            now = Timestamp((now.0 + step * 250).max(back_to));
            store.look(&timetable, now, false);
        }
    }

    /// Times rise, from any instant on, and lie after it; the last one before an instant is the one before the next.
    #[test]
    fn times_rise(on in select(&TRIGGERS[..]), from in -3_000_000_000_000_i64..9_000_000_000_000) {
        let timetable = timetable(on);
        let mut before = Timestamp(from);
        for due in timetable.after(before).take(50) {
            prop_assert!(due.at > before);
            prop_assert!(due.start >= due.at);
            let latest = timetable.latest(Timestamp(from), due.at);
            prop_assert_eq!(latest, Some(due));
            let between = timetable.latest(before, Timestamp(due.at.0 - 1));
            prop_assert_eq!(between, None);
            before = due.at;
        }
    }
}
