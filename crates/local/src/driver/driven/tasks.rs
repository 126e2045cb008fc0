//! The tasks that a run begins; each sends one input back.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use flow_backend::adopt::look_for;
use flow_backend::attempt::perform;
use flow_backend::context::{Rest, StepContext};
use flow_backend::log_look::look_in_log;
use flow_backend::look::take_look;
use flow_backend::meter::Meter;
use flow_backend::range::{RealPace, perform_range};
use flow_engine::catalog::Effect;
use flow_engine::money::Costs;
use flow_engine::run::{
    AdoptSpec, AttemptSpec, ChildSpec, Done, Failure, Half, Input, LookSpec, RangeSpec,
};
use flow_engine::workflow::Does;
use futures_util::FutureExt;
use tokio::sync::mpsc::WeakUnboundedSender;
use tokio_util::sync::CancellationToken;

use super::{Attempt, Driven};
use crate::driver::Progress;
use crate::driver::children::Child;
use crate::driver::happening::Happening;
use crate::faults;

impl Driven {
    pub(super) fn attempt(&mut self, spec: AttemptSpec, sender: &WeakUnboundedSender<Happening>) {
        let cancel = CancellationToken::new();
        let once = matches!(&self.run.workflow().steps[spec.step].does, Does::Call(call) if call.effect == Effect::Once);
        let precious = once && matches!(spec.half, Half::Send(_));
        self.attempts.insert(
            (spec.node, spec.attempt),
            Attempt {
                cancel: cancel.clone(),
                precious,
            },
        );
        let (workflow, runner, context) = (
            self.run.workflow().clone(),
            self.services.runner.clone(),
            self.context(spec.path.clone(), cancel),
        );
        self.spawn(sender, async move {
            let sends = matches!(spec.half, Half::Send(_));
            if sends {
                faults::point("driver.send.before");
            } else {
                faults::point("driver.start.before");
            }
            let work =
                AssertUnwindSafe(perform(&workflow, &spec, &*runner, &context)).catch_unwind();
            let ended = work.await;
            if sends {
                faults::point("driver.send.after");
            } else {
                faults::point("driver.start.after");
            }
            ended.unwrap_or_else(|_| {
                let done = if sends { Done::Unknown } else { Done::NotDone };
                let failure = Failure { done, ..panicked() };
                Input::AttemptEnded {
                    node: spec.node,
                    attempt: spec.attempt,
                    result: Err(failure),
                    answer: None,
                    made: None,
                    rest: None,
                    costs: Costs::default(),
                }
            })
        });
    }

    /// What may be repeated freely: only the claim at its end counts.
    pub(super) fn look_for(&mut self, spec: AdoptSpec, sender: &WeakUnboundedSender<Happening>) {
        let cancel = CancellationToken::new();
        let attempt = Attempt {
            cancel: cancel.clone(),
            precious: false,
        };
        self.attempts.insert((spec.node, spec.attempt), attempt);
        let (workflow, runner, context, records) = (
            self.run.workflow().clone(),
            self.services.runner.clone(),
            self.context(spec.path.clone(), cancel),
            self.claims.of(&self.id, &spec.path),
        );
        self.spawn(sender, async move {
            let work = look_for(&workflow, &spec, &*runner, &records, &context);
            let ended = AssertUnwindSafe(work).catch_unwind().await;
            ended.unwrap_or_else(|_| Input::Adopted {
                node: spec.node,
                attempt: spec.attempt,
                result: Err(panicked()),
            })
        });
    }

    pub(super) fn range(&mut self, spec: RangeSpec, sender: &WeakUnboundedSender<Happening>) {
        let cancel = CancellationToken::new();
        let (node, first) = (spec.node, spec.first);
        self.ranges.insert((node, first), cancel.clone());
        let (workflow, runner, context) = (
            self.run.workflow().clone(),
            self.services.runner.clone(),
            self.context(spec.path.clone(), cancel),
        );
        self.spawn(sender, async move {
            let pace = RealPace::begin();
            let work = perform_range(&workflow, spec, &*runner, &context, pace);
            let ended = AssertUnwindSafe(work).catch_unwind().await;
            ended.map_or_else(
                |_| Input::RangeEnded {
                    node,
                    first,
                    result: Err(panicked()),
                },
                |(input, _)| input,
            )
        });
    }

    pub(super) fn look(&mut self, spec: LookSpec, sender: &WeakUnboundedSender<Happening>) {
        self.tell(Progress::Looking { step: spec.step });
        let log = self.log.of(&self.id, self.run.started().sandbox);
        let path = self.run.of(spec.node).map(|(_, path)| path.clone());
        let (workflow, runner, context) = (
            self.run.workflow().clone(),
            self.services.runner.clone(),
            self.context(
                path.unwrap_or_else(|| "look".into()),
                CancellationToken::new(),
            ),
        );
        self.spawn(sender, async move {
            let (node, step) = (spec.node, spec.step);
            let Does::Hold(watch) = &workflow.steps[step].does else {
                let failure =
                    Failure::permanent("internal.not_a_hold", "the step does not hold the run");
                return Input::Looked {
                    node,
                    result: Err(failure),
                };
            };
            faults::point("driver.look.before");
            let result = if spec.since.is_some() {
                let work = look_in_log(&workflow, watch, step, spec, log, &context);
                AssertUnwindSafe(work).catch_unwind().await
            } else {
                let work = take_look(&workflow, watch, Some(step), spec, &*runner, &context);
                AssertUnwindSafe(work).catch_unwind().await
            };
            faults::point("driver.look.after");
            let result = result.unwrap_or_else(|_| Err(panicked()));
            Input::Looked { node, result }
        });
    }

    pub(super) fn spawn(
        &mut self,
        sender: &WeakUnboundedSender<Happening>,
        work: impl Future<Output = Input> + Send + 'static,
    ) {
        self.tasks += 1;
        let (run, sender) = (self.id.clone(), sender.clone());
        tokio::spawn(async move {
            let input = work.await;
            faults::point("driver.attempt_end.before");
            if let Some(sender) = sender.upgrade() {
                let _ = sender.send(Happening::TaskEnded { run, input });
            }
            faults::point("driver.attempt_end.after");
        });
    }

    /// The run that a step starts is one of its own, driven beside this one.
    pub(super) fn child(&self, spec: ChildSpec) -> Child {
        Child {
            parent: self.id.clone(),
            workflow: self.run.workflow().children.get(&spec.workflow).cloned(),
            bundle: self.run.started().bundle.clone(),
            sandbox: self.run.started().sandbox,
            causes: self.run.started().started_by.causes,
            project: self.run.started().project.clone(),
            services: self.services.clone(),
            spec,
        }
    }

    pub(super) fn context(&self, step: Arc<str>, cancel: CancellationToken) -> StepContext {
        StepContext {
            blobs: self.services.blobs.clone(),
            secrets: self.services.secrets.clone(),
            cancel,
            project: self.services.project.clone(),
            run: self.id.clone(),
            step,
            rest: Rest::default(),
            meter: Meter::default(),
        }
    }
}

fn panicked() -> Failure {
    Failure::permanent("internal.panic", "a bug in flow ended this step")
        .help("please report it with the run's id")
}
