//! One case for each row of the tables in `docs/scheduling.md`.

use std::path::Path;

use flow_engine::catalog::Catalog;
use flow_engine::document::{self, NoFiles};
use flow_engine::schedule::{Backfill, Going, Owed, Timetable, Turn, backfill, owed, turn};
use flow_engine::source::SourceFile;
use flow_engine::time::Timestamp;
use flow_engine::workflow::{self, trigger::Misfire};

use crate::support::{at, timetable, told};

/// A row, a trigger, an instant, and the times after it: as many as are written.
type Times = (&'static str, &'static str, &'static str, &'static str);

/// A row, a trigger, the mark, the time, and what is owed.
type Owing = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

/// A row; the range, the bound, what is done; what becomes of it on 1 December 2026.
type Backfilled = (
    &'static str,
    &'static str,
    &'static str,
    u32,
    Option<&'static str>,
    &'static str,
);

const TIMES: &[Times] = &[
    (
        "P1",
        "{ schedule: \"0 2 * * *\" }",
        "2026-01-01T02:00",
        "2026-01-02T02:00 2026-01-03T02:00",
    ),
    (
        "P2",
        "{ schedule: \"30 0 2 * * *\" }",
        "2026-01-01T02:00",
        "2026-01-01T02:00:30 2026-01-02T02:00:30",
    ),
    (
        "P3",
        "{ schedule: \"0,30 8-9 * * *\" }",
        "2026-01-01T00:00",
        "2026-01-01T08:00 2026-01-01T08:30 2026-01-01T09:00 2026-01-01T09:30 2026-01-02T08:00",
    ),
    (
        "P4",
        "{ schedule: \"*/25 1-6/3 * * *\" }",
        "2026-01-01T00:00",
        "2026-01-01T01:00 2026-01-01T01:25 2026-01-01T01:50 2026-01-01T04:00 2026-01-01T04:25 2026-01-01T04:50 2026-01-02T01:00",
    ),
    (
        "P5",
        "{ schedule: \"0 6 * jan-FEB,dec Mon-tue\" }",
        "2026-02-22T00:00",
        "2026-02-23T06:00 2026-02-24T06:00 2026-12-01T06:00",
    ),
    (
        "P6",
        "{ schedule: \"0 6 * * 0\" }",
        "2026-11-22T00:00",
        "2026-11-22T06:00 2026-11-29T06:00",
    ),
    (
        "P6",
        "{ schedule: \"0 6 * * 7\" }",
        "2026-11-22T00:00",
        "2026-11-22T06:00 2026-11-29T06:00",
    ),
    (
        "P7",
        "{ schedule: \"0 6 L * *\" }",
        "2028-01-01T00:00",
        "2028-01-31T06:00 2028-02-29T06:00 2028-03-31T06:00",
    ),
    // 15 August 2026 is a Saturday, 1 August too, and 15 November a Sunday.
    (
        "P8",
        "{ schedule: \"0 6 15W * *\" }",
        "2026-08-01T00:00",
        "2026-08-14T06:00 2026-09-15T06:00",
    ),
    (
        "P8",
        "{ schedule: \"0 6 15W * *\" }",
        "2026-11-01T00:00",
        "2026-11-16T06:00",
    ),
    (
        "P8",
        "{ schedule: \"0 6 1W * *\" }",
        "2026-07-31T00:00",
        "2026-08-03T06:00",
    ),
    (
        "P9",
        "{ schedule: \"0 6 LW * *\" }",
        "2026-05-01T00:00",
        "2026-05-29T06:00 2026-06-30T06:00",
    ),
    (
        "P10",
        "{ schedule: \"0 6 * * 5L\" }",
        "2026-05-01T00:00",
        "2026-05-29T06:00 2026-06-26T06:00",
    ),
    (
        "P11",
        "{ schedule: \"0 6 * * MON#2\" }",
        "2026-05-01T00:00",
        "2026-05-11T06:00 2026-06-08T06:00",
    ),
    (
        "P12",
        "{ schedule: \"0 6 1 * ?\" }",
        "2026-05-01T07:00",
        "2026-06-01T06:00 2026-07-01T06:00",
    ),
    (
        "P12",
        "{ schedule: \"0 6 ? * MON\" }",
        "2026-05-01T07:00",
        "2026-05-04T06:00 2026-05-11T06:00",
    ),
    (
        "P13",
        "{ schedule: \"0 6 1 * MON\" }",
        "2026-06-26T00:00",
        "2026-06-29T06:00 2026-07-01T06:00 2026-07-06T06:00",
    ),
    (
        "P14",
        "{ schedule: \"@hourly\" }",
        "2026-01-01T00:00",
        "2026-01-01T01:00 2026-01-01T02:00",
    ),
    (
        "P14",
        "{ schedule: \"@daily\" }",
        "2026-01-01T00:00",
        "2026-01-02T00:00 2026-01-03T00:00",
    ),
    (
        "P14",
        "{ schedule: \"@weekly\" }",
        "2026-01-01T00:00",
        "2026-01-04T00:00 2026-01-11T00:00",
    ),
    (
        "P14",
        "{ schedule: \"@monthly\" }",
        "2026-01-01T00:00",
        "2026-02-01T00:00 2026-03-01T00:00",
    ),
    (
        "P14",
        "{ schedule: \"@yearly\" }",
        "2026-01-01T00:00",
        "2027-01-01T00:00 2028-01-01T00:00",
    ),
    (
        "P14",
        "{ schedule: \"@annually\" }",
        "2026-01-01T00:00",
        "2027-01-01T00:00 2028-01-01T00:00",
    ),
    (
        "P15",
        "{ schedule: \"0 0 29 2 *\" }",
        "2096-01-01T00:00",
        "2096-02-29T00:00 2104-02-29T00:00",
    ),
    (
        "P16",
        "{ schedule: \"0 2 * * *\" }",
        "2026-07-01T00:00",
        "2026-07-01T02:00",
    ),
    (
        "P17",
        "{ schedule: \"0 0 31 12 *\" }",
        "4999-01-01T00:00",
        "4999-12-31T00:00 nothing",
    ),
    (
        "D1",
        "{ schedule: \"30 2 * * *\", timezone: America/New_York }",
        "2026-03-07T00:00",
        "2026-03-07T07:30 2026-03-08T07:00 2026-03-09T06:30",
    ),
    (
        "D2",
        "{ schedule: \"30 2 * * *\", timezone: America/New_York, dst_gap: skip }",
        "2026-03-07T00:00",
        "2026-03-07T07:30 2026-03-09T06:30",
    ),
    (
        "D3",
        "{ schedule: \"0,20,40 2 * * *\", timezone: America/New_York }",
        "2026-03-08T00:00",
        "2026-03-08T07:00 2026-03-09T06:00",
    ),
    (
        "D4",
        "{ schedule: \"0,30 2-3 * * *\", timezone: America/New_York }",
        "2026-03-08T00:00",
        "2026-03-08T07:00 2026-03-08T07:30 2026-03-09T06:00",
    ),
    (
        "D5",
        "{ schedule: \"30 1 * * *\", timezone: America/New_York }",
        "2026-10-31T12:00",
        "2026-11-01T05:30 2026-11-02T06:30",
    ),
    (
        "D6",
        "{ schedule: \"0,30 1 * * *\", timezone: America/New_York, dst_overlap: both }",
        "2026-10-31T12:00",
        "2026-11-01T05:00 2026-11-01T05:30 2026-11-01T06:00 2026-11-01T06:30 2026-11-02T06:00",
    ),
    (
        "D7",
        "{ schedule: \"0 0 * * *\", timezone: Africa/Cairo }",
        "2026-04-22T12:00",
        "2026-04-22T22:00 2026-04-23T22:00 2026-04-24T21:00",
    ),
    (
        "D8",
        "{ schedule: \"15 2 * * *\", timezone: Australia/Lord_Howe }",
        "2026-10-02T00:00",
        "2026-10-02T15:45 2026-10-03T15:30 2026-10-04T15:15",
    ),
    (
        "D9",
        "{ schedule: \"15,45 1 * * *\", timezone: Australia/Lord_Howe }",
        "2026-04-04T00:00",
        "2026-04-04T14:15 2026-04-04T14:45 2026-04-05T14:45 2026-04-05T15:15",
    ),
    (
        "D10",
        "{ schedule: \"0 8,20 * * *\", timezone: Pacific/Apia }",
        "2011-12-30T00:00",
        "2011-12-30T06:00 2011-12-30T10:00 2011-12-30T18:00 2011-12-31T06:00",
    ),
    (
        "D11",
        "{ schedule: \"30 23 * * *\", timezone: Asia/Almaty }",
        "2024-02-28T12:00",
        "2024-02-28T17:30 2024-02-29T17:30 2024-03-01T18:30",
    ),
    (
        "I1",
        "{ schedule: \"*/30 * * * *\", timezone: America/New_York }",
        "2026-11-01T04:30",
        "2026-11-01T05:00 2026-11-01T05:30 2026-11-01T06:00 2026-11-01T06:30 2026-11-01T07:00",
    ),
    (
        "I2",
        "{ schedule: \"*/30 * * * *\", timezone: America/New_York }",
        "2026-03-08T06:00",
        "2026-03-08T06:30 2026-03-08T07:00 2026-03-08T07:30",
    ),
    (
        "I3",
        "{ schedule: \"0 */2 * * *\", timezone: America/New_York }",
        "2026-03-08T04:00",
        "2026-03-08T05:00 2026-03-08T07:00 2026-03-08T08:00 2026-03-08T10:00",
    ),
    (
        "I4",
        "{ schedule: \"30 */2 * * *\", timezone: America/New_York }",
        "2026-03-08T04:00",
        "2026-03-08T05:30 2026-03-08T07:30 2026-03-08T08:30 2026-03-08T10:30",
    ),
    (
        "I5",
        "{ schedule: \"30 */2 * * *\", timezone: America/New_York, dst_gap: skip }",
        "2026-03-08T04:00",
        "2026-03-08T05:30 2026-03-08T08:30 2026-03-08T10:30",
    ),
    (
        "I6",
        "{ schedule: \"15 * * * *\", timezone: America/New_York }",
        "2026-03-08T06:00",
        "2026-03-08T06:15 2026-03-08T07:15 2026-03-08T08:15",
    ),
    (
        "I7",
        "{ schedule: \"*/20 */2 * * *\", timezone: America/New_York }",
        "2026-03-08T05:30",
        "2026-03-08T05:40 2026-03-08T07:00 2026-03-08T07:20 2026-03-08T07:40 2026-03-08T08:00 2026-03-08T08:20",
    ),
    (
        "I8",
        "{ schedule: \"0 */2 * * *\", timezone: America/New_York }",
        "2026-11-01T03:00",
        "2026-11-01T04:00 2026-11-01T07:00 2026-11-01T09:00",
    ),
    (
        "I9",
        "{ schedule: \"30 * * * *\", timezone: America/New_York, dst_overlap: first }",
        "2026-11-01T05:00",
        "2026-11-01T05:30 2026-11-01T06:30 2026-11-01T07:30",
    ),
    (
        "I10",
        "{ schedule: \"0 * * * *\", timezone: Australia/Lord_Howe }",
        "2026-10-03T14:00",
        "2026-10-03T14:30 2026-10-03T15:30 2026-10-03T16:00 2026-10-03T17:00",
    ),
    (
        "I11",
        "{ schedule: \"0 0-23 * * *\", timezone: America/New_York }",
        "2026-11-01T04:00",
        "2026-11-01T05:00 2026-11-01T07:00 2026-11-01T08:00",
    ),
    (
        "I12",
        "{ every: 2h }",
        "2026-11-01T04:00",
        "2026-11-01T06:00 2026-11-01T08:00",
    ),
    (
        "I13",
        "{ every: 7d }",
        "2026-11-22T04:00",
        "2026-11-26T00:00 2026-12-03T00:00",
    ),
    (
        "C3",
        "{ schedule: \"30 2 * * *\", timezone: America/New_York }",
        "2026-03-08T00:00",
        "2026-03-08T07:00 2026-03-09T06:30",
    ),
    (
        "C4",
        "{ schedule: \"30 1 * * *\", timezone: America/New_York }",
        "2026-11-01T00:00",
        "2026-11-01T05:30 2026-11-02T06:30",
    ),
    (
        "C5",
        "{ schedule: \"*/30 * * * *\", timezone: America/New_York }",
        "2026-11-01T05:30",
        "2026-11-01T06:00 2026-11-01T06:30 2026-11-01T07:00",
    ),
    (
        "C6",
        "{ schedule: \"0 0 24 4 *\", timezone: Africa/Cairo }",
        "2026-04-01T00:00",
        "2026-04-23T22:00 2027-04-23T22:00",
    ),
    (
        "C6",
        "{ schedule: \"15 2 4 10 *\", timezone: Australia/Lord_Howe }",
        "2026-10-01T00:00",
        "2026-10-03T15:30 2027-10-03T15:15",
    ),
    (
        "C14",
        "{ schedule: \"0 0 29 2 *\" }",
        "2026-01-01T00:00",
        "2028-02-29T00:00 2032-02-29T00:00",
    ),
    (
        "C14",
        "{ schedule: \"14 3 19 1 *\", timezone: Europe/Oslo }",
        "2037-12-01T00:00",
        "2038-01-19T02:14 2039-01-19T02:14",
    ),
    (
        "C14",
        "{ schedule: \"0 0 * * *\" }",
        "9999-01-01T00:00",
        "nothing",
    ),
];

