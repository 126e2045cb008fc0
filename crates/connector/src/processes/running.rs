//! The commands that this process runs, and what is done when one of them ends, or all must.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, Once, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, Signal, WaitOptions, getpgid, getsid, waitpid};

use super::family::{Family, signal_one};
use super::table::{self, Entry};
use super::{Ledger, MARKER};

/// How long a command has between the polite signal and the last one.
pub(crate) const GRACE: Duration = Duration::from_secs(10);
/// The same if `flow` itself ends and nothing asked the command to end before.
const LAST_GRACE: Duration = Duration::from_secs(2);
/// How long is waited for what was killed to be gone.
const AFTER_KILL: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(10);

static ALL: LazyLock<All> = LazyLock::new(All::default);

#[derive(Default)]
struct All {
    commands: Mutex<HashMap<u64, Command>>,
    /// Held by whoever starts a process that is not listed yet: until then it must not be taken for a stranger.
    starting: RwLock<()>,
}

struct Command {
    family: Family,
    /// When it was or will be killed, if it was asked to end.
    killed_at: Option<Instant>,
}

fn commands() -> MutexGuard<'static, HashMap<u64, Command>> {
    // Nothing panics while it holds the lock, and the list is valid at any time.
    ALL.commands.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A command that is about to start.
pub(crate) struct Starting {
    running: Running,
    _others_wait: RwLockReadGuard<'static, ()>,
}

/// A command that runs. Dropping it ends whatever is left of it.
pub(crate) struct Running {
    id: u64,
    marker: String,
    ledger: Option<Arc<Ledger>>,
    ended: bool,
}

impl Starting {
    /// Notes down that a command of this step is about to start.
    ///
    /// # Errors
    /// If the note cannot be written: a command that nobody could find again is not started.
    pub(crate) fn new(ledger: Option<&Arc<Ledger>>, run: &str, step: &str) -> io::Result<Starting> {
        adopt_orphans();
        let (id, marker) = next_marker();
        if let Some(ledger) = ledger {
            ledger.begins(&marker, run, step)?;
        }
        let family = Family {
            marker: marker.clone(),
            leader: None,
        };
        let command = Command {
            family,
            killed_at: None,
        };
        commands().insert(id, command);
        let running = Running {
            id,
            marker,
            ledger: ledger.cloned(),
            ended: false,
        };
        let lock = ALL.starting.read();
        Ok(Starting {
            running,
            _others_wait: lock.unwrap_or_else(PoisonError::into_inner),
        })
    }

    /// The marker for its environment.
    pub(crate) fn marker(&self) -> &str {
        &self.running.marker
    }

    /// It did not start.
    pub(crate) fn failed(mut self) {
        self.running.leave();
    }

    /// It has started.
    pub(crate) fn started(self, pid: Option<u32>) -> Running {
        let pid = pid.and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        if let Some(pid) = pid {
            let started = table::entry(pid).map_or(0, |entry| entry.started);
            if let Some(command) = commands().get_mut(&self.running.id) {
                command.family.leader = Some((pid, started));
            }
            if let Some(ledger) = &self.running.ledger {
                ledger.has_pid(&self.running.marker, pid, started);
            }
        }
        self.running
    }
}

impl Running {
    fn family(&self) -> Option<Family> {
        commands()
            .get(&self.id)
            .map(|command| command.family.clone())
    }

    /// Asks it to end, with all that it started.
    pub(crate) fn terminate(&self) {
        if let Some(command) = commands().get_mut(&self.id) {
            command.killed_at = Some(Instant::now() + GRACE);
        }
        if let Some(family) = self.family() {
            family.signal(Signal::TERM);
        }
    }

    /// Whether nothing of it lives.
    pub(crate) fn is_gone(&self) -> bool {
        self.family()
            .is_none_or(|family| family.members().is_empty())
    }

    /// Kills what is left of it, wherever that went. Blocking.
    pub(crate) fn kill(&self) {
        if let Some(family) = self.family() {
            family.kill();
        }
        self.clear();
    }

