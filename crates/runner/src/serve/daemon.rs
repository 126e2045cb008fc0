//! What the parts of the daemon share.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flow_backend::context::{Rest, StepContext};
use flow_backend::meter::Meter;
use flow_backend::spill::spill;
use flow_engine::journal::RunEnded;
use flow_engine::run::look::lets_through;
use flow_engine::run::{Failure, Values};
use flow_engine::schedule::waiting::Turn;
use flow_engine::schedule::{Going, turn};
use flow_engine::value::{Value, journal};
use flow_engine::workflow::trigger::Misfire;
use flow_local::driver::Services;
use flow_local::start::new_id;
use flow_local::store::{Look, Noted, Notice, Occurrence, Outcome, Queued, StoreError};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::hooks::Hooks;
use super::library::{Library, Loaded, said};
use super::log::{Level, Log};
use super::queue::Word;
use super::telemetry::Metrics;
use crate::exit::Trouble;
use crate::host::Owner;

/// A trigger: the names of its workflow and its own.
pub(super) type Source = (Arc<str>, Arc<str>);

/// How a run that was to start ended, or why there is none.
pub(super) type Ended = Result<RunEnded, String>;

/// What the parts of the daemon share.
pub(super) struct Daemon {
    pub(super) owner: Arc<Owner>,
    /// The newest version of what is served.
    pub(super) library: watch::Sender<Arc<Library>>,
    /// Whether its runs go against the sandbox.
    pub(super) sandbox: bool,
    pub(super) project: PathBuf,
    pub(super) log: Log,
    pub(super) metrics: Arc<Metrics>,
    /// What was left over is driven again: nobody takes a place that it holds.
    pub(super) taken_up: CancellationToken,
    /// No new work is taken on.
    pub(super) stopping: CancellationToken,
    pub(super) queue: UnboundedSender<Word>,
    going: Mutex<HashMap<Source, Going>>,
    paused: Mutex<HashSet<Source>>,
    wrong: Mutex<Vec<(PathBuf, String)>>,
    hooks: Mutex<Arc<Hooks>>,
    awaited: Mutex<HashMap<String, oneshot::Sender<Ended>>>,
}

impl Daemon {
    pub(super) fn new(
        owner: Arc<Owner>,
        project: PathBuf,
        sandbox: bool,
        log: Log,
        metrics: Arc<Metrics>,
        queue: UnboundedSender<Word>,
    ) -> Daemon {
        Daemon {
            owner,
            library: watch::Sender::new(Arc::default()),
            sandbox,
            project,
            log,
            metrics,
            taken_up: CancellationToken::new(),
            stopping: CancellationToken::new(),
            queue,
            going: Mutex::default(),
            paused: Mutex::default(),
            wrong: Mutex::default(),
            hooks: Mutex::default(),
            awaited: Mutex::default(),
        }
    }

    /// Records what a trigger noticed; it is on disk when this returns. New runs are queued.
    pub(super) async fn notice(
        &self,
        source: &Source,
        occurrences: Vec<Occurrence>,
        look: Option<Look>,
    ) -> Result<Vec<Noted>, StoreError> {
        let (answer, noted) = oneshot::channel();
        let queued = occurrences.iter();
        let queued: Vec<bool> = queued
            .map(|occurrence| matches!(occurrence.outcome, Outcome::Queued { .. }))
            .collect();
        self.owner.store().notice(Notice {
            workflow: source.0.to_string(),
            trigger: source.1.to_string(),
            occurrences,
            look,
            done: Box::new(move |result| {
                let _ = answer.send(result);
            }),
        });
        let noted = noted.await.unwrap_or_else(|_| {
            Err(StoreError::Missing {
                path: self.owner.store().folder().to_owned(),
                what: "closed".into(),
            })
        })?;
        for (queued, noted) in queued.iter().zip(&noted) {
            self.metrics.noticed(source, *queued, noted);
        }
        if queued.contains(&true) {
            let _ = self.queue.send(Word::Queued(source.0.clone()));
        }
        Ok(noted)
    }

    /// What keeps the store from taking anything, if something does.
    pub(super) fn store_trouble(&self) -> Option<StoreError> {
        self.owner.store().trouble().borrow().clone()
    }

    /// Whether `where` of a trigger holds for what happened.
    pub(super) fn lets_through(
        &self,
        loaded: &Loaded,
        trigger: &str,
        payload: &Value,
    ) -> Result<bool, Failure> {
        let workflow = &loaded.workflow;
        let condition = workflow.triggers[trigger].condition.as_ref();
        let values = Values {
            trigger: payload.clone(),
            ..Values::default()
        };
        let blobs = self.owner.blobs();
        lets_through(workflow, condition, payload, &values.reading(&*blobs))
    }

    /// What `trigger` is to mean, as it is recorded: a large value is stored first. Blocking.
    pub(super) fn payload(&self, value: Value) -> Result<String, String> {
        let stored = spill(value, &*self.owner.blobs());
        let stored = stored.map_err(|failure| format!("[{}] {}", failure.code, failure.message))?;
        Ok(journal::to_string(&stored))
    }