const DAILY: &str = "{ schedule: \"0 2 * * *\" }";
const DAILY_SKIP: &str = "{ schedule: \"0 2 * * *\", misfire: skip }";
const DAILY_ALL: &str = "{ schedule: \"0 2 * * *\", misfire: { all: 3 } }";
const MINUTES: &str = "{ schedule: \"* * * * *\", timezone: Europe/Oslo }";

const OWED: &[Owing] = &[
    (
        "M1",
        DAILY,
        "2026-01-01T02:00",
        "2026-01-02T01:59",
        "no run; mark 2026-01-01T02:00",
    ),
    (
        "M2",
        DAILY,
        "2026-01-01T02:00",
        "2026-01-02T02:00",
        "runs 2026-01-02T02:00; mark 2026-01-02T02:00",
    ),
    (
        "M2",
        DAILY_SKIP,
        "2026-01-01T02:00",
        "2026-01-02T02:01",
        "runs 2026-01-02T02:00; mark 2026-01-02T02:00",
    ),
    (
        "M2",
        DAILY_ALL,
        "2026-01-01T02:00",
        "2026-01-02T02:01",
        "runs 2026-01-02T02:00; mark 2026-01-02T02:00",
    ),
    (
        "M3",
        DAILY_SKIP,
        "2026-01-01T02:00",
        "2026-01-04T02:00:30",
        "runs 2026-01-04T02:00; skips 2 from 2026-01-02T02:00 to 2026-01-03T02:00; mark 2026-01-04T02:00",
    ),
    (
        "M4",
        DAILY_SKIP,
        "2026-01-01T02:00",
        "2026-01-04T02:01:01",
        "no run; skips 3 from 2026-01-02T02:00 to 2026-01-04T02:00; mark 2026-01-04T02:00",
    ),
    (
        "M5",
        DAILY,
        "2026-01-01T02:00",
        "2026-01-04T20:00",
        "runs 2026-01-04T02:00; skips 2 from 2026-01-02T02:00 to 2026-01-03T02:00; mark 2026-01-04T02:00",
    ),
    (
        "M6",
        DAILY_ALL,
        "2026-01-01T02:00",
        "2026-01-06T20:00",
        "runs 2026-01-04T02:00 2026-01-05T02:00 2026-01-06T02:00; skips 2 from 2026-01-02T02:00 to 2026-01-03T02:00; mark 2026-01-06T02:00",
    ),
    (
        "M7",
        MINUTES,
        "2026-01-01T00:00",
        "2026-04-01T00:00:10",
        "runs 2026-04-01T00:00; skips more than 1000 from 2026-01-01T00:01 to 2026-03-31T23:59; mark 2026-04-01T00:00",
    ),
    (
        "M8",
        MINUTES,
        "2026-01-01T00:00",
        "2027-01-01T00:00",
        "runs 2027-01-01T00:00; skips more than 1000 from 2026-01-01T00:01 to 2026-12-31T23:59; mark 2027-01-01T00:00",
    ),
    (
        "M9",
        MINUTES,
        "2026-01-02T00:00",
        "2026-01-01T00:00",
        "no run; mark 2026-01-02T00:00",
    ),
    (
        "M10",
        MINUTES,
        "2026-01-02T00:00",
        "2025-12-31T23:59:59",
        "no run; mark 2025-12-31T23:59:59",
    ),
    (
        "C11",
        MINUTES,
        "2026-01-01T00:00",
        "2026-01-01T00:01:30",
        "runs 2026-01-01T00:01; mark 2026-01-01T00:01",
    ),
    (
        "C11",
        "{ schedule: \"* * * * *\", misfire: skip }",
        "2026-01-01T00:00",
        "2026-01-01T00:10",
        "runs 2026-01-01T00:10; skips 9 from 2026-01-01T00:01 to 2026-01-01T00:09; mark 2026-01-01T00:10",
    ),
    (
        "C11",
        "{ schedule: \"* * * * *\", misfire: { all: 2 } }",
        "2026-01-01T00:00",
        "2026-03-11T10:40",
        "runs 2026-03-11T10:39 2026-03-11T10:40; skips more than 1000 from 2026-01-01T00:01 to 2026-03-11T10:38; mark 2026-03-11T10:40",
    ),
];

