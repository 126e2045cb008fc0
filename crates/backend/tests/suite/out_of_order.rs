//! Inputs that come twice, late, or before what they need: the smallest cases of what the simulator found.

use flow_backend::conformance::workflow;
use flow_backend::virtual_world::{BEGINNING, Journal};
use flow_engine::duration::Millis;
use flow_engine::journal::{Event, RunStarted, StartedBy};
use flow_engine::money::Costs;
use flow_engine::run::{
    AttemptSpec, Done, Failure, FailureKind, Input, Output, Prepared, Run, Window,
};
use flow_engine::value::{Hash, Value};

use crate::support::{drive, world};

fn begun(text: &str) -> Run {
    let workflow = workflow(text);
    let started = RunStarted {
        run: "run".to_owned(),
        workflow: workflow.name.to_string(),
        bundle: String::new(),
        inputs: Value::map::<&str>([]),
        started_by: StartedBy::manual(),
        trigger: Value::map::<&str>([]),
        sandbox: false,
        seed: 1,
        project: None,
        retry_of: None,
        budget: None,
    };
    Run::new(workflow, started, BEGINNING)
}

/// Everything the run gives until it waits or is done.
fn outputs(run: &mut Run) -> Vec<Output> {
    let mut found = Vec::new();
    loop {
        match run.poll() {
            Output::Wait { .. } => return found,
            done @ Output::Done(_) => {
                found.push(done);
                return found;
            }
            output => found.push(output),
        }
    }
}

fn attempt(outputs: &[Output]) -> Option<&AttemptSpec> {
    outputs.iter().find_map(|output| match output {
        Output::Start(spec) | Output::Send(spec) => Some(spec),
        _ => None,
    })
}

#[test]
fn what_is_prepared_twice_is_sent_once() {
    let mut run = begun("steps: { a: { action: svc.act } }");
    let first = outputs(&mut run);
    let spec = attempt(&first).expect("it begins");
    let prepared = Prepared {
        request: Value::Null,
        hash: Hash::of(b""),
        count: None,
        bound: Costs::default(),
        key: spec.key.to_string(),
    };
    let input = Input::Prepared {
        node: spec.node,
        attempt: spec.attempt,
        result: Ok(prepared),
    };
    run.handle(BEGINNING, input.clone()).expect("legal");
    assert!(matches!(outputs(&mut run).last(), Some(Output::Send(_))));
    run.handle(BEGINNING, input).expect("legal");
    assert!(outputs(&mut run).is_empty());
}

#[test]
fn a_lost_attempt_costs_no_try() {
    let mut run =
        begun("steps: { a: { action: svc.note, retry: { attempts: 2, initial: 10ms } } }");
    let first = outputs(&mut run);
    let (node, attempt_no) = attempt(&first)
        .map(|spec| (spec.node, spec.attempt))
        .expect("it begins");
    let lost = Input::AttemptLost {
        node,
        attempt: attempt_no,
    };
    run.handle(BEGINNING, lost).expect("legal");
    let second = outputs(&mut run);
    let spec = attempt(&second).expect("it begins again");
    let failure = Failure::of(FailureKind::Overloaded, Done::NotDone, "http.503", "no");
    let failed = Input::AttemptEnded {
        node,
        attempt: spec.attempt,
        result: Err(failure),
        answer: None,
        made: None,
        rest: None,
        costs: Costs::default(),
    };
    run.handle(BEGINNING, failed).expect("legal");
    outputs(&mut run);
    let later = BEGINNING.plus(Millis::seconds(60));
    run.handle(later, Input::Tick).expect("legal");
    let third = outputs(&mut run);
    assert!(attempt(&third).is_some(), "the second of two tries");
}

/// The process was away for longer than the items had: their time is up, but only once they have been read again.
#[test]
fn time_passes_while_items_are_read_again() {
    let text = format!(
        "vars: {{ pad: {} }}\nsteps: {{ l: {{ for_each: \"{{{{ [vars.pad ~ 'a', vars.pad ~ 'b', vars.pad ~ 'c'] }}}}\", item_timeout: 5s, query: svc.read }} }}",
        "x".repeat(30_000)
    );
    let workflow = workflow(&text);
    let (journal, _) = drive(&workflow, &mut world(r#"{"svc.read": 1}"#));
    let starts = |(_, event): &_| matches!(event, Event::AttemptStarted(_));
    let cut = journal.iter().position(starts).expect("an attempt begins");
    let cut: Journal = journal[..=cut].to_vec();
    let mut run = Run::replay(workflow, cut).expect("a journal");
    let later = BEGINNING.plus(Millis::seconds(3_600));
    run.recover(later);
    let reads = outputs(&mut run);
    run.handle(later, Input::Tick).expect("legal");
    assert!(outputs(&mut run).is_empty(), "nothing is decided yet");
    let mut fetched = 0;
    for read in reads {
        let Output::Fetch(spec) = read else { continue };
        fetched += 1;
        let window = Window {
            items: [(spec.at, Value::from("x"))].into(),
            next: spec.at + 1,
        };
        let input = Input::Fetched {
            node: spec.node,
            at: spec.at,
            result: Ok(window),
        };
        run.handle(later, input).expect("legal");
    }
    assert!(fetched > 0, "the items are stored");
    run.handle(later, Input::Tick).expect("legal");
    let end = outputs(&mut run);
    assert!(matches!(end.last(), Some(Output::Done(_))), "{end:?}");
}
