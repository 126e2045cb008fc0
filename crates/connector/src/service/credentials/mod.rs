//! Credentials that are more than a header with holes. A request holds handles that stand for them; what they stand for is
//! made when it is sent, also when it was prepared by a process that is gone: `basic`, `token` and `tokens` (OAuth 2), `tls`.

mod basic;
pub(crate) mod tls;
mod token;
mod tokens;

use std::collections::HashMap;
use std::sync::Arc;

use flow_engine::run::Failure;
use flow_engine::value::{Secret, SecretPart, Value};
use secrecy::SecretString;

use super::settings::Settings;
use crate::descriptor::service::{Credential, OauthRule, Service};
use crate::request::Request;
use crate::request::secrets::Opener;

pub(crate) use token::{Asking, ask};
pub(crate) use tokens::{Token, Tokens};

/// Stand for what is made when the request is sent. No secret of a user can have these names: they are no identifiers.
const BASIC: &str = "name and password";
const PASSWORD: &str = "password alone";
const TOKEN: &str = "access token";

/// Adds the handles of a service's credentials to a request.
pub(crate) fn add(request: &mut Request, service: &Service, settings: &Settings) {
    for rule in &service.credentials {
        if !settings.hold(&rule.when) {
            continue;
        }
        let header = match &rule.credential {
            Credential::Query(name, value) => {
                if let Some(value) = settings.filled(value) {
                    request.query.push((name.clone(), value));
                }
                continue;
            }
            Credential::Basic { username, .. } => {
                settings.filled(username).map(|_| ("Basic ", BASIC))
            }
            Credential::Oauth(_) => Some(("Bearer ", TOKEN)),
        };
        let Some((scheme, handle)) = header else {
            continue;
        };
        let parts = [
            SecretPart::Text(scheme.into()),
            SecretPart::Name(handle.into()),
        ];
        let value = Value::from(Secret::mixed(parts.to_vec()));
        request
            .headers
            .retain(|(name, _)| &**name != "authorization");
        request.headers.push(("authorization".into(), value));
    }
}

/// What the handles of a name and a password stand for, if the service has them.
pub(crate) fn basic_of(
    service: &Service,
    settings: &Settings,
    opener: &Opener,
) -> Result<Vec<(Arc<str>, SecretString)>, Failure> {
    let found = service
        .credentials
        .iter()
        .find_map(|rule| match &rule.credential {
            Credential::Basic { username, password } if settings.hold(&rule.when) => {
                Some((settings.filled(username)?, settings.filled(password)))
            }
            _ => None,
        });
    let Some((username, password)) = found else {
        return Ok(Vec::new());
    };
    let username = opened(&username, opener)?;
    let password = password.map_or(Ok(SecretString::default()), |text| opened(&text, opener))?;
    let encoded = basic::encoded(&username, &password);
    // The password itself is not sent, but known: a service may repeat it.
    Ok(vec![(BASIC.into(), encoded), (PASSWORD.into(), password)])
}

/// How the token of a service is fetched, if it has one and a connection's settings ask for it.
pub(crate) fn oauth_of<'a>(service: &'a Service, settings: &Settings) -> Option<&'a OauthRule> {
    service
        .credentials
        .iter()
        .find_map(|rule| match &rule.credential {
            Credential::Oauth(oauth) if settings.hold(&rule.when) => Some(oauth),
            _ => None,
        })
}

/// An opener that knows what these handles stand for, besides what it knows already.
pub(crate) fn with(
    opener: &Opener,
    handles: impl IntoIterator<Item = (Arc<str>, SecretString)>,
) -> Opener {
    match opener {
        Opener::Open { secrets, overrides } => {
            let mut known: HashMap<Arc<str>, SecretString> = (**overrides).clone();
            known.extend(handles);
            Opener::Open {
                secrets: secrets.clone(),
                overrides: Arc::new(known),
            }
        }
        closed => closed.clone(),
    }
}

/// The handle of a token, and what it stands for.
pub(crate) fn token_handle(token: &Token) -> (Arc<str>, SecretString) {
    (TOKEN.into(), token.text.clone())
}

/// The text of a setting, a secret one opened.
fn opened(value: &Value, opener: &Opener) -> Result<SecretString, Failure> {
    match value {
        Value::Secret(secret) => opener.text(secret),
        value => Ok(SecretString::from(value.as_str().unwrap_or_default())),
    }
}
