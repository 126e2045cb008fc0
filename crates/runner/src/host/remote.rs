//! The other side of the socket: asking the process that owns the store.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use flow_local::driver::Progress;
use futures_util::{SinkExt, StreamExt};
use tokio::net::UnixStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::codec::{Framed, LinesCodec};

use super::wire::{LINE_BYTES_MAX, Reply, STOP, Said, VERSION, What, Wish};
use super::{Driven, Following};
use crate::exit::{Exit, Trouble};

/// The longest path that a socket's address takes on every system, less a little.
const ADDRESS_BYTES_MAX: usize = 100;

/// The socket of a store.
pub(super) fn socket(store: &Path) -> PathBuf {
    store.join("control.sock")
}

/// The same path, short enough for an address: a long one goes by way of its open folder, which must be kept meanwhile.
pub(super) fn short(path: &Path) -> io::Result<(PathBuf, Option<File>)> {
    if path.as_os_str().len() <= ADDRESS_BYTES_MAX {
        return Ok((path.to_owned(), None));
    }
    let folder = File::open(path.parent().unwrap_or(path))?;
    let name = path.file_name().unwrap_or_default();
    let short = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name);
    Ok((short, Some(folder)))
}

/// The process that owns a store.
pub(crate) struct Remote {
    store: PathBuf,
    in_background: bool,
}

impl Remote {
    /// Finds the owner.
    pub(super) async fn connect(store: &Path) -> io::Result<Remote> {
        let remote = Remote {
            store: store.to_owned(),
            in_background: false,
        };
        remote.open().await.map(|_| remote)
    }

    /// The same, for whoever may not become the owner.
    pub(super) fn of_background(self) -> Remote {
        Remote {
            in_background: true,
            ..self
        }
    }

    /// Whether another owner is to be one without a terminal.
    pub(super) fn in_background(&self) -> bool {
        self.in_background
    }

    pub(super) fn store(&self) -> &Path {
        &self.store
    }

    async fn open(&self) -> io::Result<UnixStream> {
        let path = socket(&self.store);
        let (short, _folder) = short(&path)?;
        UnixStream::connect(short).await
    }

    /// Asks for something. The wish is given back if the owner went away before it answered: it may have been taken on,
    /// and may be asked for again.
    pub(super) async fn ask(&self, wish: What) -> Result<Result<Driven, Trouble>, What> {
        let wish = Wish {
            version: VERSION,
            wish,
        };
        match self.try_to_ask(&wish).await {
            Some(answer) => Ok(answer),
            None => Err(wish.wish),
        }
    }

    /// `None` if it went away.
    async fn try_to_ask(&self, wish: &Wish) -> Option<Result<Driven, Trouble>> {
        let stream = self.open().await.ok()?;
        let codec = LinesCodec::new_with_max_length(LINE_BYTES_MAX);
        let mut lines = Framed::new(stream, codec);
        let text = match serde_json::to_string(wish) {
            Ok(text) => text,
            Err(error) => return Some(Err(anyhow::Error::from(error).into())),
        };
        lines.send(text).await.ok()?;
        let line = lines.next().await?.ok()?;
        let reply: Reply = serde_json::from_str(&line).ok()?;
        Some(match reply {
            Reply::Told => Ok(Driven::Told),
            Reply::Exists => Ok(Driven::Exists),
            Reply::Trouble(told) => Err(told.into()),
            Reply::Following { run } => {
                let (observer, progress) = unbounded_channel();
                let (stop, stops) = unbounded_channel();
                tokio::spawn(forward(lines, observer, stops));
                let stop = Box::new(move || {
                    let _ = stop.send(());
                });
                Ok(Driven::Following(Following {
                    run,
                    progress,
                    stop,
                }))
            }
        })
    }
}

/// What the owner says becomes progress, until one of the three has had enough.
async fn forward(
    mut lines: Framed<UnixStream, LinesCodec>,
    observer: UnboundedSender<Progress>,
    mut stops: UnboundedReceiver<()>,
) {
    loop {
        tokio::select! {
            line = lines.next() => {
                let Some(Ok(line)) = line else { return };
                let said: Option<Said> = serde_json::from_str(&line).ok();
                let Some(progress) = said.and_then(Said::into_progress) else { return };
                if observer.send(progress).is_err() {
                    return;
                }
            }
            stop = stops.recv() => {
                if stop.is_none() || lines.send(STOP).await.is_err() {
                    return;
                }
            }
        }
    }
}

pub(super) fn gone() -> Trouble {
    let message = "the process that owned the store went away before it answered";
    let trouble = Trouble::new(Exit::Unavailable, "store.locked", message);
    trouble.help("type the same again: whatever it has taken on is on disk")
}
