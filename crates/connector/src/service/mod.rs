//! Operations of services: `settings` (what a connection says), `perform` (request and answer), `streams`, `pages`.

mod pages;
pub(crate) mod perform;
pub(crate) mod settings;
mod streams;
