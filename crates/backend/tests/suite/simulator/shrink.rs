//! A failing plan in its smallest form: what can be left out is left out, as long as it fails.

use super::after::tried;
use super::plan::{Faults, Plan};

/// So many plans are tried at most.
const TRIES_MAX: usize = 400;

/// The smallest plan that fails, with why.
pub(super) fn smallest(plan: &Plan) -> String {
    let Err(mut why) = tried(plan, false) else {
        return "it holds when it is tried again: something in it is not of the seed".to_owned();
    };
    let mut plan = plan.clone();
    let mut tries = 0;
    loop {
        let smaller = smaller(&plan).into_iter();
        let sound = smaller.filter(|plan| plan.runs.iter().all(|run| run.workflow().is_ok()));
        let smaller = { sound }.find_map(|smaller| {
            tries += 1;
            if tries > TRIES_MAX {
                return None;
            }
            tried(&smaller, false).err().map(|why| (smaller, why))
        });
        let Some((found, reason)) = smaller else {
            break;
        };
        (plan, why) = (found, reason);
    }
    format!("in its smallest form:\n{plan}\nfails with: {why}")
}

/// Plans with one thing less, the largest things first.
fn smaller(plan: &Plan) -> Vec<Plan> {
    let mut found = Vec::new();
    let mut add = |change: &dyn Fn(&mut Plan)| {
        let mut smaller = plan.clone();
        change(&mut smaller);
        found.push(smaller);
    };
    if plan.runs.len() > 1 {
        add(&|plan| {
            plan.runs.pop();
            let count = plan.runs.len();
            plan.words.retain(|(_, run, _)| *run < count);
        });
    }
    for (at, run) in plan.runs.iter().enumerate() {
        for name in run.drawn.names() {
            if let Some(drawn) = run.drawn.without(std::slice::from_ref(&name)) {
                add(&|plan| plan.runs[at].drawn = drawn.clone());
            }
        }
        for name in run.child.names() {
            if let Some(child) = run.child.without(std::slice::from_ref(&name)) {
                add(&|plan| plan.runs[at].child = child.clone());
            }
        }
    }
    let off: [fn(&mut Faults) -> &mut bool; 5] = [
        |faults| &mut faults.late,
        |faults| &mut faults.repeated,
        |faults| &mut faults.lost,
        |faults| &mut faults.ticks,
        |faults| &mut faults.slow,
    ];
    for fault in off {
        if *fault(&mut plan.faults.clone()) {
            add(&|plan| *fault(&mut plan.faults) = false);
        }
    }
    for at in 0..plan.crashes.len() {
        add(&|plan| {
            plan.crashes.remove(at);
        });
    }
    for at in 0..plan.words.len() {
        add(&|plan| {
            plan.words.remove(at);
        });
    }
    for at in 0..plan.jumps.len() {
        add(&|plan| {
            plan.jumps.remove(at);
        });
    }
    found
}
