//! What a connection says of a service: its address, its credentials, its choices.

use std::sync::Arc;

use flow_engine::finding::nearest;
use flow_engine::run::Failure;
use flow_engine::value::{Map, Secret, SecretPart, Value};

use crate::descriptor::service::{HeaderRule, Service, SettingRule};
use crate::descriptor::{Template, TemplatePart};

/// Where all calls of a connector go, whatever its connections say: a sandbox.
#[derive(Debug, Clone)]
pub(crate) struct Override {
    pub(crate) base_url: Arc<str>,
    /// Name of the handle that stands for its key.
    pub(crate) handle: Arc<str>,
}

/// Settings with their defaults.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Address without a slash at its end.
    pub(crate) base_url: String,
    values: Map,
}

impl Settings {
    /// Reads the settings of a connection.
    ///
    /// # Errors
    /// `connection.unknown_setting`, `connection.setting`, `connection.missing_setting`.
    pub(crate) fn resolve(
        service: &Service,
        given: &Map,
        sandbox: Option<&Override>,
    ) -> Result<Settings, Failure> {
        if let Some(unknown) = given
            .keys()
            .find(|name| !service.setting_names().any(|known| known == *name))
        {
            let message = format!(
                "a connection to `{}` has no setting `{unknown}`",
                service.handle
            );
            let failure = Failure::permanent("connection.unknown_setting", message);
            return Err(match nearest(unknown, service.setting_names()) {
                Some(near) => failure.help(format!("did you mean `{near}`?")),
                None => failure,
            });
        }
        let mut values = Map::new();
        for (name, rule) in &service.settings {
            let written = given.get(name).filter(|value| !value.is_null());
            let value = match (written, sandbox) {
                (_, Some(sandbox)) if rule.secret => {
                    Value::from(Secret::named(sandbox.handle.clone()))
                }
                (Some(value), _) => text(name, value)?,
                (None, _) => match (&rule.default_secret, &rule.default) {
                    (Some(secret), _) if rule.secret && needed(service, given, rule) => {
                        Value::from(Secret::named(secret.clone()))
                    }
                    (_, Some(default)) => Value::from(default.clone()),
                    _ => continue,
                },
            };
            if let Some(text) = value.as_str()
                && !rule.one_of.is_empty()
                && !rule.one_of.iter().any(|known| **known == *text)
            {
                let message = format!(
                    "the setting `{name}` is one of {}, not `{text}`",
                    rule.one_of.join(", ")
                );
                return Err(Failure::permanent("connection.setting", message));
            }
            values.insert(name.clone(), value);
        }
        let own = fill(&service.base_url, &values);
        let own = own.as_ref().and_then(Value::as_str);
        let other = match sandbox {
            Some(sandbox) => Some(&*sandbox.base_url),
            None => given.get("base_url").and_then(Value::as_str),
        };
        let base_url = match (own, other) {
            (Some(own), Some(other)) => moved(own, other),
            (None, Some(other)) => moved(&with_unset(&service.base_url), other),
            (Some(own), None) => own.trim_end_matches('/').to_owned(),
            (None, None) => {
                let message = format!(
                    "a connection to `{}` needs `base_url`, or the settings in its address",
                    service.handle
                );
                return Err(Failure::permanent("connection.missing_setting", message));
            }
        };
        refuse_clear_text(&service.handle, &base_url)?;
        Ok(Settings { base_url, values })
    }

    /// A header's value, if its settings are there and as they must be.
    pub(crate) fn header(&self, rule: &HeaderRule) -> Option<Value> {
        self.hold(&rule.when)
            .then(|| self.filled(&rule.value))
            .flatten()
    }

    /// Whether these settings have these values.
    pub(crate) fn hold(&self, when: &[(Arc<str>, Arc<str>)]) -> bool {
        when.iter()
            .all(|(name, wanted)| self.text(name) == Some(wanted))
    }

    /// A text with its settings, a handle if a secret is in it; `None` if one that it names is not set.
    pub(crate) fn filled(&self, template: &Template) -> Option<Value> {
        fill(template, &self.values)
    }

    /// An address as it is, or a path of the service's own address.
    pub(crate) fn joined(&self, address: &str) -> String {
        if address.contains("://") {
            return address.to_owned();
        }
        let slash = if address.starts_with('/') { "" } else { "/" };
        format!("{}{slash}{address}", self.base_url)
    }

    /// A setting's text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).and_then(Value::as_str)
    }

    /// The address of a path. A base that ends in the path's own first part, as `.../v1`, does not repeat it.
    pub(crate) fn address(&self, path: &str) -> String {
        let first = path
            .get(1..)
            .and_then(|rest| rest.split('/').next())
            .unwrap_or_default();
        let base = match self
            .base_url
            .strip_suffix(first)
            .and_then(|base| base.strip_suffix('/'))
        {
            Some(base) if !first.is_empty() && base.contains("://") && !base.ends_with('/') => base,
            _ => &self.base_url,
        };
        format!("{base}{path}")
    }
}

