//! Runs whose step was over before them: a crash may have come before they were cancelled.

use std::collections::BTreeMap;

use flow_engine::journal::Event;
use flow_engine::run::{Input, Run, step_of};

use super::happening::Id;
use super::simulation::{Simulation, end_of};
use super::store::Events;

impl Simulation {
    /// Whoever takes up a run that another one started looks whether that was over before it.
    pub(super) fn end_with_parent(&mut self, id: &Id) -> Result<(), String> {
        let Some(parent) = self.parents.get(id).cloned() else {
            return Ok(());
        };
        let journals = self.store.synced_journals()?;
        if !self.has_stopped(&journals, &parent, id)? {
            return Ok(());
        }
        let (by, hard) = (parent.to_string(), false);
        self.give(id, Input::Cancel { by, hard })
    }

    /// Remembers, when the store is read after a crash, which runs must be cancelled.
    pub(super) fn note_orphans(
        &mut self,
        journals: &BTreeMap<String, Events>,
    ) -> Result<(), String> {
        for (id, parent) in self.parents.clone() {
            let Some(journal) = journals.get(&*id).filter(|it| end_of(it).is_none()) else {
                continue;
            };
            if self.has_stopped(journals, &parent, &id)? {
                self.orphans.entry(id).or_insert(journal.len());
            }
        }
        Ok(())
    }

    /// They were cancelled, unless all their steps were over already.
    pub(super) fn orphans_were_cancelled(
        &self,
        journals: &BTreeMap<String, Events>,
    ) -> Result<(), String> {
        for (id, rows) in &self.orphans {
            let journal = journals.get(&**id).ok_or("an orphan is gone")?;
            let is_cancelled = |(_, event): &_| matches!(event, Event::CancelAsked(_));
            if journal.iter().any(is_cancelled) {
                continue;
            }
            let workflow = &self.workflows[id];
            let of_main = |path: &str| {
                let name = path.split(['/', '[', '#']).next();
                let mut main = workflow.bodies[0].steps.iter();
                main.any(|step| Some(&*workflow.steps[*step].name) == name)
            };
            let went_on = journal[*rows..]
                .iter()
                .find_map(|(_, event)| step_of(event).filter(|it| of_main(it)));
            if let Some(step) = went_on {
                return Err(format!(
                    "{id} was to be cancelled, and step `{step}` goes on"
                ));
            }
        }
        Ok(())
    }

    fn has_stopped(
        &self,
        journals: &BTreeMap<String, Events>,
        parent: &Id,
        child: &Id,
    ) -> Result<bool, String> {
        let Some(journal) = journals.get(&**parent) else {
            return Ok(false);
        };
        let workflow = self.workflows[parent].clone();
        let run = Run::replay(workflow, journal.iter().cloned());
        let run = run.map_err(|error| format!("{parent}: {error}"))?;
        Ok(run.has_stopped(child))
    }
}
