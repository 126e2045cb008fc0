//! The one writer: commits of many runs become one transaction, and only then is anyone told.
//!
//! Where there is no space, or another program holds the database, the group is kept and tried again each second: work
//! goes on by itself. After a fault of the disk nothing is tried again: what a failed sync left behind cannot be known.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use flow_engine::run::Projection;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{broadcast, watch};

use super::guard::Guard;
use super::identity::Mark;
use super::record::{has_ended, write_one};
use super::{Commit, Happened, Noted, Notice, StoreError, log, occurrences};
use crate::faults;

/// How many commits one transaction takes at most.
const GROUP_MAX: usize = 1000;
/// Between two tries of a commit that has to wait.
const PAUSE: Duration = Duration::from_secs(1);
/// So many names of events wait for whoever hears them; who is slower is told that it missed some.
const HAPPENED_MAX: usize = 1024;
/// After so long without a commit the log is emptied.
const IDLE: Duration = Duration::from_secs(1);

/// What the writer writes to.
pub(super) struct Target {
    pub(super) path: PathBuf,
    pub(super) connection: Connection,
    pub(super) guard: Guard,
    pub(super) mark: Mark,
}

enum Job {
    Write(Box<Write>),
    Work(Box<dyn FnOnce(&mut Connection) + Send>),
}

/// What shares a transaction with others.
pub(super) enum Write {
    /// A round of a run.
    Run(Commit),
    /// What a trigger noticed.
    Notice(Notice),
}

impl Write {
    /// The run whose journal it adds to.
    fn run(&self) -> Option<&str> {
        match self {
            Write::Run(commit) => Some(&commit.run),
            Write::Notice(_) => None,
        }
    }

    /// Tells whoever handed it in.
    fn done(self, result: Result<Vec<Noted>, StoreError>) {
        match self {
            Write::Run(commit) => (commit.done)(result.map(|_| ())),
            Write::Notice(notice) => (notice.done)(result),
        }
    }
}

/// What the handle and the thread share.
struct Shared {
    /// What was written into the log, as soon as it is on disk.
    happened: broadcast::Sender<Happened>,
    given_up: AtomicBool,
    pages_max: AtomicU32,
    trouble: watch::Sender<Option<StoreError>>,
}

/// The writer's thread. It ends when the last sender is gone, after everything sent is written.
pub(super) struct Writer {
    sender: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
}

impl Writer {
    /// Starts the thread; `mark` is the number of the last commit.
    pub(super) fn start(target: Target, mark: u64) -> Writer {
        let (sender, receiver) = channel();
        let shared = Arc::new(Shared {
            happened: broadcast::Sender::new(HAPPENED_MAX),
            given_up: AtomicBool::new(false),
            pages_max: AtomicU32::new(0),
            trouble: watch::Sender::new(None),
        });
        let writing = Writing {
            target,
            shared: shared.clone(),
            last_mark: mark,
            pages_max: 0,
            known: HashMap::new(),
            broken: HashMap::new(),
            fatal: None,
        };
        let thread = std::thread::Builder::new()
            .name("flow-store".to_owned())
            .spawn(move || writing.run(&receiver))
            .expect("a thread can be started");
        Writer {
            sender: Some(sender),
            thread: Some(thread),
            shared,
        }
    }

    pub(super) fn send(&self, write: Write) {
        self.give(Job::Write(Box::new(write)));
    }

