//! What happens to steps: one line a rule.

use flow_engine::duration::Millis;
use flow_engine::report::StepState;

use crate::support::{check, drive, report_of, workflow, world};

#[test]
fn values_flow_along_references() {
    check(
        "a: { value: 1 } | b: { value: \"{{ steps.a + 1 }}\" }",
        "{}",
        "a succeeded=1, b succeeded=2; succeeded",
    );
    check(
        "a: { query: svc.read } | b: { value: \"{{ steps.a.id }}\" }",
        r#"{"svc.read": {"id": 7}}"#,
        r#"a succeeded={"id":7}, b succeeded=7; succeeded"#,
    );
    check(
        "a: { query: svc.read, output: $.id }",
        r#"{"svc.read": {"id": 7}}"#,
        "a succeeded=7; succeeded",
    );
    check(
        "a: { query: svc.read, output: { n: $.id, m: \"{{ result.id + 1 }}\" } }",
        r#"{"svc.read": {"id": 7}}"#,
        r#"a succeeded={"n":7,"m":8}; succeeded"#,
    );
    check(
        "a: { query: svc.read, output: $.none }",
        r#"{"svc.read": {"id": 7}}"#,
        "a failed:jsonpath.no_match; failed",
    );
}

#[test]
fn conditions_skip_and_lost_needs_skip_on() {
    let bad = r#"{"svc.read": 404}"#;
    check(
        "a: { value: 1, if: \"false\" } | b: { value: \"{{ steps.a }}\" }",
        "{}",
        "a skipped, b skipped; succeeded",
    );
    check(
        "a: { query: svc.read } | b: { value: \"{{ steps.a }}\" } | c: { value: 1 }",
        bad,
        "a failed:http.404, b skipped, c succeeded=1; failed",
    );
    check(
        "a: { query: svc.read, on_error: continue } | b: { value: \"{{ steps.a }}\" }",
        bad,
        "a failed:http.404, b skipped; succeeded",
    );
    check(
        "a: { query: svc.read, on_error: { value: 5 } } | b: { value: \"{{ steps.a }}\" }",
        bad,
        "a succeeded=5, b succeeded=5; succeeded",
    );
    check(
        "a: { query: svc.read } | b: { value: 2, if: steps.a.n }",
        r#"{"svc.read": {"n": 1}}"#,
        r#"a succeeded={"n":1}, b failed:template.not_boolean; failed"#,
    );
}

#[test]
fn optional_needs_wait_and_go_on() {
    let bad = r#"{"svc.read": 404}"#;
    // Rule 15: a skipped step is no loss where `default` stands; a failed one is.
    check(
        "a: { value: 1, if: \"false\" } | b: { value: \"{{ steps.a|default(9) }}\" }",
        "{}",
        "a skipped, b succeeded=9; succeeded",
    );
    check(
        "a: { query: svc.read } | b: { value: \"{{ steps.a|default(9) }}\" }",
        bad,
        "a failed:http.404, b skipped; failed",
    );
    // Rule 23: who asks for the status goes on after any end of that step, and of no other.
    check(
        "a: { query: svc.read } | b: { value: 1, if: failed('a') }",
        bad,
        "a failed:http.404, b succeeded=1; failed",
    );
    check(
        "a: { query: svc.read } | b: { value: \"{{ error('a').code }}\", if: failed('a') }",
        bad,
        "a failed:http.404, b succeeded=\"http.404\"; failed",
    );
    check(
        "a: { query: svc.read } | b: { value: 1, needs: a, if: always() }",
        bad,
        "a failed:http.404, b succeeded=1; failed",
    );
    check(
        "a: { query: svc.read } | b: { value: 1, needs: a, if: succeeded('a') }",
        bad,
        "a failed:http.404, b skipped; failed",
    );
}

