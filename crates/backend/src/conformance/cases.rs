//! The cases. None takes longer than a few seconds of real time.

use super::Case;

/// All cases.
pub const CASES: &[Case] = &[
    Case {
        name: "values flow along references",
        steps: &[
            "a: { query: svc.read }",
            "b: { value: \"{{ steps.a.id + 1 }}\" }",
        ],
        script: r#"{"svc.read": {"id": 7}}"#,
        expected: r#"a succeeded={"id":7}, b succeeded=8; succeeded"#,
    },
    Case {
        name: "a failure skips what needs it and nothing else",
        steps: &[
            "a: { query: svc.read }",
            "b: { value: \"{{ steps.a }}\" }",
            "c: { value: 1, if: failed('a') }",
            "d: { action: svc.note }",
        ],
        script: r#"{"svc.read": 404, "svc.note": {"ok": 1}}"#,
        expected: r#"a failed:http.404, b skipped, c succeeded=1, d succeeded={"ok":1}; failed"#,
    },
    Case {
        name: "a transient failure is tried again after a wait",
        steps: &["a: { query: svc.read, retry: { attempts: 3, initial: 10ms } }"],
        script: r#"{"svc.read": [503, {"ok": 1}]}"#,
        expected: r#"a succeeded={"ok":1} x2; succeeded"#,
    },
    Case {
        name: "an effect that may have happened waits for a person",
        steps: &["a: { action: svc.act }", "b: { value: 1 }"],
        script: r#"{"svc.act": 500}"#,
        expected: "a interrupted:http.500, b succeeded=1; interrupted",
    },
    Case {
        name: "an effect with a key is prepared once and sent again",
        steps: &["a: { action: svc.put, retry: { attempts: 3, initial: 10ms } }"],
        script: r#"{"svc.put": [500, {"ok": 1}]}"#,
        expected: r#"a succeeded={"ok":1} x2; succeeded"#,
    },
    Case {
        name: "a trigger holds the run until it fires",
        steps: &[
            "a: { trigger: svc.done, every: 1s }",
            "b: { value: \"{{ steps.a.n }}\" }",
        ],
        script: r#"{"svc.read": [{"done": false}, {"done": true, "n": 3}]}"#,
        expected: r#"a succeeded={"done":true,"n":3}, b succeeded=3; succeeded"#,
    },
    Case {
        name: "a step hears no event of its own run",
        steps: &[
            "a: { trigger: flow.event, with: { event: x }, timeout: 200ms, on_error: continue }",
            "b: { action: flow.emit, with: { event: x } }",
        ],
        script: "{}",
        expected: r#"a timed_out, b succeeded={"event":"x"}; succeeded"#,
    },
    Case {
        name: "an approval that nobody answers has its default",
        steps: &[
            "a: { trigger: flow.approval, with: { message: go, default_choice: wait }, timeout: 200ms, output: $.choice }",
        ],
        script: "{}",
        expected: r#"a succeeded="wait"; succeeded"#,
    },
    Case {
        name: "an edge has a baseline",
        steps: &["a: { trigger: svc.new, every: 1s }"],
        script: r#"{"svc.list": [[{"id": "x"}], [{"id": "y"}, {"id": "x"}]]}"#,
        expected: r#"a succeeded={"id":"y"}; succeeded"#,
    },
    Case {
        name: "a step's time is up while it holds",
        steps: &["a: { trigger: svc.done, every: 1s, timeout: 300ms }"],
        script: r#"{"svc.read": {"done": false}}"#,
        expected: "a timed_out; failed",
    },
    Case {
        name: "a replaced failure is a success",
        steps: &[
            "a: { query: svc.read, on_error: { value: 5 } }",
            "b: { value: \"{{ steps.a }}\" }",
        ],
        script: r#"{"svc.read": 404}"#,
        expected: "a succeeded=5, b succeeded=5; succeeded",
    },
    Case {
        name: "a large value is stored and read again",
        steps: &[
            "a: { query: svc.read, output: \"{{ range(20000) | list }}\" }",
            "b: { value: \"{{ steps.a.count }}\" }",
            "c: { value: \"{{ steps.a[19999] }}\" }",
            "d: { value: \"{{ range(20000) | list }}\" }",
            "e: { value: \"{{ steps.d.count }}\" }",
        ],
        script: r#"{"svc.read": {}}"#,
        expected: "a succeeded=, b succeeded=20000, c succeeded=19999, d succeeded=, e succeeded=20000; succeeded",
    },
];