    pub(super) fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, receiver) = channel();
        self.give(Job::Work(Box::new(move |connection| {
            let _ = sender.send(work(connection));
        })));
        receiver.recv().expect("the writer answers")
    }

    pub(super) fn later(&self, work: impl FnOnce(&mut Connection) + Send + 'static) {
        self.give(Job::Work(Box::new(work)));
    }

    pub(super) fn trouble(&self) -> watch::Receiver<Option<StoreError>> {
        self.shared.trouble.subscribe()
    }

    pub(super) fn happened(&self) -> broadcast::Receiver<Happened> {
        self.shared.happened.subscribe()
    }

    /// Tells whoever listens what is on disk.
    pub(super) fn tell(&self, happened: Happened) {
        let _ = self.shared.happened.send(happened);
    }

    pub(super) fn give_up(&self) {
        self.shared.given_up.store(true, Ordering::Release);
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }

    pub(super) fn limit_pages(&self, pages: u32) {
        self.shared.pages_max.store(pages, Ordering::Release);
    }

    fn give(&self, job: Job) {
        if let Some(sender) = &self.sender {
            // The thread lives as long as this sender.
            let _ = sender.send(job);
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.sender = None;
        self.give_up();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The thread's own state.
struct Writing {
    target: Target,
    shared: Arc<Shared>,
    last_mark: u64,
    pages_max: u32,
    /// What the tables say of runs that are driven.
    known: HashMap<String, Projection>,
    /// A run of which a commit was lost takes no other: its journal would have a gap.
    broken: HashMap<String, StoreError>,
    /// After it nothing is written any more.
    fatal: Option<StoreError>,
}

impl Writing {
    fn run(mut self, receiver: &Receiver<Job>) {
        // A job that came while commits were gathered.
        let mut held = None;
        let mut emptied = false;
        loop {
            let job = match held.take() {
                Some(job) => job,
                None => match receiver.recv_timeout(if emptied { Duration::MAX } else { IDLE }) {
                    Ok(job) => job,
                    Err(RecvTimeoutError::Timeout) => {
                        self.empty_log();
                        emptied = true;
                        continue;
                    }
                    Err(RecvTimeoutError::Disconnected) => break,
                },
            };
            emptied = false;
            match job {
                Job::Work(work) => {
                    // Whatever it does to the tables: they are written anew.
                    self.known.clear();
                    work(&mut self.target.connection);
                }
                Job::Write(first) => {
                    let mut group = vec![*first];
                    while group.len() < GROUP_MAX {
                        match receiver.try_recv() {
                            Ok(Job::Write(write)) => group.push(*write),
                            Ok(work) => {
                                held = Some(work);
                                break;
                            }
                            Err(_) => break,
                        }
                    }
                    self.take(group);
                }
            }
            if self.target.guard.log_bytes() > log::BYTES_TO_EMPTY {
                self.empty_log();
            }
        }
        self.close();
    }

    /// Writes a group and tells everybody in it.
    fn take(&mut self, group: Vec<Write>) {
        let mut whole = Vec::with_capacity(group.len());
        for write in group {
            let broken = write.run().and_then(|run| self.broken.get(run));
            match self.fatal.as_ref().or(broken).cloned() {
                Some(error) => write.done(Err(error)),
                None => whole.push(write),
            }
        }
        let group = whole;
        if group.is_empty() {
            return;
        }
        let result = self.persist(&group);
        if result.as_ref().is_err_and(StoreError::is_local) && group.len() > 1 {
            // One of them met what is wrong; the others are whole.
            for write in group {
                self.take(vec![write]);
            }
            return;
        }
        match result {
            Ok(noted) => group
                .into_iter()
                .zip(noted)
                .for_each(|(write, noted)| write.done(Ok(noted))),
            Err(error) => {
                for write in group {
                    if let Some(run) = write.run() {
                        self.broken.insert(run.to_owned(), error.clone());
                    }
                    write.done(Err(error.clone()));
                }
            }
        }
    }

    /// Writes a group, waiting where waiting helps. Gives what the store says to each.
    fn persist(&mut self, group: &[Write]) -> Result<Vec<Vec<Noted>>, StoreError> {
        loop {
            let result = self.target.guard.check().and_then(|()| self.write(group));
            match result {
                Ok(noted) => {
                    self.say(None);
                    // What went into a file that has left the folder is not acknowledged.
                    let still = self.target.guard.check();
                    match &still {
                        Ok(()) => self.tell(group),
                        Err(error) => self.fatal = Some(error.clone()),
                    }
                    return still.map(|()| noted);
                }
                Err(error) if error.passes() && !self.shared.given_up.load(Ordering::Acquire) => {
                    self.say(Some(error));
                    std::thread::park_timeout(PAUSE);
                }
                Err(error) => {
                    if !error.is_local() && !error.passes() {
                        self.fatal = Some(error.clone());
                    }
                    return Err(error);
                }
            }
        }
    }

    /// Tells whoever listens which events are on disk.
    fn tell(&self, group: &[Write]) {
        for write in group {
            if let Write::Run(commit) = write {
                for event in &commit.announced {
                    let name = event.name.as_str().into();
                    let _ = self.shared.happened.send(Happened::Event(name));
                }
            }
        }
    }

    /// Says what is waited for; the same is said once.
    fn say(&self, trouble: Option<StoreError>) {
        self.shared.trouble.send_if_modified(|known| {
            let news = *known != trouble;
            *known = trouble;
            news
        });
    }

    fn write(&mut self, group: &[Write]) -> Result<Vec<Vec<Noted>>, StoreError> {
        self.bound_pages()?;
        let next = self.last_mark + 1;
        let (target, known) = (&mut self.target, &self.known);
        let mut written: HashMap<&str, &Projection> = HashMap::new();
        let mut write = || -> rusqlite::Result<Vec<Vec<Noted>>> {
            let mut noted = Vec::with_capacity(group.len());
            faults::point("store.begin.before");
            let transaction = target
                .connection
                .transaction_with_behavior(TransactionBehavior::Immediate)?;
            faults::point("store.begin.after");
            for write in group {
                noted.push(match write {
                    Write::Notice(notice) => occurrences::write(&transaction, notice)?,
                    Write::Run(commit) => {
                        let run = commit.run.as_str();
                        let before = written.get(run).copied().or_else(|| known.get(run));
                        write_one(&transaction, commit, before)?;
                        written.insert(run, &commit.projection);
                        Vec::new()
                    }
                });
            }
            transaction
                .prepare_cached("UPDATE identity SET mark = ?1")?
                .execute([i64::try_from(next).unwrap_or(i64::MAX)])?;
            faults::point("store.commit.before");
            transaction.commit()?;
            faults::point("store.commit.after");
            Ok(noted)
        };
        let noted = write().map_err(|error| StoreError::sqlite(&target.path, &error))?;
        target.mark.note(next);
        self.last_mark = next;
        for (run, projection) in written {
            if has_ended(projection) {
                self.known.remove(run);
            } else {
                self.known.insert(run.to_owned(), projection.clone());
            }
        }
        Ok(noted)
    }

    fn bound_pages(&mut self) -> Result<(), StoreError> {
        let wanted = self.shared.pages_max.load(Ordering::Acquire);
        if wanted == self.pages_max {
            return Ok(());
        }
        // What SQLite itself takes for no bound.
        let pages = if wanted == 0 { u32::MAX - 1 } else { wanted };
        self.target
            .connection
            .query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))
            .map_err(|error| StoreError::sqlite(&self.target.path, &error))?;
        self.pages_max = wanted;
        Ok(())
    }

    fn empty_log(&mut self) {
        if self.fatal.is_some() || self.target.guard.log_bytes() == 0 {
            return;
        }
        if let Err(error) = self.target.guard.check() {
            self.fatal = Some(error);
            return;
        }
        let emptied = log::empty(&self.target.connection);
        let emptied = emptied.map_err(|error| StoreError::sqlite(&self.target.path, &error));
        // Without space, or with somebody reading, the log stays; it is whole, and tried again later.
        if let Err(error) = emptied
            && !error.passes()
        {
            self.fatal = Some(error);
        }
    }

    fn close(mut self) {
        self.empty_log();
        if self.fatal.is_some() {
            // Closing would empty and remove the log at that path, which may be another database's by now.
            std::mem::forget(self.target.connection);
        }
    }
}
