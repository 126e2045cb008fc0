//! The owner's side of the socket.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use flow_local::driver::Progress;
use futures_util::{SinkExt, StreamExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;
use tokio_util::codec::{Framed, LinesCodec};

use super::wire::{LINE_BYTES_MAX, Reply, STOP, Said, VERSION, What, Wish};
use super::{Driven, Following, Owner};
use crate::exit::{Exit, Trouble};

/// Listens while it lives; the socket is gone with it.
pub(super) struct Listener {
    path: PathBuf,
    task: Option<JoinHandle<()>>,
    guests: Arc<AtomicUsize>,
}

type Lines = Framed<UnixStream, LinesCodec>;

impl Listener {
    /// Listens in a store's folder. Where that cannot be, others find the store locked, as if nobody listened.
    pub(super) fn start(store: &Path, owner: Weak<Owner>) -> Listener {
        let path = super::remote::socket(store);
        let guests = Arc::new(AtomicUsize::new(0));
        // The lock is ours: what lies there was left by a process that is gone.
        let _ = std::fs::remove_file(&path);
        let bound = super::remote::short(&path).and_then(|(short, _folder)| {
            let listener = UnixListener::bind(short)?;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
            Ok(listener)
        });
        let user = std::fs::metadata(store).map(|folder| folder.uid());
        let task = match (bound, user) {
            (Ok(listener), Ok(user)) => {
                Some(tokio::spawn(accept(listener, user, owner, guests.clone())))
            }
            _ => None,
        };
        Listener { path, task, guests }
    }

    /// How many are connected.
    pub(super) fn guests(&self) -> usize {
        self.guests.load(Ordering::SeqCst)
    }

    /// Waits until everybody who is connected was told everything, or has had time for it.
    pub(super) async fn told(&self, max: Duration) {
        let deadline = Instant::now() + max;
        while self.guests() > 0 && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Takes no more guests.
    pub(super) fn close(&self) {
        if let Some(task) = &self.task {
            task.abort();
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.close();
    }
}

async fn accept(listener: UnixListener, user: u32, owner: Weak<Owner>, guests: Arc<AtomicUsize>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, most likely: others wait until some are free.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        // The folder's owner alone, whatever the permissions have become.
        if stream.peer_cred().is_ok_and(|peer| peer.uid() != user) {
            continue;
        }
        guests.fetch_add(1, Ordering::SeqCst);
        let (owner, guests) = (owner.clone(), guests.clone());
        tokio::spawn(async move {
            serve(stream, &owner).await;
            guests.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

/// One guest, to the end of what it asked for.
async fn serve(stream: UnixStream, owner: &Weak<Owner>) {
    let codec = LinesCodec::new_with_max_length(LINE_BYTES_MAX);
    let mut lines = Framed::new(stream, codec);
    let Some(Ok(first)) = lines.next().await else {
        return;
    };
    let Some(owner) = owner.upgrade() else {
        return;
    };
    let driven = match wish(&first) {
        Ok(What::Start(start)) => owner.start(*start, None).await,
        Ok(What::Resume(resume)) => owner.resume(resume).await,
        Ok(What::Cancel(cancel)) => owner.cancel(cancel).await,
        Ok(What::Pause(pause)) => owner.pause(&pause),
        Ok(What::Emit(emit)) => owner.emit(emit),
        Ok(What::Approve(approve)) => owner.approve(*approve).await,
        Ok(What::Record(record)) => owner.record(*record),
        Ok(What::EndBackfill(end)) => owner.end_backfill(end).await,
        Err(trouble) => Err(trouble),
    };
    // What it asked for goes on without it, and the owner may end.
    drop(owner);
    match driven {
        Ok(Driven::Following(following)) => follow(lines, following).await,
        Ok(Driven::Told) => say(&mut lines, &Reply::Told).await,
        Ok(Driven::Exists) => say(&mut lines, &Reply::Exists).await,
        Err(trouble) => say(&mut lines, &Reply::Trouble((&trouble).into())).await,
    }
}

fn wish(line: &str) -> Result<What, Trouble> {
    let other = || {
        let message = "the process that owns the store is another version of flow";
        let trouble = Trouble::new(Exit::Unavailable, "store.locked", message);
        trouble.help("wait until it ends, or use the same flow for both")
    };
    let wish: Wish = serde_json::from_str(line).map_err(|_| other())?;
    if wish.version == VERSION {
        Ok(wish.wish)
    } else {
        Err(other())
    }
}

/// Tells what happens to a run. The first word comes after its first event is on disk: from then on it is not lost.
async fn follow(mut lines: Lines, mut following: Following) {
    let mut first = following.progress.recv().await;
    while let Some(Progress::StoreWaits(_)) = first {
        first = following.progress.recv().await;
    }
    let run = following.run.clone();
    if let Some(Progress::StoreFailed(error)) = first {
        let trouble: Trouble = error.into();
        return say(&mut lines, &Reply::Trouble((&trouble).into())).await;
    }
    say(&mut lines, &Reply::Following { run }).await;
    loop {
        let next = tokio::select! {
            next = async {
                if first.is_some() { first.take() } else { following.progress.recv().await }
            } => next,
            line = lines.next() => {
                match line {
                    Some(Ok(line)) if line == STOP => (following.stop)(),
                    Some(Ok(_)) => {}
                    // It hung up: the run goes on, untold.
                    Some(Err(_)) | None => return,
                }
                continue;
            }
        };
        let said = next.as_ref().map_or(Said::Stopped, Said::of);
        let Ok(text) = serde_json::to_string(&said) else {
            return;
        };
        if lines.send(text).await.is_err() || said.is_last() {
            return;
        }
    }
}

async fn say(lines: &mut Lines, reply: &Reply) {
    if let Ok(text) = serde_json::to_string(reply) {
        let _ = lines.send(text).await;
    }
}
