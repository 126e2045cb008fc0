//! Loops that go by ranges: the same values as item by item, whatever fails, whenever they are cut.

use flow_backend::virtual_world::script::Word;
use flow_backend::virtual_world::{Journal, Rest};
use flow_engine::duration::Millis;
use flow_engine::journal::Event;
use flow_engine::report::Items;
use flow_engine::value::Value;

use crate::support::{drive, report_of, runtime, workflow, world};

/// What became of the loop `l`: its end, its value as a list, the failure's message; and the journal.
fn run(text: &str, script: &str) -> (String, Journal) {
    let workflow = workflow(text);
    let mut world = world(script);
    let (journal, rest) = drive(&workflow, &mut world);
    assert_eq!(rest, Rest::Ended, "{text}");
    (told(&journal, &world), journal)
}

fn told(journal: &Journal, world: &flow_backend::virtual_world::World) -> String {
    let report = report_of(journal);
    let l = &report.steps["l"];
    let value = match &l.value {
        Some(blob @ Value::Blob(_)) => {
            let items = flow_engine::eval::items(blob, &**world.blobs()).expect("a list");
            Value::from(items.collect::<Result<Vec<_>, _>>().expect("items"))
        }
        value => value.clone().unwrap_or_default(),
    };
    // A lost attempt costs no try, but it is counted: the numbers may differ.
    let mut value = format!("{value:?}");
    for attempt in 2..9 {
        let numbered = format!("\"attempt\": Int({attempt})");
        value = value.replace(&numbered, "\"attempt\": Int(1)");
    }
    let message = l.failure.as_ref().map(|failure| &failure.message);
    format!("{} {value} {message:?}", l.state.as_str())
}

fn count(journal: &Journal, kind: &str) -> usize {
    let found = journal.iter().filter(|(_, event)| {
        let of_l = flow_engine::run::step_of(event).is_some_and(|step| step.starts_with('l'));
        of_l && event.kind() == kind
    });
    found.count()
}

/// Steps with a long text in `vars.pad`.
fn padded(length: usize, steps: &str) -> String {
    format!("vars: {{ pad: {} }}\n{steps}", "x".repeat(length))
}

/// The same loop by ranges and item by item (`item_timeout` makes it go so), cut anywhere.
#[track_caller]
fn check(text: &str, script: &str) -> Journal {
    let workflow = workflow(&text.replace("EXTRA", ""));
    let mut first = world(script);
    let (journal, _) = drive(&workflow, &mut first);
    let by_ranges = told(&journal, &first);
    let (by_items, singly) = run(&text.replace("EXTRA", "item_timeout: 1h,"), script);
    assert_eq!(by_ranges, by_items, "{text}");
    assert!(count(&journal, "range_started") > 0, "{text}");
    assert_eq!(count(&singly, "range_started"), 0, "{text}");
    for cut in 1..journal.len() {
        let mut again = world(script).with_blobs_of(&first);
        let cut_off = journal[..cut].to_vec();
        let resumed = runtime().block_on(again.resume(workflow.clone(), cut_off));
        let (resumed, rest) = resumed.expect("a prefix of a journal is a journal");
        assert_eq!(rest, Rest::Ended, "cut after {cut}: {text}");
        let found = told(&resumed, &again);
        assert_eq!(found, by_ranges, "cut after {cut}: {text}");
    }
    journal
}

#[test]
fn values_are_computed_in_few_ranges() {
    let journal = check(
        "steps: { l: { EXTRA for_each: range(100), max_parallel: 2, value: \"{{ item * 10 + index }}\" } }",
        "{}",
    );
    assert!(journal.len() < 30, "{} events", journal.len());
    assert_eq!(count(&journal, "item_started"), 0);
    let items = report_of(&journal).steps["l"].items;
    let (count, over, failed) = (100, 100, 0);
    assert_eq!(
        items,
        Some(Items {
            count,
            over,
            failed
        })
    );
}

