//! Operations of services: `settings` (what a connection says), `perform` (request and answer), `streams`, `pages`, `adopt` (what a lost request made).

pub(crate) mod adopt;
mod pages;
pub(crate) mod perform;
pub(crate) mod settings;
mod streams;
