//! The connectors against loopback servers and temporary folders.

mod cases;
mod support;
