//! The daemon: real processes, real time, real sockets.

mod polls;
mod schedules;
mod support;
mod webhooks;
