//! Operations of services: `settings` (what a connection says), `perform` (request, answer, pages).

pub(crate) mod perform;
pub(crate) mod settings;
