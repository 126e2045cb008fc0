//! The daemon: real processes, real time, real sockets.

mod events;
mod polls;
mod schedules;
mod support;
mod waits;
mod webhooks;
