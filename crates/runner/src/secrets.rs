//! Secrets from the environment.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use flow_backend::context::Secrets;
use flow_engine::run::Failure;
use flow_engine::value::{Secret, SecretPart};
use secrecy::{ExposeSecret, SecretString};

/// The secrets that a workflow names, looked up once when a run starts.
#[derive(Default)]
pub(crate) struct EnvironmentSecrets {
    known: HashMap<Arc<str>, SecretString>,
}

impl EnvironmentSecrets {
    /// Looks up these names. A final newline is not part of a secret. Returns the names that are not set as well.
    pub(crate) fn look_up<'a>(
        names: impl IntoIterator<Item = &'a Arc<str>>,
    ) -> (EnvironmentSecrets, Vec<Arc<str>>) {
        let mut secrets = EnvironmentSecrets::default();
        let mut missing = Vec::new();
        for name in names {
            match std::env::var(&**name) {
                Ok(text) if !text.trim_end_matches(['\r', '\n']).is_empty() => {
                    let text = text.trim_end_matches(['\r', '\n']).to_owned();
                    secrets.known.insert(name.clone(), SecretString::from(text));
                }
                _ => missing.push(name.clone()),
            }
        }
        (secrets, missing)
    }

    /// The texts, for a process that drives the run in place of this one.
    pub(crate) fn to_texts(&self) -> BTreeMap<String, String> {
        let known = self.known.iter();
        known
            .map(|(name, text)| (name.to_string(), text.expose_secret().to_owned()))
            .collect()
    }

    /// What another process looked up.
    pub(crate) fn from_texts(texts: BTreeMap<String, String>) -> EnvironmentSecrets {
        let known = texts.into_iter();
        EnvironmentSecrets {
            known: known
                .map(|(name, text)| (Arc::from(name), SecretString::from(text)))
                .collect(),
        }
    }
}

impl Secrets for EnvironmentSecrets {
    fn open(&self, secret: &Secret) -> Result<SecretString, Failure> {
        let mut text = String::new();
        for part in secret.parts() {
            match part {
                SecretPart::Text(part) => text.push_str(part),
                SecretPart::Name(name) => {
                    let Some(known) = self.known.get(name) else {
                        let message = format!("the secret `{name}` is not set");
                        let failure = Failure::permanent("secret.missing", message);
                        return Err(failure.help(format!("set the environment variable {name}")));
                    };
                    text.push_str(known.expose_secret());
                }
            }
        }
        Ok(SecretString::from(text))
    }
}
