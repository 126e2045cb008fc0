//! The process that owns the store and drives its runs.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use flow_backend::spill::spill;
use flow_connector::Connectors;
use flow_connector::processes::Ledger;
use flow_engine::journal::Event;
use flow_engine::money::Amount;
use flow_engine::run::{IllegalInput, Input, Run};
use flow_engine::time::Timestamp;
use flow_engine::value::journal;
use flow_engine::workflow::Workflow;
use flow_local::clock::now;
use flow_local::driver::{Census, Decided, Driver, Hearer, Naps, Services, Taken, cancelled_by};
use flow_local::start::{self, NewRun};
use flow_local::store::{BlobFolder, NewEvent, Queued, Reader, RunRow, Store, TakeUp};
use flow_sandbox::{Config, Sandbox};
use tokio::sync::Mutex;

use super::listen::Listener;
use super::order::{Cancel, Emit, Pause, Resume, SecretTexts, Start};
use super::queued::Cancelled;
use super::troubles::{
    damaged, ended, goes_on, load_trouble, other_event, other_request, stopping,
};
use super::{Driven, Following, Ready, left_over, quarantine};
use crate::exit::{Exit, Trouble};
use crate::secrets::EnvironmentSecrets;
use crate::{load, services};

/// How long runs of others may go on before somebody is told that they are waited for.
const QUIET: Duration = Duration::from_millis(300);

/// How long guests may take to hear how their runs ended.
const TOLD_MAX: Duration = Duration::from_secs(2);

/// Owns a store, drives runs, and listens to other processes.
pub(crate) struct Owner {
    pub(super) store: Arc<Store>,
    pub(super) driver: Driver,
    /// Serves the runs that were started with `--sandbox`; started with the first.
    sandbox: Mutex<Option<Sandbox>>,
    /// Notes about the commands that run.
    ledger: Arc<Ledger>,
    /// One run is looked up and taken at a time.
    pub(super) taking: Mutex<()>,
    listener: Listener,
    /// What is done with a pause before whoever asked for it is told.
    on_pause: OnceLock<Box<dyn Fn() + Send + Sync>>,
    /// What is done with a run that is taken out of the queue.
    pub(super) on_dequeue: OnceLock<OnDequeue>,
    pub(super) cancelled: Cancelled,
}

/// Hears of a run that was queued and starts none, and why.
pub(super) type OnDequeue = Box<dyn Fn(&Queued, &str) + Send + Sync>;

impl Owner {
    /// Drives the runs of a store, and listens beside it. What a killed owner left running is ended first, and that is
    /// said.
    pub(crate) fn new(store: Store, hearer: Option<Hearer>) -> Result<Arc<Owner>, Trouble> {
        let store = Arc::new(store);
        let ledger = left_over::ledger(&store)?;
        Ok(Arc::new_cyclic(|owner| Owner {
            ledger,
            driver: Driver::start(store.clone(), hearer, Naps::default()),
            sandbox: Mutex::new(None),
            taking: Mutex::new(()),
            listener: Listener::start(store.folder(), owner.clone()),
            on_pause: OnceLock::new(),
            on_dequeue: OnceLock::new(),
            cancelled: Cancelled::default(),
            store,
        }))
    }

    pub(crate) fn blobs(&self) -> Arc<BlobFolder> {
        self.store.blobs()
    }

    /// The store that it owns.
    pub(crate) fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Where the sandbox is served, if it is.
    pub(crate) async fn sandbox_url(&self) -> Option<String> {
        self.sandbox.lock().await.as_ref().map(Sandbox::base_url)
    }

    pub(crate) async fn start(
        &self,
        start: Start,
        ready: Option<Ready>,
    ) -> Result<Driven, Trouble> {
        let _taking = self.taking.lock().await;
        if self.row(&start.run)?.is_some() {
            self.is_the_same(&start)?;
            return Ok(Driven::Exists);
        }
        self.may_go(&start.started_by)?;
        let ready = match ready {
            Some(ready) => ready,
            None => checked(&start.bundle)?,
        };
        self.can_be_called_back(&ready.workflow)?;
        let project = start.project.clone().map(PathBuf::from);
        let services = self
            .services(ready.connectors, start.secrets, project, start.sandbox)
            .await?;
        let bundle = tokio::task::block_in_place(|| start::pin(&self.store, &start.bundle))?;
        let new = NewRun {
            run: start.run,
            workflow: ready.workflow,
            bundle,
            inputs: start.inputs,
            started_by: start.started_by,
            trigger: start.trigger,
            sandbox: start.sandbox,
            project: start.project,
            retry: start.retry,
            budget: None,
        };
        Ok(self.drive(start::start(new, self.store.callbacks()), services))
    }

