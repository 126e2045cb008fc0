//! What the API of the daemon does: the functions behind the routes of `table`.
//!
//! Read in this order: `trouble` (what a command would say, as an answer), `shapes` and `said` (what answers look like), then what is seen:
//! `workflows`, `runs`, `steps`, `journal` with `stream`, `values`, `triggers`, `backfills`; then what is changed: `start`, `changes`; and what is
//! said from outside: `events`, `approvals`.

pub(super) mod approvals;
pub(super) mod backfills;
pub(super) mod changes;
pub(super) mod events;
pub(super) mod journal;
pub(super) mod runs;
pub(super) mod said;
pub(super) mod shapes;
pub(super) mod start;
pub(super) mod steps;
pub(super) mod stream;
pub(super) mod triggers;
pub(super) mod trouble;
pub(super) mod values;
pub(super) mod workflows;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use flow_local::store::Reader;
use serde_json::Value;

use super::World;
use super::answer::Problem;
use super::route::Ask;
use crate::exit::Trouble;

/// How much of a list is given, if nobody says.
const LIMIT: u32 = 50;

/// Reads the store beside whoever writes it.
pub(super) fn read<T>(
    world: &World,
    read: impl FnOnce(&Reader) -> Result<T, Trouble>,
) -> Result<T, Problem> {
    let reading = || read(&world.daemon.owner.reader()?);
    tokio::task::block_in_place(reading).map_err(|trouble| trouble::problem(&trouble))
}

/// An answer of JSON.
fn json(status: StatusCode, value: &Value) -> Response {
    (status, Json(value)).into_response()
}

/// One page of a list that is at hand, whose entries have keys in their order; and the key after which the next page begins.
fn page<C, T>(ask: &Ask<C>, all: impl Iterator<Item = (String, T)>) -> (Vec<T>, Option<String>) {
    let limit = ask.number("limit", LIMIT) as usize;
    let after = ask.query("cursor");
    let mut rest = all.filter(|(key, _)| after.is_none_or(|after| key.as_str() > after));
    let (mut taken, mut last) = (Vec::new(), None);
    for (key, value) in rest.by_ref().take(limit) {
        taken.push(value);
        last = Some(key);
    }
    let next = rest.next().and(last);
    (taken, next)
}

/// After how many entries of a list its page begins.
fn before<C>(ask: &Ask<C>) -> u64 {
    let given = ask.query("cursor").and_then(|text| text.parse().ok());
    given.unwrap_or(0)
}
