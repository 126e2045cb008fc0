//! Services as data for `flow`: descriptors, requests, answers, the HTTP client, and the local connectors.
//!
//! Read in this order: [`descriptor`] (the format), `connectors` (what is loaded, and who performs a call), `service`
//! (one operation of a service), [`openapi`] (a descriptor out of somebody's document), `request` and `response` (pure), `transport` (the one file that opens a socket), `local`
//! (files, data, commands on this machine), [`processes`] (what commands leave behind).

mod arguments;
mod blocking;
mod builtin;
mod connectors;
pub mod descriptor;
mod local;
mod mask;
pub mod openapi;
pub mod processes;
mod project;
mod request;
mod response;
mod service;
mod sink;
mod transport;

pub use connectors::Connectors;
pub use descriptor::DescriptorError;
pub use descriptor::service::Service;
pub use transport::TransportLimits;