#[test]
fn failures_are_tried_again_as_their_effect_allows() {
    check(
        "a: { query: svc.read }",
        r#"{"svc.read": [503, 500, {"ok": 1}]}"#,
        r#"a succeeded={"ok":1} x3; succeeded"#,
    );
    check(
        "a: { query: svc.read }",
        r#"{"svc.read": 503}"#,
        "a failed:http.503 x5; failed",
    );
    check(
        "a: { query: svc.read, retry: 2 }",
        r#"{"svc.read": 503}"#,
        "a failed:http.503 x2; failed",
    );
    check(
        "a: { query: svc.read }",
        r#"{"svc.read": 404}"#,
        "a failed:http.404; failed",
    );
    check(
        "a: { query: svc.read, retry: { attempts: 3, on: [404] } }",
        r#"{"svc.read": [404, {"ok": 1}]}"#,
        r#"a succeeded={"ok":1} x2; succeeded"#,
    );
    check(
        "a: { action: svc.act }",
        r#"{"svc.act": [429, {"ok": 1}]}"#,
        r#"a succeeded={"ok":1} x2; succeeded"#,
    );
    check(
        "a: { action: svc.act }",
        r#"{"svc.act": [500, {"ok": 1}]}"#,
        "a interrupted:http.500; interrupted",
    );
    check(
        "a: { action: svc.act, on_interrupt: fail }",
        r#"{"svc.act": [500, {"ok": 1}]}"#,
        "a failed:http.500; failed",
    );
    check(
        "a: { action: svc.act, effect: repeatable }",
        r#"{"svc.act": [500, {"ok": 1}]}"#,
        r#"a succeeded={"ok":1} x2; succeeded"#,
    );
    check(
        "a: { action: svc.put }",
        r#"{"svc.put": [500, {"ok": 1}]}"#,
        r#"a succeeded={"ok":1} x2; succeeded"#,
    );
}

#[test]
fn a_service_is_given_the_time_it_asks_for() {
    let asked = |time: &str| {
        format!(
            r#"{{"svc.read": [{{"fail": "http.429", "kind": "rate_limited", "retry_after": "{time}"}}, {{"ok": 1}}]}}"#
        )
    };
    check(
        "a: { query: svc.read, timeout: 20s }",
        &asked("30s"),
        "a timed_out:http.429; failed",
    );
    check(
        "a: { query: svc.read, timeout: 40s }",
        &asked("30s"),
        r#"a succeeded={"ok":1} x2; succeeded"#,
    );
    check(
        "a: { query: svc.read }",
        &asked("2h"),
        "a failed:http.retry_after_too_long; failed",
    );
}

#[test]
fn triggers_hold_until_they_fire() {
    check(
        "a: { trigger: svc.done, every: 1m }",
        r#"{"svc.read": [{"done": false}, 503, {"done": false}, {"done": true, "n": 1}]}"#,
        r#"a succeeded={"done":true,"n":1}; succeeded"#,
    );
    check(
        "a: { trigger: svc.done, every: 1m }",
        r#"{"svc.read": 404}"#,
        "a failed:http.404; failed",
    );
    check(
        "a: { trigger: svc.done, every: 1m, timeout: 5m }",
        r#"{"svc.read": {"done": false}}"#,
        "a timed_out; failed",
    );
    // An edge takes what is there as its baseline, and ends with what is new.
    check(
        "a: { trigger: svc.new }",
        r#"{"svc.list": [[{"id": "x"}], [{"id": "x"}], [{"id": "y"}, {"id": "x"}]]}"#,
        r#"a succeeded={"id":"y"}; succeeded"#,
    );
    check(
        "a: { trigger: svc.new, where: result.n > 1 }",
        r#"{"svc.list": [[], [{"id": "x", "n": 1}], [{"id": "y", "n": 2}]]}"#,
        r#"a succeeded={"id":"y","n":2}; succeeded"#,
    );
    check(
        "a: { trigger: time.after, with: { duration: 90s } }",
        "{}",
        r#"a succeeded={"at":"2026-01-01T00:01:30.000Z"}; succeeded"#,
    );
    check(
        "a: { trigger: time.after, with: { duration: soon } }",
        "{}",
        "a failed:time.duration; failed",
    );
}

