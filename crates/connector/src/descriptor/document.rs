//! The service half of the format: one service, its address, headers, credentials and rules for answers.
//!
//! Keys are as widely used descriptors write them (`baseURL`, `contentType`, ...); those that are ours follow that spelling.

use flow_engine::collections::IndexMap;
use serde::Deserialize;
use serde_json::Value as Json;

use super::auth_document::{AuthDocuments, TlsDocument};
use super::resource::ResourceDocument;
use super::text::Text;
use super::usage_document::PricesDocument;

/// A whole descriptor.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Document {
    /// Name of the connector, such as `claude-api`.
    pub handle: String,
    /// `active`, `beta`, ...: for people.
    #[serde(default)]
    pub status: String,
    /// Title and description.
    #[serde(default)]
    pub meta: Meta,
    /// Short names, such as `claude`.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Where it is and how to speak to it.
    pub service: ServiceDocument,
    /// Types that operations name in `output`, in our subset of JSON Schema.
    #[serde(default)]
    pub types: IndexMap<String, Json>,
    /// What tokens cost.
    #[serde(default)]
    pub prices: PricesDocument,
    /// What it offers; may stand in a document of its own, as a list.
    #[serde(default)]
    pub resources: Vec<ResourceDocument>,
}

/// Words for people.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meta {
    /// Title.
    #[serde(default)]
    pub short: String,
    /// One sentence.
    #[serde(default)]
    pub description: String,
    /// Name of a picture.
    #[serde(default)]
    pub icon: String,
    /// Words to find it by.
    #[serde(default)]
    pub tags: Vec<String>,
}

/// Where a service is and how to speak to it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ServiceDocument {
    /// Address that all paths are relative to. A connection may set another as `base_url`.
    #[serde(rename = "baseURL")]
    pub base_url: Text,
    /// `https` or `http`: for people; the address decides.
    #[serde(default)]
    pub protocol: String,
    /// Media type of request bodies; `application/json` if missing.
    #[serde(default)]
    pub content_type: Option<String>,
    /// Headers of every request. One whose holes name an optional setting that is not set is not sent.
    #[serde(default)]
    pub headers: IndexMap<String, HeaderDocument>,
    /// How requests are authenticated: one way, or several.
    #[serde(default)]
    pub auth: AuthDocuments,
    /// The certificate that a connection shows, and the authority whose certificates it trusts besides the usual ones.
    #[serde(default)]
    pub tls: Option<TlsDocument>,
    /// What a connection may set. Holes of headers that are not listed here are settings too: secret ones, if it is the
    /// token of `auth`.
    #[serde(default)]
    pub settings: IndexMap<String, SettingDocument>,
    /// How lists are written in a query: `brackets` (`ids[]=a&ids[]=b`), `repeat` (default) or `comma`.
    #[serde(default)]
    pub arrays: ArrayStyle,
    /// Header that collects the `beta` values of service, resource, operation and connection, joined by commas.
    #[serde(default)]
    pub beta_header: Option<String>,
    /// Values of that header for all operations.
    #[serde(default)]
    pub beta: Vec<String>,
    /// How errors are read.
    #[serde(default)]
    pub errors: ErrorsDocument,
    /// Names of groups of rate-limit headers; `*` stands for `limit`, `remaining` and `reset`.
    #[serde(default)]
    pub rate_limits: IndexMap<String, String>,
}

/// A header, perhaps only for some settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderDocument {
    /// Its value, with holes for settings.
    pub value: String,
    /// Settings that must have these values for the header to be sent.
    #[serde(default)]
    pub when: IndexMap<String, String>,
}

/// One thing that a connection may set.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SettingDocument {
    /// Whether it is a credential.
    #[serde(default)]
    pub secret: bool,
    /// Name of the secret that is used if the workflow says nothing.
    #[serde(default)]
    pub default_secret: Option<String>,
    /// Value if the workflow says nothing; without one, and without a default secret, the setting is optional.
    #[serde(default)]
    pub default: Option<String>,
    /// The only values allowed.
    #[serde(default, rename = "enum")]
    pub one_of: Vec<String>,
    /// Settings that must have these values for the default secret to be needed.
    #[serde(default)]
    pub when: IndexMap<String, String>,
    /// One sentence.
    #[serde(default)]
    pub description: String,
}

/// How lists are written in a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArrayStyle {
    /// `ids=a&ids=b`.
    #[default]
    Repeat,
    /// `ids[]=a&ids[]=b`.
    Brackets,
    /// `ids=a,b`.
    Comma,
}

/// How an error answer is read. Paths are members joined by dots.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ErrorsDocument {
    /// Where the body has the error's type.
    #[serde(rename = "type", default)]
    pub kind: Option<String>,
    /// Where it has a sentence.
    #[serde(default)]
    pub message: Option<String>,
    /// Where it has a stable code.
    #[serde(default)]
    pub code: Option<String>,
    /// Where it has the id of the request.
    #[serde(default)]
    pub request_id: Option<String>,
    /// The header with the id of the request.
    #[serde(default)]
    pub request_id_header: Option<String>,
    /// A header that says `true` or `false` to repeating the request, whatever the status.
    #[serde(default)]
    pub should_retry_header: Option<String>,
    /// Codes and types of errors that repeating never mends.
    #[serde(default)]
    pub never_retry: Vec<String>,
    /// Statuses that mean something else than usual.
    #[serde(default)]
    pub statuses: IndexMap<String, StatusDocument>,
}

/// What a status means: `kind` as in `retry.on`, `done` as far as the effect is known.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusDocument {
    /// The kind of failure.
    pub kind: flow_engine::run::FailureKind,
    /// What is known about the effect.
    pub done: flow_engine::run::Done,
}
