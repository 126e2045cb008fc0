//! The part of the format that says how requests are authenticated.

use std::fmt;

use flow_engine::collections::IndexMap;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::text::Text;

/// One way of authentication, or a list of them: each that holds by its `when` is used.
#[derive(Debug, Clone, Default)]
pub struct AuthDocuments(pub Vec<AuthDocument>);

/// How requests are authenticated.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AuthDocument {
    /// `api_token` (a header or a query parameter with a token), `bearer` (`authorization: Bearer TOKEN`), `basic` (name
    /// and password), `oauth2` (a token fetched with client credentials) or `none`.
    pub method: String,
    /// By method: what it needs.
    #[serde(default)]
    pub params: AuthParams,
    /// Settings that must have these values for this way to be used.
    #[serde(default)]
    pub when: IndexMap<String, String>,
}

/// Parameters of the methods.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AuthParams {
    /// Of `api_token`.
    #[serde(default)]
    pub api_token: Option<TokenDocument>,
    /// Of `bearer`.
    #[serde(default)]
    pub bearer: Option<TokenDocument>,
    /// Of `basic`.
    #[serde(default)]
    pub basic: Option<BasicDocument>,
    /// Of `oauth2`.
    #[serde(default)]
    pub oauth2: Option<OauthDocument>,
}

/// A token and where it goes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TokenDocument {
    /// The token: a hole that names a setting.
    pub token: Text,
    /// The header; `authorization` if neither is said.
    #[serde(default)]
    pub header_name: Option<Text>,
    /// The query parameter.
    #[serde(default)]
    pub query_name: Option<Text>,
}

/// A name and a password (RFC 7617).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BasicDocument {
    /// The name: a text with holes for settings.
    pub username: Text,
    /// The password: a hole that names a setting; empty if it is missing.
    #[serde(default)]
    pub password: Text,
}

/// Client credentials (RFC 6749, section 4.4).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct OauthDocument {
    /// Where tokens are fetched; a path is one of the service's own address.
    #[serde(rename = "tokenURL")]
    pub token_url: Text,
    /// Who asks: a hole that names a setting.
    pub client_id: Text,
    /// The secret: a hole that names a setting.
    pub client_secret: Text,
    /// What is asked for: texts with holes, joined by blanks.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// How the client says who it is.
    #[serde(default)]
    pub client_auth: ClientAuthDocument,
    /// More members of the form, such as `audience`.
    #[serde(default)]
    pub form: IndexMap<String, String>,
}

/// How a client says who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthDocument {
    /// By the header `authorization: Basic` (`client_secret_basic`).
    #[default]
    Basic,
    /// In the form (`client_secret_post`).
    Post,
}

/// TLS beyond the usual: each a text with holes for settings that give PEM, or the path of a PEM file in the project.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsDocument {
    /// The certificate that the client shows, with those between it and its authority.
    #[serde(default)]
    pub certificate: Option<Text>,
    /// Its private key.
    #[serde(default)]
    pub key: Option<Text>,
    /// Certificates of an authority that is trusted besides the usual ones.
    #[serde(default)]
    pub authority: Option<Text>,
}

impl<'de> Deserialize<'de> for AuthDocuments {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<AuthDocuments, D::Error> {
        deserializer.deserialize_any(OneOrMany)
    }
}

struct OneOrMany;

impl<'de> Visitor<'de> for OneOrMany {
    type Value = AuthDocuments;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map with `method`, or a list of such maps")
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<AuthDocuments, A::Error> {
        let one = AuthDocument::deserialize(MapAccessDeserializer::new(access))?;
        Ok(AuthDocuments(vec![one]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, access: A) -> Result<AuthDocuments, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(access)).map(AuthDocuments)
    }
}
