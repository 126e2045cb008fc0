//! One case for each row of the tables in `docs/semantics.md`.

use std::path::Path;

use flow_backend::virtual_world::script::Word;
use flow_engine::duration::Millis;

use crate::support::{drive, shown, workflow, world};

/// A row, a workflow, what its operations answer, and what must become of it. A row may have several cases.
type Row = (&'static str, &'static str, &'static str, &'static str);

/// Rows about cancelling: after so many seconds, hard or not.
type Cancelled = (
    &'static str,
    u64,
    bool,
    &'static str,
    &'static str,
    &'static str,
);

const BAD: &str =
    r#"{"svc.read": 404, "svc.list": {"id": 1}, "svc.put": {"id": 2}, "svc.note": {"ok": 1}}"#;
const SLOW: &str =
    r#"{"svc.read": {"takes": "1m", "then": 1}, "svc.put": {"id": 2}, "svc.note": {"ok": 1}}"#;

const ROWS: &[Row] = &[
    (
        "W3",
        "steps: { a: { trigger: flow.approval, with: { message: go, default_choice: wait }, timeout: 1m, output: $.choice }, b: { trigger: flow.approval, with: { message: go }, timeout: 1m } }",
        "{}",
        "a succeeded=\"wait\", b timed_out; failed",
    ),
    (
        "S1",
        "steps: { a: { value: 1 }, b: { value: 2, needs: a, if: 'true' } }",
        "{}",
        "a succeeded=1, b succeeded=2; succeeded",
    ),
    (
        "S2",
        "steps: { a: { value: 1, if: 'false' } }",
        "{}",
        "a skipped; succeeded",
    ),
    (
        "S3",
        "steps: { a: { value: 1, if: 'false' }, b: { value: '{{ steps.a }}' } }",
        "{}",
        "a skipped, b skipped; succeeded",
    ),
    (
        "S4",
        "steps: { a: { query: svc.read }, b: { value: 1, needs: a } }",
        BAD,
        "a failed:http.404, b skipped; failed",
    ),
    (
        "S5",
        "steps: { a: { value: 1, if: 'false' }, b: { value: '{{ steps.a | default(2) }}' } }",
        "{}",
        "a skipped, b succeeded=2; succeeded",
    ),
    (
        "S6",
        "steps: { a: { query: svc.read }, b: { value: '{{ steps.a | default(2) }}' } }",
        BAD,
        "a failed:http.404, b skipped; failed",
    ),
    (
        "S7",
        "steps: { a: { query: svc.read, on_error: continue }, b: { value: 1, if: \"failed('a')\" }, c: { value: 2, if: \"succeeded('a')\" } }",
        BAD,
        "a failed:http.404, b succeeded=1, c skipped; succeeded",
    ),
    (
        "S8",
        "steps: { a: { query: svc.read, on_error: continue }, b: { value: 1, needs: a, if: always() } }",
        BAD,
        "a failed:http.404, b succeeded=1; succeeded",
    ),
    (
        "S9",
        "steps: { a: { query: svc.list }, b: { value: 1, if: steps.a.none.more } }",
        BAD,
        "a succeeded={\"id\":1}, b failed:template.undefined; failed",
    ),
    (
        "S10",
        "steps: { a: { query: svc.read, on_error: continue }, g: { steps: { x: { value: '{{ steps.a }}' }, y: { value: 1 } } } }",
        BAD,
        "a failed:http.404, g succeeded={\"y\":1}, g/x skipped, g/y succeeded=1; succeeded",
    ),
    (
        "S11",
        "steps: { a: { value: 1, if: 'false' }, b: { value: 1, if: 'false' }, c: { value: '{{ steps.a | default(steps.b) }}' } }",
        "{}",
        "a skipped, b skipped, c failed:template.undefined; failed",
    ),
    (
        "S12",
        "steps: { a: { value: 1, if: 'false' } }\noutputs: { o: '{{ steps.a }}' }",
        "{}",
        "a skipped; succeeded {\"o\":null}",
    ),
    (
        "F1",
        "steps: { a: { query: svc.read }, b: { value: 1 } }",
        BAD,
        "a failed:http.404, b succeeded=1; failed",
    ),
    (
        "F2",
        "steps: { a: { query: svc.read, on_error: continue }, b: { value: '{{ steps.a }}' } }",
        BAD,
        "a failed:http.404, b skipped; succeeded",
    ),
    (
        "F3",
        "steps: { a: { query: svc.read, on_error: { value: 7 } }, b: { value: '{{ steps.a }}' } }",
        BAD,
        "a succeeded=7, b succeeded=7; succeeded",
    ),
    (
        "F4",
        "steps: { x: { query: svc.list }, a: { query: svc.read, on_error: { value: '{{ steps.x.none }}' } } }",
        BAD,
        "x succeeded={\"id\":1}, a failed:http.404; failed",
    ),
    (
        "F5",
        "steps: { g: { steps: { a: { query: svc.read } } } }",
        BAD,
        "g failed:http.404, g/a failed:http.404; failed",
    ),
    (
        "F6",
        "steps: { g: { steps: { a: { query: svc.read, on_error: continue }, b: { value: 1 } } } }",
        BAD,
        "g succeeded={\"b\":1}, g/a failed:http.404, g/b succeeded=1; succeeded",
    ),
    (
        "F7",
        "steps: { l: { for_each: '[1, 2, 3]', max_parallel: 1, query: svc.read } }",
        r#"{"svc.read": [404, 1]}"#,
        "l failed:http.404, l[0] failed:http.404; failed",
    ),
    (
        "F8",
        "steps: { l: { for_each: '[1, 2]', tolerate: 50%, query: svc.read, output: '{{ 0 }}' }, n: { value: '{{ steps.l.failed | map(attribute=\"error.code\") | list }}' } }",
        r#"{"l[0]": 404, "l[1]": 1}"#,
        "l succeeded=[{\"key\":0,\"status\":\"failed\",\"value\":null,\"error\":{\"code\":\"http.404\",\"message\":\"the service answered 404\",\"status\":404,\"attempt\":1}},{\"key\":1,\"status\":\"succeeded\",\"value\":0,\"error\":null}], n succeeded=[\"http.404\"], l[0] failed:http.404, l[1] succeeded=0; succeeded",
    ),
    (
        "F9",
        "steps: { r: { query: svc.read, repeat: { max: 3 } } }",
        r#"{"svc.read": [1, 404]}"#,
        "r failed:http.404, r#0 succeeded=1, r#1 failed:http.404; failed",
    ),
    (
        "F10",
        "steps: { r: { value: 1, repeat: { until: result == 2, max: 1 } }, s: { value: 1, repeat: { until: result == 2, max: 1, on_max: continue } } }",
        "{}",
        "r failed:repeat.max, s succeeded=1, r#0 succeeded=1, s#0 succeeded=1; failed",
    ),
    (
        "F12",
        "steps: { a: { query: svc.read, timeout: 10s }, b: { value: 1, needs: a } }",
        SLOW,
        "a timed_out, b skipped; failed",
    ),
    (
        "F13",
        "steps: { a: { query: svc.read, timeout: 10s, on_error: { value: 3 } } }",
        SLOW,
        "a succeeded=3; succeeded",
    ),
    (
        "F14",
        "steps: { l: { for_each: '[1, 2]', tolerate: 1, item_timeout: 10s, query: svc.read, output: '{{ 0 }}' }, n: { value: '{{ steps.l.failed.count }}' } }",
        r#"{"l[0]": {"takes": "1m", "then": 1}, "l[1]": 1}"#,
        "l succeeded=[{\"key\":0,\"status\":\"timed_out\",\"value\":null,\"error\":{\"code\":\"step.timeout\",\"message\":\"the step's time is up\",\"status\":null,\"attempt\":1}},{\"key\":1,\"status\":\"succeeded\",\"value\":0,\"error\":null}], n succeeded=1, l[0] timed_out, l[1] succeeded=0; succeeded",
    ),
    (
        "F15",
        "steps: { a: { action: flow.fail, with: { message: no } } }",
        "{}",
        "a failed:flow.fail; failed",
    ),
    (
        "F16",
        "vars: { v: '{{ trigger.none }}' }\nsteps: { a: { value: 1 } }",
        "{}",
        "a cancelled; failed",
    ),
    (
        "F16",
        "steps: { a: { query: svc.list } }\noutputs: { o: '{{ steps.a.none }}' }",
        BAD,
        "a succeeded={\"id\":1}; failed",
    ),
    (
        "L1",
        "steps: { l: { for_each: range(16), max_parallel: 1, query: svc.read }, n: { value: '{{ steps.l.values }}' } }",
        r#"{"svc.read": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]}"#,
        "l succeeded=LIST, n succeeded=[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]; succeeded",
    ),
    (
        "L2",
        "steps: { l: { for_each: range(16), max_parallel: 1, query: svc.read, output: '{{ 0 }}' }, n: { value: '{{ steps.l.values }}' } }",
        r#"{"svc.read": 1, "l[3]": [503, 1]}"#,
        "l succeeded=LIST, n succeeded=[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0], l[3] succeeded=0 x2; succeeded",
    ),
    (
        "L3",
        "steps: { l: { for_each: range(16), max_parallel: 1, tolerate: 1, query: svc.read }, n: { value: '{{ steps.l.failed }}' } }",
        r#"{"svc.read": 1, "l[3]": 404}"#,
        "l succeeded=LIST, n succeeded=[{\"key\":3,\"status\":\"failed\",\"value\":null,\"error\":{\"code\":\"http.404\",\"message\":\"the service answered 404\",\"status\":404,\"attempt\":1}}]; succeeded",
    ),
    (
        "L4",
        "steps: { l: { for_each: range(16), max_parallel: 1, tolerate: 0, query: svc.read } }",
        r#"{"svc.read": 1, "l[3]": 404, "l[4]": [503, 404]}"#,
        "l failed:http.404; failed",
    ),
    (
        "R1",
        "steps: { a: { query: svc.read } }",
        r#"{"svc.read": [503, 1]}"#,
        "a succeeded=1 x2; succeeded",
    ),
    (
        "R2",
        "steps: { a: { query: svc.read, retry: 5 } }",
        BAD,
        "a failed:http.404; failed",
    ),
    (
        "R3",
        "steps: { a: { query: svc.read, retry: 2 } }",
        r#"{"svc.read": 503}"#,
        "a failed:http.503 x2; failed",
    ),
    (
        "R4",
        "steps: { a: { action: svc.act } }",
        r#"{"svc.act": 500}"#,
        "a interrupted:http.500; interrupted",
    ),
    (
        "R11",
        "steps: { a: { action: svc.make } }",
        r#"{"svc.make": 500, "svc.make.found": {"id": "m"}}"#,
        "a succeeded={\"id\":\"m\"}; succeeded",
    ),
    (
        "R11",
        "steps: { a: { action: svc.make, on_interrupt: fail, output: '{{ result.id }}' } }",
        r#"{"svc.make": 500, "svc.make.found": {"id": "m"}}"#,
        "a succeeded=\"m\"; succeeded",
    ),
    (
        "R12",
        "steps: { a: { action: svc.make } }",
        r#"{"svc.make": 500, "svc.make.found": null}"#,
        "a interrupted:http.500; interrupted",
    ),
    (
        "R12",
        "steps: { a: { action: svc.make, on_interrupt: retry, retry: 2 } }",
        r#"{"svc.make": [500, {"id": "n"}], "svc.make.found": null}"#,
        "a succeeded={\"id\":\"n\"} x2; succeeded",
    ),
    (
        "R13",
        "steps: { a: { action: svc.make } }",
        r#"{"svc.make": 500, "svc.make.found": ["`m` goes on", "`m` goes on", {"id": "m"}]}"#,
        "a succeeded={\"id\":\"m\"}; succeeded",
    ),
    (
        "R13",
        "steps: { a: { action: svc.make, timeout: 10s } }",
        r#"{"svc.make": 500, "svc.make.found": "`m` goes on"}"#,
        "a timed_out:http.500; failed",
    ),
    (
        "R14",
        "steps: { a: { action: svc.make }, b: { action: svc.make, needs: a } }",
        r#"{"a": {"id": "m"}, "b": 500, "svc.make.found": {"id": "m"}}"#,
        "a succeeded={\"id\":\"m\"}, b interrupted:http.500; interrupted",
    ),
    (
        "R14",
        "steps: { a: { action: svc.make }, b: { action: svc.make } }",
        r#"{"svc.make": 500, "svc.make.found": {"id": "m"}}"#,
        "a interrupted:http.500, b interrupted:http.500; interrupted",
    ),
    (
        "R5",
        "steps: { a: { action: svc.put, with: { n: 1 } } }",
        r#"{"svc.put": [500, {"echo": true}]}"#,
        "a succeeded={\"n\":1} x2; succeeded",
    ),
    (
        "R6",
        "steps: { a: { query: svc.read, retry: { attempts: 3, on: [404] } }, b: { query: svc.list, retry: { attempts: 3, on: [404] } } }",
        r#"{"svc.read": [404, 1], "svc.list": 503}"#,
        "a succeeded=1 x2, b failed:http.503; failed",
    ),
    (
        "R7",
        "steps: { a: { query: svc.read } }",
        r#"{"svc.read": {"fail": "http.429", "kind": "rate_limited", "retry_after": "2h"}}"#,
        "a failed:http.retry_after_too_long; failed",
    ),
    (
        "R8",
        "steps: { a: { query: svc.read, retry: { attempts: 2, attempt_timeout: 5s } } }",
        SLOW,
        "a failed:step.attempt_timeout x2; failed",
    ),
    (
        "R9",
        "steps: { l: { for_each: '[1]', query: svc.read } }",
        r#"{"svc.read": [503, 4]}"#,
        "l succeeded=[{\"key\":0,\"status\":\"succeeded\",\"value\":4,\"error\":null}], l[0] succeeded=4 x2; succeeded",
    ),
    (
        "C7",
        "steps: { a: { action: flow.stop }, b: { value: 1, needs: a } }\nfinally: { f: { value: '{{ run.status }}' } }\noutputs: { o: 1 }",
        "{}",
        "a succeeded={}, b cancelled, f succeeded=\"succeeded\"; succeeded {\"o\":1}",
    ),
    (
        "U1",
        "steps: { a: { action: svc.put, undo: { action: svc.note, with: { of: '{{ result.id }}' } } }, b: { action: svc.put, needs: a, undo: { action: svc.note } }, c: { query: svc.read, needs: b } }",
        BAD,
        "a succeeded={\"id\":2}, a.undo succeeded={\"ok\":1}, b succeeded={\"id\":2}, b.undo succeeded={\"ok\":1}, c failed:http.404; failed",
    ),
    (
        "U3",
        "steps: { a: { action: svc.put, undo: { action: svc.note } } }",
        BAD,
        "a succeeded={\"id\":2}; succeeded",
    ),
    (
        "U4",
        "steps: { a: { action: svc.put, undo: { action: svc.note } }, b: { action: svc.put, needs: a, undo: { action: svc.act } }, c: { query: svc.read, needs: b } }",
        r#"{"svc.put": 1, "svc.read": 404, "svc.note": {"ok": 1}, "svc.act": {"fail": "http.409"}}"#,
        "a succeeded=1, a.undo succeeded={\"ok\":1}, b succeeded=1, b.undo failed:http.409, c failed:http.404; failed",
    ),
    (
        "U5",
        "steps: { l: { for_each: { in: [x, y], as: w }, action: svc.put, with: { n: '{{ w }}' }, undo: { action: svc.note, with: { n: '{{ w }}', of: '{{ result.n }}' } } }, c: { query: svc.read, needs: l } }",
        r#"{"svc.put": {"echo": true}, "svc.note": {"echo": true}, "svc.read": 404}"#,
        "l succeeded=[{\"key\":0,\"status\":\"succeeded\",\"value\":{\"n\":\"x\"},\"error\":null},{\"key\":1,\"status\":\"succeeded\",\"value\":{\"n\":\"y\"},\"error\":null}], c failed:http.404, l[0] succeeded={\"n\":\"x\"}, l[1] succeeded={\"n\":\"y\"}, l[1].undo succeeded={\"n\":\"y\",\"of\":\"y\"}, l[0].undo succeeded={\"n\":\"x\",\"of\":\"x\"}; failed",
    ),
    (
        "U6",
        "steps: { a: { action: svc.put, on_error: { value: 1 }, undo: { action: svc.note } }, c: { query: svc.read, needs: a } }",
        r#"{"svc.put": 404, "svc.read": 404}"#,
        "a succeeded=1, c failed:http.404; failed",
    ),
    (
        "U7",
        "steps: { a: { action: svc.put, undo: { action: svc.note } }, c: { query: svc.read, needs: a, on_error: continue } }",
        BAD,
        "a succeeded={\"id\":2}, c failed:http.404; succeeded",
    ),
    (
        "E1",
        "steps: { a: { query: svc.read }, b: { trigger: time.after, with: { duration: 1m } } }\nfinally: { f: { value: 1 } }",
        BAD,
        "a failed:http.404, b succeeded={\"at\":\"2026-01-01T00:01:00.000Z\"}, f succeeded=1; failed",
    ),
    (
        "E2",
        "steps: { a: { action: svc.put, undo: { action: svc.note } }, c: { query: svc.read, needs: a } }\nfinally: { f: { value: '{{ run.status }}' } }",
        BAD,
        "a succeeded={\"id\":2}, a.undo succeeded={\"ok\":1}, c failed:http.404, f succeeded=\"failed\"; failed",
    ),
    (
        "E3",
        "steps: { a: { query: svc.read } }\nfinally: { f: { value: '{{ run.status }} {{ run.error.code }}' } }",
        BAD,
        "a failed:http.404, f succeeded=\"failed http.404\"; failed",
    ),
    (
        "E4",
        "steps: { a: { query: svc.read } }\nfinally: { f: { value: '{{ steps.a }}' }, g: { value: '{{ steps.a | default(0) }}' } }",
        BAD,
        "a failed:http.404, f skipped, g succeeded=0; failed",
    ),
    (
        "E5",
        "steps: { a: { value: 1 } }\nfinally: { f: { query: svc.read } }",
        BAD,
        "a succeeded=1, f failed:http.404; failed",
    ),
    (
        "E5",
        "steps: { a: { value: 1 } }\nfinally: { f: { query: svc.read, on_error: continue } }",
        BAD,
        "a succeeded=1, f failed:http.404; succeeded",
    ),
    (
        "E6",
        "steps: { a: { value: 1 } }\nfinally_timeout: 10s\nfinally: { f: { query: svc.read }, g: { value: 1, needs: f } }",
        SLOW,
        "a succeeded=1, f timed_out, g cancelled; failed",
    ),
    (
        "E7",
        "steps: { a: { value: 1, if: 'false' }, b: { value: 2 } }\noutputs: { a: '{{ steps.a }}', b: '{{ steps.b }}' }",
        "{}",
        "a skipped, b succeeded=2; succeeded {\"a\":null,\"b\":2}",
    ),
    (
        "E8",
        "steps: { g: { for_each: '[1]', steps: { a: { value: '{{ item }}' } }, finally: { f: { value: '{{ item }} {{ run.status }}' } } } }",
        "{}",
        "g succeeded=[{\"key\":0,\"status\":\"succeeded\",\"value\":{\"a\":1},\"error\":null}], g[0] succeeded={\"a\":1}, g[0]/a succeeded=1, g[0]/f succeeded=\"1 succeeded\"; succeeded",
    ),
    (
        "E8",
        "steps: { g: { timeout: 10s, steps: { a: { query: svc.read } }, finally: { f: { value: '{{ run.status }}' } } } }",
        SLOW,
        "g timed_out, g/a cancelled, g/f succeeded=\"timed_out\"; failed",
    ),
    (
        "P1",
        "steps: { a: { query: svc.read, concurrency: { group: g } } }",
        SLOW,
        "a succeeded=1; succeeded",
    ),
    (
        "P2",
        "steps: { a: { query: svc.read, concurrency: { group: g } }, b: { query: svc.read, concurrency: { group: g } } }",
        SLOW,
        "a succeeded=1, b succeeded=1; succeeded",
    ),
    (
        "P3",
        "steps: { a: { query: svc.read, concurrency: { group: g } }, b: { query: svc.read, concurrency: { group: g, when_full: skip } } }",
        SLOW,
        "a succeeded=1, b skipped; succeeded",
    ),
    (
        "P4",
        "steps: { a: { query: svc.read, concurrency: { group: g } }, b: { query: svc.read, concurrency: { group: g, when_full: replace } } }",
        SLOW,
        "a cancelled, b succeeded=1; succeeded",
    ),
    (
        "P5",
        "steps: { a: { query: svc.read, concurrency: { group: g } }, b: { query: svc.list, concurrency: { group: g } } }",
        r#"{"svc.read": [503, 1], "svc.list": {"id": 1}}"#,
        "a succeeded=1 x2, b succeeded={\"id\":1}; succeeded",
    ),
    (
        "P6",
        "steps: { g: { concurrency: { group: g }, steps: { a: { query: svc.read, concurrency: { group: g } } } } }",
        SLOW,
        "g succeeded={\"a\":1}, g/a succeeded=1; succeeded",
    ),
    (
        "P7",
        "steps: { a: { query: svc.read, concurrency: { group: g } }, b: { query: svc.read, timeout: 90s, concurrency: { group: g } }, c: { for_each: '[1]', item_timeout: 90s, query: svc.read, concurrency: { group: g } } }",
        SLOW,
        "a succeeded=1, b succeeded=1, c succeeded=[{\"key\":0,\"status\":\"succeeded\",\"value\":1,\"error\":null}], c[0] succeeded=1; succeeded",
    ),
];

