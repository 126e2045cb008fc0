//! Groups, loops, rounds, undo, `finally`: what becomes of them, one line a rule.

use flow_backend::virtual_world::script::Word;
use flow_engine::duration::Millis;
use flow_engine::value::json;

use crate::support::{check_workflow as check, drive, runtime, shown, workflow, world};

#[test]
fn groups_have_values_and_hide_what_is_inside() {
    check(
        "steps: { g: { steps: { a: { value: 1 }, b: { value: \"{{ steps.a + 1 }}\" } } }, c: { value: \"{{ steps.g.b }}\" } }",
        "{}",
        r#"g succeeded={"a":1,"b":2}, c succeeded=2, g/a succeeded=1, g/b succeeded=2; succeeded"#,
    );
    check(
        "steps: { x: { value: 1 }, g: { outputs: { n: \"{{ steps.a + steps.x }}\" }, steps: { a: { value: 1 } } } }",
        "{}",
        r#"x succeeded=1, g succeeded={"n":2}, g/a succeeded=1; succeeded"#,
    );
    check(
        "steps: { g: { steps: { a: { query: svc.read }, b: { value: 1 } } }, c: { value: 1, needs: g } }",
        r#"{"svc.read": 404}"#,
        "g failed:http.404, c skipped, g/a failed:http.404, g/b succeeded=1; failed",
    );
    check(
        "steps: { x: { query: svc.read, on_error: continue }, g: { steps: { a: { value: \"{{ steps.x }}\" }, b: { value: 1 } } } }",
        r#"{"svc.read": 404}"#,
        r#"x failed:http.404, g succeeded={"b":1}, g/a skipped, g/b succeeded=1; succeeded"#,
    );
}

#[test]
fn loops_give_ordered_results() {
    check(
        "steps: { l: { for_each: \"[1, 2]\", value: \"{{ item * 10 + index }}\" }, v: { value: \"{{ steps.l.values }}\" } }",
        "{}",
        r#"l succeeded=[{"key":0,"status":"succeeded","value":10,"error":null},{"key":1,"status":"succeeded","value":21,"error":null}], v succeeded=[10,21], l[0] succeeded=10, l[1] succeeded=21; succeeded"#,
    );
    check(
        "steps: { l: { for_each: { in: { x: 1, y: 2 }, as: n }, value: \"{{ n_key }}{{ n }}\" } }\noutputs: { o: \"{{ steps.l.values }}\" }",
        "{}",
        r#"l succeeded=[{"key":"x","status":"succeeded","value":"x1","error":null},{"key":"y","status":"succeeded","value":"y2","error":null}], l[0] succeeded="x1", l[1] succeeded="y2"; succeeded {"o":["x1","y2"]}"#,
    );
    check(
        "steps: { l: { for_each: \"[]\", value: 1 } }",
        "{}",
        "l succeeded=[]; succeeded",
    );
    check(
        "steps: { l: { for_each: \"[1, 2, 3, 4, 5]\", where: item != 3, key: \"'k' ~ item\", chunk: 2, value: \"{{ item }}\" }, v: { value: \"{{ steps.l.values }}\" } }",
        "{}",
        r#"l succeeded=[{"key":0,"status":"succeeded","value":[1,2],"error":null},{"key":1,"status":"succeeded","value":[4,5],"error":null}], v succeeded=[[1,2],[4,5]], l[0] succeeded=[1,2], l[1] succeeded=[4,5]; succeeded"#,
    );
}

#[test]
fn loops_fail_with_their_items_or_tolerate_them() {
    check(
        "steps: { l: { for_each: \"[1, 2, 3]\", max_parallel: 1, query: svc.read } }",
        r#"{"svc.read": [1, 404, 3]}"#,
        "l failed:http.404, l[0] succeeded=1, l[1] failed:http.404; failed",
    );
    check(
        "steps: { l: { for_each: \"[1, 2, 3]\", tolerate: 1, query: svc.read }, f: { value: \"{{ steps.l.failed.count }}/{{ steps.l.succeeded.count }}\" } }",
        r#"{"svc.read": [1, 404, 3]}"#,
        r#"l succeeded=[{"key":0,"status":"succeeded","value":1,"error":null},{"key":1,"status":"failed","value":null,"error":{"code":"http.404","message":"the service answered 404","status":404,"attempt":1}},{"key":2,"status":"succeeded","value":3,"error":null}], f succeeded="1/2", l[0] succeeded=1, l[1] failed:http.404, l[2] succeeded=3; succeeded"#,
    );
}

