//! Operations of services: `settings` (what a connection says), `credentials` (what is made of it for a request), `perform`
//! (request and answer), `streams`, `pages`.

pub(crate) mod credentials;
mod pages;
pub(crate) mod perform;
pub(crate) mod settings;
mod streams;