    /// Refuses a request under a key that another one had. What is not known of an older run is taken for the same.
    fn is_the_same(&self, start: &Start) -> Result<(), Trouble> {
        let first = self.reader()?.journal_page(&start.run, 0, 1)?.pop();
        let before = match &first {
            Some((_, Event::RunStarted(started))) => started.started_by.digest.as_ref(),
            _ => None,
        };
        match (before, &start.started_by.digest) {
            (Some(before), Some(digest)) if before != digest => Err(other_request(start)),
            _ => Ok(()),
        }
    }

    pub(crate) async fn resume(&self, resume: Resume) -> Result<Driven, Trouble> {
        let _taking = self.taking.lock().await;
        let Resume {
            run,
            decisions,
            budget,
            force,
            secrets,
        } = resume;
        let (refusal, refused) = std::sync::mpsc::channel();
        let wanted = decisions.clone();
        let decided = self.driver.decide(&run, move |run| {
            decide(run, &wanted, budget).map_err(|trouble| {
                let _ = refusal.send(trouble);
                IllegalInput(String::new())
            })
        });
        match decided.await {
            Decided::OnDisk if decisions.is_empty() && budget.is_nothing() => {
                return Err(goes_on(&run));
            }
            Decided::OnDisk => return Ok(Driven::Told),
            Decided::Refused(_) => return Err(refused.recv().unwrap_or_else(|_| goes_on(&run))),
            Decided::Stopping => return Err(stopping(&run)),
            Decided::NotDriven => {}
        }
        let row = self.unfinished(&run)?;
        match tokio::task::block_in_place(|| self.store.take_up(&run, force))? {
            TakeUp::Goes => {}
            TakeUp::Quarantined { deaths } => return Err(quarantine::trouble(&run, deaths)),
        }
        let driven = async {
            let (events, ready) = self.load(row)?;
            self.can_be_called_back(&ready.workflow)?;
            let taken = start::take_up(ready.workflow.clone(), events, self.store.callbacks());
            let mut taken = taken.map_err(|error| damaged(&run, &error))?;
            decide(&mut taken.run, &decisions, budget)?;
            self.drive_on(taken, ready, secrets).await
        };
        self.or_let_go(&run, driven.await)
    }

    pub(crate) async fn cancel(&self, cancel: Cancel) -> Result<Driven, Trouble> {
        let _taking = self.taking.lock().await;
        let Cancel {
            run,
            by,
            hard,
            secrets,
        } = cancel;
        let asked = Input::Cancel { by, hard };
        let input = asked.clone();
        match self
            .driver
            .decide(&run, move |run| run.handle(now(), input))
            .await
        {
            Decided::OnDisk => return Ok(Driven::Told),
            Decided::Refused(error) => {
                return Err(Trouble::new(Exit::Usage, "run.ended", error.to_string()));
            }
            Decided::Stopping => return Err(stopping(&run)),
            Decided::NotDriven => {}
        }
        if let Some(queued) = self.reader()?.queued_run(&run)? {
            let Input::Cancel { by, hard } = asked else {
                return Err(stopping(&run));
            };
            return self.cancel_queued(queued, &by, hard).await;
        }
        let row = self.unfinished(&run)?;
        let goes = tokio::task::block_in_place(|| self.store.take_up(&run, false))?;
        let driven = async {
            let (events, ready) = self.load(row)?;
            let workflow = ready.workflow.clone();
            let taken = match (goes, asked) {
                // Whoever does something of it may die of it.
                (TakeUp::Quarantined { .. }, Input::Cancel { by, .. }) => {
                    start::take_up_to_end(workflow, events, by)
                }
                (_, asked) => {
                    start::take_up(workflow, events, self.store.callbacks()).map(|mut taken| {
                        // A machine that has not begun refuses nothing of this kind.
                        let _ = taken.run.handle(now(), asked);
                        taken
                    })
                }
            };
            let taken = taken.map_err(|error| damaged(&run, &error))?;
            self.drive_on(taken, ready, secrets).await
        };
        match goes {
            TakeUp::Goes => self.or_let_go(&run, driven.await),
            TakeUp::Quarantined { .. } => driven.await,
        }
    }

    /// Pauses a trigger, or lets it go on: on disk, and known to whoever serves it, when this returns.
    pub(crate) fn pause(&self, pause: &Pause) -> Result<Driven, Trouble> {
        let since = pause.paused.then(now);
        let write = || self.store.pause(&pause.workflow, &pause.trigger, since);
        tokio::task::block_in_place(write)?;
        if let Some(on_pause) = self.on_pause.get() {
            on_pause();
        }
        Ok(Driven::Told)
    }

