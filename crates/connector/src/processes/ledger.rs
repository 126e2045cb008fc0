//! What is written down of commands, so that those that outlive a killed `flow` are found at its next start.
//!
//! `commands.jsonl` in the store is only added to while commands run: a line before one starts, one with its pid, one when
//! nothing of it is left. Nothing is synced: a process that is killed loses no written page, and a machine that loses power
//! loses the commands with it.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use flow_engine::collections::IndexMap;
use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};

use super::family::Family;
use super::table;

/// Its name in the store.
const FILE: &str = "commands.jsonl";
/// Past this it is emptied as soon as no command runs.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// How long what was left over has to end by itself.
const GRACE: Duration = Duration::from_secs(2);

/// The notes of one store.
#[derive(Debug)]
pub struct Ledger {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: File,
    bytes: u64,
    running: usize,
}

/// What a killed `flow` had left running, and was ended now.
#[derive(Debug, PartialEq, Eq)]
pub struct LeftOver {
    /// Its run.
    pub run: String,
    /// The path of its step.
    pub step: String,
    /// How many processes there were.
    pub processes: usize,
    /// Whether they are gone: not if another user owns them.
    pub ended: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "note", rename_all = "lowercase")]
enum Note {
    Begins {
        marker: String,
        run: String,
        step: String,
        boot: String,
    },
    Pid {
        marker: String,
        pid: i32,
        started: u64,
    },
    Ends {
        marker: String,
    },
}

impl Ledger {
    /// The notes of the store in a folder, which this process must own. When they are opened first, what a killed owner
    /// left running is ended. Blocking.
    ///
    /// # Errors
    /// As the system gives them.
    pub fn open(store: &Path) -> io::Result<(Arc<Ledger>, Vec<LeftOver>)> {
        type Opened = HashMap<PathBuf, Arc<Ledger>>;
        static OPENED: LazyLock<Mutex<Opened>> = LazyLock::new(Mutex::default);
        let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
        let path = store.canonicalize()?.join(FILE);
        if let Some(ledger) = opened.get(&path) {
            return Ok((ledger.clone(), Vec::new()));
        }
        let found = read(&path)?;
        let mut left_over = Vec::new();
        let mut remaining = Vec::new();
        for (family, run, step) in found {
            let processes = family.members().len();
            if processes == 0 {
                continue;
            }
            let ended = end(&family);
            if !ended {
                remaining.push((family, run.clone(), step.clone()));
            }
            left_over.push(LeftOver {
                run,
                step,
                processes,
                ended,
            });
        }
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        file.set_len(0)?;
        let state = Mutex::new(State {
            file,
            bytes: 0,
            running: 0,
        });
        let ledger = Arc::new(Ledger { state });
        for (family, run, step) in remaining {
            ledger.begins(&family.marker, &run, &step)?;
            if let Some((pid, started)) = family.leader {
                ledger.has_pid(&family.marker, pid, started);
            }
        }
        opened.insert(path, ledger.clone());
        Ok((ledger, left_over))
    }

    pub(super) fn begins(&self, marker: &str, run: &str, step: &str) -> io::Result<()> {
        static BOOT: LazyLock<String> = LazyLock::new(table::boot);
        self.add(
            &Note::Begins {
                marker: marker.to_owned(),
                run: run.to_owned(),
                step: step.to_owned(),
                boot: BOOT.clone(),
            },
            |state| state.running += 1,
        )
    }

    pub(super) fn has_pid(&self, marker: &str, pid: Pid, started: u64) {
        let note = Note::Pid {
            marker: marker.to_owned(),
            pid: pid.as_raw_nonzero().get(),
            started,
        };
        // The marker finds it without this.
        let _ = self.add(&note, |_| ());
    }

    pub(super) fn ends(&self, marker: &str) {
        let note = Note::Ends {
            marker: marker.to_owned(),
        };
        // Without it the next start looks for processes that are not there.
        let _ = self.add(&note, |state| state.running -= 1);
    }

    fn add(&self, note: &Note, change: impl FnOnce(&mut State)) -> io::Result<()> {
        let mut line = serde_json::to_vec(note)?;
        line.push(b'\n');
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let written = state.file.write_all(&line);
        state.bytes += line.len() as u64;
        change(&mut state);
        if state.running == 0 && state.bytes > FILE_BYTES_MAX {
            state.file.set_len(0)?;
            state.bytes = 0;
        }
        written
    }
}

/// The commands without an end, of this start of the machine.
fn read(path: &Path) -> io::Result<Vec<(Family, String, String)>> {
    let text = match std::fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read?,
    };
    let this_boot = table::boot();
    let mut open = IndexMap::default();
    // The last line may be cut.
    let notes = text.split(|byte| *byte == b'\n');
    for note in notes.filter_map(|line| serde_json::from_slice(line).ok()) {
        match note {
            Note::Begins {
                marker,
                run,
                step,
                boot,
            } if boot == this_boot => {
                let leader = None;
                let family = Family {
                    marker: marker.clone(),
                    leader,
                };
                open.insert(marker, (family, run, step));
            }
            Note::Begins { .. } => {}
            Note::Pid {
                marker,
                pid,
                started,
            } => {
                if let Some((family, ..)) = open.get_mut(&marker) {
                    // Another process may have the number by now.
                    let alive = |pid: &Pid| {
                        table::entry(*pid).is_some_and(|entry| entry.started == started)
                    };
                    let leader = Pid::from_raw(pid).filter(alive);
                    family.leader = leader.map(|pid| (pid, started));
                }
            }
            Note::Ends { marker } => {
                open.shift_remove(&marker);
            }
        }
    }
    Ok(open.into_values().collect())
}

fn end(family: &Family) -> bool {
    family.signal(Signal::TERM);
    family.is_gone_until(Instant::now() + GRACE) || family.kill()
}
