//! The tokens of a process: one for each credential, fetched by one of those who need it while the others wait.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use flow_engine::run::Failure;
use flow_engine::value::Hash;
use futures_util::future::BoxFuture;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

/// How many tokens are kept; beyond, all are forgotten.
const TOKENS_MAX: usize = 1_000;

/// A token, and until when it is used.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) text: SecretString,
    pub(crate) until: Instant,
}

/// Holds tokens by what they were asked for with.
#[derive(Default)]
pub(crate) struct Tokens {
    slots: Mutex<HashMap<Hash, Arc<Slot>>>,
}

type Slot = tokio::sync::Mutex<Option<Token>>;

impl Tokens {
    /// The token of this credential: the one that is held, unless it is over or it is `worn` (a service refused it), else
    /// a new one. Whoever comes while one is fetched waits for it.
    pub(crate) async fn get<'a>(
        &self,
        key: Hash,
        worn: Option<&Token>,
        fetch: impl FnOnce() -> BoxFuture<'a, Result<Token, Failure>>,
    ) -> Result<Token, Failure> {
        let slot = self.slot(key);
        let mut held = slot.lock().await;
        let is_worn = |token: &Token| {
            worn.is_some_and(|worn| worn.text.expose_secret() == token.text.expose_secret())
        };
        if let Some(token) = held
            .as_ref()
            .filter(|token| token.until > Instant::now() && !is_worn(token))
        {
            return Ok(token.clone());
        }
        *held = None;
        let token = fetch().await?;
        *held = Some(token.clone());
        Ok(token)
    }

    fn slot(&self, key: Hash) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= TOKENS_MAX && !slots.contains_key(&key) {
            slots.clear();
        }
        slots.entry(key).or_default().clone()
    }
}
