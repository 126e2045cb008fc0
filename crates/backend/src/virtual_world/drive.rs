//! The loop: one effect at a time, and virtual time when there is none.

use std::collections::VecDeque;
use std::sync::Arc;

use flow_engine::admission::Admission;
use flow_engine::duration::Millis;
use flow_engine::journal::{RunEnded, RunStarted, StartedBy};
use flow_engine::money::Costs;
use flow_engine::run::announce::hears;
use flow_engine::run::{
    AttemptSpec, ChildSpec, Done, Failure, FailureKind, Half, Input, NodeId, Output, Run,
};
use flow_engine::time::Timestamp;
use flow_engine::value::Value;
use flow_engine::workflow::Does;

use super::log::Log;
use super::records::Made;
use super::script::{Scripted, Word};
use super::{Child, Journal, Rest, World};
use crate::adopt::look_for;
use crate::attempt::{evaluate_control, fetch, perform};
use crate::log_look::look_in_log;
use crate::look::take_look;
use crate::range::{Pace, RANGE_TIME, perform_range};
use crate::segment::store_results;

/// No fixture has more events.
const EVENTS_MAX: usize = 1_000_000;

/// A run that goes on.
struct Live {
    run: Run,
    journal: Journal,
    /// The run that started it, and the node there.
    parent: Option<(usize, NodeId)>,
    /// Stands before its paths: that of the step that started it, with `/`; empty for the first run.
    prefix: String,
    effects: VecDeque<Output>,
    until: Option<Timestamp>,
    ended: Option<RunEnded>,
}

impl Live {
    fn new(run: Run, journal: Journal, parent: Option<(usize, NodeId)>, prefix: String) -> Live {
        Live {
            run,
            journal,
            parent,
            prefix,
            effects: VecDeque::new(),
            until: None,
            ended: None,
        }
    }
}

/// An input that comes later.
type Later = (Timestamp, usize, Input);

impl World {
    pub(super) async fn drive(&mut self, run: Run, journal: Journal) -> (Journal, Rest) {
        self.admission = Admission::default();
        self.log = Log::default();
        self.log.read(run.id(), &journal);
        let mut runs = vec![Live::new(run, journal, None, String::new())];
        let mut later: Vec<Later> = Vec::new();
        let beginning = self.beginning;
        let words = self.words.drain(..);
        let mut words: VecDeque<(Timestamp, Word)> = words
            .map(|(after, word)| (beginning.plus(after), word))
            .collect();
        let rest = loop {
            for at in 0..runs.len() {
                self.collect(&mut runs, at);
            }
            if self.tell_answers(&mut runs) || self.tell_events(&mut runs) {
                continue;
            }
            // Runs that it started and did not wait for go on to their own end.
            if runs.iter().all(|live| live.ended.is_some()) {
                break Rest::Ended;
            }
            if runs.iter().any(|live| live.journal.len() > EVENTS_MAX) {
                break Rest::Endless;
            }
            let next = (0..runs.len()).find(|at| !runs[*at].effects.is_empty());
            if let Some(at) = next {
                let Some(effect) = runs[at].effects.pop_front() else {
                    continue;
                };
                self.effect(&mut runs, at, effect, &mut later).await;
                continue;
            }
            let soonest = runs.iter().filter_map(|live| live.until);
            let soonest = soonest.chain(later.iter().map(|(at, ..)| *at));
            let soonest = soonest.chain(self.admission.due());
            let word = words.front().map(|(at, _)| *at);
            let Some(at) = soonest.chain(word).min() else {
                break match runs[0].ended {
                    Some(_) => Rest::Ended,
                    None => Rest::Interrupted,
                };
            };
            self.set_now(self.now.max(at));
            self.time_passed(&mut runs, &mut later, &mut words);
        };
        let mut runs = runs.into_iter();
        let main = runs.next().map(|live| live.journal).unwrap_or_default();
        self.children = runs
            .map(|live| Child {
                step: live.prefix.trim_end_matches('/').to_owned(),
                journal: live.journal,
            })
            .collect();
        (main, rest)
    }

