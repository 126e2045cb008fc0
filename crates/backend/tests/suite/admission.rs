//! Who may go when not all may go at once: the machine alone, against what must be true of it whatever happens.

use std::collections::BTreeMap;
use std::sync::Arc;

use flow_backend::virtual_world::{Journal, Rest};
use flow_engine::admission::{
    Admission, Answer, Ask, Claim, Demand, Key, Kind, Most, Ticket, WhenFull,
};
use flow_engine::duration::Millis;
use flow_engine::journal::Event;
use flow_engine::time::Timestamp;

use crate::shapes::Dice;
use crate::support::{drive, runtime, workflow, world};

/// What the model knows of one that asked.
#[derive(Debug, Clone)]
struct Asked {
    keys: Vec<usize>,
    priority: i32,
    since: Timestamp,
    arrived: u64,
    granted: bool,
}

fn key(at: usize) -> Key {
    let text: Arc<str> = format!("k{at}").into();
    let kind = Kind::Steps;
    Key { kind, text }
}

fn claim(at: usize, max: u32) -> Claim {
    Claim {
        key: key(at),
        most: Most::Places(Some(max)),
        name: format!("group `k{at}`").into(),
    }
}

/// The model: all that asked, by run and ticket.
type Model = BTreeMap<(usize, u64), Asked>;

fn held(model: &Model, key: usize) -> usize {
    let of_key = |asked: &&Asked| asked.granted && asked.keys.contains(&key);
    model.values().filter(of_key).count()
}

fn order(asked: &Asked) -> (i32, Timestamp, u64) {
    (-asked.priority, asked.since, asked.arrived)
}

/// Takes the answers into the model; each must be allowed where it comes.
fn take(admission: &mut Admission, model: &mut Model, seed: u64) {
    while let Some(word) = admission.poll() {
        let run: usize = word.run[1..].parse().expect("a number");
        let Some(asked) = model.get_mut(&(run, word.ticket.0)) else {
            continue;
        };
        match word.answer {
            Answer::Granted => {
                assert!(!asked.granted, "seed {seed}: granted twice");
                asked.granted = true;
                let asked = asked.clone();
                let overtaken = model.values().find(|other| {
                    let waits = !other.granted && order(other) < order(&asked);
                    waits && matches!(other.keys.as_slice(), [key] if asked.keys.contains(key))
                });
                assert!(
                    overtaken.is_none(),
                    "seed {seed}: {asked:?} before {overtaken:?}"
                );
            }
            Answer::Waits(_) => assert!(!asked.granted, "seed {seed}"),
            other => panic!("seed {seed}: {other:?}"),
        }
    }
}

fn check(model: &Model, max: &[usize], seed: u64) {
    for (key, max) in max.iter().enumerate() {
        assert!(
            held(model, key) <= *max,
            "seed {seed}: more than {max} of {key}"
        );
    }
    for waiting in model.values().filter(|asked| !asked.granted) {
        let full = waiting
            .keys
            .iter()
            .any(|key| held(model, *key) >= max[*key]);
        let first = model.values().any(|other| {
            let shares = other.keys.iter().any(|key| waiting.keys.contains(key));
            !other.granted && shares && order(other) < order(waiting)
        });
        assert!(
            full || first,
            "seed {seed}: {waiting:?} was forgotten among {model:?}"
        );
    }
}

#[test]
fn p10_never_more_than_max_nobody_forgotten_all_or_none() {
    for seed in 0..3_000 {
        any_asks(seed);
    }
}

