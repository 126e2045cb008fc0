//! End to end: the binary as people use it, the cases in `tests/`, the tree itself.

mod adopted;
mod answers;
mod approvals;
mod backfilled;
mod backfills;
mod bad_yaml;
mod budgets;
mod checks;
mod codes;
mod commands;
mod connector;
#[cfg(unix)]
mod crash;
mod docs;
mod durable;
mod expressions;
mod fix;
mod fmt;
mod main_job;
mod money;
mod nesting;
mod owners;
mod pages_of_connectors;
mod places;
mod plans;
mod quarantine;
mod queued;
mod rested;
mod retried;
mod rules;
mod sandboxed;
mod schedules;
#[cfg(unix)]
mod serve;
mod snippets;
mod support;
mod tidy;
mod triggers;
mod worlds;
