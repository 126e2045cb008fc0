//! `on:`: what starts runs. All of it is checked here; which of it can be served is another matter.
//!
//! Read in this order: `entry` (what all have in common), `operation` (`trigger:`), `schedule` with `cron`, `poll`,
//! `webhook` with `verify`, then `names` and `types` (what their expressions may use), `shared` (fields of `trigger` that
//! only some of them give).

mod cron;
mod entry;
mod names;
mod operation;
mod poll;
mod schedule;
mod shared;
mod types;
mod verify;
mod webhook;