fn any_asks(seed: u64) {
    let mut dice = Dice::new(seed);
    let max: Vec<usize> = (0..3)
        .map(|_| 1 + usize::try_from(dice.roll(3)).expect("small"))
        .collect();
    let mut admission = Admission::default();
    let mut model = Model::new();
    let mut now = Timestamp(0);
    for arrived in 0..60_u64 {
        now = now.plus(Millis(dice.roll(3)));
        let run = usize::try_from(dice.roll(4)).expect("small");
        let name: Arc<str> = format!("r{run}").into();
        match dice.roll(10) {
            0..=4 => {
                let keys: Vec<usize> = (0..3).filter(|_| dice.roll(2) == 0).collect();
                let claims = keys
                    .iter()
                    .map(|at| claim(*at, u32::try_from(max[*at]).expect("small")));
                let priority = i32::try_from(dice.roll(3)).expect("small");
                let ask = Ask {
                    ticket: Ticket(arrived + 1),
                    step: None,
                    demand: Demand {
                        claims: claims.collect(),
                        priority,
                        when_full: WhenFull::Queue,
                    },
                    since: now,
                    held: false,
                };
                admission.ask(now, &name, ask);
                let asked = Asked {
                    keys,
                    priority,
                    since: now,
                    arrived,
                    granted: false,
                };
                model.insert((run, arrived + 1), asked);
            }
            5..=8 => {
                let own: Vec<u64> = model
                    .keys()
                    .filter(|(of, _)| *of == run)
                    .map(|(_, ticket)| *ticket)
                    .collect();
                if !own.is_empty() {
                    let at = usize::try_from(dice.roll(own.len() as u64)).expect("small");
                    admission.release(now, &name, Ticket(own[at]), None);
                    model.remove(&(run, own[at]));
                }
            }
            _ => {
                admission.gone(now, &name);
                model.retain(|(of, _), _| *of != run);
            }
        }
        take(&mut admission, &mut model, seed);
        check(&model, &max, seed);
    }
    // Whoever holds lets go: in the end everybody has gone, nobody was starved.
    while !model.is_empty() {
        let going: Vec<(usize, u64)> = model
            .iter()
            .filter(|(_, asked)| asked.granted)
            .map(|(who, _)| *who)
            .collect();
        assert!(!going.is_empty(), "seed {seed}: all wait: {model:?}");
        for (run, ticket) in going {
            admission.release(now, &format!("r{run}").into(), Ticket(ticket), None);
            model.remove(&(run, ticket));
        }
        take(&mut admission, &mut model, seed);
        check(&model, &max, seed);
    }
}

fn ask(ticket: u64, claims: Vec<Claim>, priority: i32) -> Ask {
    Ask {
        ticket: Ticket(ticket),
        step: None,
        demand: Demand {
            claims,
            priority,
            when_full: WhenFull::Queue,
        },
        since: Timestamp(0),
        held: false,
    }
}

fn granted(admission: &mut Admission) -> Vec<u64> {
    std::iter::from_fn(|| admission.poll())
        .filter(|word| word.answer == Answer::Granted)
        .map(|word| word.ticket.0)
        .collect()
}

#[test]
fn priority_goes_first_then_arrival() {
    let mut admission = Admission::default();
    let (now, run): (_, Arc<str>) = (Timestamp(0), "r".into());
    for (ticket, priority) in [(1, 0), (2, 0), (3, 5), (4, 0), (5, 5)] {
        admission.ask(now, &run, ask(ticket, vec![claim(0, 1)], priority));
    }
    let mut order = granted(&mut admission);
    while let Some(last) = order.last().copied() {
        admission.release(now, &run, Ticket(last), None);
        let next = granted(&mut admission);
        if next.is_empty() {
            break;
        }
        order.extend(next);
    }
    assert_eq!(order, [1, 3, 5, 2, 4]);
}

#[test]
fn what_is_held_after_a_restart_counts_even_without_room() {
    let mut admission = Admission::default();
    let (now, run): (_, Arc<str>) = (Timestamp(0), "r".into());
    for ticket in [1, 2] {
        let held = Ask {
            held: true,
            ..ask(ticket, vec![claim(0, 1)], 0)
        };
        admission.ask(now, &run, held);
    }
    admission.ask(now, &run, ask(3, vec![claim(0, 1)], 0));
    assert!(granted(&mut admission).is_empty());
    admission.release(now, &run, Ticket(1), None);
    assert!(granted(&mut admission).is_empty(), "one still has it");
    admission.release(now, &run, Ticket(2), None);
    assert_eq!(granted(&mut admission), [3]);
}