/// A row; whether the workflow has `concurrency`, the policy, how many go and wait; what becomes of the next one.
const TURNS: &[(&str, bool, Misfire, usize, usize, &str)] = &[
    ("W1", false, Misfire::Latest, 0, 0, "starts"),
    ("W2", false, Misfire::Latest, 1, 0, "waits"),
    ("W2", false, Misfire::Skip, 1, 0, "waits"),
    (
        "W3",
        false,
        Misfire::Latest,
        1,
        1,
        "the run before it has not ended, and one waits already",
    ),
    ("W4", false, Misfire::All(3), 1, 2, "waits"),
    (
        "W4",
        false,
        Misfire::All(3),
        1,
        3,
        "the run before it has not ended, and 3 wait already, as many as `misfire: { all: 3 }` allows",
    ),
    ("W5", true, Misfire::Latest, 5, 5, "starts"),
    ("W6", false, Misfire::Latest, 0, 0, "starts"),
    (
        "C13",
        false,
        Misfire::Latest,
        1,
        1,
        "the run before it has not ended, and one waits already",
    ),
    // What waited before a restart goes first.
    (
        "C13",
        false,
        Misfire::Latest,
        0,
        1,
        "the run before it has not ended, and one waits already",
    ),
];

const BACKFILLS: &[Backfilled] = &[
    (
        "B1",
        "2026-11-01T02:00",
        "2026-11-04T02:00",
        10,
        None,
        "2026-11-01T02:00 2026-11-02T02:00 2026-11-03T02:00",
    ),
    (
        "B2",
        "2026-11-01T02:00",
        "2026-11-04T02:00",
        10,
        Some("2026-11-02T02:00"),
        "2026-11-03T02:00",
    ),
    (
        "B3",
        "2026-11-01T00:00",
        "2026-11-30T00:00",
        3,
        None,
        "more than 3 times are due in the range: the 3 first end before 2026-11-04T02:00:00.000Z",
    ),
    (
        "B3",
        "2026-11-01T00:00",
        "2026-11-04T02:00",
        3,
        None,
        "2026-11-01T02:00 2026-11-02T02:00 2026-11-03T02:00",
    ),
    (
        "B4",
        "2026-11-01T00:00",
        "2026-12-02T00:00",
        3,
        None,
        "the range ends at 2026-12-02T00:00:00.000Z, and it is 2026-12-01T00:00:00.000Z: a backfill is for times that have passed",
    ),
    (
        "B5",
        "2026-11-02T00:00",
        "2026-11-01T00:00",
        3,
        None,
        "the range from 2026-11-02T00:00:00.000Z to 2026-11-01T00:00:00.000Z is empty: it must end after it begins",
    ),
    (
        "B6",
        "2026-11-01T00:00",
        "2026-11-02T00:00",
        0,
        None,
        "a backfill is bounded by a number of runs from 1 to 10000, found 0",
    ),
    (
        "B6",
        "2026-11-01T00:00",
        "2026-11-02T00:00",
        10_001,
        None,
        "a backfill is bounded by a number of runs from 1 to 10000, found 10001",
    ),
    (
        "B7",
        "2026-11-01T02:00",
        "2026-11-02T00:00",
        1,
        None,
        "2026-11-01T02:00",
    ),
];

