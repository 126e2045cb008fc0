//! The daemon: real processes, real time, real sockets.

mod api;
mod connectors;
mod dropped;
mod events;
mod polls;
mod queued;
mod requests;
mod schedules;
mod sent;
mod support;
#[cfg(unix)]
mod telemetry;
mod waits;
mod webhooks;

pub(crate) use support::Daemon;
