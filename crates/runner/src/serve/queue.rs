//! From what is queued in the store to runs that go: workflow by workflow in turn, those of a higher priority first, and
//! never more at once than allowed.
//!
//! The store is the queue: here is only the part of it that comes next.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use flow_engine::journal::{Event, StartedBy};
use flow_engine::time::Timestamp;
use flow_engine::value::{Map, Value, journal};
use flow_engine::workflow::Trigger;
use flow_engine::workflow::input::InputError;
use flow_local::clock::now;
use flow_local::driver::{Progress, Services, Word as Awaits};
use flow_local::start::NewRun;
use flow_local::store::{Queued, Reader};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use super::daemon::{Daemon, Source, called};
use super::library::Loaded;
use super::log::Level;
use crate::show::awaited;
use crate::{inputs, services};

/// How much of a workflow's queue is known here.
const KNOWN: u32 = 64;

/// What the queue is told.
pub(super) enum Word {
    /// Something of a workflow was queued.
    Queued(Arc<str>),
    /// A run that was started ended, or nobody drives it any more: its place is free, unless it was free already.
    Over {
        /// Whether it had its place still.
        held: bool,
    },
    /// A run that was started waits for a word from outside, which may come in days: its place is free meanwhile.
    Waits,
    /// It goes on.
    GoesOn,
    /// A run that was queued was cancelled.
    Gone(Queued),
    /// Something may start that could not: what is served has changed, or another run has ended.
    Look,
}

/// Starts what is queued until the daemon stops, once what was left over goes on.
pub(super) async fn start_queued(
    daemon: Arc<Daemon>,
    mut words: UnboundedReceiver<Word>,
    reader: Reader,
    runs_max: usize,
) {
    let mut queue = Queue {
        reader,
        of: BTreeMap::new(),
        read: HashMap::new(),
        last: None,
        driven: 0,
        runs_max,
    };
    tokio::select! {
        () = daemon.taken_up.cancelled() => {}
        () = daemon.stopping.cancelled() => return,
    }
    while let Some(word) = tokio::select! {
        word = words.recv() => word,
        () = daemon.stopping.cancelled() => None,
    } {
        let mut next = Some(word);
        while let Some(word) = next {
            queue.take(&daemon, word);
            next = words.try_recv().ok();
        }
        queue.start(&daemon);
    }
}

struct Queue {
    reader: Reader,
    /// Workflows of which something may start.
    of: BTreeMap<Arc<str>, OfWorkflow>,
    /// The last that was read of the others: a row is read once, also while its run has begun and is not yet on disk.
    read: HashMap<Arc<str>, i64>,
    /// The workflow that had its turn.
    last: Option<Arc<str>>,
    driven: usize,
    runs_max: usize,
}

/// What is known of one workflow's queue.
#[derive(Default)]
struct OfWorkflow {
    next: VecDeque<Queued>,
    /// The last one that was read.
    read: i64,
    /// Whether the store may have more.
    more: bool,
}

impl Queue {
    fn take(&mut self, daemon: &Daemon, word: Word) {
        match word {
            Word::Queued(workflow) => {
                let read = self.read.get(&workflow).copied().unwrap_or(0);
                let of = self.of.entry(workflow).or_insert(OfWorkflow {
                    read,
                    ..OfWorkflow::default()
                });
                of.more = true;
            }
            Word::Over { held } => self.driven = self.driven.saturating_sub(usize::from(held)),
            Word::Waits => self.driven = self.driven.saturating_sub(1),
            Word::GoesOn => self.driven += 1,
            Word::Gone(queued) => self.forget(daemon, &queued),
            Word::Look => {}
        }
    }

