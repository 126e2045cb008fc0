//! The daemon: real processes, real time, real sockets.

mod api;
mod events;
mod polls;
mod requests;
mod schedules;
mod support;
#[cfg(unix)]
mod telemetry;
mod waits;
mod webhooks;
