//! What the simulator adds to drawn workflows, and the model knows nothing of: operations of effect `once`, approvals,
//! timers, other workflows, retries, times, large items. And how a workflow is made smaller.

use super::{Dice, Does, Drawn, Shape};

/// The file of the workflow that steps start.
pub(crate) const CHILD: &str = "child.yml";

/// How much is added.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spice {
    /// Steps may start [`CHILD`].
    pub(crate) children: bool,
    /// Steps, items and attempts may have a time, and interruptions may be decided by the file.
    pub(crate) times: bool,
    /// Loops may have large items.
    pub(crate) large: bool,
}

/// What may stand in place of a read or a write.
const CALLS: &[&str] = &[
    "action: svc.act, on_interrupt: retry",
    "action: svc.act, on_interrupt: fail",
    "action: svc.act",
    "action: svc.act",
    "action: svc.note",
    "action: svc.put",
    "query: svc.read",
];

/// What may stand in place of a trigger.
const HOLDS: &[&str] = &[
    "trigger: flow.approval, timeout: 3h",
    "trigger: time.after, with: { duration: 20s }, timeout: 1h",
    "trigger: svc.new, every: 5s, timeout: 1h",
    "trigger: svc.done, timeout: 1h",
];

const RETRIES: &[&str] = &[
    "retry: { attempts: 3, initial: 1s }",
    "retry: { attempts: 4, initial: 100ms, jitter: false }",
    "retry: { attempts: 2, initial: 30s, on: [any] }",
];

const TIMED_RETRIES: &[&str] = &[
    "retry: { attempts: 3, initial: 1s, attempt_timeout: 3s }",
    "retry: { attempts: 2, initial: 2s, attempt_timeout: 1s, on: [any] }",
];

impl Drawn {
    /// Adds to what was drawn.
    #[must_use]
    pub(crate) fn spiced(mut self, dice: &mut Dice, spice: Spice) -> Drawn {
        for step in self.steps.iter_mut().chain(&mut self.finally) {
            spiced(step, dice, spice);
        }
        self
    }

    pub(super) fn has_stored(&self) -> bool {
        self.steps.iter().any(Shape::has_stored)
    }

    /// The names of all its steps, inner ones after outer ones.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        let all = self.steps.iter().chain(&self.finally);
        all.for_each(|step| step.name_all(&mut names));
        names
    }

    /// The same workflow without some steps, and without needs of them; `None` if nothing would be left of it.
    pub(crate) fn without(&self, dropped: &[String]) -> Option<Drawn> {
        let steps = kept(&self.steps, dropped);
        let finally = kept(&self.finally, dropped);
        (!steps.is_empty()).then_some(Drawn { steps, finally })
    }
}

impl Shape {
    fn has_stored(&self) -> bool {
        let inner = match &self.does {
            Does::Group(inner, _) => inner.as_slice(),
            _ => &[],
        };
        self.stored || inner.iter().any(Shape::has_stored)
    }

    fn name_all(&self, names: &mut Vec<String>) {
        names.push(self.name.clone());
        if let Does::Group(inner, finally) = &self.does {
            inner
                .iter()
                .chain(finally)
                .for_each(|step| step.name_all(names));
        }
    }
}

/// A group of which nothing is left becomes a value.
fn kept(steps: &[Shape], dropped: &[String]) -> Vec<Shape> {
    let left = steps.iter().filter(|step| !dropped.contains(&step.name));
    let left = left.map(|step| {
        let mut step = step.clone();
        step.needs.retain(|(name, _)| !dropped.contains(name));
        if let Does::Group(inner, finally) = &step.does {
            let inner = kept(inner, dropped);
            step.does = if inner.is_empty() {
                step.undo = false;
                Does::Value
            } else {
                Does::Group(inner, kept(finally, dropped))
            };
        }
        step
    });
    left.collect()
}

fn spiced(step: &mut Shape, dice: &mut Dice, spice: Spice) {
    let pick = |dice: &mut Dice, from: &[&'static str]| {
        from[usize::try_from(dice.roll(from.len() as u64)).expect("few")]
    };
    if let Does::Group(inner, finally) = &mut step.does {
        for step in inner.iter_mut().chain(finally) {
            spiced(step, dice, spice);
        }
    } else if !step.by_ranges {
        let held = matches!(step.does, Does::Ok(verb) if verb.starts_with("trigger"));
        let called = matches!(step.does, Does::Ok(_)) && !held;
        if held {
            step.does = Does::Ok(pick(dice, HOLDS));
        } else if called && spice.children && !step.undo && dice.one_in(5) {
            step.does = Does::Ok("workflow: ./child.yml");
        } else if called && dice.one_in(2) {
            // A query has nothing to undo.
            let calls = &CALLS[..CALLS.len() - usize::from(step.undo)];
            // What becomes of an interruption depends on when it comes.
            let calls = if spice.times { calls } else { &calls[2..] };
            step.does = Does::Ok(pick(dice, calls));
        }
    }
    let is_call = matches!(step.does, Does::Ok(verb) if !verb.starts_with("trigger") && !verb.starts_with("workflow"));
    let written = match step.does {
        Does::Ok(verb) | Does::Bad(verb) => verb,
        _ => "",
    };
    // What may have happened is not tried again where it must not happen twice.
    let once = written.contains("svc.act");
    let retries = if once { &RETRIES[..2] } else { RETRIES };
    let timed = if once {
        &TIMED_RETRIES[..1]
    } else {
        TIMED_RETRIES
    };
    if is_call && !written.contains("retry:") {
        match dice.roll(4) {
            0 if spice.times && !step.by_ranges => step.more.push(pick(dice, timed)),
            1 => step.more.push(pick(dice, retries)),
            _ => {}
        }
    }
    if spice.times && !written.contains("timeout:") && dice.one_in(6) {
        step.more
            .push(["timeout: 4s", "timeout: 30s"][usize::from(dice.one_in(2))]);
    }
    if step.items.is_some() && !step.by_ranges {
        if spice.times && dice.one_in(4) {
            step.more.push("item_timeout: 5s");
        }
        step.stored = spice.large && dice.one_in(3);
    }
}
