//! Where runs are driven: in this process, which then owns the store, or in the process that owns it already and listens
//! on `control.sock`.
//!
//! Read in this order: [`order`] (what can be asked for), [`owner`] (the process that drives), [`wire`] (how the two
//! talk), [`answers`] (what people say to steps that wait), `backfills` (what becomes of their runs), [`queued`] (runs that have not begun), [`listen`] (the owner's side), [`remote`] (the other side), [`background`] (an owner without a terminal),
//! [`left_over`] (commands of an owner that was killed), [`quarantine`] (runs that kill owners), [`troubles`] (wishes that cannot be fulfilled).

pub(crate) mod answers;
mod backfills;
pub(crate) mod background;
mod left_over;
mod listen;
pub(crate) mod order;
pub(crate) mod owner;
pub(crate) mod quarantine;
mod queued;
mod remote;
pub(crate) mod troubles;
mod wire;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flow_connector::Connectors;
use flow_engine::workflow::Workflow;
use flow_local::driver::{Progress, Services};
use flow_local::store::{BlobFolder, Store, StoreError};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::exit::{Exit, Trouble};
use crate::secrets::EnvironmentSecrets;
use order::{Approve, Cancel, Emit, EndBackfill, Pause, Record, Resume, SecretTexts, Start};
pub(crate) use owner::Owner;
use remote::Remote;
use wire::What;

/// How long an owner that is about to end, or about to listen, is waited for.
const ATTACH_MAX: Duration = Duration::from_secs(5);
const ATTACH_PAUSE: Duration = Duration::from_millis(50);

/// How many owners are asked for the same, each of which went away as it was asked.
const ASKED_MAX: usize = 5;

/// A store that somebody asked for.
enum Found {
    /// Nobody owned it: this process does now.
    Free(Store),
    /// Somebody does, as opening it said.
    Owned(Remote, StoreError),
}

/// Takes a store, or finds who owns it. An owner that was just killed, ends, or does not listen yet is waited for.
async fn find(store: &Path) -> Result<Found, Trouble> {
    let deadline = Instant::now() + ATTACH_MAX;
    loop {
        let locked = match Store::open(store) {
            Ok(opened) => return Ok(Found::Free(opened)),
            Err(error @ StoreError::Locked { .. }) => error,
            Err(error) => return Err(error.into()),
        };
        match Remote::connect(store).await {
            Ok(remote) => return Ok(Found::Owned(remote, locked)),
            Err(_) if Instant::now() < deadline => tokio::time::sleep(ATTACH_PAUSE).await,
            Err(_) => return Err(locked.into()),
        }
    }
}

/// Opens a store to own it, which nobody else may then.
pub(crate) async fn own(store: &Path) -> Result<Store, Trouble> {
    match find(store).await? {
        Found::Free(opened) => Ok(opened),
        Found::Owned(_, locked) => Err(locked.into()),
    }
}

/// Where runs of a store are driven.
pub(crate) enum Backend {
    /// Here: this process owns the store.
    Here(Arc<Owner>),
    /// In the process that owns it.
    There(Remote),
}

/// A run that is driven, told from its first unseen event on.
pub(crate) struct Following {
    pub(crate) run: String,
    pub(crate) progress: UnboundedReceiver<Progress>,
    /// Stops the run in order; it can be resumed.
    pub(crate) stop: Box<dyn Fn() + Send + Sync>,
}

/// What became of a wish.
pub(crate) enum Driven {
    /// The run is driven; its progress comes.
    Following(Following),
    /// It was said to a run that somebody else follows; it is on disk.
    Told,
    /// There is a run of this id already.
    Exists,
}

/// A workflow that was checked already, with the connectors that it was checked against.
pub(crate) struct Ready {
    pub(crate) workflow: Arc<Workflow>,
    pub(crate) connectors: Connectors,
}

impl Backend {
    /// Owns the store if nobody does, or finds who does.
    pub(crate) async fn attach(store: &Path) -> Result<Backend, Trouble> {
        Ok(match find(store).await? {
            Found::Free(opened) => Backend::Here(Owner::new(opened, None)?),
            Found::Owned(remote, _) => Backend::There(remote),
        })
    }

    /// Finds an owner without a terminal, or starts one.
    pub(crate) async fn background(store: &Path) -> Result<Backend, Trouble> {
        if let Ok(remote) = Remote::connect(store).await {
            return Ok(Backend::There(remote.of_background()));
        }
        let mut spawned = background::spawn(store)?;
        let deadline = Instant::now() + ATTACH_MAX;
        loop {
            if let Ok(remote) = Remote::connect(store).await {
                return Ok(Backend::There(remote.of_background()));
            }
            spawned.check(store)?;
            if Instant::now() >= deadline {
                return Err(background::silent(store));
            }
            tokio::time::sleep(ATTACH_PAUSE).await;
        }
    }

