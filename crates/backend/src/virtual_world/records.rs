//! What the runs of a world made.

use std::collections::BTreeSet;
use std::sync::Arc;

use flow_engine::run::{Failure, Making, Run};

use super::Journal;
use crate::adopt::{Records, Rival};

/// As it was when a search began.
pub(super) struct Made {
    ids: BTreeSet<(String, String)>,
    making: Vec<Making>,
}

impl Made {
    /// What all runs made, and what their steps may be making, but for one step of one run.
    pub(super) fn of<'a>(
        runs: impl Iterator<Item = (&'a Run, &'a Journal)>,
        run: &str,
        step: &str,
    ) -> Made {
        let mut made = Made {
            ids: BTreeSet::new(),
            making: Vec::new(),
        };
        for (other, journal) in runs {
            let is_own = |path: &str| other.id() == run && path == step;
            let told = journal.iter().filter_map(|(_, event)| event.made());
            let told = told.filter(|(path, _)| !is_own(path));
            made.ids
                .extend(told.map(|(_, made)| (made.what.clone(), made.id.clone())));
            let making = other.projection().making.into_iter();
            made.making.extend(making.filter(|it| !is_own(&it.step)));
        }
        made
    }
}

impl Records for Made {
    fn is_recorded(&self, what: &str, id: &str) -> Result<bool, Failure> {
        Ok(self.ids.contains(&(what.to_owned(), id.to_owned())))
    }

    fn rivals(&self, what: &str, count: Option<u64>) -> Result<Vec<Rival>, Failure> {
        let making = self.making.iter();
        let rivals = making.filter(|it| &*it.what == what && it.count == count);
        let rival = |step: &Arc<str>| Rival {
            words: format!("step `{step}` may have made it"),
            prepared: None,
        };
        Ok(rivals.map(|it| rival(&it.step)).collect())
    }

    fn claim(&self, _: &str, _: &str) -> bool {
        // One search at a time, and what it finds is recorded at once.
        true
    }
}