    /// A run that is not about to begin never will; one that is hears of it then.
    fn forget(&mut self, daemon: &Daemon, queued: &Queued) {
        let of = self.of.get_mut(&*queued.workflow);
        let waits = match of {
            Some(of) => {
                let at = of.next.iter().position(|next| next.id == queued.id);
                at.and_then(|at| of.next.remove(at)).is_some() || queued.id > of.read
            }
            None => self.read.get(&*queued.workflow) < Some(&queued.id),
        };
        if !waits {
            return;
        }
        daemon.owner.is_forgotten(&queued.run);
        if queued.due.is_some() {
            daemon.count(&source_of(queued), |going| {
                going.waiting = going.waiting.saturating_sub(1);
            });
        }
    }

    fn start(&mut self, daemon: &Arc<Daemon>) {
        while self.driven < self.runs_max {
            let Some((loaded, queued)) = self.next(daemon) else {
                return;
            };
            self.last = Some(loaded.workflow.name.clone());
            begin(daemon, loaded, queued);
            self.driven += 1;
        }
    }

    /// What starts next: of the highest priority; among equals of the workflow after the one that had its turn.
    fn next(&mut self, daemon: &Daemon) -> Option<(Arc<Loaded>, Queued)> {
        let library = daemon.now_served();
        let mut order: Vec<Arc<str>> = self.of.keys().cloned().collect();
        let after = order
            .iter()
            .position(|name| Some(name) > self.last.as_ref());
        order.rotate_left(after.unwrap_or(0));
        let priority = |name: &Arc<str>| {
            let loaded = library.workflows.get(&**name);
            loaded.map_or(0, |loaded| -i64::from(loaded.workflow.priority))
        };
        order.sort_by_key(priority);
        for name in order {
            // What was taken for a workflow waits until it is served again.
            let Some(loaded) = library.workflows.get(&*name) else {
                continue;
            };
            let of = self.of.get_mut(&name)?;
            of.fill(daemon, &self.reader, &name);
            let at = of
                .next
                .iter()
                .position(|queued| may_start(daemon, loaded, queued));
            if let Some(queued) = at.and_then(|at| of.next.remove(at)) {
                return Some((loaded.clone(), queued));
            }
            if of.next.is_empty() && !of.more {
                let read = of.read;
                self.of.remove(&name);
                self.read.insert(name, read);
            }
        }
        None
    }
}

impl OfWorkflow {
    fn fill(&mut self, daemon: &Daemon, reader: &Reader, workflow: &str) {
        if !self.more || self.next.len() >= KNOWN as usize / 2 {
            return;
        }
        match tokio::task::block_in_place(|| reader.queued(workflow, self.read, KNOWN)) {
            Ok(found) => {
                self.more = found.len() == KNOWN as usize;
                self.read = found.last().map_or(self.read, |last| last.id);
                self.next.extend(found);
            }
            Err(error) => daemon.log.say(Level::Error, workflow, &error.to_string()),
        }
    }
}

/// One run of a trigger made of times goes at a time, unless the workflow says itself how many.
fn may_start(daemon: &Daemon, loaded: &Arc<Loaded>, queued: &Queued) -> bool {
    let Some(due) = queued.due else {
        return true;
    };
    let alone = || daemon.going(&source_of(queued)).started == 0;
    if loaded.workflow.concurrency.is_none() && !alone() {
        return false;
    }
    let timetable = loaded.timetable(&queued.trigger);
    let next = timetable.and_then(|timetable| timetable.next_after(Timestamp(due.0 - 1)));
    next.is_none_or(|next| next.start <= now())
}

fn source_of(queued: &Queued) -> Source {
    (
        queued.workflow.as_str().into(),
        queued.trigger.as_str().into(),
    )
}

