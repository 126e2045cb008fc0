//! What the system tells of processes: `/proc`. Where there is none, nothing is found, and process groups are all there is.

use std::fs;

use rustix::process::Pid;

use super::MARKER;

/// A line of `/proc/PID/stat`.
pub(super) struct Entry {
    pub(super) pid: Pid,
    pub(super) zombie: bool,
    pub(super) parent: i32,
    pub(super) group: i32,
    pub(super) session: i32,
    /// Clock ticks from the start of the machine: with the pid it names one process for good.
    pub(super) started: u64,
}

/// One process.
pub(super) fn entry(pid: Pid) -> Option<Entry> {
    let text = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    // The second field is the name, which may hold anything.
    let mut fields = text[text.rfind(')')? + 1..].split_ascii_whitespace();
    let zombie = matches!(fields.next()?, "Z" | "X");
    let mut number = || fields.next()?.parse::<i32>().ok();
    let (parent, group, session) = (number()?, number()?, number()?);
    let started = fields.nth(15)?.parse().ok()?;
    Some(Entry {
        pid,
        zombie,
        parent,
        group,
        session,
        started,
    })
}

/// All processes.
pub(super) fn all() -> Vec<Entry> {
    let folders = fs::read_dir("/proc").into_iter().flatten().flatten();
    folders
        .filter_map(|folder| pid(folder.file_name().to_str()?))
        .filter_map(entry)
        .collect()
}

/// The children of this process, whichever thread they are listed with.
pub(super) fn children() -> Vec<Pid> {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten();
    let mut found = Vec::new();
    for thread in threads.flatten() {
        let Ok(list) = fs::read_to_string(thread.path().join("children")) else {
            continue;
        };
        found.extend(list.split_ascii_whitespace().filter_map(pid));
    }
    found
}

/// The marker that a process has in its environment.
pub(super) fn marker(pid: Pid) -> Option<String> {
    let environment = fs::read(format!("/proc/{}/environ", pid.as_raw_nonzero())).ok()?;
    environment.split(|byte| *byte == 0).find_map(|variable| {
        let value = variable
            .strip_prefix(MARKER.as_bytes())?
            .strip_prefix(b"=")?;
        String::from_utf8(value.to_vec()).ok()
    })
}

/// Names this start of the machine: pids and start times mean something only within one.
pub(super) fn boot() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id");
    id.unwrap_or_default().trim().to_owned()
}

pub(super) fn pid(text: &str) -> Option<Pid> {
    Pid::from_raw(text.parse().ok()?)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_there() {
        let own = entry(rustix::process::getpid()).expect("it runs");
        assert!(!own.zombie && own.started > 0);
        assert_eq!(
            Some(own.parent),
            rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get())
        );
        assert!(all().iter().any(|other| other.pid == own.pid));
        assert_eq!(boot().len(), 36);
    }
}
