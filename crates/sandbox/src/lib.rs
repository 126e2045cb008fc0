//! A loopback server that behaves like the Claude API, for runs with no key and no network.
//!
//! It is a server, not a mock: it keeps state, checks what it is sent, pages its lists, streams its
//! answers and fails when a script says so. Clients of the real service work against it unchanged.
//!
//! - Everything lies under one state folder and is durable before the answer that reports it, so the
//!   process may be killed at any time and started again on the same folder.
//! - Nothing happens in the background: a batch ends because the clock passed its end, and its
//!   results are computed while they are read.
//! - It binds 127.0.0.1 only, and every answer carries `x-flow-sandbox: 1`.
//!
//! What tests can steer, beside [`Config`]:
//!
//! - A user text with `[[reply N bytes]]` makes an answer of N bytes (at most 8 MiB), as far as
//!   `max_tokens` allows at four bytes a token.
//! - Of an `enum` in a schema, the value whose words occur in the user text is answered.
//! - `PUT /_sandbox/faults` replaces the script of [`Faults`].
//! - `PUT /_sandbox/batches` changes the [`Endings`] of batches that are made from then on, for good.
//! - `POST /_sandbox/models` lets a model appear.
//! - `GET /_sandbox/requests?since=N` lists what was asked, `DELETE` on it forgets that; one line a
//!   request is kept for good in `requests.jsonl` in the state folder, written just before the
//!   answer is sent.
//! - `POST /_sandbox/files` uploads a file that can be downloaded, as if a skill had made it.
//! - `GET /_sandbox/health` answers as soon as it serves.
//!
//! Reading order: [`Config`] and [`Sandbox`], then `app` (what every request passes through), then
//! one folder a resource: `messages`, `batches`, `models`, `files`, `skills`. Scripted faults are
//! described at [`Faults`].
//!
//! Left out: the beta resources (agents, sessions and so on) and the Admin API, which answer 404,
//! the content of skill versions, skills as zip files, and compressed request bodies (refused with
//! the documented 400).

mod app;
mod auth;
mod batches;
mod body;
mod config;
mod connection;
mod control;
mod disk;
mod error;
mod faults;
mod files;
mod ids;
mod limits;
mod messages;
mod models;
mod multipart;
mod page;
mod record;
mod server;
mod skills;

pub use batches::Endings;
pub use config::Config;
pub use faults::{
    Action, Drip, Faults, FaultsError, Match, ResetAt, RetryAfter, Rule, StatusFault,
};
pub use server::{Sandbox, SandboxError};
