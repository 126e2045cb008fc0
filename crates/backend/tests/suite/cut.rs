//! Every prefix of every journal: taken up again, it comes to the same end.

use flow_backend::virtual_world::Rest;
use flow_engine::journal::Event;

use crate::support::{drive, runtime, shown, workflow, world};

/// Runs, then cuts the journal at every event and carries on in a world that answers the same from then on.
#[track_caller]
fn check(steps: &str, script: &str) {
    let workflow = workflow(&format!(
        "vars: {{ v: 1 }}\nsteps:\n  {}\n",
        steps.replace(" | ", "\n  ")
    ));
    let (journal, rest) = drive(&workflow, &mut world(script));
    let expected = without_tries(&shown(&workflow, &journal, rest));
    for cut in 1..journal.len() {
        let prefix = journal[..cut].to_vec();
        let mut again = world(script);
        let (resumed, rest) = runtime()
            .block_on(again.resume(workflow.clone(), prefix))
            .expect("a prefix of a journal is a journal");
        assert_eq!(resumed[..cut], journal[..cut], "what is on disk stays");
        let found = without_tries(&shown(&workflow, &resumed, rest));
        // The end of a `once` attempt that was sent is not known: that is the only other end there may be.
        let sent =
            matches!(journal[cut - 1].1, Event::AttemptPrepared(_)) || rest == Rest::Interrupted;
        if !sent {
            assert_eq!(
                found,
                expected,
                "cut after {cut} of {}: {:?}",
                journal.len(),
                journal[cut - 1].1.kind()
            );
        }
    }
}

/// A lost attempt costs no try, but it is counted: the numbers may differ.
fn without_tries(text: &str) -> String {
    let mut kept: Vec<String> = Vec::new();
    for part in text.split(' ') {
        let number = part
            .strip_prefix('x')
            .map(|rest| rest.trim_end_matches([',', ';']));
        match (
            number.is_some_and(|number| number.parse::<u32>().is_ok()),
            kept.last_mut(),
        ) {
            (true, Some(before)) => {
                before.push_str(&part[part.trim_end_matches([',', ';']).len()..]);
            }
            _ => kept.push(part.to_owned()),
        }
    }
    kept.join(" ")
}

#[test]
fn any_cut_comes_to_the_same_end() {
    check(
        "a: { value: \"{{ vars.v }}\" } | b: { query: svc.read, needs: a } | c: { value: \"{{ steps.b.id }}\" }",
        r#"{"svc.read": {"id": 7}}"#,
    );
    check(
        "a: { query: svc.read } | b: { value: 1, if: failed('a') } | c: { value: 2, needs: a }",
        r#"{"svc.read": 404}"#,
    );
    check(
        "a: { action: svc.put } | b: { action: svc.note, needs: a } | c: { action: svc.act, needs: b }",
        r#"{"svc.put": {"k": 1}, "svc.note": {"n": 1}, "svc.act": {"a": 1}}"#,
    );
    check(
        "a: { trigger: svc.done } | b: { trigger: time.after, with: { duration: 1h } }",
        r#"{"svc.read": {"done": true}}"#,
    );
    check(
        "a: { value: 1, if: \"false\" } | b: { value: \"{{ steps.a|default(2) }}\" }",
        "{}",
    );
}

#[test]
fn an_effect_that_must_not_happen_twice_does_not() {
    let workflow = workflow("steps:\n  a: { action: svc.act }\n");
    let script = r#"{"svc.act": {"made": 1}}"#;
    let (journal, _) = drive(&workflow, &mut world(script));
    let cut = journal
        .iter()
        .position(|(_, event)| matches!(event, Event::AttemptPrepared(_)))
        .expect("it was prepared")
        + 1;
    let mut again = world(script);
    let (resumed, rest) = runtime()
        .block_on(again.resume(workflow.clone(), journal[..cut].to_vec()))
        .expect("a journal");
    assert_eq!(
        again.calls("svc.act"),
        0,
        "it may have happened, so it is not sent again"
    );
    assert_eq!(
        shown(&workflow, &resumed, rest),
        "a interrupted:run.attempt_lost; interrupted"
    );
}