#[test]
fn looks_come_soon_first_and_then_as_asked() {
    let workflow = workflow("steps:\n  a: { trigger: svc.done, every: 10s }\n");
    let mut world = world(
        r#"{"svc.read": [{"done": false}, {"done": false}, {"done": false}, {"done": false}, {"done": false}, {"done": false}, {"done": true}]}"#,
    );
    let (journal, _) = drive(&workflow, &mut world);
    let report = report_of(&journal);
    let took = report.steps["a"]
        .ended_at
        .expect("it ended")
        .since(report.steps["a"].started_at);
    // 0, 1, 3, 7, 15, 25, 35 seconds: the wait doubles up to `every`.
    assert_eq!(took, Millis::seconds(35));
    assert_eq!(world.calls("svc.read"), 7);
}

#[test]
fn outputs_are_null_where_their_source_has_no_value() {
    let text = "steps:\n  a: { value: 1, if: \"false\" }\n  b: { value: 2 }\noutputs: { a: \"{{ steps.a }}\", b: \"{{ steps.b }}\", c: \"{{ steps.a | default(3) }}\" }\n";
    let workflow = workflow(text);
    let (journal, rest) = drive(&workflow, &mut world("{}"));
    assert_eq!(
        crate::support::shown(&workflow, &journal, rest),
        r#"a skipped, b succeeded=2; succeeded {"a":null,"b":2,"c":3}"#
    );
}

#[test]
fn vars_are_rendered_once_and_their_failure_fails_the_run() {
    let good = workflow(
        "vars: { a: 2, b: \"{{ vars.a * 2 }}\" }\nsteps:\n  s: { value: \"{{ vars.b }}\" }\n",
    );
    let (journal, rest) = drive(&good, &mut world("{}"));
    assert_eq!(
        crate::support::shown(&good, &journal, rest),
        "s succeeded=4; succeeded"
    );
    let bad = workflow("vars: { a: \"{{ 1 / 0 }}\" }\nsteps:\n  s: { value: 1 }\n");
    let (journal, rest) = drive(&bad, &mut world("{}"));
    assert_eq!(
        crate::support::shown(&bad, &journal, rest),
        "s cancelled; failed"
    );
}

#[test]
fn output_reads_stored_values() {
    let large = format!("[{}]", vec!["{\"n\": 1}"; 20_000].join(","));
    let workflow = workflow(
        "steps:\n  a: { query: svc.read }\n  b: { value: \"{{ steps.a }}\", output: '$[7].n' }\n",
    );
    let script = format!(r#"{{"svc.read": [{large}]}}"#);
    let (journal, rest) = drive(&workflow, &mut world(&script));
    let told = crate::support::shown(&workflow, &journal, rest);
    assert!(told.ends_with("b succeeded=1; succeeded"), "{told}");
}

#[test]
fn vars_that_fail_fail_the_run_whatever_the_steps_forgive() {
    let text =
        "vars: { a: \"{{ 1 / 0 }}\" }\nsteps:\n  s: { query: svc.read, on_error: continue }\n";
    let workflow = workflow(text);
    let (journal, _) = drive(&workflow, &mut world(r#"{"svc.read": 1}"#));
    let report = report_of(&journal);
    let (_, ended) = report.ended.as_ref().expect("it ended");
    let code = ended.failure.as_ref().map(|failure| failure.code.as_str());
    assert_eq!(
        (ended.status.as_str(), code),
        ("failed", Some("template.division"))
    );
}

#[test]
fn a_failure_points_at_its_place() {
    let workflow =
        workflow("steps:\n  a: { query: svc.read }\n  b: { value: \"{{ steps.a.id.x }}\" }\n");
    let (journal, _) = drive(&workflow, &mut world(r#"{"svc.read": {"id": null}}"#));
    let report = report_of(&journal);
    let failure = report.steps["b"].failure.as_ref().expect("it failed");
    let (start, _) = failure.span.expect("it has a place");
    let place = workflow.source.position(start);
    assert_eq!(
        (failure.code.as_str(), place.line),
        ("template.null", 3),
        "{}",
        failure.message
    );
    assert_eq!(report.steps["b"].state, StepState::Failed);
}