    /// Writes an event into the log, unless it is there: on disk when this returns. One of its key with other data is refused.
    pub(crate) fn emit(&self, emit: Emit) -> Result<Driven, Trouble> {
        let Emit { event, key, data } = emit;
        let name = event.clone();
        let write = || {
            let data = spill(data, &*self.blobs()).map_err(|failure| {
                Trouble::new(Exit::Unavailable, failure.code, failure.message)
            })?;
            let event = NewEvent {
                at: now(),
                name: event,
                data: journal::to_string(&data),
                key: Some(key),
                cause: None,
            };
            let before = self.store.emit(event).map_err(Trouble::from)?;
            let before = before.and_then(|before| journal::from_str(&before).ok());
            Ok::<_, Trouble>(before.is_none_or(|before| before == data))
        };
        if tokio::task::block_in_place(write)? {
            Ok(Driven::Told)
        } else {
            Err(other_event(&name))
        }
    }

    /// Does something with each pause before whoever asked for it is told. The first who wishes so is heard.
    pub(crate) fn on_pause(&self, act: impl Fn() + Send + Sync + 'static) {
        let _ = self.on_pause.set(Box::new(act));
    }

    /// How many runs are driven here.
    pub(crate) async fn census(&self) -> Census {
        self.driver.census().await
    }

    /// Whether a run is driven here.
    pub(crate) async fn drives(&self, run: &str) -> bool {
        let nothing = |_: &mut Run| Ok(());
        !matches!(self.driver.decide(run, nothing).await, Decided::NotDriven)
    }

    pub(crate) async fn rest(&self, say: impl FnOnce()) {
        if tokio::time::timeout(QUIET, self.driver.rest())
            .await
            .is_err()
        {
            say();
            self.driver.rest().await;
        }
    }

    /// Lets go of runs that do nothing but wait; they go on at the next start.
    pub(crate) fn wind_down(&self) {
        self.driver.wind_down();
    }

    /// Whether nobody is connected.
    pub(super) fn is_lonely(&self) -> bool {
        self.listener.guests() == 0
    }

    /// Takes no more guests, and waits for what the last ones wish: so long for those who wish nothing.
    pub(super) async fn last_guests(&self, patience: Duration) {
        self.listener.close();
        let silent = async {
            while !self.is_lonely() {
                self.driver.rest().await;
                tokio::time::sleep(QUIET / 10).await;
            }
        };
        let _ = tokio::time::timeout(patience, silent).await;
        self.driver.rest().await;
    }

    /// Stops every run in order.
    pub(crate) fn stop(&self) {
        self.driver.stop();
    }

    /// Lets go: what is still driven stops in order, and others who ask again find no owner.
    pub(crate) async fn close(&self) {
        self.listener.close();
        self.driver.stop();
        self.driver.rest().await;
        self.listener.told(TOLD_MAX).await;
        if let Some(sandbox) = self.sandbox.lock().await.take() {
            sandbox.stop().await;
        }
    }

    fn drive(&self, taken: Taken, services: Services) -> Driven {
        let run = taken.run.id().to_owned();
        let progress = self.driver.add(taken, services);
        let stop = {
            let (driver, run) = (self.driver.clone(), run.clone());
            Box::new(move || driver.stop_run(&run))
        };
        Driven::Following(Following {
            run,
            progress,
            stop,
        })
    }

    pub(super) async fn drive_on(
        &self,
        mut taken: Taken,
        ready: Ready,
        secrets: SecretTexts,
    ) -> Result<Driven, Trouble> {
        if let Some(parent) = self.stopped_by(&taken.run)? {
            // One that is to end already refuses it.
            let _ = taken.run.handle(now(), cancelled_by(&parent));
        }
        if let Err(trouble) = self.may_go(&taken.run.started().started_by) {
            // As above: its cancel may have been lost in a crash.
            let by = trouble.message;
            let _ = taken.run.handle(now(), Input::Cancel { by, hard: false });
        }
        let started = taken.run.started();
        let (sandbox, project) = (started.sandbox, started.project.clone().map(PathBuf::from));
        let services = self
            .services(ready.connectors, secrets, project, sandbox)
            .await?;
        Ok(self.drive(taken, services))
    }

    /// What was noted of a run that is not driven after all is taken back.
    pub(super) fn or_let_go(
        &self,
        run: &str,
        driven: Result<Driven, Trouble>,
    ) -> Result<Driven, Trouble> {
        driven.inspect_err(|_| self.store.let_go(run))
    }

    /// A run that has not ended.
    pub(super) fn unfinished(&self, run: &str) -> Result<RunRow, Trouble> {
        let row = self.row(run)?.ok_or_else(|| {
            let trouble = Trouble::new(
                Exit::Usage,
                "run.unknown",
                format!("there is no run `{run}`"),
            );
            trouble.help("`flow runs` lists them")
        })?;
        if row.has_ended() {
            return Err(ended(&row));
        }
        Ok(row)
    }

