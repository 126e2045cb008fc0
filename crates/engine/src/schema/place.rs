//! The places of the language that have a closed list of keys.

use crate::document::keys::{self, Verb};

/// A place with a closed list of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Workflow,
    Step,
    ForEach,
    Repeat,
    Retry,
    OnError,
    Concurrency,
    Budget,
    Cache,
    Defaults,
    DefaultsRun,
    Connection,
    Limits,
    Input,
    Trigger,
    Cursor,
    Misfire,
    Verify,
    Respond,
    Hmac,
    Token,
}

/// Keys of `on_error:` as a map.
const ON_ERROR: &[&str] = &["value"];

impl Place {
    /// All of them.
    #[cfg(test)]
    pub(super) const ALL: [Place; 21] = [
        Place::Workflow,
        Place::Step,
        Place::ForEach,
        Place::Repeat,
        Place::Retry,
        Place::OnError,
        Place::Concurrency,
        Place::Budget,
        Place::Cache,
        Place::Defaults,
        Place::DefaultsRun,
        Place::Connection,
        Place::Limits,
        Place::Input,
        Place::Trigger,
        Place::Cursor,
        Place::Misfire,
        Place::Verify,
        Place::Respond,
        Place::Hmac,
        Place::Token,
    ];

    /// The keys that may stand here.
    pub(super) fn keys(self) -> Vec<&'static str> {
        match self {
            Place::Step => {
                let verbs = Verb::ALL.iter().map(|verb| verb.as_str());
                verbs
                    .chain(keys::STEP.iter().map(|(key, _)| *key))
                    .collect()
            }
            Place::Workflow => keys::WORKFLOW.to_vec(),
            Place::ForEach => keys::FOR_EACH.to_vec(),
            Place::Repeat => keys::REPEAT.to_vec(),
            Place::Retry => keys::RETRY.to_vec(),
            Place::OnError => ON_ERROR.to_vec(),
            Place::Concurrency => keys::CONCURRENCY.to_vec(),
            Place::Budget => keys::BUDGET.to_vec(),
            Place::Cache => keys::CACHE.to_vec(),
            Place::Defaults => keys::DEFAULTS.to_vec(),
            Place::DefaultsRun => keys::DEFAULTS_RUN.to_vec(),
            Place::Connection => keys::CONNECTION.to_vec(),
            Place::Limits => keys::LIMITS.to_vec(),
            Place::Input => keys::INPUT.to_vec(),
            Place::Trigger => keys::TRIGGER.to_vec(),
            Place::Cursor => keys::CURSOR.to_vec(),
            Place::Misfire => keys::MISFIRE.to_vec(),
            Place::Verify => keys::VERIFY.to_vec(),
            Place::Respond => keys::RESPOND.to_vec(),
            Place::Hmac => keys::HMAC.to_vec(),
            Place::Token => keys::TOKEN.to_vec(),
        }
    }
}
