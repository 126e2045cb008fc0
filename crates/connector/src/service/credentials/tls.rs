//! The certificate that a connection shows, and the authority that it trusts besides the usual ones.

use std::fmt;

use flow_backend::context::StepContext;
use flow_engine::run::Failure;
use flow_engine::value::{Hash, Value};
use secrecy::{ExposeSecret, SecretString};

use super::super::settings::Settings;
use crate::descriptor::Template;
use crate::descriptor::service::Service;
use crate::project::Project;
use crate::request::secrets::Opener;

/// How long a PEM text may be.
const PEM_BYTES_MAX: u64 = 1 << 20;
const PEM: &str = "-----BEGIN ";

/// PEM texts, and what tells them from others.
#[derive(Clone)]
pub(crate) struct TlsIdentity {
    pub(crate) id: Hash,
    /// Certificates and key.
    pub(crate) client: Option<SecretString>,
    /// Certificates of the authority.
    pub(crate) authority: Option<String>,
}

impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsIdentity").finish_non_exhaustive()
    }
}

/// What a connection's settings say of TLS; `None` for the usual. Blocks: files of the project are read.
///
/// # Errors
/// `connection.certificate` for what is no PEM or a key that is written out, the codes of files, those of secrets.
pub(crate) fn identity(
    service: &Service,
    settings: &Settings,
    opener: &Opener,
    context: &StepContext,
) -> Result<Option<TlsIdentity>, Failure> {
    let read = |template: &Template, is_key: bool| -> Result<Option<SecretString>, Failure> {
        let Some(value) = settings.filled(template) else {
            return Ok(None);
        };
        let text = match &value {
            Value::Secret(secret) => opener.text(secret)?,
            value => {
                let text = value.as_str().unwrap_or_default();
                if text.starts_with(PEM) && is_key {
                    return Err(wrong(
                        "a private key is a secret or a file, and is not written out",
                    ));
                }
                if text.starts_with(PEM) {
                    SecretString::from(text)
                } else {
                    file(text, context)?
                }
            }
        };
        if !text.expose_secret().contains(PEM) {
            let what = if is_key {
                "the private key"
            } else {
                "the certificate"
            };
            return Err(wrong(&format!(
                "{what} is not PEM: it has no line `{PEM}...`"
            )));
        }
        Ok(Some(text))
    };
    let client = match &service.tls.identity {
        Some((certificate, key)) => match (read(certificate, false)?, read(key, true)?) {
            (Some(certificate), Some(key)) => Some(SecretString::from(format!(
                "{}\n{}\n",
                certificate.expose_secret(),
                key.expose_secret()
            ))),
            (None, None) => None,
            _ => {
                return Err(wrong(
                    "a certificate needs its private key, and the key its certificate",
                ));
            }
        },
        None => None,
    };
    let authority = match &service.tls.authority {
        Some(template) => read(template, false)?.map(|text| text.expose_secret().to_owned()),
        None => None,
    };
    if client.is_none() && authority.is_none() {
        return Ok(None);
    }
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let both = format!(
        "{}\0{}",
        text(client.as_ref().map(ExposeSecret::expose_secret)),
        text(authority.as_deref())
    );
    Ok(Some(TlsIdentity {
        id: Hash::of(both.as_bytes()),
        client,
        authority,
    }))
}

fn file(path: &str, context: &StepContext) -> Result<SecretString, Failure> {
    let bytes = Project::open(context)?.read_whole(path, PEM_BYTES_MAX)?;
    let text = String::from_utf8(bytes).map_err(|_| wrong(&format!("`{path}` is not PEM")))?;
    Ok(SecretString::from(text))
}

/// What is wrong with certificates or keys.
pub(crate) fn wrong(message: &str) -> Failure {
    Failure::permanent("connection.certificate", message)
        .help("give PEM: a secret, or the path of a file in the project")
}
