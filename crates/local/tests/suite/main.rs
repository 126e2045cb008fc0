//! The embedded driver: the suite that every driver passes, and the store under trouble.

mod conformance;
mod store;