const CANCELLED: &[Cancelled] = &[
    (
        "C1",
        10,
        false,
        "steps: { a: { query: svc.read }, b: { value: 1 } }",
        SLOW,
        "a cancelled, b succeeded=1; cancelled",
    ),
    (
        "C2",
        10,
        false,
        "steps: { a: { query: svc.read }, b: { value: 1, needs: a } }",
        SLOW,
        "a cancelled, b cancelled; cancelled",
    ),
    (
        "C3",
        10,
        false,
        "steps: { a: { query: svc.read }, b: { value: 1, needs: a, if: always() } }",
        SLOW,
        "a cancelled, b cancelled; cancelled",
    ),
    (
        "C4",
        10,
        false,
        "steps: { l: { for_each: '[1]', repeat: { max: 2 }, steps: { a: { query: svc.read }, b: { value: 1, needs: a } } } }",
        SLOW,
        "l cancelled, l[0] cancelled, l[0]#0 cancelled, l[0]#0/a cancelled, l[0]#0/b cancelled; cancelled",
    ),
    (
        "C5",
        10,
        true,
        "steps: { x: { action: svc.put, undo: { action: svc.note } }, a: { query: svc.read, needs: x } }\nfinally: { f: { value: 1 } }",
        SLOW,
        "x succeeded={\"id\":2}, a cancelled; cancelled",
    ),
    (
        "C6",
        10,
        false,
        "steps: { a: { value: 1 } }\nfinally: { f: { query: svc.read } }",
        SLOW,
        "a succeeded=1, f succeeded=1; succeeded",
    ),
    (
        "U2",
        10,
        false,
        "steps: { x: { action: svc.put, undo: { action: svc.note } }, a: { query: svc.read, needs: x } }\nfinally: { f: { value: '{{ run.status }}' } }",
        SLOW,
        "x succeeded={\"id\":2}, x.undo succeeded={\"ok\":1}, a cancelled, f succeeded=\"cancelled\"; cancelled",
    ),
];

