//! The store of a project: `.flow/` with the journal in `SQLite`, blobs as files, and the lock of the process that owns it.
//!
//! Events are the only truth. The tables `runs`, `waits` and `attempts_open` are projections of them, written in the same
//! transaction. One thread writes; whoever waits for a commit is told after it is on disk.

mod blobs;
mod error;
mod lock;
mod open;
mod read;
mod schema;
mod writer;

pub use blobs::BlobFolder;
pub use error::StoreError;
pub use open::{Store, private_folder};
pub use read::{Filter, Reader, RunRow};
pub use writer::{Commit, RunHead};