/// A row, a pattern with its zone, and the code that it gets.
const FINDINGS: &[(&str, &str, &str)] = &[
    ("P16", "{ schedule: \"0 2 * * *\" }", ""),
    ("C1", "{ schedule: \"* * *\" }", "cron.syntax"),
    ("C1", "{ schedule: \"60 * * * *\" }", "cron.syntax"),
    ("C1", "{ schedule: \"0 24 * * *\" }", "cron.syntax"),
    ("C1", "{ schedule: \"*/0 * * * *\" }", "cron.syntax"),
    ("C1", "{ schedule: \"* 5-1 * * *\" }", "cron.syntax"),
    (
        "C1",
        "{ schedule: \"*/99999999999 * * * *\" }",
        "cron.syntax",
    ),
    ("C1", "{ schedule: \"\" }", "cron.syntax"),
    ("C2", "{ schedule: \"0 0 30 2 *\" }", "cron.never"),
    ("C2", "{ schedule: \"0 0 31 4,6,9,11 *\" }", "cron.never"),
    (
        "C7",
        "{ schedule: \"0 2 * * *\", timezone: Europe/Olso }",
        "cron.timezone",
    ),
    (
        "C7",
        "{ schedule: \"0 2 * * *\", timezone: GMT+5 }",
        "cron.timezone",
    ),
    (
        "C7",
        "{ schedule: \"0 2 * * *\", timezone: \"\" }",
        "cron.timezone",
    ),
    ("C8", "{ schedule: \"0 2 1 * MON\" }", "cron.either_day"),
    ("C9", "{ schedule: \"0 0 2 1 * MON 2030\" }", "cron.syntax"),
    ("C9", "{ schedule: \"@reboot\" }", "cron.syntax"),
    ("C9", "{ schedule: \"@every 5m\" }", "cron.syntax"),
    ("C9", "{ schedule: \"@midnight\" }", "cron.syntax"),
    ("C10", "{ schedule: \"0\u{a0}2 * * *\" }", "cron.syntax"),
    ("C10", "{ schedule: \"\u{661} 2 * * *\" }", "cron.syntax"),
    (
        "M6",
        "{ schedule: \"0 2 * * *\", misfire: { all: 1001 } }",
        "schema.type",
    ),
];