    /// Its first process has ended and was waited for: what it left behind ends too. Quick if there is nothing.
    pub(crate) fn clear(&self) {
        let Some(family) = self.family() else {
            return;
        };
        family.signal_group(Signal::KILL);
        let until = Instant::now() + AFTER_KILL;
        while orphans(|marker| marker.is_some_and(|marker| family.has(marker))) {
            if Instant::now() > until {
                return;
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Its first process was waited for and nothing is left.
    pub(crate) fn end(mut self) {
        self.leave();
    }

    fn leave(&mut self) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let last = {
            let mut commands = commands();
            commands.remove(&self.id);
            commands.is_empty()
        };
        if last {
            // What took the marker out of its environment and left its group belongs to none that still runs.
            orphans(|marker| marker.is_none());
        }
        if let Some(ledger) = &self.ledger {
            ledger.ends(&self.marker);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        // Nobody waits for it any more: it is killed on a thread, since that takes a moment.
        let mut left = Running {
            id: self.id,
            marker: std::mem::take(&mut self.marker),
            ledger: self.ledger.take(),
            ended: false,
        };
        self.ended = true;
        std::thread::spawn(move || {
            left.kill();
            left.leave();
        });
    }
}

/// Reaps what lost its parent and has ended, so that no zombie stays while a command runs for long.
pub(crate) fn reap() {
    orphans(|_| false);
}

/// Kills those children of this process that no command of ours is and whose marker is meant, and reaps those that have
/// ended. Whether there were any.
fn orphans(meant: impl Fn(Option<&str>) -> bool) -> bool {
    let strangers = || -> Vec<Pid> {
        let children = table::children();
        let commands = commands();
        let known = |pid: &Pid| {
            let mut families = commands.values().map(|command| &command.family);
            families.any(|family| family.leader.is_some_and(|(leader, _)| leader == *pid))
        };
        children.into_iter().filter(|pid| !known(pid)).collect()
    };
    if strangers().is_empty() {
        return false;
    }
    // With this lock held every process that we started ourselves is listed.
    let nothing_starts = ALL.starting.write();
    let _nothing_starts = nothing_starts.unwrap_or_else(PoisonError::into_inner);
    let mut found = false;
    for entry in strangers().into_iter().filter_map(table::entry) {
        let marker = table::marker(entry.pid);
        let is_adopted = marker.is_some() || has_left(&entry);
        if entry.zombie && is_adopted {
            let _ = waitpid(Some(entry.pid), WaitOptions::NOHANG);
        } else if is_adopted && meant(marker.as_deref()) {
            signal_one(&entry, Signal::KILL);
            found = true;
        }
    }
    found
}

/// Whether a child is in another group or session than this process: it came to us when it lost its parent.
fn has_left(child: &Entry) -> bool {
    let is_own = |found: Result<Pid, _>, id: i32| {
        found.is_ok_and(|own: Pid| own.as_raw_nonzero().get() == id)
    };
    let in_both = is_own(getpgid(None), child.group) && is_own(getsid(None), child.session);
    !in_both
}

/// Ends all commands that still run, for the end of this process: what was asked to end has what is left of its time, the
/// others two seconds. Blocking.
pub fn end_all() {
    let mut asked_now = Vec::new();
    for command in commands().values_mut() {
        if command.killed_at.is_none() {
            command.killed_at = Some(Instant::now() + LAST_GRACE);
            asked_now.push(command.family.clone());
        }
    }
    for family in asked_now {
        family.signal(Signal::TERM);
    }
    loop {
        let now = Instant::now();
        let (mut killed, mut latest) = (Vec::new(), None);
        for command in commands().values() {
            let at = command.killed_at.unwrap_or(now);
            latest = latest.max(Some(at));
            if at <= now {
                killed.push(command.family.clone());
            }
        }
        let Some(latest) = latest else {
            return;
        };
        for family in killed {
            family.kill();
        }
        if now > latest + AFTER_KILL {
            return;
        }
        std::thread::sleep(PAUSE);
    }
}

/// Lets this process adopt what loses its parent.
fn adopt_orphans() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        #[cfg(target_os = "linux")]
        {
            // Without it, process groups and markers still find nearly everything.
            let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
        }
    });
}

/// A marker that no other command ever has: this process, its start, a number. If this process is itself what a command of
/// another `flow` started, the marker begins with that command's.
fn next_marker() -> (u64, String) {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    static PREFIX: LazyLock<String> = LazyLock::new(|| {
        let outer = std::env::var(MARKER).map_or_else(|_| String::new(), |outer| outer + "/");
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default().as_nanos();
        format!("{outer}{}-{now:x}", std::process::id())
    });
    let id = COUNT.fetch_add(1, Ordering::Relaxed);
    (id, format!("{}-{id}", *PREFIX))
}
