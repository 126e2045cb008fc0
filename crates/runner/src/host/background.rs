//! An owner without a terminal: it drives what others hand to it, and ends when there is nothing left.

use std::fs::OpenOptions;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use flow_local::store::{Store, StoreError, private_folder};

use super::Owner;
use crate::exit::{Exit, Trouble};

/// Where it writes what it has to say.
const LOG: &str = "owner.log";

/// How long it waits for more, once nothing is left to drive.
const IDLE: Duration = Duration::from_secs(2);

/// A process that was just started.
pub(super) struct Spawned {
    child: Child,
}

/// Starts an owner in the background; it is not ready yet.
pub(super) fn spawn(store: &Path) -> Result<Spawned, Trouble> {
    private_folder(store)?;
    let io = |error: std::io::Error| {
        let message = format!("a process in the background cannot be started: {error}");
        Trouble::new(Exit::Unavailable, "store.io", message)
            .help("run it in the foreground, without `--detach`")
    };
    let mut log = OpenOptions::new();
    let log = log.create(true).append(true).open(store.join(LOG));
    let program = std::env::current_exe().map_err(io)?;
    let child = Command::new(program)
        .arg("owner")
        .arg("--store")
        .arg(store)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log.map_err(io)?)
        .spawn()
        .map_err(io)?;
    Ok(Spawned { child })
}

impl Spawned {
    /// Whether it can still come up: one that has ended for another reason than that somebody was faster has said why.
    pub(super) fn check(&mut self, store: &Path) -> Result<(), Trouble> {
        match self.child.try_wait() {
            Ok(Some(status)) if !status.success() => Err(silent(store)),
            _ => Ok(()),
        }
    }
}

pub(super) fn silent(store: &Path) -> Trouble {
    let message = "the process in the background did not come up";
    let log = store.join(LOG);
    Trouble::new(Exit::Unavailable, "store.locked", message)
        .help(format!("{} tells why", log.display()))
}

/// Is that process: owns the store until nothing is left to drive, or a signal comes.
pub(crate) async fn own(store: &Path, stop: impl Future<Output = Exit>) -> Result<Exit, Trouble> {
    // Signals of the terminal that started it are not for it; that it leads a session already is no harm.
    let _ = rustix::process::setsid();
    let store = match Store::open(store) {
        Ok(store) => store,
        // Somebody was faster: whoever asked speaks with them.
        Err(StoreError::Locked { .. }) => return Ok(Exit::Success),
        Err(error) => return Err(error.into()),
    };
    let owner = Owner::new(store, None)?;
    let exit = tokio::select! {
        () = idle(&owner) => {
            // Somebody may have come in the meantime: who is in is answered.
            owner.last_guests(IDLE).await;
            Exit::Success
        }
        exit = stop => exit,
    };
    owner.close().await;
    Ok(exit)
}

async fn idle(owner: &Owner) {
    let mut quiet = false;
    loop {
        owner.rest(|| ()).await;
        if std::mem::replace(&mut quiet, owner.is_lonely()) && quiet {
            return;
        }
        tokio::time::sleep(IDLE).await;
    }
}