/// Begins the run of something that is queued, or says why there is none.
fn begin(daemon: &Arc<Daemon>, loaded: Arc<Loaded>, queued: Queued) {
    let source = source_of(&queued);
    if queued.due.is_some() {
        daemon.count(&source, |going| {
            going.waiting = going.waiting.saturating_sub(1);
        });
    }
    daemon.count(&source, |going| going.started += 1);
    let daemon = daemon.clone();
    tokio::spawn(async move {
        let prepared = tokio::task::block_in_place(|| prepare(&daemon, &loaded, &source, &queued));
        let held = match prepared {
            Err(reason) => {
                pass(&daemon, &source, &queued, &reason);
                daemon.count(&source, |going| {
                    going.started = going.started.saturating_sub(1);
                });
                true
            }
            Ok((new, services)) => {
                let run = new.run.clone();
                if let Some(progress) = daemon.owner.begin(new, services) {
                    attend(&daemon, &source, &run, progress, true).await
                } else {
                    daemon.count(&source, |going| {
                        going.started = going.started.saturating_sub(1);
                    });
                    true
                }
            }
        };
        let _ = daemon.queue.send(Word::Over { held });
    });
}

/// Everything that a run needs, or why it cannot be.
fn prepare(
    daemon: &Daemon,
    loaded: &Loaded,
    source: &Source,
    queued: &Queued,
) -> Result<(NewRun, Services), String> {
    let workflow = &loaded.workflow;
    let Some(trigger) = loaded.trigger(&source.1) else {
        return Err("the workflow has no such trigger any more".to_owned());
    };
    let payload =
        journal::from_str(&queued.payload).map_err(|error| format!("[store.corrupt] {error}"))?;
    let due_previous = queued.due.and_then(|due| {
        let timetable = loaded.timetable(&source.1)?;
        let before = Timestamp(due.0 - 1);
        Some(timetable.latest(Timestamp(i64::MIN / 2), before)?.at)
    });
    let started_by = StartedBy {
        name: Some(source.1.to_string()),
        kind: trigger.starts.kind().to_owned(),
        key: Some(queued.key.clone()),
        due: queued.due,
        due_previous,
        causes: queued.causes,
        ..StartedBy::default()
    };
    let given = given(daemon, loaded, trigger, &started_by, &payload)
        .map_err(|error| format!("[{}] {error}", error.code))?;
    let given = inputs::store_files(workflow, &given, &daemon.project, &*daemon.owner.blobs())
        .map_err(|trouble| super::library::said(&trouble))?;
    let services = services_of(daemon, loaded, &given, false)?;
    let bundle = loaded
        .pinned(daemon.owner.store())
        .map_err(|error| format!("[{}] {error}", error.code()))?;
    let new = NewRun {
        run: queued.run.clone(),
        workflow: workflow.clone(),
        bundle,
        inputs: Value::from(given),
        started_by,
        trigger: payload,
        sandbox: daemon.sandbox,
        project: Some(daemon.project.display().to_string()),
        retry: None,
        budget: None,
    };
    Ok((new, services))
}

/// The inputs of a run that a trigger starts: what it gives and defaults, or what does not fit. Blocking where a file is named.
pub(super) fn given(
    daemon: &Daemon,
    loaded: &Loaded,
    trigger: &Trigger,
    started_by: &StartedBy,
    payload: &Value,
) -> Result<Map, InputError> {
    let workflow = &loaded.workflow;
    let blobs = daemon.owner.blobs();
    let given = inputs::of_trigger(workflow, trigger, Map::new(), started_by, payload, &*blobs)?;
    if let Some(error) = inputs::missing(workflow, &given) {
        return Err(error);
    }
    let given = inputs::with_defaults(workflow, &given);
    let store = daemon.owner.store().folder();
    match inputs::file_outside(workflow, &given, &daemon.project, store) {
        Some(error) => Err(error),
        None => Ok(given),
    }
}

/// What a run or a look of a workflow needs, with its secrets.
pub(super) fn services_of(
    daemon: &Daemon,
    loaded: &Loaded,
    inputs: &Map,
    looks: bool,
) -> Result<Services, String> {
    let secrets = services::look_up_secrets(&loaded.workflow, inputs, daemon.sandbox, looks);
    let secrets = secrets.map_err(|missing| missing.said())?;
    Ok(Services {
        secrets: Arc::new(secrets),
        ..loaded.base.clone()
    })
}