/// Rows whose cases are tests of their own.
const OTHERS: &[&str] = &["J1", "J2", "J3", "M11", "M12", "C15"];

#[test]
fn times_are_as_the_tables_say() {
    for (row, on, from, expected) in TIMES {
        let timetable = timetable(on);
        let count = expected.split(' ').count();
        let times = timetable.after(at(from)).map(|due| told(due.at));
        let found: Vec<_> = times.chain(["nothing".to_owned()]).take(count).collect();
        assert_eq!(found.join(" "), *expected, "row {row}: {on}");
    }
}

/// What is owed, in one line.
fn line(owed: &Owed) -> String {
    let runs: Vec<_> = owed.due.iter().map(|due| told(due.at)).collect();
    let runs = match runs.as_slice() {
        [] => "no run".to_owned(),
        runs => format!("runs {}", runs.join(" ")),
    };
    let skips = owed.skipped.map_or_else(String::new, |skipped| {
        let more = if skipped.more { "more than " } else { "" };
        let (first, last) = (told(skipped.first), told(skipped.last));
        format!("; skips {more}{} from {first} to {last}", skipped.count)
    });
    format!("{runs}{skips}; mark {}", told(owed.mark))
}

#[test]
fn what_is_owed_is_as_the_tables_say() {
    for (row, on, mark, now, expected) in OWED {
        let owed = owed(&timetable(on), at(mark), at(now));
        assert_eq!(line(&owed), *expected, "row {row}: {on}");
    }
}

