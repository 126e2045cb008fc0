//! All that a step sees of the world it runs in.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use flow_engine::duration::Millis;
use flow_engine::eval::BlobRead;
use flow_engine::run::Failure;
use flow_engine::value::{Blob, Secret};
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use crate::meter::Meter;

/// What an attempt is given besides its call.
#[derive(Clone)]
pub struct StepContext {
    /// Large values.
    pub blobs: Arc<dyn Blobs>,
    /// Opens secret handles; to be used only where bytes leave for a socket or a child process.
    pub secrets: Arc<dyn Secrets>,
    /// Cancelled when the attempt must stop: its timeout has passed, the run is cancelled, the process ends.
    pub cancel: CancellationToken,
    /// The project folder: relative paths of workflows start here.
    pub project: Arc<PathBuf>,
    /// The run, for names of log files and for messages.
    pub run: Arc<str>,
    /// The step's path in the workflow.
    pub step: Arc<str>,
    /// What its service says of how much more it takes.
    pub rest: Rest,
    /// Hears what calls cost.
    pub meter: Meter,
}

/// For how long a service takes no more, as its answers say. Clones are one.
#[derive(Clone, Default)]
pub struct Rest(Arc<Mutex<Option<Millis>>>);

impl Rest {
    /// An answer says that the service takes no more for so long; the longest counts.
    pub fn ask(&self, time: Millis) {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *asked = (*asked).max(Some(time));
    }

    /// For how long, if an answer said so.
    pub fn asked(&self) -> Option<Millis> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The blob store: content by hash.
pub trait Blobs: BlobRead {
    /// Starts a new blob. Nothing is kept unless [`BlobWriter::finish`] is called.
    ///
    /// # Errors
    /// As the system gives them.
    fn create(&self) -> io::Result<Box<dyn BlobWriter>>;
}

/// A blob that is being written.
pub trait BlobWriter: Write + Send {
    /// Makes it durable and gives its hash and length; blocking (it syncs).
    ///
    /// # Errors
    /// As the system gives them; nothing is kept then.
    fn finish(self: Box<Self>, media: &str) -> io::Result<Blob>;
}

/// Opens secrets.
pub trait Secrets: Send + Sync {
    /// The text of a handle, its named parts filled in.
    ///
    /// # Errors
    /// `secret.missing` with the name and where it may be set.
    fn open(&self, secret: &Secret) -> Result<SecretString, Failure>;
}