fn pass(daemon: &Daemon, source: &Source, queued: &Queued, reason: &str) {
    daemon.log.say(
        Level::Error,
        &called(source),
        &format!("starts no run: {reason}"),
    );
    let passed = tokio::task::block_in_place(|| daemon.owner.store().pass(queued.id, reason));
    match passed {
        Ok(_) => daemon.tell_none(&queued.run, reason),
        Err(error) => daemon
            .log
            .say(Level::Error, &called(source), &error.to_string()),
    }
}

/// Follows a run, which counts as going, until it ends or nobody drives it any more. `queued` tells whether it has a place
/// of the queue; gives whether it has it still.
pub(super) async fn attend(
    daemon: &Daemon,
    source: &Source,
    run: &str,
    mut progress: UnboundedReceiver<Progress>,
    queued: bool,
) -> bool {
    let mut waits = None;
    while let Some(next) = progress.recv().await {
        let Progress::Waits(whose) = next else {
            if follow(daemon, source, run, next) {
                break;
            }
            continue;
        };
        let before = std::mem::replace(&mut waits, whose);
        if queued && before.is_some() != whose.is_some() {
            let word = if whose.is_some() {
                Word::Waits
            } else {
                Word::GoesOn
            };
            let _ = daemon.queue.send(word);
        }
        // A run that waits for a person does not keep the next one of its times waiting.
        let person = Some(Awaits::Person);
        daemon.count(source, |going| match (before == person, whose == person) {
            (false, true) => going.started = going.started.saturating_sub(1),
            (true, false) => going.started += 1,
            _ => {}
        });
        let _ = daemon.queue.send(Word::Look);
    }
    if waits != Some(Awaits::Person) {
        daemon.count(source, |going| {
            going.started = going.started.saturating_sub(1);
        });
    }
    waits.is_none()
}

/// Says what happened to a run; whether nothing follows.
fn follow(daemon: &Daemon, source: &Source, run: &str, next: Progress) -> bool {
    let say = |level, message: &str| {
        daemon
            .log
            .say_of_run(level, &called(source), Some(run), message);
    };
    match next {
        Progress::Event { event, .. } => {
            match &*event {
                Event::RunStarted(_) => say(Level::Info, "started"),
                Event::HoldStarted(held) if held.arguments.get("message").is_some() => {
                    let words = awaited::words(&held.arguments);
                    let command = awaited::command(run, &held.step, &held.arguments);
                    say(Level::Info, &format!("{words}; `{command}`"));
                }
                _ => {}
            }
            return false;
        }
        Progress::Ended(ended) => {
            daemon.tell_end(run, &ended);
            let status = ended.status.as_str();
            match ended.failure {
                _ if status == "succeeded" => say(Level::Done, "succeeded"),
                Some(failure) => {
                    say(
                        Level::Error,
                        &format!("{status}: [{}] {}", failure.code, failure.message),
                    );
                }
                None => say(Level::Error, status),
            }
        }
        Progress::Interrupted => {
            let how = format!("interrupted: a step needs a decision, `flow show {run}`");
            say(Level::Warning, &how);
        }
        Progress::Stopped => say(Level::Info, "stopped; it goes on at the next start"),
        Progress::StoreFailed(error) => say(Level::Error, &error.to_string()),
        Progress::StoreWaits(waits) => {
            if let Some(error) = waits {
                say(Level::Warning, &format!("waits: {error}"));
            }
            return false;
        }
        Progress::Looking { .. } | Progress::Waits(_) => return false,
    }
    true
}

/// Lets the queue know of everything that was left queued before the start.
pub(super) fn left(
    daemon: &Daemon,
    words: &UnboundedSender<Word>,
) -> Result<(), crate::exit::Trouble> {
    let reader = daemon.owner.reader()?;
    for workflow in reader.with_queued()? {
        let timed = reader.queued_times(&workflow)?;
        for (trigger, count) in timed {
            let source = (Arc::from(workflow.as_str()), Arc::from(trigger));
            daemon.count(&source, |going| going.waiting += count);
        }
        let _ = words.send(Word::Queued(workflow.into()));
    }
    Ok(())
}
