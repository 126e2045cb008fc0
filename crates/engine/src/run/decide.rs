//! What happens next: everything that can be decided is.

use std::sync::Arc;

use super::evaluate::{Control, What, evaluate};
use super::io::{ChildSpec, Output};
use super::machine::Run;
use super::node::{Inside, Layer, NodeId};
use super::{AttemptNo, Failure, StepOutcome, StepStatus, Values};
use crate::catalog::EngineAction;
use crate::duration::Millis;
use crate::journal::{
    ChildStarted, Emitted, GroupStarted, HoldStarted, RunStopped, SkipReason, StepCancelled,
    StepSkipped, StepSucceeded, VarsRendered,
};
use crate::plan::Need;
use crate::time::Timestamp;
use crate::value::{Hash, INLINE_BYTES_MAX, Value};
use crate::workflow::{BodyRole, Does, Stop};

impl Run {
    /// Decides until nothing is left to decide.
    pub(super) fn settle(&mut self) {
        if self.vars.is_none() && !self.settle_vars() {
            return;
        }
        if !self.rereading.is_empty() || !self.may_begin() {
            return;
        }
        loop {
            while let Some(node) = self.todo.pop_front() {
                match self.nodes.get(node).map(|node| node.status) {
                    Some(StepStatus::Ready) => self.decide(node),
                    Some(StepStatus::Open { .. }) => self.goes_on(node),
                    _ => {}
                }
            }
            if self.unpark() {
                continue;
            }
            self.end();
            if self.todo.is_empty() || self.ended.is_some() {
                return;
            }
        }
    }

    fn settle_vars(&mut self) -> bool {
        if self.workflow.vars.is_empty() {
            self.vars = Some(Value::map::<&str>([]));
            return true;
        }
        match self.control_of_run(What::Vars) {
            None => false,
            Some(Ok(vars)) => {
                self.record_of_run(VarsRendered { vars });
                true
            }
            Some(Err(failure)) => {
                self.fail_run(failure);
                false
            }
        }
    }

    fn decide(&mut self, id: NodeId) {
        if self.is_stopping(id) {
            let step = self.name(id);
            self.record(id, StepCancelled { step });
            return;
        }
        let node = &self.nodes[id];
        let is_step = node.layer == Layer::Step;
        if is_step && let Some((need, status)) = self.lost_need(id) {
            let reason = SkipReason::LostNeed {
                need: self.workflow.steps[need].name.to_string(),
                status: status.as_str().to_owned(),
            };
            let step = self.name(id);
            self.record(id, StepSkipped { step, reason });
            return;
        }
        let first = node.attempt.is_none();
        if is_step && first && self.workflow.steps[node.step].condition.is_some() {
            match self.control(id, What::Condition) {
                None => return,
                Some(Ok(Value::Bool(true))) => {}
                Some(Ok(_)) => {
                    let step = self.name(id);
                    let reason = SkipReason::Condition;
                    self.record(id, StepSkipped { step, reason });
                    return;
                }
                Some(Err(failure)) => return self.fail(id, failure),
            }
        }
        self.start(id);
    }

    /// The outermost layer that has not begun: items, then rounds, then what the step does.
    fn start(&mut self, id: NodeId) {
        if let Some(value) = self.reused.get(&self.nodes[id].path).cloned() {
            let step = self.name(id);
            return self.record(id, StepSucceeded::of(step, value));
        }
        let workflow = self.workflow.clone();
        let node = &self.nodes[id];
        let shape = &workflow.steps[node.step];
        match node.layer {
            Layer::Step if shape.each.is_some() => return self.start_loop(id),
            Layer::Step | Layer::Item(_) if shape.repeat.is_some() => return self.start_rounds(id),
            _ => {}
        }
        if !self.may_go(id) {
            return;
        }
        match &shape.does {
            Does::Value(_) => match self.control(id, What::Value) {
                None => {}
                Some(Ok(value)) => {
                    let step = self.name(id);
                    self.record(id, StepSucceeded::of(step, value));
                }
                Some(Err(failure)) => self.fail(id, failure),
            },
            Does::Call(_) => {
                let Some(deadline) = self.deadline(id) else {
                    return;
                };
                let before = self.nodes[id].attempt;
                let attempt = before.map_or(AttemptNo::FIRST, AttemptNo::next);
                self.start_attempt(id, attempt, deadline);
            }
            Does::Hold(_) => {
                let Some(deadline) = self.deadline(id) else {
                    return;
                };
                let Some(after) = self.control(id, What::After) else {
                    return;
                };
                match self.control(id, What::Arguments) {
                    None => {}
                    Some(Ok(arguments)) => match self.begin_hold(id, arguments, after) {
                        Ok(started) => self.record(
                            id,
                            HoldStarted {
                                deadline,
                                ..started
                            },
                        ),
                        Err(failure) => {
                            let at = workflow.steps[self.nodes[id].step].span;
                            self.fail(id, failure.at(at));
                        }
                    },
                    Some(Err(failure)) => self.fail(id, failure),
                }
            }
            Does::Group(_) => {
                let Some(deadline) = self.deadline(id) else {
                    return;
                };
                let step = self.name(id);
                self.record(id, GroupStarted { step, deadline });
            }
            Does::Engine(action, _) => self.act(id, *action),
            Does::Child(child) => self.start_child(id, child),
        }
    }