    /// What a trigger that is waited for here needs.
    pub(crate) async fn services(
        &self,
        connectors: Connectors,
        secrets: SecretTexts,
        project: &Path,
        sandbox: bool,
    ) -> Result<Services, Trouble> {
        match self {
            Backend::Here(owner) => {
                let project = Some(project.to_owned());
                owner.services(connectors, secrets, project, sandbox).await
            }
            Backend::There(_) if sandbox => {
                let message = "another process serves the sandbox of this store";
                let trouble = Trouble::new(Exit::Unavailable, "store.locked", message);
                Err(trouble.help("wait until it ends, or give the event by hand with `--event`"))
            }
            Backend::There(_) => Ok(Services {
                runner: Arc::new(connectors),
                blobs: self.blobs(),
                secrets: Arc::new(EnvironmentSecrets::from_texts(secrets)),
                project: Arc::new(project.to_owned()),
            }),
        }
    }

    /// The blobs of the store, to be added to.
    pub(crate) fn blobs(&self) -> Arc<BlobFolder> {
        match self {
            Backend::Here(owner) => owner.blobs(),
            Backend::There(remote) => Arc::new(BlobFolder::reading(remote.store())),
        }
    }

    /// Starts a run; one that exists is left alone.
    pub(crate) async fn start(
        &mut self,
        start: Start,
        ready: Option<Ready>,
    ) -> Result<Driven, Trouble> {
        self.ask(What::Start(Box::new(start)), ready).await
    }

    /// Goes on with a run, or decides about steps of one that goes on.
    pub(crate) async fn resume(&mut self, resume: Resume) -> Result<Driven, Trouble> {
        self.ask(What::Resume(resume), None).await
    }

    /// Cancels a run, which must be driven for that.
    pub(crate) async fn cancel(&mut self, cancel: Cancel) -> Result<Driven, Trouble> {
        self.ask(What::Cancel(cancel), None).await
    }

    /// Pauses a trigger, or lets it go on.
    pub(crate) async fn pause(&mut self, pause: Pause) -> Result<Driven, Trouble> {
        self.ask(What::Pause(pause), None).await
    }

    /// Answers a step that waits for a person.
    pub(crate) async fn approve(&mut self, approve: Approve) -> Result<Driven, Trouble> {
        self.ask(What::Approve(Box::new(approve)), None).await
    }

    /// Writes a backfill down; one that is known goes on.
    pub(crate) async fn record(&mut self, record: Record) -> Result<Driven, Trouble> {
        self.ask(What::Record(Box::new(record)), None).await
    }

    /// Lets no more runs of a backfill start.
    pub(crate) async fn end_backfill(&mut self, end: EndBackfill) -> Result<Driven, Trouble> {
        self.ask(What::EndBackfill(end), None).await
    }

    /// Writes an event into the log, unless it is there.
    pub(crate) async fn emit(&mut self, emit: Emit) -> Result<Driven, Trouble> {
        self.ask(What::Emit(emit), None).await
    }

    /// An owner that ends as it is asked may have taken on the wish or not: whoever comes next is asked for the same, under
    /// the same id.
    async fn ask(&mut self, mut wish: What, ready: Option<Ready>) -> Result<Driven, Trouble> {
        for _ in 0..ASKED_MAX {
            let remote = match self {
                Backend::Here(owner) => {
                    return match wish {
                        What::Start(start) => owner.start(*start, ready).await,
                        What::Resume(resume) => owner.resume(resume).await,
                        What::Cancel(cancel) => owner.cancel(cancel).await,
                        What::Pause(pause) => owner.pause(&pause),
                        What::Emit(emit) => owner.emit(emit),
                        What::Approve(approve) => owner.approve(*approve).await,
                        What::Record(record) => owner.record(*record),
                        What::EndBackfill(end) => owner.end_backfill(end).await,
                    };
                }
                Backend::There(remote) => remote,
            };
            let (store, in_background) = (remote.store().to_owned(), remote.in_background());
            match remote.ask(wish).await {
                Ok(answer) => return answer,
                Err(same) => wish = same,
            }
            *self = if in_background {
                Backend::background(&store).await?
            } else {
                Backend::attach(&store).await?
            };
        }
        Err(remote::gone())
    }

    /// Stops a run in order. Whoever owns the store stops with it, and whatever it drives.
    pub(crate) fn stop(&self, following: &Following) {
        match self {
            Backend::Here(owner) => owner.stop(),
            Backend::There(_) => (following.stop)(),
        }
    }

    /// Waits for runs of others that are driven here; `say` is told how many there are.
    pub(crate) async fn rest(&self, say: impl FnOnce()) {
        if let Backend::Here(owner) = self {
            owner.rest(say).await;
        }
    }

    /// Lets go of the store in order: what is driven here stops.
    pub(crate) async fn close(self) {
        if let Backend::Here(owner) = self {
            owner.close().await;
        }
    }
}
