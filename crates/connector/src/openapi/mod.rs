//! From an `OpenAPI` document to a descriptor. Pure: a text in, a text out, and a list of what could not be carried over.
//!
//! Read in this order: [`import`], `tree` (the document, its references), `left_out`, `words` and `names` (what things are
//! called), `schema` and `members` (types), `operation` with `parameters`, `body`, `answer` and `pages`, `security` and
//! `server`, `write` (the descriptor as text).
//!
//! The document is anybody's: every walk over it counts steps, and ends when there were too many.

mod answer;
mod body;
mod import;
mod left_out;
mod members;
mod names;
mod operation;
mod pages;
mod parameters;
mod schema;
mod security;
mod server;
mod tree;
mod words;
mod write;

pub use import::{Imported, Options, import};
pub use left_out::{LeftOut, Reason};