#[test]
fn turns_are_as_the_tables_say() {
    for (row, has_concurrency, misfire, started, waiting, expected) in TURNS {
        let going = Going {
            started: *started,
            waiting: *waiting,
        };
        let found = match turn(*has_concurrency, *misfire, going) {
            Turn::Start => "starts".to_owned(),
            Turn::Wait => "waits".to_owned(),
            Turn::Skip(full) => full.to_string(),
        };
        assert_eq!(found, *expected, "row {row}");
    }
}

#[test]
fn backfills_are_as_the_tables_say() {
    for (row, from, to, most, done, expected) in BACKFILLS {
        let asked = Backfill {
            from: at(from),
            to: at(to),
            most: *most,
        };
        let found = backfill(
            &timetable(DAILY),
            asked,
            done.map(at),
            at("2026-12-01T00:00"),
        );
        let found = match found {
            Ok(times) => {
                let times: Vec<_> = times.iter().map(|due| told(due.at)).collect();
                times.join(" ")
            }
            Err(refused) => refused.to_string(),
        };
        assert_eq!(found, *expected, "row {row}");
    }
}

#[test]
fn findings_are_as_the_tables_say() {
    for (row, on, expected) in FINDINGS {
        let text = format!("on: {on}\nsteps: {{ a: {{ value: 1 }} }}\n");
        let source = SourceFile::new("test.yml", text);
        let (document, findings) = document::parse(&source, &NoFiles);
        let (_, findings) = workflow::check(&document, &Catalog::default(), &NoFiles, findings);
        let codes: Vec<_> = findings.iter().map(|finding| finding.code).collect();
        assert_eq!(codes.join(" "), *expected, "row {row}: {on}");
    }
}