#[test]
fn rounds_go_on_until_they_are_done() {
    check(
        "steps: { r: { query: svc.read, repeat: { until: result == 3, every: 10s, max: 5 } } }",
        r#"{"svc.read": [1, 2, 3]}"#,
        "r succeeded=3, r#0 succeeded=1, r#1 succeeded=2, r#2 succeeded=3; succeeded",
    );
    check(
        "steps: { r: { value: \"{{ previous + index }}\", repeat: { start: 10, max: 3 } } }",
        "{}",
        "r succeeded=13, r#0 succeeded=10, r#1 succeeded=11, r#2 succeeded=13; succeeded",
    );
    check(
        "steps: { r: { value: 1, repeat: { until: result == 2, max: 2 } } }",
        "{}",
        "r failed:repeat.max, r#0 succeeded=1, r#1 succeeded=1; failed",
    );
    check(
        "steps: { r: { value: 1, repeat: { until: result == 2, max: 2, on_max: continue } } }",
        "{}",
        "r succeeded=1, r#0 succeeded=1, r#1 succeeded=1; succeeded",
    );
    check(
        "steps: { r: { value: 1, repeat: { until: result == 2, every: 1m }, timeout: 150s } }",
        "{}",
        "r timed_out, r#0 succeeded=1, r#1 succeeded=1, r#2 succeeded=1; failed",
    );
}

#[test]
fn undo_goes_back_in_falling_order() {
    check(
        "steps:\n  a: { action: svc.put, with: { n: 1 }, undo: { action: svc.note, with: { id: \"{{ result.id }}\" } } }\n  b: { action: svc.put, needs: a, undo: { action: svc.note, with: { id: \"{{ result.id }}\" } } }\n  c: { query: svc.read, needs: b }",
        r#"{"svc.put": [{"id": 1}, {"id": 2}], "svc.note": {"echo": true}, "svc.read": 404}"#,
        r#"a succeeded={"id":1}, a.undo succeeded={"id":1}, b succeeded={"id":2}, b.undo succeeded={"id":2}, c failed:http.404; failed"#,
    );
    check(
        "steps: { a: { action: svc.put, undo: { action: svc.note } } }",
        r#"{"svc.put": {"id": 1}}"#,
        r#"a succeeded={"id":1}; succeeded"#,
    );
}

#[test]
fn finally_runs_in_any_case() {
    check(
        "steps: { a: { query: svc.read } }\nfinally: { f: { value: \"{{ run.status }} {{ run.error.code }}\" }, g: { value: \"{{ steps.a.id }}\" } }",
        r#"{"svc.read": 404}"#,
        r#"a failed:http.404, f succeeded="failed http.404", g skipped; failed"#,
    );
    check(
        "steps: { a: { query: svc.read } }\nfinally: { g: { value: \"{{ steps.a.id }}\" } }",
        r#"{"svc.read": {"id": 3}}"#,
        r#"a succeeded={"id":3}, g succeeded=3; succeeded"#,
    );
    check(
        "steps: { a: { value: 1 } }\nfinally: { g: { query: svc.read } }",
        r#"{"svc.read": 404}"#,
        "a succeeded=1, g failed:http.404; failed",
    );
    check(
        "steps: { g: { timeout: 10s, steps: { a: { query: svc.read }, b: { value: 1, needs: a } }, finally: { f: { value: \"{{ run.status }}\" } } } }",
        r#"{"svc.read": {"takes": "1m", "then": 1}}"#,
        r#"g timed_out, g/a cancelled, g/b cancelled, g/f succeeded="timed_out"; failed"#,
    );
}

