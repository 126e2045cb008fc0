//! The engine of `flow`: parse, check, plan, run, report. It does no I/O, reads no clock, starts no task and draws no
//! random number: whatever it needs from outside is an argument.
//!
//! Read in this order: [`source`], [`finding`] and [`edit`], [`value`] and [`types`], [`catalog`]; then the stages, each of which
//! takes what the one before gives: [`yaml`] and [`document`] (parse), [`expr`] and [`workflow`] (check), [`plan`], [`run`]
//! with [`journal`] and [`bundle`], [`report`]. Beside them, [`admission`] says who may go when not all may go
//! at once, [`money`] what calls cost, [`schedule`] when triggers made of times are due, [`schema`] tells editors what files look
//! like, and [`format`] writes a text as texts are written here.

pub mod admission;
pub mod bundle;
pub mod catalog;
pub mod collections;
pub mod document;
pub mod duration;
pub mod edit;
pub mod eval;
pub mod expr;
pub mod finding;
pub mod format;
pub mod journal;
pub mod money;
pub mod plan;
pub mod report;
pub mod run;
pub mod schedule;
pub mod schema;
pub mod source;
pub mod time;
pub mod types;
pub mod value;
pub mod workflow;
pub mod yaml;
