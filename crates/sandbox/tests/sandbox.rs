//! The sandbox as a client sees it, over real sockets on 127.0.0.1.

#[path = "sandbox/batches.rs"]
mod batches;
#[path = "sandbox/faults.rs"]
mod faults;
#[path = "sandbox/files.rs"]
mod files;
#[path = "sandbox/messages.rs"]
mod messages;
#[path = "sandbox/models.rs"]
mod models;
#[path = "sandbox/server.rs"]
mod server;
#[path = "sandbox/skills.rs"]
mod skills;
#[path = "sandbox/support.rs"]
mod support;
