//! Any workflow, any failures: it ends as the model of the semantics says, nothing starts before its needs, the same world
//! gives the same journal, and every prefix of it carries on to the same end.

use std::collections::{BTreeMap, BTreeSet};

use flow_backend::virtual_world::script::Word;
use flow_backend::virtual_world::{Journal, Rest};
use flow_engine::duration::Millis;
use flow_engine::journal::{AttemptStarted, Event, RangeStarted};
use flow_engine::report::Report;
use flow_engine::run::step_of;
use flow_engine::workflow::{BodyRole, Workflow};

use crate::shapes::{Dice, Drawn, End, SCRIPT, draw};
use crate::support::{drive, report_of, runtime, workflow, world};

/// How many workflows are drawn; `SEEDS=20000 cargo test semantics` draws more, `SEED=17` one.
const SEEDS: u64 = 10_000;

/// The same world, slower.
const SLOW_SCRIPT: &str = r#"{
  "svc.read": {"takes": "3s", "then": {"id": 1, "done": true}},
  "svc.put": {"takes": "10s", "then": {"id": 2}},
  "svc.list": {"takes": "20s", "then": 404},
  "svc.busy": {"takes": "1s", "then": 503},
  "svc.note": {"takes": "1s", "then": 503}
}"#;

#[test]
fn ten_thousand_workflows_end_as_the_model_says() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seeds = match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SEEDS").unwrap_or(SEEDS),
    };
    // On all cores: a seed knows nothing of the others.
    let threads = std::thread::available_parallelism().map_or(2, usize::from) as u64;
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let seeds = seeds.clone();
            scope.spawn(move || {
                seeds
                    .filter(|seed| seed % threads == thread)
                    .for_each(check);
            });
        }
    });
}

fn check(seed: u64) {
    let drawn = draw(seed);
    let text = drawn.yaml();
    let workflow = workflow(&text);
    let mut first = world(SCRIPT);
    let (journal, rest) = drive(&workflow, &mut first);
    assert_eq!(rest, Rest::Ended, "seed {seed}\n{text}");
    let report = report_of(&journal);
    as_expected(seed, &drawn, &text, &report);
    in_order(seed, &workflow, &journal, &text);
    let (again, _) = drive(&workflow, &mut world(SCRIPT));
    assert_eq!(again, journal, "seed {seed}: another journal\n{text}");
    // Every prefix of one in five, four of the others.
    let mut dice = Dice::new(seed + 1);
    let cuts: Vec<usize> = if seed.is_multiple_of(5) {
        (1..journal.len()).collect()
    } else {
        let mut cut = || 1 + usize::try_from(dice.roll(journal.len() as u64 - 1)).expect("short");
        (0..4).map(|_| cut()).collect()
    };
    let told = ends(&report);
    for cut in cuts {
        let mut again = world(SCRIPT).with_blobs_of(&first);
        let (resumed, rest) = runtime()
            .block_on(again.resume(workflow.clone(), journal[..cut].to_vec()))
            .unwrap_or_else(|error| panic!("seed {seed}, cut after {cut}: {error}\n{text}"));
        assert_eq!(rest, Rest::Ended, "seed {seed}, cut after {cut}\n{text}");
        assert_eq!(resumed[..cut], journal[..cut], "what is on disk stays");
        assert_eq!(
            ends(&report_of(&resumed)),
            told,
            "seed {seed}, cut after {cut}: {:?}\n{text}",
            journal[cut - 1].1
        );
    }
}

/// Cancelled at any time, with operations that take a while: it ends, nothing new starts but what is undone or stands under
/// `finally`, and what had succeeded before is undone.
#[test]
fn cancelled_at_any_time_it_ends_and_goes_back() {
    for seed in 0..2_000 {
        cancelled(seed);
    }
}

