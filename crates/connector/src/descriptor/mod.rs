//! Connectors as data. Read in this order: [`document`], [`auth_document`], [`usage_document`] and [`resource`] (the format, as it is written), `text` and
//! `template` (texts with holes), `body_template` (a JSON text with holes, as a tree), `load` (text to document, with places
//! in errors), [`service`] and [`operation`] (what the rest of the crate uses), `compile`, `compile_auth`, `compile_operation`,
//! `compile_parameters`, `compile_answer`, `compile_adopt`, `compile_usage`, `fields` and
//! `triggers` (document to service), `catalog` (service to the engine's catalog),
//! `local` (the local connectors' parameters), `schema` (the format, for editors).

pub mod auth_document;
mod body_template;
mod catalog;
mod compile;
mod compile_adopt;
mod compile_answer;
mod compile_auth;
mod compile_operation;
mod compile_parameters;
mod compile_usage;
pub mod document;
mod error;
mod fields;
mod load;
pub(crate) mod local;
mod named_types;
pub mod operation;
pub mod resource;
mod schema;
pub mod service;
mod template;
mod text;
mod triggers;
pub mod usage_document;

pub(crate) use compile_answer::pagination_of;

pub use body_template::{BodyTemplate, BodyTemplateError};
pub use error::DescriptorError;
#[cfg(test)]
pub(crate) use load::read;
pub use load::{DESCRIPTOR_BYTES_MAX, check, load};
pub use schema::schema;
pub use template::{Template, TemplatePart};
pub use text::{Placeholder, Text};