/// Rows whose cases stand elsewhere: they need other workflows or real commands.
const ELSEWHERE: &[(&str, &str)] = &[
    ("L5", "crates/backend/tests/suite/ranges.rs"),
    ("P8", "crates/backend/tests/suite/admission.rs"),
    ("P9", "crates/backend/tests/suite/admission.rs"),
    ("P10", "crates/backend/tests/suite/admission.rs"),
    ("P11", "crates/backend/tests/suite/admission.rs"),
    ("P12", "crates/runner/tests/suite/places.rs"),
    ("P13", "crates/runner/tests/suite/places.rs"),
    ("P14", "crates/runner/tests/suite/places.rs"),
    ("P15", "crates/runner/tests/suite/places.rs"),
    ("W1", "crates/runner/tests/suite/approvals.rs"),
    ("W2", "crates/runner/tests/suite/approvals.rs"),
    ("W4", "crates/runner/tests/suite/serve/waits.rs"),
    ("W5", "crates/runner/tests/suite/serve/waits.rs"),
    ("W6", "crates/runner/tests/suite/serve/waits.rs"),
    ("F11", "crates/runner/tests/suite/nesting.rs"),
    ("C8", "crates/runner/tests/suite/nesting.rs"),
    ("R10", "crates/runner/tests/suite/nesting.rs"),
];

