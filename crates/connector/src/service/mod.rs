//! Operations of services: `settings` (what a connection says), `credentials` (what is made of it for a request), `perform`
//! (request and answer), `streams`, `pages`, `adopt` (what a lost request made).

pub(crate) mod adopt;
pub(crate) mod credentials;
mod pages;
pub(crate) mod perform;
pub(crate) mod settings;
mod streams;
pub(crate) mod usage;