#[test]
fn runs_end_themselves() {
    check(
        "steps: { a: { action: flow.stop, with: { message: enough } }, b: { value: 1, needs: a } }\noutputs: { o: 1 }",
        "{}",
        r#"a succeeded={"message":"enough"}, b cancelled; succeeded {"o":1}"#,
    );
    check(
        "steps: { a: { action: flow.fail, with: { message: no } } }",
        "{}",
        "a failed:flow.fail; failed",
    );
}

/// A word of someone outside.
fn said(text: &str, value: &str, expected: &str) {
    let workflow = workflow(text);
    let value = json::parse(value.as_bytes()).expect("JSON");
    let path = "ask".to_owned();
    let words = [(Millis::seconds(10), Word::Signal { path, value })];
    let (journal, rest) = drive(&workflow, &mut world("{}").with_words(words));
    assert_eq!(shown(&workflow, &journal, rest), expected, "{text}");
}

#[test]
fn approvals_wait_for_a_word() {
    let ask = "steps: { ask: { trigger: flow.approval, with: { message: go, choices: [approve, reject], reject_fails: true }, timeout: 1h } }";
    said(
        ask,
        r#"{"choice": "approve", "by": "me"}"#,
        r#"ask succeeded={"choice":"approve","by":"me","at":"2026-01-01T00:00:10.000Z","comment":null,"fields":{}}; succeeded"#,
    );
    said(
        ask,
        r#"{"choice": "reject"}"#,
        "ask failed:flow.rejected; failed",
    );
    said(ask, r#"{"choice": "perhaps"}"#, "ask timed_out; failed");
    said(
        "steps: { ask: { trigger: flow.approval, with: { message: go, default_choice: approve }, timeout: 5s } }",
        r#"{"choice": "reject"}"#,
        r#"ask succeeded={"choice":"approve","by":null,"at":"2026-01-01T00:00:05.000Z","comment":null,"fields":{}}; succeeded"#,
    );
}

/// Items of a stored list are read in windows, and read again after a restart.
#[test]
fn loops_over_stored_lists_carry_on() {
    let items: Vec<String> = (0..600)
        .map(|n| format!(r#"{{"n": {n}, "pad": "{}"}}"#, "x".repeat(200)))
        .collect();
    let script = format!(
        r#"{{"svc.list": [[{}]], "svc.put": {{"id": 1}}, "svc.note": {{"ok": 1}}, "svc.read": 404}}"#,
        items.join(",")
    );
    let workflow = workflow(
        "steps:\n  list: { query: svc.list }\n  each:\n    for_each: { in: steps.list, as: row }\n    where: row.n % 2 == 0\n    key: \"'k' ~ row.n\"\n    steps:\n      put: { action: svc.put, with: { n: \"{{ row.n }}\" }, undo: { action: svc.note, with: { n: \"{{ row.n }}\" } } }\n      sum: { value: \"{{ row.n + steps.put.id }}\" }\n    outputs: { sum: \"{{ steps.sum }}\" }\n  bad: { query: svc.read, needs: each }\n",
    );
    let mut world = world(&script);
    let (journal, rest) = drive(&workflow, &mut world);
    let told = shown(&workflow, &journal, rest);
    assert!(
        told.contains("each[299]/put.undo succeeded"),
        "{}",
        &told[..2000]
    );
    assert!(told.ends_with("; failed"));
    for cut in (3..journal.len()).step_by(journal.len() / 12) {
        let resumed = runtime().block_on(world.resume(workflow.clone(), journal[..cut].to_vec()));
        let (resumed, rest) = resumed.expect("a prefix of a journal is a journal");
        let found = shown(&workflow, &resumed, rest);
        let found = found.replace(" x2", "");
        // What goes on at the same time may begin in another order.
        let sorted = |text: &str| {
            let mut parts: Vec<String> = text.split(", ").map(str::to_owned).collect();
            parts.sort();
            parts
        };
        let (found, told) = (sorted(&found), sorted(&told));
        let differs = found.iter().zip(&told).find(|(a, b)| a != b);
        assert!(
            differs.is_none(),
            "cut after {cut}: {:?}: {differs:?}",
            journal[cut - 1].1
        );
    }
}
