//! What people say to runs: anything at any time, and at last what each run waits for.

use flow_engine::journal::Resolution;
use flow_engine::run::{Input, NodeId};
use flow_engine::value::Value;

use super::happening::Id;
use super::plan::Word;
use super::simulation::Simulation;

impl Simulation {
    /// Someone says something. What a step does not wait for is refused, and changes nothing.
    pub(super) fn say(&mut self, run: usize, word: Word) -> Result<(), String> {
        let Some((id, word)) = self.word(run, word) else {
            return Ok(());
        };
        let input = match word {
            Word::Cancel { hard } => {
                let by = "a person".to_owned();
                return self.give(&id, Input::Cancel { by, hard });
            }
            Word::Resolve(pick) => self.node_of(&id, pick).map(|node| {
                let resolution = match pick % 3 {
                    0 => Resolution::Retry,
                    1 => Resolution::Skip,
                    _ => Resolution::Set(Value::from("decided")),
                };
                Input::Resolve { node, resolution }
            }),
            Word::Signal(pick) => self.node_of(&id, pick).map(|node| {
                let value = Value::map([("choice", Value::from("approve"))]);
                Input::Signal { node, value }
            }),
        };
        let Some(input) = input else { return Ok(()) };
        let clock = self.clock();
        let Some(live) = self.process.runs.get_mut(&id) else {
            return Ok(());
        };
        let (node, allowed) = match &input {
            Input::Resolve { node, .. } => {
                (*node, live.run.interrupted().any(|(of, ..)| of == *node))
            }
            Input::Signal { node, .. } => {
                let waits = live.run.waiting_for_signals().any(|(of, _)| of == *node);
                (*node, waits)
            }
            _ => return Ok(()),
        };
        let taken = live.run.handle(clock, input).is_ok();
        if taken {
            self.figures.decisions += 1;
        } else {
            self.figures.refused += 1;
        }
        if taken != (allowed || live.ended) {
            return Err(format!(
                "{id}: a word for {node:?} was taken: {taken}, allowed: {allowed}"
            ));
        }
        let before = live.journal.len();
        self.round(&id)?;
        let after = self
            .process
            .runs
            .get(&id)
            .map_or(0, |live| live.journal.len());
        if after > before && !allowed {
            return Err(format!("{id}: a word that was refused changed something"));
        }
        Ok(())
    }

    /// Gives the first run that waits for somebody what it waits for. Unless it `must`, some wait in vain.
    pub(super) fn be_kind(&mut self, must: bool) -> Result<bool, String> {
        let mut found: Option<(Id, NodeId, String, bool)> = None;
        for (id, live) in &self.process.runs {
            let interrupted = live
                .run
                .interrupted()
                .map(|(node, path, _)| (node, path, true));
            let signals = live.run.waiting_for_signals();
            let signals = signals.map(|(node, path)| (node, path, false));
            let next = interrupted.chain(signals).find(|(_, path, _)| {
                let name = format!("vain {id} {path}");
                must || self.plan.steady || self.plan.mended || !self.chance.one_in(4, &name)
            });
            if let Some((node, path, interrupted)) = next {
                found = Some((id.clone(), node, path.to_string(), interrupted));
                break;
            }
        }
        let Some((id, node, path, interrupted)) = found else {
            return Ok(false);
        };
        self.figures.decisions += 1;
        self.tell(|| format!("{id}: someone is kind to {path}"));
        let input = if interrupted {
            let resolution = self.resolution(&id, &path);
            Input::Resolve { node, resolution }
        } else {
            let value = Value::map([("choice", Value::from("approve"))]);
            Input::Signal { node, value }
        };
        self.give(&id, input)?;
        Ok(true)
    }

    /// Who looks at the service knows whether it happened; not everybody looks.
    fn resolution(&self, id: &Id, path: &str) -> Resolution {
        let mut dice = self
            .chance
            .of(&format!("kind {id} {path} {}", self.figures.crashes));
        if !self.plan.steady && dice.roll(3) == 0 {
            return Resolution::Skip;
        }
        if self.world.has_happened(id, path) && (self.plan.steady || dice.roll(2) == 0) {
            Resolution::Set(Value::map([("id", Value::from(path))]))
        } else {
            Resolution::Retry
        }
    }
}