    /// Takes what a run gives, and tells the run that started it when it has ended.
    fn collect(&mut self, runs: &mut [Live], at: usize) {
        loop {
            match runs[at].run.poll() {
                Output::Record(event) => {
                    let now = self.now;
                    runs[at].journal.push((now, event));
                }
                Output::Announce(event) => self.log.write(self.now, runs[at].run.id(), event),
                Output::Wait { until } => {
                    runs[at].until = until;
                    return;
                }
                Output::Done(ended) => {
                    self.admission.gone(self.now, runs[at].run.id());
                    runs[at].until = None;
                    let first = runs[at].ended.replace(ended.clone()).is_none();
                    if let Some((parent, node)) = runs[at].parent.filter(|_| first) {
                        self.give(runs, parent, Input::ChildEnded { node, ended });
                        self.collect(runs, parent);
                    }
                    return;
                }
                effect => runs[at].effects.push_back(effect),
            }
        }
    }

    /// Tells runs what became of what they asked for; whether there was anything to tell.
    fn tell_answers(&mut self, runs: &mut [Live]) -> bool {
        let mut told = false;
        while let Some(word) = self.admission.poll() {
            let at = runs.iter().position(|live| live.run.id() == &*word.run);
            if let Some(at) = at {
                let (ticket, answer) = (word.ticket, word.answer);
                self.give(runs, at, Input::Answered { ticket, answer });
                told = true;
            }
        }
        told
    }

    /// Tells steps that an event has happened which they may wait for; whether there was anything to tell.
    fn tell_events(&mut self, runs: &mut [Live]) -> bool {
        let mut told = false;
        for name in self.log.news() {
            for at in 0..runs.len() {
                let awaited = runs[at].run.words_awaited().filter(|(_, awaited)| {
                    let wanted = awaited.event.as_ref();
                    wanted.is_some_and(|wanted| hears(wanted, &name))
                });
                let nodes: Vec<NodeId> = awaited.map(|(node, _)| node).collect();
                for node in nodes {
                    self.give(runs, at, Input::Told { node });
                    told = true;
                }
            }
        }
        told
    }

    fn give(&mut self, runs: &mut [Live], at: usize, input: Input) {
        runs[at]
            .run
            .handle(self.now, input)
            .expect("the driver gives only inputs that the machine asked for");
    }

    fn time_passed(
        &mut self,
        runs: &mut [Live],
        later: &mut Vec<Later>,
        words: &mut VecDeque<(Timestamp, Word)>,
    ) {
        while words.front().is_some_and(|(at, _)| *at <= self.now) {
            if let Some((_, word)) = words.pop_front() {
                self.say(runs, word);
            }
        }
        self.admission.tick(self.now);
        let due = later.iter().position(|(at, ..)| *at <= self.now);
        if let Some(due) = due {
            let (_, at, input) = later.remove(due);
            self.give(runs, at, input);
            return;
        }
        for at in 0..runs.len() {
            if runs[at].until.is_some_and(|until| until <= self.now) {
                self.give(runs, at, Input::Tick);
            }
        }
    }

    /// Someone outside says something.
    fn say(&mut self, runs: &mut [Live], word: Word) {
        match word {
            Word::Cancel { hard } => {
                let by = "the script".to_owned();
                self.give(runs, 0, Input::Cancel { by, hard });
            }
            Word::Signal { path, value } => {
                self.say_to(runs, &path, |node| Input::Signal { node, value });
            }
            Word::Resolve { path, resolution } => {
                self.say_to(runs, &path, |node| Input::Resolve { node, resolution });
            }
        }
    }

