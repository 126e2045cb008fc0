//! What the tests run on: a context in a temporary folder, calls in one line, a server that answers from a script.

mod context;
mod server;

pub(crate) use context::{Bench, content};
pub(crate) use server::{Received, Reply, Server, reply};
