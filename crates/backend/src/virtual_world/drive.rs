//! The drive: effects one after another, time moved to where something is due.

use std::collections::VecDeque;
use std::sync::Arc;

use flow_engine::run::{Input, Output, Run};
use flow_engine::workflow::Does;

use super::{Journal, Rest, World};
use crate::attempt::{evaluate_control, perform, take_look};

/// No fixture has more events.
const EVENTS_MAX: usize = 100_000;

impl World {
    pub(super) async fn drive(&mut self, mut run: Run, mut journal: Journal) -> (Journal, Rest) {
        let mut effects: VecDeque<Output> = VecDeque::new();
        loop {
            let until = loop {
                match run.poll() {
                    Output::Record(event) => journal.push((self.now, event)),
                    Output::Wait { until } => break until,
                    Output::Done(_) => return (journal, Rest::Ended),
                    effect => effects.push_back(effect),
                }
            };
            if journal.len() > EVENTS_MAX {
                return (journal, Rest::Endless);
            }
            let input = match (effects.pop_front(), until) {
                (Some(effect), _) => self.perform(&run, effect).await,
                (None, Some(until)) => {
                    self.now = self.now.max(until);
                    Some(Input::Tick)
                }
                (None, None) => return (journal, Rest::Interrupted),
            };
            if let Some(input) = input {
                run.handle(self.now, input)
                    .expect("the driver gives only inputs that the machine asked for");
            }
        }
    }

    async fn perform(&self, run: &Run, effect: Output) -> Option<Input> {
        let (workflow, context, runner) = (run.workflow(), self.context(), self.runner.clone());
        match effect {
            Output::Start(spec) | Output::Send(spec) => {
                Some(perform(workflow, &spec, &*runner, &context).await)
            }
            Output::Look(spec) => {
                let step = spec.step;
                let Does::Hold(watch) = &workflow.steps[step].does else {
                    return None;
                };
                let result = take_look(workflow, watch, Some(step), spec, &*runner, &context).await;
                Some(Input::Looked { step, result })
            }
            Output::Evaluate { control, values } => {
                Some(evaluate_control(Arc::clone(workflow), control, values, context).await)
            }
            Output::Record(_) | Output::Stop { .. } | Output::Wait { .. } | Output::Done(_) => None,
        }
    }
}
