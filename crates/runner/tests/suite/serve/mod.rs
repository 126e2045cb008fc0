//! The daemon: real processes, real time, real sockets.

mod connectors;
mod dropped;
mod polls;
mod schedules;
mod support;
mod webhooks;
