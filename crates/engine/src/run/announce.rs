//! What a run lets others know: a workflow may start when it happens, and a step of another run may wait for it.

use std::sync::Arc;

use super::Failure;
use super::io::Output;
use super::machine::Run;
use super::node::NodeId;
use super::values::error_value;
use crate::journal::RunEnded;
use crate::value::Value;
use crate::workflow::Does;

/// Begins the names of events that only runs themselves make.
pub const RESERVED: &str = "run.";

/// Hears every end of a run, whatever its status.
pub const ANY_END: &str = "run.ended";

/// How many events may have led to a run, each from a run that the one before started: then events start no more of them.
pub const CAUSES_MAX: u32 = 16;

/// How long the name of an event may be.
const NAME_MAX: usize = 200;

/// Something that others may hear of.
#[derive(Debug, Clone, PartialEq)]
pub struct Announced {
    /// Its name, such as `report.ready`.
    pub name: Arc<str>,
    /// What belongs to it.
    pub data: Value,
}

/// Whether this can be the name of an event: letters, digits, `.`, `_` and `-`.
pub fn is_name(name: &str) -> bool {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    !name.is_empty() && name.len() <= NAME_MAX && name.chars().all(fits)
}

/// Whether anybody may say that an event of this name happened.
///
/// # Errors
/// `flow.event_name`: it cannot be a name, or only runs themselves use it.
pub fn may_be_said(name: &str) -> Result<(), Failure> {
    let refused = |message: String| Failure::permanent("flow.event_name", message);
    if !is_name(name) {
        let message = format!("`{name}` cannot be the name of an event");
        return Err(refused(message).help(
            "names of events are letters, digits, `.`, `_` and `-`, at most 200, such as `report.ready`",
        ));
    }
    if name.starts_with(RESERVED) {
        let message = format!("`{name}` is the name of an event that only runs make");
        return Err(refused(message)
            .help("take a name that does not begin with `run.`, such as `report.ready`"));
    }
    Ok(())
}

/// Whether whoever listens for `wanted` hears an event of this name.
pub fn hears(wanted: &str, name: &str) -> bool {
    wanted == name || wanted == ANY_END && name.starts_with(RESERVED)
}

/// The names of all events that whoever listens for `wanted` hears.
pub fn heard_by(wanted: &str) -> Vec<&str> {
    if wanted == ANY_END {
        return vec!["run.succeeded", "run.failed", "run.cancelled"];
    }
    vec![wanted]
}

impl Run {
    /// Lets others know, in the same transaction as what was recorded before.
    pub(super) fn announce(&mut self, name: &str, data: Value) {
        let announced = Announced {
            name: name.into(),
            data,
        };
        self.out.push_back(Output::Announce(announced));
    }

    /// A call went well: whoever listens for successes of its operation hears the answer.
    pub(super) fn announce_success(&mut self, id: NodeId, answer: &Value) {
        let workflow = self.workflow.clone();
        if let Does::Call(call) = &workflow.steps[self.nodes[id].step].does {
            for name in &call.announces {
                self.announce(name, answer.clone());
            }
        }
    }

    /// The run has ended.
    pub(super) fn announce_end(&mut self, ended: &RunEnded) {
        let failed = self.failed_in(self.root.main).and_then(|failed| {
            let node = &self.nodes[failed];
            Some(error_value(node.failure.as_ref()?, node.attempt))
        });
        let own = ended.failure.as_ref();
        let error = failed.or_else(|| own.map(|failure| error_value(failure, None)));
        let data = Value::map([
            ("workflow", Value::from(self.started.workflow.as_str())),
            ("run", Value::from(self.started.run.as_str())),
            ("status", Value::from(ended.status.as_str())),
            ("error", error.unwrap_or_default()),
            ("outputs", ended.outputs.clone()),
        ]);
        self.announce(&format!("{RESERVED}{}", ended.status.as_str()), data);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_for_any_end_hears_each_and_nothing_else() {
        for name in heard_by(ANY_END) {
            assert!(hears(ANY_END, name) && hears(name, name));
            assert!(may_be_said(name).is_err(), "only runs say `{name}`");
        }
        assert!(!hears(ANY_END, "report.ready") && !hears("report.ready", "run.failed"));
        assert_eq!(heard_by("report.ready"), ["report.ready"]);
    }

    #[test]
    fn names() {
        assert!(may_be_said("report.ready").is_ok());
        for name in ["", "two words", "ä", &"x".repeat(201), "run.", "run.mine"] {
            let failure = may_be_said(name).expect_err(name);
            assert_eq!(failure.code, "flow.event_name");
        }
    }
}
