//! The daemon: real processes, real time, real sockets.

mod api;
mod polls;
mod requests;
mod schedules;
mod support;
#[cfg(unix)]
mod telemetry;
mod webhooks;