#[test]
fn l5_a_range_whose_end_was_lost_is_run_again() {
    let text = "steps: { l: { for_each: range(20), max_parallel: 1, query: svc.read } }";
    let (whole, journal) = run(text, r#"{"svc.read": 1}"#);
    let started = |(_, event): &(_, Event)| matches!(event, Event::RangeStarted(_));
    let cut = journal.iter().position(started).expect("it has a range") + 1;
    let mut again = world(r#"{"svc.read": 1}"#);
    let resumed = runtime().block_on(again.resume(workflow(text), journal[..cut].to_vec()));
    let (resumed, _) = resumed.expect("a prefix of a journal is a journal");
    assert_eq!(told(&resumed, &again), whole);
    assert_eq!(again.calls("l[0]"), 1);
    assert_eq!(
        count(&resumed, "range_started"),
        count(&journal, "range_started")
    );
}

#[test]
fn keys_and_stored_sources_are_the_same() {
    check(
        &padded(
            200,
            "steps: { s: { value: \"{{ range(600) | list }}\" }, rows: { for_each: steps.s, value: { n: \"{{ item }}\", pad: \"{{ vars.pad }}\" } }, l: { EXTRA for_each: { in: steps.rows, as: row }, where: row.value.n % 2 == 0, key: \"'k' ~ row.value.n\", max_parallel: 3, query: svc.read, with: { n: \"{{ row.value.n }}\" } } }",
        ),
        r#"{"svc.read": {"echo": true}, "l[70]": [503, {"n": 1}], "l[71]": [503, {"n": 2}]}"#,
    );
}

#[test]
fn large_results_are_stored_as_a_stream() {
    check(
        &padded(
            2000,
            "steps: { l: { EXTRA for_each: range(400), max_parallel: 1, tolerate: 3, value: \"{{ vars.pad ~ 1 / (item % 150) }}\" } }",
        ),
        "{}",
    );
}

#[test]
fn values_that_are_stored_themselves_stay() {
    check(
        &padded(
            40000,
            "steps: { l: { EXTRA for_each: range(20), max_parallel: 1, value: { $odd: \"{{ vars.pad ~ vars.pad ~ item }}\" } } }",
        ),
        "{}",
    );
}

#[test]
fn only_failed_items_are_tried_again() {
    let text = "steps: { l: { EXTRA for_each: range(64), max_parallel: 2, tolerate: 2, query: svc.read } }";
    let script =
        r#"{"svc.read": 1, "l[3]": [503, 7], "l[40]": [500, 8], "l[5]": 404, "l[6]": 503}"#;
    let journal = check(text, script);
    let singly = count(&journal, "item_started");
    assert_eq!(singly, 3, "3, 6 and 40");
    let mut world = world(script);
    drive(&workflow(&text.replace("EXTRA", "")), &mut world);
    assert_eq!(
        [0, 3, 4, 5, 40].map(|item| world.calls(&format!("l[{item}]"))),
        [1, 2, 1, 1, 2]
    );
}

#[test]
fn too_many_failures_end_a_range() {
    let text = "steps: { l: { EXTRA for_each: range(50), max_parallel: 1, tolerate: 1, query: svc.read } }";
    let script = r#"{"svc.read": 1, "l[3]": 404, "l[5]": 404}"#;
    check(text, script);
    let mut world = world(script);
    drive(&workflow(&text.replace("EXTRA", "")), &mut world);
    assert_eq!(
        [5, 6].map(|item| world.calls(&format!("l[{item}]"))),
        [1, 0]
    );
}

#[test]
fn a_range_ends_after_a_second() {
    let journal = check(
        "steps: { l: { EXTRA for_each: range(40), max_parallel: 2, query: svc.read, retry: { attempts: 5, attempt_timeout: 2s } } }",
        r#"{"svc.read": {"takes": "300ms", "then": 1}, "l[9]": [{"takes": "5s", "then": 2}, 3]}"#,
    );
    let done = journal.iter().filter_map(|(_, event)| match event {
        Event::RangeEnded(ended) => Some(ended.done),
        _ => None,
    });
    let done: Vec<u64> = done.collect();
    assert!(done.iter().all(|done| *done <= 4), "{done:?}");
}

#[test]
fn what_ends_by_itself_does_not_pile_up() {
    let text = "steps: { l: { for_each: range(2500), action: svc.put, with: { n: \"{{ item }}\" } }, last: { value: \"{{ steps.l[2499].value.n + steps.l.count }}\" } }";
    let workflow = workflow(text);
    let mut one = world(r#"{"svc.put": {"echo": true}}"#);
    let (journal, _) = drive(&workflow, &mut one);
    assert!(count(&journal, "items_stored") >= 2);
    let last = |journal: &Journal| report_of(journal).steps["last"].value.clone();
    assert_eq!(last(&journal), Some(Value::from(4999_i64)));
    for cut in (1..journal.len()).step_by(journal.len() / 9) {
        let resumed = runtime().block_on(one.resume(workflow.clone(), journal[..cut].to_vec()));
        let (resumed, _) = resumed.expect("a prefix of a journal is a journal");
        assert_eq!(last(&resumed), last(&journal), "cut after {cut}");
    }
}

#[test]
fn a_cancel_a_time_that_is_up_and_a_stop_end_ranges() {
    let slow = r#"{"svc.read": {"takes": "400ms", "then": 1}}"#;
    let workflow = workflow(
        "steps: { l: { for_each: range(40), max_parallel: 2, query: svc.read }, m: { value: 1, needs: l } }",
    );
    let words = [(Millis(1_500), Word::Cancel { hard: false })];
    let mut cancelled = world(slow).with_words(words);
    let (journal, rest) = drive(&workflow, &mut cancelled);
    assert_eq!(rest, Rest::Ended);
    assert_eq!(report_of(&journal).steps["l"].state.as_str(), "cancelled");
    assert_eq!(
        count(&journal, "range_started"),
        count(&journal, "range_ended")
    );
    for (ends, text) in [
        (
            "timed_out",
            "steps: { l: { for_each: range(40), max_parallel: 2, timeout: 3s, query: svc.read } }",
        ),
        (
            "cancelled",
            "steps: { l: { for_each: range(40), max_parallel: 2, query: svc.read }, w: { trigger: time.after, with: { duration: 3s } }, s: { action: flow.stop, needs: w } }",
        ),
    ] {
        let (found, journal) = run(text, slow);
        assert!(found.starts_with(ends), "{found}");
        assert_eq!(
            count(&journal, "range_started"),
            count(&journal, "range_ended")
        );
    }
}
