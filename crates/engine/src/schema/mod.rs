//! The language as a JSON Schema (draft 2020-12), for editors: made of the closed lists of keys and of the catalog.
//!
//! A schema knows shapes: which keys stand where, and what may be written behind them. Names, edges and types of
//! references are `flow check`'s. So a file that `flow check` takes fits the schema, and not the other way round.
//!
//! Read in this order: `shape` (the parts everything is made of), `place` and `about` (the keys, and a sentence for
//! each), `document`, `input`, `connection`, `trigger`, `step`, `settings`; `types` and `operation` for what the catalog
//! knows, `known` for misspelt names that only it can judge.

mod about;
mod connection;
mod document;
mod input;
mod known;
mod operation;
mod place;
mod settings;
mod shape;
mod step;
#[cfg(test)]
mod tests;
mod trigger;
mod types;

pub use document::workflow;
