//! Opening handles where bytes leave.

use std::collections::HashMap;
use std::sync::Arc;

use flow_backend::context::Secrets;
use flow_engine::run::Failure;
use flow_engine::value::{Secret, SecretPart};
use secrecy::{ExposeSecret, SecretString};

use super::query;
use crate::mask::Mask;

/// Shorter secrets are not looked for in messages: they would mask half of them.
const MASKED_BYTES_MIN: usize = 4;
/// Nor shorter ones in answers, which are data: they would change what is no secret.
const ANSWER_BYTES_MIN: usize = 8;

/// What turns handles into texts: the store of secrets; the keys of connections that were redirected (a sandbox); or
/// nothing, for hashes, where a secret stands as its name.
#[derive(Clone)]
pub(crate) enum Opener {
    /// For sending.
    Open {
        secrets: Arc<dyn Secrets>,
        overrides: Arc<HashMap<Arc<str>, SecretString>>,
    },
    /// For hashing.
    Named,
    /// For what is stored: no secret may be in it.
    Refuse,
}

impl Opener {
    /// The text of a handle.
    pub(crate) fn text(&self, secret: &Secret) -> Result<SecretString, Failure> {
        match self {
            Opener::Refuse => {
                let message = "a secret may stand only in parameters that are declared secret, in connections and in `env:`";
                Err(Failure::permanent("secret.placement", message))
            }
            Opener::Named => {
                let part = |part: &SecretPart| match part {
                    SecretPart::Text(text) => text.to_string(),
                    SecretPart::Name(name) => format!("{{{{ secrets.{name} }}}}"),
                };
                Ok(SecretString::from(
                    secret.parts().iter().map(part).collect::<String>(),
                ))
            }
            Opener::Open { secrets, overrides } => {
                if overrides.is_empty() {
                    return secrets.open(secret);
                }
                let mut text = String::new();
                for part in secret.parts() {
                    match part {
                        SecretPart::Text(piece) => text.push_str(piece),
                        SecretPart::Name(name) => match overrides.get(name) {
                            Some(key) => text.push_str(key.expose_secret()),
                            None => text.push_str(
                                secrets.open(&Secret::named(name.clone()))?.expose_secret(),
                            ),
                        },
                    }
                }
                Ok(SecretString::from(text))
            }
        }
    }

    /// A text of somebody else without what was sent of these secrets: a service may repeat what it was asked with.
    pub(crate) fn masked(&self, text: &str, secrets: &[Secret]) -> String {
        Mask::new(&self.sent(secrets), MASKED_BYTES_MIN).clean(text)
    }

    /// Takes what was sent of these secrets out of an answer.
    pub(crate) fn mask(&self, secrets: &[Secret]) -> Mask {
        Mask::new(&self.sent(secrets), ANSWER_BYTES_MIN)
    }

    /// What was sent of these secrets: each whole, and each of its named parts, and what stands for handles here; as it is,
    /// as it stands in JSON, and as it stands in an address.
    fn sent(&self, secrets: &[Secret]) -> Vec<SecretString> {
        if secrets.is_empty() {
            return Vec::new();
        }
        let named = secrets.iter().flat_map(Secret::names).map(Secret::named);
        let all = secrets.iter().cloned().chain(named);
        let mut known: Vec<SecretString> =
            all.filter_map(|secret| self.text(&secret).ok()).collect();
        if let Opener::Open { overrides, .. } = self {
            known.extend(overrides.values().cloned());
        }
        let forms = known.iter().flat_map(|known| {
            let text = known.expose_secret();
            let quoted = serde_json::to_string(text).unwrap_or_default();
            let inside = quoted.trim_start_matches('"').trim_end_matches('"');
            [SecretString::from(inside), query::encode(text).into()]
        });
        let forms: Vec<SecretString> = forms.collect();
        known.extend(forms);
        known
    }
}