const JITTERED: &str = "{ schedule: \"0 * * * *\", jitter: 30s }";

fn delays(timetable: &Timetable) -> Vec<u64> {
    let times = timetable.after(at("2026-01-01T00:00")).take(1_000);
    times.map(|due| due.start.since(due.at).0).collect()
}

#[test]
fn j1_each_run_starts_later_by_up_to_the_jitter() {
    let delays = delays(&timetable(JITTERED));
    assert!(delays.iter().all(|delay| *delay <= 30_000));
    let mean = delays.iter().sum::<u64>() / 1_000;
    assert!((13_000..17_000).contains(&mean), "{mean}");
}

#[test]
fn j2_it_is_the_same_each_time_and_another_for_another_trigger() {
    let one = timetable(JITTERED);
    assert_eq!(delays(&one), delays(&timetable(JITTERED)));
    let workflow = crate::support::workflow(JITTERED);
    let other = Timetable::of("another", &workflow.triggers["main"]).expect("made of times");
    assert_ne!(delays(&one), delays(&other));
}

#[test]
fn j3_the_instant_is_without_the_jitter() {
    let plain = timetable("{ schedule: \"0 * * * *\" }");
    let instants = |timetable: &Timetable| -> Vec<Timestamp> {
        let times = timetable.after(at("2026-01-01T00:00")).take(100);
        times.map(|due| due.at).collect()
    };
    assert_eq!(instants(&plain), instants(&timetable(JITTERED)));
}

