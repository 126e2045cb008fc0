//! One command with all that it started: its process group, what carries its marker, and what descends from those.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, pidfd_send_signal};

use super::table::{self, Entry};

/// How long is tried to end processes that start new ones while they are being killed.
const KILLING_MAX: Duration = Duration::from_secs(3);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(10);

/// The processes of one command.
#[derive(Debug, Clone)]
pub(super) struct Family {
    pub(super) marker: String,
    /// The first one, and when it started. `None` before it has.
    pub(super) leader: Option<(Pid, u64)>,
}

impl Family {
    /// Those that live.
    pub(super) fn members(&self) -> Vec<Entry> {
        let mut others = table::all();
        others.retain(|entry| !entry.zombie && entry.pid != rustix::process::getpid());
        let mut members: Vec<Entry> = Vec::new();
        let mut parents: HashSet<i32> = HashSet::new();
        let first = |entry: &Entry| {
            let leads = self.leader == Some((entry.pid, entry.started));
            leads || table::marker(entry.pid).is_some_and(|marker| self.has(&marker))
        };
        let (found, rest): (Vec<_>, Vec<_>) = others.into_iter().partition(first);
        let (mut found, mut rest) = (found, rest);
        while !found.is_empty() {
            parents.extend(found.iter().map(|entry| entry.pid.as_raw_nonzero().get()));
            members.append(&mut found);
            (found, rest) = rest
                .into_iter()
                .partition(|entry| parents.contains(&entry.parent));
        }
        members
    }

    /// Whether a marker is that of this command, or of one that it started through another `flow`.
    pub(super) fn has(&self, marker: &str) -> bool {
        let rest = marker.strip_prefix(&self.marker);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Sends a signal to all of them; how many there were besides the group.
    pub(super) fn signal(&self, signal: Signal) -> usize {
        self.signal_group(signal);
        let members = self.members();
        for member in &members {
            signal_one(member, signal);
        }
        members.len()
    }

    /// Sends a signal to the group of the first process, if that still is what it was.
    pub(super) fn signal_group(&self, signal: Signal) {
        let Some((leader, started)) = self.leader else {
            return;
        };
        // While the leader is not reaped, nobody else can have its number; and a group keeps it while it has members.
        let same = table::entry(leader).is_none_or(|entry| entry.started == started);
        if same {
            // That nobody is left is fine.
            let _ = kill_process_group(leader, signal);
        }
    }

    /// Kills all of them, and what they start meanwhile. Whether none is left. Blocking.
    pub(super) fn kill(&self) -> bool {
        let until = Instant::now() + KILLING_MAX;
        while self.signal(Signal::KILL) > 0 {
            if Instant::now() > until {
                return false;
            }
            std::thread::sleep(PAUSE);
        }
        true
    }

    /// Waits until none is left, or a time. Blocking.
    pub(super) fn is_gone_until(&self, until: Instant) -> bool {
        loop {
            if self.members().is_empty() {
                return true;
            }
            if Instant::now() > until {
                return false;
            }
            std::thread::sleep(PAUSE * 2);
        }
    }
}

/// Signals the process that was seen, never another one that has its number now.
pub(super) fn signal_one(entry: &Entry, signal: Signal) {
    let Ok(handle) = pidfd_open(entry.pid, PidfdFlags::empty()) else {
        return;
    };
    if table::entry(entry.pid).is_some_and(|now| now.started == entry.started) {
        // It may have ended, or belong to another user.
        let _ = pidfd_send_signal(handle, signal);
    }
}