/// Whether the settings are such that a default secret is needed.
fn needed(service: &Service, given: &Map, rule: &SettingRule) -> bool {
    rule.when.iter().all(|(name, wanted)| {
        let default = || service.settings.get(name)?.default.as_deref();
        given.get(name).and_then(Value::as_str).or_else(default) == Some(wanted)
    })
}

/// A key must not cross a network unencrypted: plain http is for this machine only.
pub(crate) fn refuse_clear_text(connector: &str, base_url: &str) -> Result<(), Failure> {
    let Ok(url) = reqwest::Url::parse(base_url) else {
        let message =
            format!("the address `{base_url}` of the connection to `{connector}` is not a URL");
        let help = "write it like `https://api.example.com/v1`";
        return Err(Failure::permanent("connection.setting", message).help(help));
    };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let address = host.parse::<std::net::IpAddr>();
    let here = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
    if url.scheme() == "https" || (url.scheme() == "http" && here) {
        return Ok(());
    }
    let message =
        format!("the address `{base_url}` of the connection to `{connector}` is not encrypted");
    Err(Failure::permanent("connection.insecure", message)
        .help("write it with `https://`; plain `http://` is for this machine only"))
}

/// The service's own address moved to another: one without a path keeps the service's path.
fn moved(own: &str, other: &str) -> String {
    let other = other.trim_end_matches('/');
    let has_path = other
        .split_once("://")
        .is_some_and(|(_, rest)| rest.contains('/'));
    let own_path = own
        .split_once("://")
        .and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..]));
    match own_path {
        Some(path) if !has_path => format!("{other}{}", path.trim_end_matches('/')),
        _ => other.to_owned(),
    }
}

/// An address some of whose settings are not set, for its path: one with such a hole in the path has none.
fn with_unset(template: &Template) -> String {
    let mut text = String::new();
    for part in &template.parts {
        match part {
            TemplatePart::Text(piece) => text.push_str(piece),
            TemplatePart::Hole(_) if text.is_empty() => text.push_str("https://unset"),
            TemplatePart::Hole(_) if text.matches('/').count() > 2 => return String::new(),
            TemplatePart::Hole(_) => text.push_str("unset"),
        }
    }
    text
}

/// A setting as text, or a handle; a list is joined by commas.
fn text(name: &str, value: &Value) -> Result<Value, Failure> {
    match value {
        Value::String(_) | Value::Secret(_) => Ok(value.clone()),
        Value::Bool(_) | Value::Int(_) | Value::UInt(_) | Value::Float(_) => {
            Ok(Value::from(value.to_json().unwrap_or_default()))
        }
        Value::List(items) if items.iter().all(|item| item.as_str().is_some()) => {
            let texts: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            Ok(Value::from(texts.join(",")))
        }
        other => {
            let message = format!("the setting `{name}` is a text, not {}", other.described());
            Err(Failure::permanent("connection.setting", message))
        }
    }
}

/// The text of a template, a handle if a secret is in it; `None` if a setting it names is not set.
fn fill(template: &Template, values: &Map) -> Option<Value> {
    let mut parts = Vec::new();
    for part in &template.parts {
        match part {
            TemplatePart::Text(text) => parts.push(SecretPart::Text(text.clone())),
            TemplatePart::Hole(name) => match values.get(name)? {
                Value::Secret(secret) => parts.extend(secret.parts().iter().cloned()),
                value => parts.push(SecretPart::Text(value.as_str()?.into())),
            },
        }
    }
    let secret = Secret::mixed(parts);
    if secret.names().next().is_some() {
        return Some(Value::from(secret));
    }
    let texts = secret.parts().iter().map(|part| match part {
        SecretPart::Text(text) | SecretPart::Name(text) => &**text,
    });
    Some(Value::from(texts.collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_joined_without_repeating() {
        assert_eq!(
            moved("https://a.b/v1", "http://127.0.0.1:9/"),
            "http://127.0.0.1:9/v1"
        );
        assert_eq!(
            moved("https://a.b/v1", "http://127.0.0.1:9/proxy"),
            "http://127.0.0.1:9/proxy"
        );
        let at = |base: &str| {
            Settings {
                base_url: base.to_owned(),
                values: Map::new(),
            }
            .address("/v1/files")
        };
        assert_eq!(at("http://h"), "http://h/v1/files");
        assert_eq!(at("http://h/v1"), "http://h/v1/files");
        assert_eq!(at("http://h/x"), "http://h/x/v1/files");
        assert_eq!(at("http://v1"), "http://v1/v1/files");
    }
}
