//! Many rounds on a few threads.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use super::jobs::{JOBS, Job};
use super::judge::{Reference, judge};
use super::round::Round;

/// Rounds at a time: most of a round is waiting.
const THREADS: usize = 4;

/// What is to be done.
pub(super) struct Plan<'a> {
    /// Name of the test, to run it again.
    pub(super) test: &'static str,
    /// The variable of the environment that gives the seed of the first round.
    pub(super) variable: &'static str,
    /// Seed of the first round; each has the next.
    pub(super) seed: u64,
    /// Whether that was enough.
    pub(super) enough: &'a (dyn Fn(&Done) -> bool + Sync),
}

/// What was done.
#[derive(Debug, Clone, Default)]
pub(super) struct Done {
    pub(super) rounds: u64,
    pub(super) kills: u64,
    pub(super) decided: u64,
    pub(super) adopted: u64,
    pub(super) took: Duration,
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Done {
            rounds,
            kills,
            decided,
            adopted,
            took,
        } = self;
        write!(
            f,
            "{rounds} rounds, {kills} kills, {decided} decisions, {adopted} adopted, {took:.1?}"
        )
    }
}

/// Undisturbed runs, made when first asked for.
static REFERENCES: [OnceLock<Reference>; JOBS.len()] = [const { OnceLock::new() }; JOBS.len()];

fn reference(job: &'static Job) -> &'static Reference {
    let at = JOBS.iter().position(|other| other.name == job.name);
    let at = at.expect("one of them");
    REFERENCES[at].get_or_init(|| Reference::of(&mut Round::new(job, 0)))
}

/// Does rounds until it is enough, or one goes wrong.
pub(super) fn rounds(
    plan: &Plan<'_>,
    job: impl Fn(u64) -> Option<&'static Job> + Sync,
    disturb: impl Fn(&mut Round) + Sync,
) -> Done {
    let begun = Instant::now();
    let next = AtomicU64::new(plan.seed);
    let done = Mutex::new(Done::default());
    let wrong = Mutex::new(Vec::new());
    let one = || {
        loop {
            let enough = (plan.enough)(&done.lock().expect("no panic"));
            if enough || !wrong.lock().expect("no panic").is_empty() {
                return;
            }
            let seed = next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = job(seed) else { return };
            let mut round = Round::new(job, seed);
            let fine = catch_unwind(AssertUnwindSafe(|| {
                disturb(&mut round);
                round.settle();
                judge(&round, reference(job));
            }));
            if let Err(panic) = fine {
                let said = told(plan, &mut round, panic.as_ref());
                wrong.lock().expect("no panic").push(said);
                return;
            }
            let mut done = done.lock().expect("no panic");
            done.rounds += 1;
            done.kills += round.kills as u64;
            done.adopted += round.adopted() as u64;
            done.decided += round.decided.len() as u64 / 2;
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(one);
        }
    });
    let wrong = wrong.into_inner().expect("no panic");
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    let mut done = done.into_inner().expect("no panic");
    done.took = begun.elapsed();
    done
}

/// What went wrong, and how to see it again.
fn told(plan: &Plan<'_>, round: &mut Round, panic: &(dyn std::any::Any + Send)) -> String {
    let why = panic.downcast_ref::<String>().cloned();
    let why = why.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    let folder = round.place.keep();
    format!(
        "{} of {}: {}\n  {}\n  its folder: {}\n  replay: {}={} KILLS=1 cargo test --package flow-runner --test suite {} -- --nocapture",
        round.seed,
        round.place.job.name,
        why.unwrap_or_default(),
        round.story.join("\n  "),
        folder.display(),
        plan.variable,
        round.seed,
        plan.test,
    )
}