    /// What the run itself does in place of a connector.
    fn act(&mut self, id: NodeId, action: EngineAction) {
        let arguments = match self.control(id, What::Arguments) {
            None => return,
            Some(Ok(arguments)) => arguments,
            Some(Err(failure)) => return self.fail(id, failure),
        };
        let text = |name: &str| {
            let text = arguments.get(name).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        let step = self.name(id);
        match action {
            EngineAction::Fail => {
                let at = self.workflow.steps[self.nodes[id].step].span;
                let code = "flow.fail";
                return self.fail(id, Failure::permanent(code, text("message")).at(at));
            }
            EngineAction::Stop => {
                let step = step.clone();
                self.record_of_run(RunStopped { step });
            }
            EngineAction::Emit => {
                let (event, data) = (
                    text("event"),
                    arguments.get("data").cloned().unwrap_or_default(),
                );
                if let Err(failure) = super::announce::may_be_said(&event) {
                    let at = self.workflow.steps[self.nodes[id].step].span;
                    return self.fail(id, failure.at(at));
                }
                let step = step.clone();
                self.announce(&event, data.clone());
                self.record(id, Emitted { step, event, data });
            }
        }
        let value = arguments;
        self.record(id, StepSucceeded::of(step, value));
        if action == EngineAction::Stop {
            self.cancel_all();
        }
    }

    fn start_child(&mut self, id: NodeId, child: &crate::workflow::ChildCall) {
        let Some(deadline) = self.deadline(id) else {
            return;
        };
        let inputs = match self.control(id, What::Arguments) {
            None => return,
            Some(Ok(inputs)) => inputs,
            Some(Err(failure)) => return self.fail(id, failure),
        };
        let workflow = self.workflow.clone();
        let Some(definition) = workflow.children.get(&child.workflow) else {
            return;
        };
        let place = workflow.steps[self.nodes[id].step].span;
        let inputs = match crate::workflow::input::of_child(definition, &inputs) {
            Ok(inputs) => inputs,
            Err(error) => {
                let failure = Failure::permanent(error.code, error.to_string()).at(place);
                return self.fail(
                    id,
                    match error.help {
                        Some(help) => failure.help(help),
                        None => failure,
                    },
                );
            }
        };
        let allotment = self.allotment(id, definition);
        let budget = allotment.filter(|_| !child.detach);
        let step = self.name(id);
        // The same child, however often it is started.
        let hash = Hash::of(format!("{}/{step}/child", self.started.run).as_bytes());
        let run = hash.to_string()[..26].to_owned();
        self.record(
            id,
            ChildStarted {
                step: step.clone(),
                run: run.clone(),
                workflow: child.workflow.to_string(),
                inputs: inputs.clone(),
                deadline,
                budget,
            },
        );
        let within = if child.detach {
            Vec::new()
        } else {
            self.held_by(id)
        };
        self.out.push_back(Output::StartChild(ChildSpec {
            node: id,
            within,
            run: run.as_str().into(),
            workflow: child.workflow.clone(),
            inputs,
            detached: child.detach,
            budget,
        }));
        if child.detach {
            let value = Value::map([("run", Value::from(run))]);
            self.record(id, StepSucceeded::of(step, value));
        }
    }

    /// Something happened inside an open node.
    fn goes_on(&mut self, id: NodeId) {
        match self.nodes[id].inside {
            Inside::Group(_) => self.group_goes_on(id),
            Inside::Loop(_) => self.loop_goes_on(id),
            Inside::Rounds(_) => self.rounds_go_on(id),
            Inside::Child(..) | Inside::Nothing => {}
        }
    }

    /// When the step's time is up; the outer `None` means that this is not known yet, or failed.
    #[expect(
        clippy::option_option,
        reason = "not known yet, no bound, and a bound are three things"
    )]
    pub(super) fn deadline(&mut self, id: NodeId) -> Option<Option<Timestamp>> {
        let node = &self.nodes[id];
        match node.layer {
            Layer::Item(_) => {
                let held_up = self.held_up(id);
                return Some(node.bound.map(|bound| bound.plus(held_up)));
            }
            Layer::Round(_) => return Some(None),
            Layer::Step | Layer::Undo => {}
        }
        if self.workflow.steps[node.step].timeout.is_none() {
            return Some(None);
        }
        match self.control(id, What::Timeout)? {
            Ok(value) => {
                if let Some(duration) = value.as_str().and_then(Millis::parse) {
                    return Some(Some(self.now.plus(duration)));
                }
                let shown = value.to_json().unwrap_or_else(|_| value.kind().to_owned());
                let message = format!("`timeout` gave {shown}, which is not a duration");
                let failure = Failure::permanent("time.duration", message);
                self.fail(
                    id,
                    failure.help("durations are written like `10s`, `5m`, `1h30m`"),
                );
                None
            }
            Err(failure) => {
                self.fail(id, failure);
                None
            }
        }
    }

    /// A step that it needs and that has no value. Under `finally` all that stands before it is over, well or not.
    fn lost_need(&self, id: NodeId) -> Option<(usize, StepOutcome)> {
        let node = &self.nodes[id];
        let shape = &self.workflow.steps[node.step];
        let in_finally = self.workflow.bodies[shape.body].role == BodyRole::Finally;
        shape.sees.iter().find_map(|(needed, need)| {
            let seen = self.seen(node.frame, *needed)?;
            let StepStatus::Ended(outcome) = self.nodes[seen].status else {
                return None;
            };
            let before = in_finally && self.workflow.steps[*needed].body != shape.body;
            let lost = match (outcome, need) {
                (StepOutcome::Succeeded, _)
                | (_, Need::Lifted)
                | (StepOutcome::Skipped, Need::SkipAllowed) => false,
                (_, Need::SkipAllowed) => !before,
                (_, Need::Required) => true,
            };
            lost.then_some((*needed, outcome))
        })
    }

    /// The answer to a control expression: from the driver, by itself, or `None` while the driver is asked.
    pub(super) fn control(&mut self, id: NodeId, what: What) -> Option<Result<Value, Failure>> {
        if let Some(answer) = self.nodes[id].answer(what) {
            return Some(Ok(answer.clone()));
        }
        let step = self.nodes[id].step;
        let values = self.values_for(id, what);
        let answer = evaluated(&self.workflow, Some(step), what, &values);
        if answer.is_none() && !self.nodes[id].asked.contains(&what) {
            self.nodes[id].asked.push(what);
            self.ask(Some(id), Some(step), what, values);
        }
        answer
    }

    /// The same for what is of the run itself.
    pub(super) fn control_of_run(&mut self, what: What) -> Option<Result<Value, Failure>> {
        let known = self.answers.iter().find(|(known, _)| *known == what);
        if let Some((_, answer)) = known {
            return Some(Ok(answer.clone()));
        }
        let values = self.values_of_run(what);
        let answer = evaluated(&self.workflow, None, what, &values);
        if answer.is_none() && !self.asked.contains(&what) {
            self.asked.push(what);
            self.ask(None, None, what, values);
        }
        answer
    }

    fn ask(&mut self, node: Option<NodeId>, step: Option<usize>, what: What, values: Values) {
        let values = Arc::new(values);
        self.out.push_back(Output::Evaluate {
            control: Control { node, what },
            step,
            values,
        });
    }
}

/// What the machine can evaluate by itself: what is small, and needs no content of stored values.
fn evaluated(
    workflow: &crate::workflow::Workflow,
    step: Option<usize>,
    what: What,
    values: &Values,
) -> Option<Result<Value, Failure>> {
    match evaluate(workflow, step, what, values, None) {
        // The driver evaluates it again and stores it: journals stay small.
        Ok(value) if what.may_be_large() && value.is_longer_than(INLINE_BYTES_MAX) => None,
        Ok(value) => Some(Ok(value)),
        Err(Stop::Failed(failure)) => Some(Err(failure)),
        Err(Stop::NeedsContent) => None,
    }
}
