//! The daemon: real processes, real time, real sockets.

mod schedules;
mod support;
mod webhooks;
