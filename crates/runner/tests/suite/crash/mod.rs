//! The crash harness: the binary is killed wherever it may be, taken up again, and compared with a ledger of what was
//! acknowledged and done.
//!
//! `SEED=7 KILLS=5000 cargo test --package flow-runner --test suite crash::` begins with another seed and goes on for longer
//! (`SEED=now` takes the clock). A round that goes wrong says how it is replayed, and leaves its folder.
//!
//! Read in this order: [`jobs`] (what is killed), [`place`] (its folder, and what was done outside), [`server`] (what is
//! called), [`kill`] (how it is disturbed), [`round`], [`judge`] (what must be true at the end), [`rounds`] (many of them).

mod batch;
mod chance;
mod jobs;
mod judge;
mod kill;
mod place;
mod round;
mod rounds;
mod server;

use std::collections::BTreeSet;
use std::sync::Mutex;

use flow_local::faults::POINTS;

use chance::from_environment;
use jobs::JOBS;
use kill::Way;
use rounds::{Plan, rounds};

/// Points that none of these runs comes to: `durable.rs` kills backups, pruning and migrations, `nesting.rs` a run whose
/// child goes on for longer than its step, `serve` whoever emits an event or takes a callback.
const ELSEWHERE: [&str; 7] = [
    "backup.",
    "blob.delete",
    "driver.stop_child",
    "run.delete",
    "store.call_back",
    "store.emit",
    "store.migrate",
];

#[test]
fn killed_at_random_nothing_is_lost_and_nothing_happens_twice() {
    let kills = from_environment("KILLS").unwrap_or(300);
    let plan = Plan {
        test: "killed_at_random",
        variable: "SEED",
        seed: from_environment("SEED").unwrap_or(1),
        enough: &|done| done.kills >= kills,
    };
    let done = rounds(
        &plan,
        |seed| JOBS.get(usize::try_from(seed % 6).unwrap_or(0)),
        |round| {
            let times = 1 + round.chance.below(4);
            round.disturb_at_random(times);
        },
    );
    println!("{done}");
}

#[test]
fn killed_at_every_point_nothing_is_lost_and_nothing_happens_twice() {
    let mut cases = Vec::new();
    for point in POINTS {
        let here = !ELSEWHERE.iter().any(|other| point.starts_with(other));
        cases.extend(JOBS.iter().filter(|_| here).map(|job| (*point, job)));
    }
    let count = cases.len() as u64;
    let only = from_environment("CASE");
    let hit = Mutex::new(BTreeSet::new());
    let plan = Plan {
        test: "killed_at_every_point",
        variable: "CASE",
        seed: only.unwrap_or(0),
        enough: &|done| done.rounds >= if only.is_some() { 1 } else { count },
    };
    let case = |seed: u64| usize::try_from(seed).ok().and_then(|at| cases.get(at));
    let done = rounds(
        &plan,
        |seed| case(seed).map(|(_, job)| *job),
        |round| {
            let Some((point, _)) = case(round.seed) else {
                return;
            };
            // The first time, and again while what that left is taken up.
            for nth in [1, 1 + round.chance.below(6)] {
                let Some(arguments) = round.next() else {
                    return;
                };
                let before = round.kills;
                let way = Way::Point(format!("{point}=abort@{nth}"));
                round.command(&arguments, Some(&way));
                if round.kills > before {
                    hit.lock().expect("no panic").insert(*point);
                }
            }
        },
    );
    println!("{done}");
    let hit = hit.into_inner().expect("no panic");
    let missed: Vec<_> = cases
        .iter()
        .filter(|(point, _)| !hit.contains(point))
        .collect();
    let missed: BTreeSet<_> = missed.into_iter().map(|(point, _)| point).collect();
    assert!(
        only.is_some() || missed.is_empty(),
        "never reached: {missed:?}"
    );
}