    /// Gives a word to the node of a path. One that nobody waits for, or that is none of the choices, changes nothing.
    fn say_to(&self, runs: &mut [Live], path: &str, input: impl FnOnce(NodeId) -> Input) {
        let node = runs.iter().enumerate().find_map(|(at, live)| {
            let own = path.strip_prefix(&*live.prefix)?;
            Some((at, live.run.find(own)?))
        });
        if let Some((at, node)) = node {
            let _ = runs[at].run.handle(self.now, input(node));
        }
    }

    async fn effect(
        &mut self,
        runs: &mut Vec<Live>,
        at: usize,
        effect: Output,
        later: &mut Vec<Later>,
    ) {
        let input = match effect {
            Output::StartChild(spec) => return self.start_child(runs, at, spec),
            Output::Ask(ask) => {
                let run = runs[at].run.id().into();
                return self.admission.ask(self.now, &run, ask);
            }
            Output::Release { ticket, rest } => {
                let run = runs[at].run.id().into();
                return self.admission.release(self.now, &run, ticket, rest);
            }
            Output::StopChild { run, .. } => {
                let child = runs.iter().position(|live| live.run.id() == &*run);
                if let Some(child) = child {
                    let (by, hard) = ("the run that started it".to_owned(), false);
                    runs[child].parent = None;
                    self.give(runs, child, Input::Cancel { by, hard });
                }
                return;
            }
            Output::StopRange { node, first } => {
                later.retain(|(_, run, input)| {
                    let stopped = matches!(input, Input::RangeEnded { node: of, first: begin, .. } if *of == node && *begin == first);
                    *run != at || !stopped
                });
                return;
            }
            Output::Stop { node, attempt } => {
                later.retain(|(_, run, input)| {
                    let stopped = match input {
                        Input::AttemptEnded {
                            node: of,
                            attempt: no,
                            ..
                        }
                        | Input::Adopted {
                            node: of,
                            attempt: no,
                            ..
                        }
                        | Input::Prepared {
                            node: of,
                            attempt: no,
                            ..
                        } => *of == node && *no == attempt,
                        _ => false,
                    };
                    *run != at || !stopped
                });
                return;
            }
            Output::Adopt(spec) => {
                let live = &runs[at];
                let others = runs.iter().map(|live| (&live.run, &live.journal));
                let made = Made::of(others, live.run.id(), &spec.path);
                let context = self.context(format!("{}{}", live.prefix, spec.path).into());
                let runner = self.runner.clone();
                let input = look_for(live.run.workflow(), &spec, &*runner, &made, &context).await;
                Some((input, runner.takes()))
            }
            effect => self.perform(&runs[at], effect).await,
        };
        let Some((input, takes)) = input else { return };
        match takes {
            Some(takes) => later.push((self.now.plus(takes), at, input)),
            None => self.give(runs, at, input),
        }
    }

    fn start_child(&mut self, runs: &mut Vec<Live>, at: usize, spec: ChildSpec) {
        let parent = &runs[at].run;
        let path = parent.of(spec.node).map_or("", |(_, path)| path);
        let prefix = format!("{}{path}/", runs[at].prefix);
        let Some(workflow) = parent.workflow().children.get(&spec.workflow).cloned() else {
            return;
        };
        let started = RunStarted {
            run: spec.run.to_string(),
            workflow: workflow.name.to_string(),
            bundle: parent.started().bundle.clone(),
            inputs: spec.inputs,
            started_by: StartedBy {
                kind: "workflow".to_owned(),
                key: Some(parent.id().to_owned()),
                causes: parent.started().started_by.causes,
                ..StartedBy::default()
            },
            trigger: Value::map::<&str>([]),
            sandbox: parent.started().sandbox,
            seed: parent.started().seed,
            project: None,
            retry_of: None,
            budget: spec.budget,
        };
        let mut run = Run::new(workflow, started, self.now);
        run.set_within(spec.within);
        let parent = (!spec.detached).then_some((at, spec.node));
        runs.push(Live::new(run, Vec::new(), parent, prefix));
    }