fn cancelled(seed: u64) {
    let text = draw(seed).yaml();
    let workflow = workflow(&text);
    let mut dice = Dice::new(seed + 7);
    let after = Millis(dice.roll(40_000));
    let hard = dice.roll(4) == 0;
    let mut world = world(SLOW_SCRIPT).with_words([(after, Word::Cancel { hard })]);
    let (journal, rest) = drive(&workflow, &mut world);
    assert_eq!(rest, Rest::Ended, "seed {seed}\n{text}");
    in_order(seed, &workflow, &journal, &text);
    let asked = journal
        .iter()
        .position(|(_, event)| matches!(event, Event::CancelAsked(_)));
    let Some(asked) = asked else { return };
    let of_finally = |path: &str| {
        workflow.step_of_path(path).is_some_and(|step| {
            let mut around = workflow.bodies_around(step.body);
            around.any(|body| workflow.bodies[body].role == BodyRole::Finally)
        })
    };
    for (_, event) in &journal[asked..] {
        let (Event::AttemptStarted(AttemptStarted { step, .. })
        | Event::RangeStarted(RangeStarted { step, .. })) = event
        else {
            continue;
        };
        let allowed = !hard && (step.strip_suffix(".undo").is_some() || of_finally(step));
        assert!(allowed, "seed {seed}: {event:?} after the cancel\n{text}");
    }
    let report = report_of(&journal);
    let (ends, status) = ends(&report);
    assert_eq!(status, Some("cancelled"), "seed {seed}\n{text}");
    let Some((_, ended)) = &report.ended else {
        return;
    };
    for path in &ended.not_undone {
        assert!(
            hard || ends[format!("{path}.undo").as_str()] != "succeeded",
            "seed {seed}\n{text}"
        );
    }
}

pub(crate) fn ends(report: &Report) -> (BTreeMap<&str, &'static str>, Option<&'static str>) {
    let steps = report.steps.iter();
    let steps = steps.map(|(path, step)| (path.as_str(), step.state.as_str()));
    let ended = report.ended.as_ref();
    (
        steps.collect(),
        ended.map(|(_, ended)| ended.status.as_str()),
    )
}

fn as_expected(seed: u64, drawn: &Drawn, text: &str, report: &Report) {
    let expected = drawn.expected();
    let (found, status) = ends(report);
    let mut wanted: BTreeMap<&str, &str> = expected
        .paths
        .iter()
        .map(|(path, end)| (path.as_str(), end.as_str()))
        .collect();
    let undone = expected.undone.iter();
    wanted.extend(undone.map(|path| (path.as_str(), End::Good.as_str())));
    assert_eq!(found, wanted, "seed {seed}\n{text}");
    let wanted = if expected.failed {
        "failed"
    } else {
        "succeeded"
    };
    assert_eq!(status, Some(wanted), "seed {seed}\n{text}");
}

/// Nothing begins before what it needs is over, and nothing happens to what is over.
fn in_order(seed: u64, workflow: &Workflow, journal: &Journal, text: &str) {
    let mut over: BTreeSet<String> = BTreeSet::new();
    for (_, event) in journal {
        let Some(path) = step_of(event) else { continue };
        assert!(
            !over.contains(path),
            "seed {seed}: {event:?} after its end\n{text}"
        );
        let begins = matches!(
            event,
            Event::AttemptStarted(_)
                | Event::HoldStarted(_)
                | Event::GroupStarted(_)
                | Event::LoopStarted(_)
                | Event::RoundsStarted(_)
        );
        let step = workflow.step_of_path(path).expect("a step of the workflow");
        if begins && step.undoes.is_none() {
            for (needed, _) in &step.sees {
                let needed = seen_from(workflow, path, *needed);
                assert!(
                    over.contains(&needed),
                    "seed {seed}: {path} before {needed}\n{text}"
                );
            }
        }
        let ended = match event {
            Event::AttemptEnded(ended) => {
                matches!(ended.outcome, flow_engine::journal::Outcome::Succeeded(_))
            }
            Event::HoldEnded(_)
            | Event::StepSucceeded(_)
            | Event::StepFailed(_)
            | Event::StepSkipped(_)
            | Event::StepTimedOut(_)
            | Event::StepCancelled(_) => true,
            _ => false,
        };
        if ended {
            over.insert(path.to_owned());
        }
    }
}

/// The path of a step as it is seen from another path: below as many of its segments as there are groups around it.
pub(crate) fn seen_from(workflow: &Workflow, path: &str, step: usize) -> String {
    let shape = &workflow.steps[step];
    let mut depth = 0;
    let mut body = shape.body;
    while let Some(owner) = workflow.bodies[body].owner {
        depth += 1;
        body = workflow.steps[owner].body;
    }
    let above: Vec<&str> = path.split('/').take(depth).collect();
    let names = above.into_iter().chain([&*shape.name]);
    names.collect::<Vec<_>>().join("/")
}
