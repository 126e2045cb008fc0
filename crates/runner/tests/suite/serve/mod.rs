//! The daemon: real processes, real time, real sockets.

mod connectors;
mod dropped;
mod polls;
mod schedules;
mod sent;
mod support;
mod webhooks;

pub(crate) use support::Daemon;