#[test]
fn p8_a_service_that_asks_for_rest_is_left_alone_by_all() {
    let calls = |kind| Claim {
        key: Key {
            kind,
            text: "service".into(),
        },
        most: Most::Places(None),
        name: "the limits of connection `svc`".into(),
    };
    let mut admission = Admission::default();
    let (now, run): (_, Arc<str>) = (Timestamp(0), "r".into());
    admission.ask(now, &run, ask(1, vec![calls(Kind::Calls)], 0));
    assert_eq!(granted(&mut admission), [1]);
    admission.release(now, &run, Ticket(1), Some(Timestamp(5_000)));
    admission.ask(now, &run, ask(2, vec![calls(Kind::Calls)], 0));
    admission.ask(now, &run, ask(3, vec![calls(Kind::Calls)], 0));
    assert!(granted(&mut admission).is_empty());
    assert_eq!(admission.due(), Some(Timestamp(5_000)));
    admission.tick(Timestamp(5_000));
    assert_eq!(granted(&mut admission), [2, 3]);
}

#[test]
fn p9_so_many_starts_in_any_window() {
    assert_eq!(
        Most::starts(0.5, Millis(1_000)),
        Most::Starts {
            count: 1,
            within: Millis(2_000)
        }
    );
    let mut admission = Admission::default();
    let run: Arc<str> = "r".into();
    let rate = |ticket| {
        let claim = Claim {
            key: Key {
                kind: Kind::PerSecond,
                text: "service".into(),
            },
            most: Most::starts(2.0, Millis(1_000)),
            name: "the limits of connection `svc`".into(),
        };
        ask(ticket, vec![claim], 0)
    };
    let mut starts = Vec::new();
    for ticket in 1..=6 {
        admission.ask(Timestamp(0), &run, rate(ticket));
    }
    let mut now = Timestamp(0);
    loop {
        for ticket in granted(&mut admission) {
            starts.push(now);
            admission.release(now, &run, Ticket(ticket), None);
        }
        let Some(due) = admission.due() else { break };
        now = due;
        admission.tick(now);
    }
    let times: Vec<i64> = starts.iter().map(|at| at.0).collect();
    assert_eq!(times, [0, 0, 1_000, 1_000, 2_000, 2_000]);
}

const SLOW: &str =
    r#"{"svc.read": {"takes": "10s", "then": 1}, "svc.put": {"takes": "10s", "then": 1}}"#;

fn took(journal: &Journal) -> u64 {
    let (first, last) = (journal[0].0, journal[journal.len() - 1].0);
    last.since(first).0
}

fn waits(journal: &Journal) -> usize {
    let waited = |(_, event): &&(Timestamp, Event)| matches!(event, Event::AdmissionWaited(_));
    journal.iter().filter(waited).count()
}

/// A step that gets its place at once records nothing extra, one that waits records it once.
#[test]
fn items_go_so_many_at_a_time() {
    let text = "steps: { l: { for_each: '[1, 2, 3, 4, 5, 6]', query: svc.read, concurrency: { group: g, max: 2 } } }";
    let (journal, rest) = drive(&workflow(text), &mut world(SLOW));
    assert_eq!(rest, Rest::Ended);
    assert_eq!((took(&journal), waits(&journal)), (30_000, 4));
}

/// Cut anywhere it goes on: no place is lost, and none is held by what is gone.
#[test]
fn p11_cut_anywhere_places_are_neither_lost_nor_held() {
    let texts = [
        "steps: { l: { for_each: '[1, 2, 3, 4]', query: svc.read, concurrency: { group: g, max: 2 } } }",
        "concurrency: { group: g }\nsteps: { a: { action: svc.put }, b: { query: svc.read, needs: a } }",
        "steps: { g: { concurrency: { group: g }, steps: { a: { query: svc.read, concurrency: { group: g } } } }, h: { concurrency: { group: g }, steps: { b: { query: svc.read } } } }",
    ];
    for text in texts {
        let workflow = workflow(text);
        let mut first = world(SLOW);
        let (journal, rest) = drive(&workflow, &mut first);
        assert_eq!(rest, Rest::Ended, "{text}");
        for cut in 1..journal.len() {
            let mut again = world(SLOW).with_blobs_of(&first);
            let (resumed, rest) = runtime()
                .block_on(again.resume(workflow.clone(), journal[..cut].to_vec()))
                .unwrap_or_else(|error| panic!("cut after {cut}: {error}\n{text}"));
            assert_eq!(rest, Rest::Ended, "cut after {cut}\n{text}");
            assert!(matches!(
                resumed.last(),
                Some((_, Event::RunEnded(ended))) if ended.status.as_str() == "succeeded"
            ));
        }
    }
}