#[test]
fn every_row_is_as_the_tables_say() {
    for (row, text, script, expected) in ROWS {
        let workflow = workflow(text);
        let (journal, rest) = drive(&workflow, &mut world(script));
        let mut found = shown(&workflow, &journal, rest);
        // The list of a loop is too long to be written out here.
        if expected.contains("=LIST, n")
            && let (Some(list), Some(end)) = (found.find("=[{"), found.find(", n succeeded"))
        {
            found.replace_range(list + 1..end, "LIST");
        }
        assert_eq!(found, *expected, "row {row}: {text}");
    }
    for (row, after, hard, text, script, expected) in CANCELLED {
        let workflow = workflow(text);
        let hard = *hard;
        let words = [(Millis::seconds(*after), Word::Cancel { hard })];
        let (journal, rest) = drive(&workflow, &mut world(script).with_words(words));
        assert_eq!(
            shown(&workflow, &journal, rest),
            *expected,
            "row {row}: {text}"
        );
    }
}

#[test]
fn every_row_has_a_case() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(root.join("docs/semantics.md")).expect("the page is there");
    let mut cases: Vec<&str> = ROWS.iter().map(|(row, ..)| *row).collect();
    cases.extend(CANCELLED.iter().map(|(row, ..)| *row));
    for (row, file) in ELSEWHERE {
        let text = std::fs::read_to_string(root.join(file)).unwrap_or_default();
        let name = format!("fn {}_", row.to_lowercase());
        assert!(text.contains(&name), "{file} has no test for row {row}");
        cases.push(row);
    }
    let rows: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(' ').next())
        .filter(|row| {
            let mut letters = row.chars();
            letters
                .next()
                .is_some_and(|letter| "SFLRPCUEW".contains(letter))
                && letters.clone().next().is_some()
                && letters.all(|letter| letter.is_ascii_digit())
        })
        .collect();
    assert!(rows.len() >= 50, "{} rows", rows.len());
    let without: Vec<_> = rows.iter().filter(|row| !cases.contains(row)).collect();
    let unknown: Vec<_> = cases.iter().filter(|row| !rows.contains(row)).collect();
    assert!(
        without.is_empty() && unknown.is_empty(),
        "rows without a case: {without:?}; cases without a row: {unknown:?}"
    );
}
