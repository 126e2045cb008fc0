//! Any graph, any failures: every run ends, no step starts before its needs, the same world gives the same journal.

use std::fmt::Write as _;

use flow_backend::virtual_world::Rest;
use flow_engine::journal::Event;
use flow_engine::run::step_of;
use proptest::prelude::*;

use crate::support::{drive, workflow, world};

/// One step of a random graph: what it does, which earlier steps it needs and how.
#[derive(Debug, Clone)]
struct Shape {
    verb: u8,
    needs: Vec<(usize, u8)>,
    on_error: u8,
}

/// A step as it is drawn: its verb, needs among those before it, `on_error`.
type Drawn = (u8, Vec<(prop::sample::Index, u8)>, u8);

fn shapes() -> impl Strategy<Value = Vec<Shape>> {
    let need = (any::<prop::sample::Index>(), 0..3_u8);
    let shape = (0..6_u8, prop::collection::vec(need, 0..3), 0..3_u8);
    prop::collection::vec(shape, 1..9).prop_map(|shapes| {
        let shape = |(at, (verb, needs, on_error)): (usize, Drawn)| {
            let needs = if at == 0 {
                Vec::new()
            } else {
                needs
                    .into_iter()
                    .map(|(need, how)| (need.index(at), how))
                    .collect()
            };
            Shape {
                verb,
                needs,
                on_error,
            }
        };
        shapes.into_iter().enumerate().map(shape).collect()
    })
}

fn yaml(shapes: &[Shape]) -> String {
    let mut text = String::from("steps:\n");
    for (at, shape) in shapes.iter().enumerate() {
        let verb = match shape.verb {
            0 => "value: 1",
            1 => "query: svc.read",
            2 => "action: svc.note",
            3 => "action: svc.put",
            4 => "trigger: svc.done, timeout: 1h",
            _ => "query: svc.list, retry: 2",
        };
        let needs: Vec<String> = shape
            .needs
            .iter()
            .filter(|(_, how)| *how == 0)
            .map(|(need, _)| format!("s{need}"))
            .collect();
        let mut conditions: Vec<String> = Vec::new();
        for (need, how) in &shape.needs {
            match how {
                1 => conditions.push(format!("status('s{need}') != 'no'")),
                2 => conditions.push(format!("(steps.s{need} | default(1)) != 'no'")),
                _ => {}
            }
        }
        let _ = write!(text, "  s{at}: {{ {verb}, needs: [{}]", needs.join(", "));
        if !conditions.is_empty() {
            let _ = write!(text, ", if: \"{}\"", conditions.join(" and "));
        }
        match shape.on_error {
            1 => text.push_str(", on_error: continue"),
            2 => text.push_str(", on_error: { value: 0 }"),
            _ => {}
        }
        text.push_str(" }\n");
    }
    text
}

fn script() -> impl Strategy<Value = String> {
    let answer = prop_oneof![
        Just("404"),
        Just("503"),
        Just("500"),
        Just("{\"done\": true}"),
        Just("{\"done\": false}"),
        Just("429")
    ];
    let answers = || {
        prop::collection::vec(answer.clone(), 1..4)
            .prop_map(|answers| format!("[{}]", answers.join(",")))
    };
    (answers(), answers(), answers(), answers()).prop_map(|(read, note, put, list)| {
        format!(
            r#"{{"svc.read": {read}, "svc.note": {note}, "svc.put": {put}, "svc.list": {list}}}"#
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_run_ends_and_keeps_its_order(shapes in shapes(), script in script()) {
        let workflow = workflow(&yaml(&shapes));
        let (journal, rest) = drive(&workflow, &mut world(&script));
        prop_assert_eq!(rest, Rest::Ended);
        let mut over = vec![false; shapes.len()];
        for (_, event) in &journal {
            let Some(step) = step_of(event).and_then(|name| workflow.step_index(name)) else { continue };
            prop_assert!(!over[step], "nothing happens to a step that is over: {:?}", event);
            if matches!(event, Event::AttemptStarted(_) | Event::HoldStarted(_) | Event::StepSucceeded(_)) {
                for (need, _) in workflow.plan.needs(step) {
                    prop_assert!(over[need], "s{step} began before s{need} was over");
                }
            }
            over[step] = match event {
                Event::AttemptEnded(ended) => matches!(ended.outcome, flow_engine::journal::Outcome::Succeeded(_)),
                Event::AttemptStarted(_) | Event::AttemptPrepared(_) | Event::BackoffStarted(_) | Event::HoldStarted(_) | Event::HoldBaseline(_) => false,
                _ => true,
            };
        }
        prop_assert!(over.iter().all(|over| *over));
        let (again, _) = drive(&workflow, &mut world(&script));
        prop_assert_eq!(again, journal);
    }
}
