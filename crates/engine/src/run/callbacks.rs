//! Addresses at which steps are called back: made of the run, the path of the step, and a key that only the store has, so
//! that nobody can guess one, and none has to be remembered.

use std::fmt::Write;
use std::sync::Arc;

use super::machine::Run;
use super::node::NodeId;
use crate::catalog::{Look, Signal};
use crate::value::{Hash, Value};
use crate::workflow::{Does, Workflow};

/// The size of a block of SHA-256.
const BLOCK: usize = 64;

/// Makes such addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callbacks {
    /// Where callbacks are taken, without a `/` at the end.
    pub base: String,
    /// The key.
    pub key: [u8; 32],
}

impl Callbacks {
    /// The address for a step of a run.
    pub fn url(&self, run: &str, path: &str) -> String {
        let signature = self.signature(run, path);
        format!(
            "{}/callbacks/{run}/{signature}/{}",
            self.base,
            encoded(path)
        )
    }

    /// What proves that we made an address: HMAC-SHA256, in hex.
    ///
    /// Source: RFC 2104.
    pub fn signature(&self, run: &str, path: &str) -> String {
        let padded = |with: u8| {
            let mut block = vec![with; BLOCK];
            for (byte, key) in block.iter_mut().zip(self.key) {
                *byte ^= key;
            }
            block
        };
        let mut inner = padded(0x36);
        inner.extend_from_slice(format!("{run}\n{path}").as_bytes());
        let mut outer = padded(0x5c);
        outer.extend_from_slice(Hash::of(&inner).as_bytes());
        Hash::of(&outer).to_string()
    }
}

/// A path as part of an address.
fn encoded(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/_-.".contains(&byte) {
            text.push(byte.into());
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// The steps that wait to be called back.
pub(super) fn steps(workflow: &Workflow) -> Vec<usize> {
    let steps = workflow.steps.iter().enumerate();
    let waits = |does: &Does| matches!(does, Does::Hold(watch) if watch.look == Look::Signal(Signal::Callback));
    steps
        .filter(|(_, step)| waits(&step.does))
        .map(|(at, _)| at)
        .collect()
}

/// Whether a step of a workflow, or of one that it starts, waits to be called back.
pub fn needed_by(workflow: &Workflow) -> bool {
    !steps(workflow).is_empty() || workflow.children.values().any(|child| needed_by(child))
}

impl Run {
    /// The addresses of the steps that a node sees, by their names.
    pub(super) fn callback_urls(&self, id: Option<NodeId>) -> Vec<(Arc<str>, Value)> {
        let Some(callbacks) = &self.callbacks else {
            return Vec::new();
        };
        let frame = id.map_or(self.root.main, |id| self.nodes[id].frame);
        let url = |step: &usize| {
            let node = &self.nodes[self.seen(frame, *step)?];
            let url = callbacks.url(&self.started.run, &node.path);
            Some((self.workflow.steps[*step].name.clone(), Value::from(url)))
        };
        self.callback_steps.iter().filter_map(url).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test case 1, has a key of 20 bytes: ours is padded with zeros, which gives the same.
    #[test]
    fn the_signature_is_an_hmac() {
        let mut key = [0; 32];
        key[..20].fill(0x0b);
        let callbacks = Callbacks {
            base: String::new(),
            key,
        };
        // echo -en 'run\nstep' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0b...
        assert_eq!(
            callbacks.signature("run", "step"),
            "caa590d672e659ae3e3efed0246255f64e8eee2c11aec79d9a29db6d952dc233"
        );
    }

    #[test]
    fn paths_of_items_are_encoded() {
        assert_eq!(encoded("each[3]/ask#2"), "each%5B3%5D/ask%232");
    }
}
