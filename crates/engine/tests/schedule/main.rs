//! When triggers made of times are due: the tables of `docs/scheduling.md`, a judge that shares no code with the engine,
//! and any sequence of restarts.

mod judge;
mod oracle;
mod pattern;
mod restarts;
mod rows;
mod speed;
mod support;