    /// Reads a run that is not driven. Its journal cannot grow: this process owns the store.
    pub(super) fn load(&self, row: RunRow) -> Result<(Vec<(Timestamp, Event)>, Ready), Trouble> {
        let stored = start::load(&self.reader()?, self.store.folder(), row)
            .map_err(|error| load_trouble(&error))?;
        let ready = checked(&stored.bundle)?;
        Ok((stored.events, ready))
    }

    /// The run that started this one and was over before it: its cancel may have been lost in a crash. One that was deleted,
    /// or cannot be read, has nothing to say.
    fn stopped_by(&self, child: &Run) -> Result<Option<String>, Trouble> {
        let started_by = &child.started().started_by;
        let Some(parent) = started_by
            .key
            .clone()
            .filter(|_| started_by.kind == "workflow")
        else {
            return Ok(None);
        };
        let Some(row) = self.row(&parent)? else {
            return Ok(None);
        };
        let has_stopped = || {
            let stored = start::load(&self.reader().ok()?, self.store.folder(), row).ok()?;
            let workflow = checked(&stored.bundle).ok()?.workflow;
            let run = Run::replay(workflow, stored.events).ok()?;
            Some(run.has_stopped(child.id()))
        };
        Ok(has_stopped().unwrap_or(false).then_some(parent))
    }

    pub(crate) fn reader(&self) -> Result<Reader, Trouble> {
        let reader = Store::reader(self.store.folder())?;
        reader.ok_or_else(|| Trouble::new(Exit::Unavailable, "store.io", "the store is gone"))
    }

    pub(super) fn row(&self, run: &str) -> Result<Option<RunRow>, Trouble> {
        Ok(self.reader()?.run(run)?)
    }

    pub(crate) async fn services(
        &self,
        mut connectors: Connectors,
        secrets: SecretTexts,
        project: Option<PathBuf>,
        sandbox: bool,
    ) -> Result<Services, Trouble> {
        if sandbox {
            let mut served = self.sandbox.lock().await;
            let sandbox = if let Some(sandbox) = served.take() {
                sandbox
            } else {
                let state = Config::new(self.store.folder().join("sandbox"));
                services::start_sandbox(state).await?
            };
            connectors = services::pointed_at(connectors, &sandbox);
            *served = Some(sandbox);
        }
        Ok(Services {
            runner: Arc::new(connectors.with_ledger(self.ledger.clone())),
            blobs: self.store.blobs(),
            secrets: Arc::new(EnvironmentSecrets::from_texts(secrets)),
            project: Arc::new(project.unwrap_or_default()),
        })
    }
}

/// The workflow of a bundle, with the connectors that it pinned.
pub(crate) fn checked(bundle: &flow_engine::bundle::Bundle) -> Result<Ready, Trouble> {
    let connectors = services::pinned(bundle)?;
    let checked = load::check(&bundle.source(), &connectors.catalog(), bundle);
    let Some(workflow) = checked.workflow else {
        let first = checked
            .findings
            .iter()
            .find(|finding| finding.is_error())
            .map(|finding| format!(": {}", finding.message));
        return Err(Trouble::new(
            Exit::Invalid,
            "run.bundle",
            format!(
                "the pinned workflow is no longer valid with this version of flow{}",
                first.unwrap_or_default()
            ),
        ));
    };
    Ok(Ready {
        workflow: Arc::<Workflow>::new(workflow),
        connectors,
    })
}

/// Gives the machine the decisions about interrupted steps, and more money.
fn decide(
    run: &mut Run,
    decisions: &[(String, flow_engine::journal::Resolution)],
    budget: Amount,
) -> Result<(), Trouble> {
    if !budget.is_nothing() {
        let raise = Input::RaiseBudget { by: budget };
        run.handle(now(), raise).map_err(|error| {
            let trouble = Trouble::new(Exit::Usage, "run.no_budget", error.to_string());
            trouble.help("write `budget:` into the workflow, on top or on a step")
        })?;
    }
    for (name, resolution) in decisions {
        let Some(node) = run.find(name) else {
            let workflow = run.workflow();
            let near =
                flow_engine::finding::nearest(name, workflow.steps.iter().map(|step| &*step.name));
            let trouble = Trouble::new(
                Exit::Usage,
                "run.unknown_step",
                format!("the run has no step `{name}`"),
            );
            return Err(match near {
                Some(near) => trouble.help(format!("did you mean `{near}`?")),
                None => trouble,
            });
        };
        let resolution = resolution.clone();
        run.handle(now(), Input::Resolve { node, resolution })
            .map_err(|error| {
                let trouble = Trouble::new(Exit::Usage, "run.not_interrupted", error.to_string());
                trouble.help("only a step whose end was lost takes a decision; `flow show RUN` shows which do")
            })?;
    }
    Ok(())
}
