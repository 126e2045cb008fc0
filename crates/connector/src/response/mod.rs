//! From the bytes of an answer to a value, without a socket. Read in this order: `error` and `retry_after` (what a status
//! other than success means), `json`, `lines` (JSON Lines into the store), `events` and `message` (server-sent events),
//! `page` (where the next page is), `text`.

pub(crate) mod error;
pub(crate) mod events;
pub(crate) mod json;
pub(crate) mod lines;
pub(crate) mod message;
pub(crate) mod page;
pub(crate) mod retry_after;
pub(crate) mod text;
