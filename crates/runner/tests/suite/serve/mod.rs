//! The daemon: real processes, real time, real sockets.

mod api;
mod polls;
mod schedules;
mod support;
mod webhooks;
