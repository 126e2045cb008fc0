//! Which keys a trigger knows: those of what is there, and of what left not long ago, so that an item that a list leaves out
//! for a while is not taken for a new one.

use std::sync::Arc;

use crate::collections::HashSet;
use crate::time::Timestamp;
use crate::value::Value;

/// So long the key of an item that is not there any more is known.
const GONE_KEPT_MS: i64 = 24 * 3600 * 1000;
/// How many such keys are known at most.
const GONE_KEPT: usize = 10_000;

/// The keys that were known before a look.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Those that were there, in the order of the look before.
    pub(super) keys: Vec<Arc<str>>,
    /// Those that were gone, with the time they left.
    pub(super) gone: Vec<(Arc<str>, i64)>,
    /// Both.
    all: HashSet<Arc<str>>,
}

impl Known {
    /// Reads what a look left: a map with `keys` and `gone`, or a list of keys.
    pub(super) fn of(state: Option<&Value>, now: Timestamp) -> Known {
        let text = |value: &Value| value.as_str().map(Arc::<str>::from);
        let keys: Vec<Arc<str>> = keys_in(state).iter().filter_map(text).collect();
        let gone = state.and_then(|state| state.get("gone")?.as_list());
        let gone: Vec<(Arc<str>, i64)> = timed(gone)
            .filter_map(|(at, key)| Some((text(&key)?, at)))
            .filter(|(_, at)| now.0 - at < GONE_KEPT_MS)
            .collect();
        let all = keys
            .iter()
            .chain(gone.iter().map(|(key, _)| key))
            .cloned()
            .collect();
        Known { keys, gone, all }
    }

    /// Whether it is there, or was not long ago.
    pub(super) fn knows(&self, key: &Arc<str>) -> bool {
        self.all.contains(key)
    }

    /// What is gone now that `there` is there: what left since, and what was gone before.
    pub(super) fn gone(self, there: &HashSet<Arc<str>>, now: Timestamp) -> Vec<(Arc<str>, i64)> {
        let left = self.keys.into_iter().map(|key| (key, now.0));
        let gone = self.gone.into_iter().chain(left);
        newest(gone.filter(|(key, _)| !there.contains(key)).collect())
    }
}

/// As many as are kept, without the oldest.
pub(super) fn newest(mut gone: Vec<(Arc<str>, i64)>) -> Vec<(Arc<str>, i64)> {
    let too_many = gone.len().saturating_sub(GONE_KEPT);
    gone.drain(..too_many);
    gone
}

/// Keys as they are remembered.
pub(super) fn list(keys: &[Arc<str>]) -> Value {
    Value::list(keys.iter().map(|key| Value::from(&**key)))
}

/// Keys with their times as they are remembered.
pub(super) fn timed_list(keys: &[(Arc<str>, i64)]) -> Value {
    let pair = |(key, at): &(Arc<str>, i64)| Value::list([Value::from(*at), Value::from(&**key)]);
    Value::list(keys.iter().map(pair))
}

/// Values with their times.
pub(super) fn timed(list: Option<&[Value]>) -> impl Iterator<Item = (i64, Value)> {
    let pair = |value: &Value| match value.as_list()? {
        [at, value] => Some((at.as_i64()?, value.clone())),
        _ => None,
    };
    list.unwrap_or_default().iter().filter_map(pair)
}

fn keys_in(state: Option<&Value>) -> &[Value] {
    let keys = state.and_then(|state| match state {
        Value::List(_) => state.as_list(),
        _ => state.get("keys")?.as_list(),
    });
    keys.unwrap_or_default()
}
