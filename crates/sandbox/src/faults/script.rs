//! A script while it plays: how often each rule was reached.

use std::sync::{Mutex, PoisonError};

use super::rule::{Action, Faults, Rule};

/// The rules with their counts.
#[derive(Debug)]
pub(crate) struct Script(Mutex<Vec<(Rule, u32)>>);

impl Script {
    /// A script that has not begun.
    pub(crate) fn new(faults: Faults) -> Script {
        Script(Mutex::new(fresh(faults)))
    }

    /// Plays another script from its beginning.
    pub(crate) fn replace(&self, faults: Faults) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = fresh(faults);
    }

    /// What happens to the next request, if anything does.
    pub(crate) fn next(&self, method: &str, path: &str) -> Option<Action> {
        let mut rules = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (rule, reached) in rules.iter_mut() {
            let used_up = *reached >= rule.after.saturating_add(rule.times);
            if used_up || !rule.matches.takes(method, path) {
                continue;
            }
            *reached += 1;
            if *reached > rule.after {
                return Some(rule.then.clone());
            }
        }
        None
    }
}

fn fresh(faults: Faults) -> Vec<(Rule, u32)> {
    faults.rules.into_iter().map(|rule| (rule, 0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_play_in_order_and_run_out() {
        let script = Script::new(
            Faults::parse("[{after: 1, times: 2, then: {truncate: 1}}, {then: {truncate: 2}}]")
                .expect("a script"),
        );
        let played: Vec<_> = (0..5)
            .map(|_| match script.next("GET", "/") {
                Some(Action::Truncate { truncate }) => truncate,
                _ => 0,
            })
            .collect();
        // The first request passes rule one and so reaches rule two.
        assert_eq!(played, [2, 1, 1, 0, 0]);
    }
}
