//! Inputs that come twice, late, or before what they need: the smallest cases of what the simulator found.

use flow_backend::conformance::workflow;
use flow_backend::virtual_world::BEGINNING;
use flow_engine::duration::Millis;
use flow_engine::journal::{RunStarted, StartedBy};
use flow_engine::run::{AttemptSpec, Done, Failure, FailureKind, Input, Output, Prepared, Run};
use flow_engine::value::{Hash, Value};

fn begun(text: &str) -> Run {
    let workflow = workflow(text);
    let started = RunStarted {
        run: "run".to_owned(),
        workflow: workflow.name.to_string(),
        bundle: String::new(),
        inputs: Value::map::<&str>([]),
        started_by: StartedBy {
            name: None,
            kind: "manual".to_owned(),
            key: None,
        },
        trigger: Value::map::<&str>([]),
        sandbox: false,
        seed: 1,
        project: None,
        retry_of: None,
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
    };
    run.handle(BEGINNING, failed).expect("legal");
    outputs(&mut run);
    let later = BEGINNING.plus(Millis::seconds(60));
    run.handle(later, Input::Tick).expect("legal");
    let third = outputs(&mut run);
    assert!(attempt(&third).is_some(), "the second of two tries");
}