    /// What becomes of a run that a trigger made of times is to start. What may wait counts as waiting from here on.
    pub(super) fn turn(&self, source: &Source, loaded: &Loaded, misfire: Misfire) -> Outcome {
        let mut going = lock(&self.going);
        let going = going.entry(source.clone()).or_default();
        match turn(loaded.workflow.concurrency.is_some(), misfire, *going) {
            Turn::Skip(full) => Outcome::Passed {
                reason: full.to_string(),
            },
            Turn::Start | Turn::Wait => {
                going.waiting += 1;
                Outcome::Queued { run: new_id() }
            }
        }
    }

    /// Changes how many runs of a trigger go or wait.
    pub(super) fn count(&self, source: &Source, change: impl FnOnce(&mut Going)) {
        let mut going = lock(&self.going);
        let counted = going.entry(source.clone()).or_default();
        change(counted);
        if *counted == Going::default() {
            going.remove(source);
        }
    }

    /// How many runs of a trigger go or wait.
    pub(super) fn going(&self, source: &Source) -> Going {
        lock(&self.going).get(source).copied().unwrap_or_default()
    }

    /// Whether a trigger is paused.
    pub(super) fn is_paused(&self, source: &Source) -> bool {
        lock(&self.paused).contains(source)
    }

    /// Keeps tasks going for what is served until it stops. When that changes they are begun anew, once those under way have
    /// ended.
    pub(super) async fn keep(
        daemon: Arc<Daemon>,
        start: impl Fn(&Arc<Daemon>, &Library, &CancellationToken) -> JoinSet<()> + Send,
    ) {
        let mut changes = daemon.library.subscribe();
        loop {
            let library = changes.borrow_and_update().clone();
            let stop = daemon.stopping.child_token();
            let mut tasks = start(&daemon, &library, &stop);
            tokio::select! {
                () = daemon.stopping.cancelled() => {}
                anew = changes.changed() => if anew.is_err() { return },
            }
            stop.cancel();
            while tasks.join_next().await.is_some() {}
            if daemon.stopping.is_cancelled() {
                return;
            }
        }
    }

    /// A trigger was paused, or goes on: those that go on begin anew.
    pub(super) fn paused(&self) {
        match self.read_paused() {
            Ok(()) => self.library.send_modify(|_| ()),
            Err(trouble) => self.log.say(Level::Error, "triggers", &said(&trouble)),
        }
    }

    /// Reads from the store which triggers are paused.
    pub(super) fn read_paused(&self) -> Result<(), Trouble> {
        let known =
            tokio::task::block_in_place(|| self.owner.reader()?.triggers().map_err(Trouble::from))?;
        let paused = known.into_iter().filter(|known| known.paused_at.is_some());
        let paused = paused.map(|known| (known.workflow.into(), known.trigger.into()));
        *lock(&self.paused) = paused.collect();
        Ok(())
    }

    /// Files with what is wrong with them, as it was said last.
    pub(super) fn wrong(&self) -> MutexGuard<'_, Vec<(PathBuf, String)>> {
        lock(&self.wrong)
    }

    /// The deliveries that are taken.
    pub(super) fn hooks(&self) -> Arc<Hooks> {
        lock(&self.hooks).clone()
    }

    /// Takes other deliveries from here on.
    pub(super) fn set_hooks(&self, hooks: Hooks) {
        *lock(&self.hooks) = Arc::new(hooks);
    }

    /// Hears how a run that is about to start ends.
    pub(super) fn await_end(&self, run: &str) -> oneshot::Receiver<Ended> {
        let (sender, ended) = oneshot::channel();
        lock(&self.awaited).insert(run.to_owned(), sender);
        ended
    }

    /// Nobody waits for the end of a run any more.
    pub(super) fn await_no_more(&self, run: &str) {
        lock(&self.awaited).remove(run);
    }

    /// Tells whoever waits for it how a run ended.
    pub(super) fn tell_end(&self, run: &str, ended: &RunEnded) {
        if let Some(sender) = lock(&self.awaited).remove(run) {
            let _ = sender.send(Ok(ended.clone()));
        }
    }

    /// Tells whoever waits for the end of a run that it does not start.
    pub(super) fn tell_none(&self, run: &str, reason: &str) {
        if let Some(sender) = lock(&self.awaited).remove(run) {
            let _ = sender.send(Err(reason.to_owned()));
        }
    }

    /// A run was taken out of the queue.
    pub(super) fn dequeued(&self, queued: &Queued, reason: &str) {
        let source: Source = (
            queued.workflow.as_str().into(),
            queued.trigger.as_str().into(),
        );
        let said = format!("starts no run: {reason}");
        self.log
            .say_of_run(Level::Info, &called(&source), Some(&queued.run), &said);
        self.tell_none(&queued.run, reason);
        let _ = self.queue.send(Word::Gone(queued.clone()));
    }

    /// What a trigger sees of the world.
    pub(super) fn context(&self, services: &Services, source: &Source) -> StepContext {
        StepContext {
            blobs: services.blobs.clone(),
            secrets: services.secrets.clone(),
            cancel: self.stopping.clone(),
            project: services.project.clone(),
            run: "".into(),
            step: source.1.clone(),
            rest: Rest::default(),
            meter: Meter::default(),
        }
    }

    /// The newest version of what is served.
    pub(super) fn now_served(&self) -> Arc<Library> {
        self.library.borrow().clone()
    }
}

/// How a trigger is called in lines.
pub(super) fn called(source: &Source) -> String {
    format!("{}/{}", source.0, source.1)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
