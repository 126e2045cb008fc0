//! From the bytes of an answer to a value, without a socket. Read in this order: `error`, `retry_after` and `rates` (what a
//! status other than success means, and how much more a service takes), `json`, `lines` (JSON Lines into the store), `events` and `message` (server-sent events),
//! `page` (where the next page is), `text`, `structured` (an answer that was asked for in a schema) and `schema`.

pub(crate) mod error;
pub(crate) mod events;
pub(crate) mod json;
pub(crate) mod lines;
pub(crate) mod message;
pub(crate) mod page;
pub(crate) mod rates;
pub(crate) mod retry_after;
mod schema;
pub(crate) mod structured;
pub(crate) mod text;
