//! Ways in which a process is disturbed.

use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use flow_local::faults::POINTS;
use rustix::process::{Pid, Signal, kill_process};

use super::chance::Chance;

/// A process that goes on for longer hangs.
const HANGS: Duration = Duration::from_secs(60);

/// What is done to a process.
#[derive(Debug, Clone)]
pub(super) enum Way {
    /// SIGKILL after a while.
    Kill(Duration),
    /// SIGKILL by itself, at a named point: what `FLOW_FAULTS` says.
    Point(String),
    /// SIGTERM after a while, SIGKILL a little later.
    Term(Duration, Duration),
    /// SIGSTOP after a while, SIGCONT a little later; it may end.
    Stop(Duration, Duration),
}

impl Way {
    /// Any of them; `busy` is how long the process has something to do.
    pub(super) fn any(chance: &mut Chance, busy: Duration) -> Way {
        let after = chance.within(busy);
        match chance.below(10) {
            0 | 1 => {
                let nth = 1 + chance.below(12);
                Way::Point(format!("{}=abort@{nth}", chance.pick(POINTS)))
            }
            2 => Way::Term(after, chance.within(Duration::from_millis(40))),
            3 => Way::Stop(after, chance.within(Duration::from_millis(400))),
            _ => Way::Kill(after),
        }
    }

    /// What the environment of the process says.
    pub(super) fn faults(&self) -> Option<&str> {
        match self {
            Way::Point(faults) => Some(faults),
            _ => None,
        }
    }

    /// Does it, and waits for the end: whether the process was killed or told to stop, and how it ended.
    pub(super) fn disturb(&self, child: &mut Child) -> (bool, ExitStatus) {
        let (after, then) = match self {
            Way::Point(_) => {
                let status = end(child);
                return (status.code().is_none(), status);
            }
            Way::Kill(after) => (*after, Duration::ZERO),
            Way::Term(after, then) | Way::Stop(after, then) => (*after, *then),
        };
        if let Some(status) = ends_within(child, after) {
            return (false, status);
        }
        match self {
            Way::Term(..) => {
                signal(child, Signal::TERM);
                if let Some(status) = ends_within(child, then) {
                    return (true, status);
                }
            }
            Way::Stop(..) => {
                signal(child, Signal::STOP);
                std::thread::sleep(then);
                signal(child, Signal::CONT);
                return (false, end(child));
            }
            _ => {}
        }
        signal(child, Signal::KILL);
        let status = end(child);
        (true, status)
    }
}

fn ends_within(child: &mut Child, time: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + time;
    loop {
        if let Some(status) = child.try_wait().expect("a child") {
            return Some(status);
        }
        let left = deadline.checked_duration_since(Instant::now())?;
        std::thread::sleep(left.min(Duration::from_millis(1)));
    }
}

/// Waits for the end, which has to come.
pub(super) fn end(child: &mut Child) -> ExitStatus {
    if let Some(status) = ends_within(child, HANGS) {
        return status;
    }
    signal(child, Signal::KILL);
    let _ = child.wait();
    panic!("it does not end within {HANGS:?}");
}

fn signal(child: &Child, signal: Signal) {
    // One that has just ended takes none.
    let _ = kill_process(Pid::from_child(child), signal);
}

/// Kills the process of this number, which this harness had started by the binary.
pub(super) fn kill_owner(pid: &str) {
    let pid = pid.parse().ok().and_then(Pid::from_raw);
    let _ = kill_process(pid.expect("the lock names a process"), Signal::KILL);
}
