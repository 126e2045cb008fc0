//! The store of a project: `.flow/` with the journal in `SQLite`, blobs as files, and the lock of the process that owns it.
//!
//! Events are the only truth. The tables `runs`, `waits`, `attempts_open`, `made` and `awaited` are projections of them, written in the same
//! transaction; `taken_up` is none. What triggers noticed (`occurrences`, `triggers`) is a truth of its own, from before there is a run; so are backfills (`backfills`), the log of events (`event_log`) and what steps were called back with (`callbacks`). One thread writes; whoever waits for a commit is told after it is on disk.
//!
//! Read in this order: `open` (who owns it, and whether it is the one that belongs here: `examine`, `identity`, `guard`,
//! `lock`), `schema` and `record` (the tables), `commit`, `writer` with its `log`, `read` with `list` and `costs`, and `owed`, `made` (what steps made
//! outside), `taken_up` (runs that kill whoever drives them), `event_log` (what workflows may hear of), `awaited` (for whose word steps wait), `callbacks`, `occurrences` with `waiting` and
//! `triggers` (what starts runs), `backfills` with `backfill_times` and `followed` (runs for times of the past, as one), `blobs`; then the care of it: `prune` with `refs` and `reserve`,
//! `backup`, `facts`, `doctor` with `tables`, `rebuild`, `salvage`.

mod awaited;
mod backfill_times;
mod backfills;
mod backup;
mod blobs;
mod callbacks;
mod commit;
mod costs;
mod counts;
mod doctor;
mod error;
mod event_log;
mod examine;
mod facts;
mod followed;
mod guard;
mod identity;
mod list;
mod lock;
mod log;
mod made;
mod occurrences;
mod open;
mod owed;
mod prune;
mod read;
mod rebuild;
mod record;
mod refs;
mod reserve;
mod salvage;
mod schema;
mod tables;
mod taken_up;
mod triggers;
mod waiting;
mod writer;

pub use backfill_times::{BackfillTime, Planned, Stands};
pub use backfills::Backfill;
pub use backup::{Copied, restore};
pub use blobs::BlobFolder;
pub use commit::{Commit, RunHead};
pub use doctor::{Complaint, Findings, Replay};
pub use error::StoreError;
pub use event_log::{Cause, Happened, Logged, NewEvent};
pub use facts::{Facts, sqlite_version};
pub use followed::Followed;
pub use list::{Filter, Of};
pub use occurrences::{Noted, Notice, Occurrence, Outcome, Queued, Seen};
pub use open::{Store, private_folder};
pub use prune::{Old, Swept};
pub use read::{Reader, RunRow};
pub use salvage::Salvaged;
pub use taken_up::{DEATHS_MAX, TakeUp};
pub use triggers::{Look, LookOutcome, TriggerRow, meaning_of_event};
pub use waiting::Waiting;
