//! What a sandbox is started with.

use std::path::PathBuf;

use crate::batches::Endings;
use crate::faults::Faults;

/// What a [`crate::Sandbox`] is started with.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder that holds all state; made if missing. One sandbox at a time may use it.
    pub state: PathBuf,
    /// The port on 127.0.0.1; 0 takes any free one.
    pub port: u16,
    /// How batches end; what is not said is as the state folder has it.
    pub endings: Endings,
    /// How many seconds after a cancel the batch ends, if it would not end sooner. Default 0.5.
    pub cancel_seconds: f64,
    /// The faults to play; `PUT /_sandbox/faults` replaces them.
    pub faults: Faults,
    /// How many connections may be open at once; more wait to be accepted. Default 1024.
    pub connections_max: usize,
}

impl Config {
    /// The defaults, with all state under `state`.
    pub fn new(state: impl Into<PathBuf>) -> Config {
        Config {
            state: state.into(),
            port: 0,
            endings: Endings::default(),
            cancel_seconds: 0.5,
            faults: Faults::default(),
            connections_max: 1024,
        }
    }
}
