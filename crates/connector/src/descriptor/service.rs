//! A service as the rest of the crate uses it.

use std::sync::Arc;

use flow_engine::collections::IndexMap;
use flow_engine::money::Prices;
use flow_engine::run::{Done, FailureKind};
use flow_engine::source::SourceFile;
use flow_engine::types::Type;

use super::auth_document::ClientAuthDocument;
use super::operation::Operation;
use super::template::Template;

/// A connector that speaks to a service.
#[derive(Debug, Clone)]
pub struct Service {
    /// The documents that it was read from: what a run pins.
    pub sources: Vec<SourceFile>,
    /// Its handle.
    pub handle: Arc<str>,
    /// Title.
    pub title: Arc<str>,
    /// One sentence.
    pub description: Arc<str>,
    /// Short names.
    pub aliases: Vec<Arc<str>>,
    /// Address that all paths are relative to, with holes for settings.
    pub base_url: Template,
    /// Headers of every request, credentials that are no more than a header among them.
    pub headers: Vec<HeaderRule>,
    /// The other credentials.
    pub credentials: Vec<CredentialRule>,
    /// TLS beyond the usual.
    pub tls: TlsRule,
    /// What a connection may set, besides `base_url`.
    pub settings: IndexMap<Arc<str>, SettingRule>,
    /// Header that collects beta values.
    pub beta_header: Option<Arc<str>>,
    /// How errors are read.
    pub errors: ErrorRules,
    /// Groups of rate-limit headers by name; `*` stands for `limit`, `remaining`, `reset`.
    pub rate_limits: IndexMap<Arc<str>, Arc<str>>,
    /// What tokens cost.
    pub prices: Arc<Prices>,
    /// Operations and triggers by full name.
    pub operations: IndexMap<Arc<str>, Operation>,
}

/// A header that is sent if its settings are there.
#[derive(Debug, Clone, PartialEq)]
pub struct HeaderRule {
    /// Lower-case name.
    pub name: Arc<str>,
    /// Value with holes for settings.
    pub value: Template,
    /// Settings that must have these values.
    pub when: Vec<(Arc<str>, Arc<str>)>,
}

/// A credential that is used if its settings are there.
#[derive(Debug, Clone, PartialEq)]
pub struct CredentialRule {
    /// What it is.
    pub credential: Credential,
    /// Settings that must have these values.
    pub when: Vec<(Arc<str>, Arc<str>)>,
}

/// A credential that is more than a header with holes.
#[derive(Debug, Clone, PartialEq)]
pub enum Credential {
    /// A token in this query parameter.
    Query(Arc<str>, Template),
    /// A name and a password.
    Basic {
        /// The name.
        username: Template,
        /// The password.
        password: Template,
    },
    /// A token that is fetched.
    Oauth(OauthRule),
}

/// How a token is fetched with client credentials.
#[derive(Debug, Clone, PartialEq)]
pub struct OauthRule {
    /// Where; a path is one of the service's own address.
    pub token_url: Template,
    /// Who asks.
    pub client_id: Template,
    /// The secret.
    pub client_secret: Template,
    /// What is asked for.
    pub scopes: Vec<Template>,
    /// How the client says who it is.
    pub client_auth: ClientAuthDocument,
    /// More members of the form.
    pub form: Vec<(Arc<str>, Template)>,
}

/// PEM, or the paths of PEM files in the project.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TlsRule {
    /// The certificate that the client shows, and its private key.
    pub identity: Option<(Template, Template)>,
    /// An authority that is trusted besides the usual ones.
    pub authority: Option<Template>,
}

/// One thing that a connection may set.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SettingRule {
    /// Whether it is a credential.
    pub secret: bool,
    /// Name of the secret that is used if the workflow says nothing.
    pub default_secret: Option<Arc<str>>,
    /// Value if the workflow says nothing.
    pub default: Option<Arc<str>>,
    /// The only values allowed; empty for any.
    pub one_of: Vec<Arc<str>>,
    /// Settings that must have these values for the default secret to be needed.
    pub when: Vec<(Arc<str>, Arc<str>)>,
    /// One sentence.
    pub description: Arc<str>,
}

/// How an error answer is read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ErrorRules {
    /// Path of the error's type in the body.
    pub kind: Option<Path>,
    /// Path of its sentence.
    pub message: Option<Path>,
    /// Path of its stable code.
    pub code: Option<Path>,
    /// Path of the request's id.
    pub request_id: Option<Path>,
    /// Header with the request's id.
    pub request_id_header: Option<Arc<str>>,
    /// Header that says whether to repeat.
    pub should_retry_header: Option<Arc<str>>,
    /// Codes and types that repeating never mends.
    pub never_retry: Vec<Arc<str>>,
    /// Statuses that mean something else than usual.
    pub statuses: Vec<(u16, FailureKind, Done)>,
}

/// Members of maps and numbers of items, from the outside in; `-1` is the last item.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Path(pub Vec<Arc<str>>);

impl Path {
    /// Reads members joined by dots; empty for the body itself.
    pub fn parse(text: &str) -> Path {
        Path(
            text.split('.')
                .filter(|part| !part.is_empty())
                .map(Arc::from)
                .collect(),
        )
    }

    /// What stands there.
    pub fn read<'a>(
        &self,
        body: &'a flow_engine::value::Value,
    ) -> Option<&'a flow_engine::value::Value> {
        self.0.iter().try_fold(body, |value, key| match value {
            flow_engine::value::Value::List(items) => {
                let at = match key.strip_prefix('-') {
                    Some(back) => items.len().checked_sub(back.parse().ok()?)?,
                    None => key.parse().ok()?,
                };
                items.get(at)
            }
            value => value.get(key),
        })
    }
}

impl Service {
    /// The settings, as types: a map of these members.
    pub fn setting_names(&self) -> impl Iterator<Item = &str> {
        std::iter::once("base_url").chain(self.settings.keys().map(AsRef::as_ref))
    }
}

/// Types that operations name, while a document is compiled.
pub(super) type NamedTypes = IndexMap<Arc<str>, Type>;
