//! The embedded driver: the suite that every driver passes, and the store under trouble.

mod backfills;
mod conformance;
mod events;
mod identity;
mod large;
mod noticed;
mod rescue;
mod retention;
mod space;
mod store;
mod support;
