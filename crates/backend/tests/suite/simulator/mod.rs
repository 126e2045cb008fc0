//! A world of runs, and everything that may go wrong in it, out of one seed.
//!
//! One thread. The seed decides which workflows run, when they are started, what their operations answer and when, when
//! the process dies and how much of what it had written survives, which ends come late, twice or never, how the clock
//! jumps, and what people say. After each thing that happens the rules of `check` are looked at; at the end everybody is
//! kind, and every run must come to its end.
//!
//! `SEED=17 cargo test -p flow-backend simulator` replays one seed and tells all that happens; `SEEDS=20000` takes more
//! of them. Read in this order: [`plan`] (what a seed decides), [`store`] (what survives), [`world`] (what happens
//! outside, and what it remembers), [`happening`] and [`chance`], [`simulation`] (the loop), [`process`] (what dies in a
//! crash), [`people`], [`orphans`] (what must end with its parent), [`check`] (what must be true), [`after`] (what is compared at the end), [`shrink`].

mod after;
mod chance;
mod check;
mod happening;
mod orphans;
mod people;
mod perform;
mod plan;
mod process;
mod shrink;
mod simulation;
mod store;
mod world;

use std::sync::Mutex;

use plan::Plan;
use simulation::Figures;

/// How many seeds are tried; `SEEDS=20000` tries more, `SEED=17` one.
const SEEDS: u64 = 500;

/// Of so many failing seeds it is told why they fail.
const TOLD_MAX: usize = 20;

#[test]
fn nothing_is_lost_or_done_twice_whatever_happens() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    if let Some(seed) = number("SEED") {
        return replay(seed);
    }
    let count: u64 = number("SEEDS").unwrap_or(SEEDS);
    // On all cores: a seed knows nothing of the others.
    let threads = std::thread::available_parallelism().map_or(2, usize::from) as u64;
    let all = Mutex::new(Figures::default());
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (all, failed) = (&all, &failed);
            scope.spawn(move || {
                for seed in (0..count).filter(|seed| seed % threads == thread) {
                    match after::tried(&Plan::of(seed), false) {
                        Ok(figures) => all.lock().expect("no panic").add(&figures),
                        Err(why) => failed.lock().expect("no panic").push((seed, why)),
                    }
                }
            });
        }
    });
    let mut failed = failed.into_inner().expect("no panic");
    failed.sort();
    eprintln!("{count} seeds: {}", all.into_inner().expect("no panic"));
    let Some((seed, why)) = failed.first() else {
        return;
    };
    let all = failed
        .iter()
        .map(|(seed, why)| format!("seed {seed}: {why}\n"));
    let some: String = all.take(TOLD_MAX).collect();
    panic!(
        "{} of {count} seeds failed\n{some}\nseed {seed}: {why}\n{}\nreplay it: SEED={seed} cargo test -p flow-backend simulator -- --nocapture",
        failed.len(),
        shrink::smallest(&Plan::of(*seed)),
    );
}

/// One seed, told as it happens; if it fails, its smallest form too.
fn replay(seed: u64) {
    let plan = Plan::of(seed);
    eprintln!("{plan}");
    match after::tried(&plan, true) {
        Ok(figures) => eprintln!("seed {seed} holds: {figures}"),
        Err(why) => panic!("seed {seed}: {why}\n{}", shrink::smallest(&plan)),
    }
}

#[test]
fn a_seed_is_the_same_world_each_time() {
    for seed in 0..20 {
        let plan = Plan::of(seed);
        let journals = || simulation::Simulation::new(&plan, false).run();
        let (one, other) = (journals(), journals());
        let of = |ended: &Result<simulation::Ended, String>| {
            ended.as_ref().map(|ended| ended.journals.clone()).ok()
        };
        assert_eq!(of(&one), of(&other), "seed {seed}");
    }
}