    async fn perform(&self, live: &Live, effect: Output) -> Option<(Input, Option<Millis>)> {
        let (run, runner) = (&live.run, self.runner.clone());
        let workflow = run.workflow();
        let path = |node: NodeId| match run.of(node) {
            Some((_, path)) => format!("{}{path}", live.prefix).into(),
            None => "step".into(),
        };
        let input = match effect {
            Output::Start(spec) | Output::Send(spec) => {
                let context = self.context(path(spec.node));
                let input = perform(workflow, &spec, &*runner, &context).await;
                return Some(in_time(&spec, input, runner.takes()));
            }
            Output::Look(spec) => {
                let (node, step) = (spec.node, spec.step);
                let Does::Hold(watch) = &workflow.steps[step].does else {
                    return None;
                };
                let context = self.context(path(node));
                if spec.since.is_some() {
                    let log = self.log.of(run.id());
                    let result = look_in_log(workflow, watch, step, spec, log, &context).await;
                    return Some((Input::Looked { node, result }, None));
                }
                let result = take_look(workflow, watch, Some(step), spec, &*runner, &context).await;
                runner.takes();
                Input::Looked { node, result }
            }
            Output::Range(spec) => {
                let (context, runner) = (self.context(path(spec.node)), runner.clone());
                let pace = VirtualPace::new(runner.clone());
                let (input, pace) = perform_range(workflow, spec, &*runner, &context, pace).await;
                return Some((input, pace.and_then(|pace| pace.taken())));
            }
            Output::Store(spec) => store_results(spec, self.context("items".into())).await,
            Output::Fetch(spec) => fetch(spec, self.context("items".into())).await,
            Output::Evaluate {
                control,
                step,
                values,
            } => {
                let context = self.context("expression".into());
                evaluate_control(Arc::clone(workflow), control, step, values, context).await
            }
            _ => return None,
        };
        Some((input, None))
    }
}

/// The clock of a range in virtual time.
struct VirtualPace {
    runner: Arc<Scripted>,
    taken: u64,
}

impl VirtualPace {
    fn new(runner: Arc<Scripted>) -> VirtualPace {
        VirtualPace { runner, taken: 0 }
    }

    /// How long all its items took; `None` if none took any time.
    fn taken(&self) -> Option<Millis> {
        (self.taken > 0).then_some(Millis(self.taken))
    }
}

impl Pace for VirtualPace {
    fn tried(
        &mut self,
        limit: Option<Millis>,
        result: Result<Value, Failure>,
    ) -> Result<Value, Failure> {
        let (takes, result) = match (self.runner.takes(), limit) {
            (Some(takes), Some(limit)) if takes > limit => {
                (limit, Err(took_too_long(limit, Done::Unknown)))
            }
            (takes, _) => (takes.unwrap_or(Millis(0)), result),
        };
        self.taken += takes.0;
        result
    }

    fn is_up(&self) -> bool {
        self.taken >= RANGE_TIME.0
    }
}

fn took_too_long(limit: Millis, done: Done) -> Failure {
    let message = format!("the attempt took longer than {limit}");
    let kind = FailureKind::Timeout;
    Failure::of(kind, done, "step.attempt_timeout", message)
}

/// What an attempt that takes a while gives, and when: its own end, or that of its time.
fn in_time(spec: &AttemptSpec, input: Input, takes: Option<Millis>) -> (Input, Option<Millis>) {
    match (takes, spec.timeout) {
        (Some(takes), Some(limit)) if takes > limit => {
            let sent = spec.half != Half::Prepare;
            let done = if sent { Done::Unknown } else { Done::NotDone };
            let input = Input::AttemptEnded {
                node: spec.node,
                attempt: spec.attempt,
                result: Err(took_too_long(limit, done)),
                answer: None,
                made: None,
                rest: None,
                costs: Costs::default(),
            };
            (input, Some(limit))
        }
        (takes, _) => (input, takes),
    }
}
