//! The daemon: real processes, real time, real sockets.

mod api;
mod connectors;
mod dropped;
mod events;
#[cfg(unix)]
mod listening;
mod polls;
mod queued;
mod requests;
mod schedules;
mod sent;
mod stops;
mod support;
#[cfg(unix)]
mod telemetry;
#[cfg(unix)]
mod tls;
mod waits;
mod webhooks;

pub(crate) use support::Daemon;
