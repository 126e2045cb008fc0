//! What can be asked of whoever drives the runs of a store.

use std::collections::BTreeMap;

use flow_engine::bundle::Bundle;
use flow_engine::journal::{Resolution, StartedBy};
use flow_engine::money::Amount;
use flow_engine::run::announce::may_be_said;
use flow_engine::value::{Value, journal};
use flow_local::start::{Retry, id_of_key, new_id};
use flow_local::store::{Backfill, Planned};
use serde::{Deserialize, Serialize};

use crate::exit::{Exit, Trouble};

/// Texts of secrets by their names, as they cross the socket: never stored.
pub(crate) type SecretTexts = BTreeMap<String, String>;

/// A run to start.
#[derive(Serialize, Deserialize)]
pub(crate) struct Start {
    /// Its id, made by whoever asks: asked twice is started once.
    pub(crate) run: String,
    pub(crate) bundle: Bundle,
    #[serde(with = "journal")]
    pub(crate) inputs: Value,
    pub(crate) started_by: StartedBy,
    #[serde(with = "journal")]
    pub(crate) trigger: Value,
    pub(crate) sandbox: bool,
    pub(crate) project: Option<String>,
    pub(crate) retry: Option<Retry>,
    pub(crate) secrets: SecretTexts,
}

/// A run to go on with.
#[derive(Serialize, Deserialize)]
pub(crate) struct Resume {
    pub(crate) run: String,
    /// Steps and what becomes of them.
    pub(crate) decisions: Vec<(String, Resolution)>,
    /// How much more it may spend.
    #[serde(default)]
    pub(crate) budget: Amount,
    /// Even if processes died of it.
    pub(crate) force: bool,
    pub(crate) secrets: SecretTexts,
}

/// A trigger to pause, or to let go on.
#[derive(Serialize, Deserialize)]
pub(crate) struct Pause {
    pub(crate) workflow: String,
    pub(crate) trigger: String,
    pub(crate) paused: bool,
}

/// A person's answer to a step that waits for one.
#[derive(Serialize, Deserialize)]
pub(crate) struct Approve {
    pub(crate) run: String,
    pub(crate) step: String,
    /// `choice`, `by`, `comment` and `fields`.
    #[serde(with = "journal")]
    pub(crate) answer: Value,
    pub(crate) secrets: SecretTexts,
}

/// An event that happened.
#[derive(Serialize, Deserialize)]
pub(crate) struct Emit {
    pub(crate) event: String,
    /// Said twice with one key it happened once.
    pub(crate) key: String,
    #[serde(with = "journal")]
    pub(crate) data: Value,
}

impl Approve {
    /// What is chosen.
    pub(crate) fn choice(&self) -> &str {
        let choice = self.answer.get("choice").and_then(Value::as_str);
        choice.unwrap_or_default()
    }
}

impl Emit {
    /// An event that somebody says, with nothing that belongs to it if nothing is given. A name that nobody may say is
    /// `flow.event_name`.
    pub(crate) fn said(
        event: &str,
        key: Option<&str>,
        data: Option<Value>,
    ) -> Result<Emit, Trouble> {
        may_be_said(event).map_err(|failure| {
            let trouble = Trouble::new(Exit::Usage, failure.code, failure.message);
            match failure.help {
                Some(help) => trouble.help(help),
                None => trouble,
            }
        })?;
        Ok(Emit {
            event: event.to_owned(),
            key: key.map_or_else(new_id, |key| id_of_key(event, key)),
            data: data.unwrap_or_else(|| Value::map::<&str>([])),
        })
    }
}

/// A backfill to write down, before its first run starts.
#[derive(Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) backfill: Backfill,
    pub(crate) times: Vec<Planned>,
}

/// A backfill of which no more runs are to start.
#[derive(Serialize, Deserialize)]
pub(crate) struct EndBackfill {
    pub(crate) backfill: String,
    /// Who asks.
    pub(crate) by: String,
}

/// A run to cancel.
#[derive(Serialize, Deserialize)]
pub(crate) struct Cancel {
    pub(crate) run: String,
    /// Who asks.
    pub(crate) by: String,
    /// Nothing is undone, and `finally` is left out.
    pub(crate) hard: bool,
    pub(crate) secrets: SecretTexts,
}