#[test]
fn m11_a_new_trigger_counts_from_the_moment_it_is_seen() {
    let timetable = timetable(DAILY);
    let seen = at("2026-01-01T02:00");
    assert_eq!(
        line(&owed(&timetable, seen, seen)),
        "no run; mark 2026-01-01T02:00"
    );
}

#[test]
fn m12_what_the_old_one_owes_is_settled_first() {
    let (old, new) = (timetable(DAILY), timetable("{ schedule: \"0 3 * * *\" }"));
    let edited = at("2026-01-03T12:00");
    let settled = owed(&old, at("2026-01-01T02:00"), edited);
    assert_eq!(
        line(&settled),
        "runs 2026-01-03T02:00; skips 1 from 2026-01-02T02:00 to 2026-01-02T02:00; mark 2026-01-03T02:00"
    );
    assert_eq!(
        line(&owed(&new, edited, edited)),
        "no run; mark 2026-01-03T12:00"
    );
    let next = owed(&new, edited, at("2026-01-04T03:00"));
    assert_eq!(line(&next), "runs 2026-01-04T03:00; mark 2026-01-04T03:00");
}

/// Edited a while before, at, and a while after the instant at which both are due: one run, whoever it belongs to.
#[test]
fn c15_edited_in_the_second_it_is_due_one_of_the_two_runs() {
    let (old, new) = (timetable(DAILY), timetable("{ schedule: \"0 2,3 * * *\" }"));
    let due = at("2026-01-02T02:00");
    for beside in -1_500..1_500 {
        let edited = Timestamp(due.0 + beside);
        let settled = owed(&old, at("2026-01-01T02:00"), edited);
        let next = owed(&new, edited, at("2026-01-02T02:30"));
        let runs = settled.due.iter().chain(&next.due);
        let runs: Vec<_> = runs.map(|run| run.at).collect();
        assert_eq!(runs, [due], "edited {beside} ms beside it");
    }
}

#[test]
fn every_row_has_a_case() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(root.join("docs/scheduling.md")).expect("the page");
    let mut cases: Vec<&str> = TIMES.iter().map(|(row, ..)| *row).collect();
    cases.extend(OWED.iter().map(|(row, ..)| *row));
    cases.extend(TURNS.iter().map(|(row, ..)| *row));
    cases.extend(BACKFILLS.iter().map(|(row, ..)| *row));
    cases.extend(FINDINGS.iter().map(|(row, ..)| *row));
    for row in OTHERS {
        let name = format!("fn {}_", row.to_lowercase());
        assert!(
            include_str!("rows.rs").contains(&name),
            "no test for row {row}"
        );
        cases.push(row);
    }
    let is_row = |word: &&str| {
        let digits = word.strip_prefix(['P', 'D', 'I', 'J', 'M', 'W', 'B', 'C']);
        digits.is_some_and(|digits| digits.parse::<u32>().is_ok())
    };
    let rows: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(' ').next())
        .filter(is_row)
        .collect();
    assert!(rows.len() >= 80, "{} rows", rows.len());
    let without: Vec<_> = rows.iter().filter(|row| !cases.contains(row)).collect();
    let unknown: Vec<_> = cases.iter().filter(|row| !rows.contains(row)).collect();
    assert!(
        without.is_empty() && unknown.is_empty(),
        "rows without a case: {without:?}; cases without a row: {unknown:?}"
    );
}
