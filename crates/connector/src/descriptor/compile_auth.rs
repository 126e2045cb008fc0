//! The credentials of a service: as headers where a header is enough, else as rules.

use std::sync::Arc;

use super::auth_document::{
    AuthDocument, BasicDocument, OauthDocument, TlsDocument, TokenDocument,
};
use super::compile::{conditions, setting_template};
use super::error::DescriptorError;
use super::service::{Credential, CredentialRule, HeaderRule, OauthRule, Service, TlsRule};
use super::template::{Template, TemplatePart};
use super::text::Text;

const METHODS: &str = "`api_token`, `bearer`, `basic`, `oauth2`, `none`";

/// Adds what the `auth` section says, and gives the names of the settings that are credentials.
pub(super) fn add(
    service: &mut Service,
    written: &[AuthDocument],
) -> Result<Vec<Arc<str>>, DescriptorError> {
    // A header that is written out under `headers` stands for the one that a method would add.
    let own: Vec<Arc<str>> = service
        .headers
        .iter()
        .map(|header| header.name.clone())
        .collect();
    let mut secrets = Vec::new();
    for (at, auth) in written.iter().enumerate() {
        let path = if written.len() == 1 {
            "service.auth".to_owned()
        } else {
            format!("service.auth[{at}]")
        };
        let (found, holes) = match auth.method.as_str() {
            "none" => continue,
            "api_token" => token(
                needed(auth.params.api_token.as_ref(), auth, &path)?,
                "",
                &path,
            )?,
            "bearer" => token(
                needed(auth.params.bearer.as_ref(), auth, &path)?,
                "Bearer ",
                &path,
            )?,
            "basic" => basic(needed(auth.params.basic.as_ref(), auth, &path)?, &path)?,
            "oauth2" => oauth(needed(auth.params.oauth2.as_ref(), auth, &path)?, &path)?,
            other => {
                let message = format!("`{other}` is not a method that is known: {METHODS}");
                let path = format!("{path}.method");
                return Err(DescriptorError::at("descriptor.auth", path, message));
            }
        };
        secrets.extend(holes);
        let when = conditions(&auth.when);
        match found {
            Found::Header(name, _) if own.contains(&name) => {}
            Found::Header(name, value) => service.headers.push(HeaderRule { name, value, when }),
            Found::Credential(credential) => {
                service
                    .credentials
                    .push(CredentialRule { credential, when });
            }
        }
    }
    Ok(secrets)
}

/// What a method comes to.
enum Found {
    Header(Arc<str>, Template),
    Credential(Credential),
}

fn needed<'a, T>(
    found: Option<&'a T>,
    auth: &AuthDocument,
    path: &str,
) -> Result<&'a T, DescriptorError> {
    found.ok_or_else(|| {
        let message = format!("the parameters of `{}` are missing", auth.method);
        DescriptorError::at("descriptor.auth", format!("{path}.params"), message)
    })
}

fn token(
    written: &TokenDocument,
    prefix: &str,
    path: &str,
) -> Result<(Found, Vec<Arc<str>>), DescriptorError> {
    let mut value = setting_template(&written.token.value, &format!("{path}.params"))?;
    let secret = value.holes().next().cloned();
    let found = match (&written.query_name, &written.header_name) {
        (Some(_), Some(_)) => {
            let message = "a token goes into a header or into the query, not into both";
            let path = format!("{path}.params");
            return Err(DescriptorError::at("descriptor.auth", path, message));
        }
        (Some(name), None) => {
            Found::Credential(Credential::Query(name.value.as_str().into(), value))
        }
        (None, header) => {
            if !prefix.is_empty() {
                value.parts.insert(0, TemplatePart::Text(prefix.into()));
            }
            let name = header.as_ref().map_or("authorization", |name| &name.value);
            Found::Header(name.to_ascii_lowercase().into(), value)
        }
    };
    Ok((found, secret.into_iter().collect()))
}

fn basic(written: &BasicDocument, path: &str) -> Result<(Found, Vec<Arc<str>>), DescriptorError> {
    let template = |text: &Text, key: &str| {
        setting_template(&text.value, &format!("{path}.params.basic.{key}"))
    };
    let username = template(&written.username, "username")?;
    let password = template(&written.password, "password")?;
    let secrets = password.holes().cloned().collect();
    let credential = Credential::Basic { username, password };
    Ok((Found::Credential(credential), secrets))
}

fn oauth(written: &OauthDocument, path: &str) -> Result<(Found, Vec<Arc<str>>), DescriptorError> {
    let template =
        |text: &str, key: &str| setting_template(text, &format!("{path}.params.oauth2.{key}"));
    let form = |(name, text): (&String, &String)| {
        Ok((
            name.as_str().into(),
            template(text, &format!("form.{name}"))?,
        ))
    };
    let rule = OauthRule {
        token_url: template(&written.token_url.value, "tokenURL")?,
        client_id: template(&written.client_id.value, "clientId")?,
        client_secret: template(&written.client_secret.value, "clientSecret")?,
        scopes: written
            .scopes
            .iter()
            .map(|scope| template(scope, "scopes"))
            .collect::<Result<_, _>>()?,
        client_auth: written.client_auth,
        form: written
            .form
            .iter()
            .map(form)
            .collect::<Result<_, DescriptorError>>()?,
    };
    let secrets = rule.client_secret.holes().cloned().collect();
    Ok((Found::Credential(Credential::Oauth(rule)), secrets))
}

/// What `tls` says.
pub(super) fn tls(written: Option<&TlsDocument>) -> Result<TlsRule, DescriptorError> {
    let Some(written) = written else {
        return Ok(TlsRule::default());
    };
    let template = |text: &Option<Text>, key: &str| {
        let path = format!("service.tls.{key}");
        let read = |text: &Text| setting_template(&text.value, &path);
        text.as_ref().map(read).transpose()
    };
    let identity = match (
        template(&written.certificate, "certificate")?,
        template(&written.key, "key")?,
    ) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        _ => {
            let message = "a certificate needs its private key, and the key its certificate";
            return Err(DescriptorError::at(
                "descriptor.auth",
                "service.tls",
                message,
            ));
        }
    };
    Ok(TlsRule {
        identity,
        authority: template(&written.authority, "authority")?,
    })
}

/// All settings that the service names somewhere, in the order in which they are listed.
pub(super) fn holes(service: &Service) -> Vec<Arc<str>> {
    let mut templates: Vec<&Template> =
        service.headers.iter().map(|header| &header.value).collect();
    for rule in &service.credentials {
        match &rule.credential {
            Credential::Query(_, value) => templates.push(value),
            Credential::Basic { username, password } => templates.extend([username, password]),
            Credential::Oauth(rule) => {
                templates.extend([&rule.token_url, &rule.client_id, &rule.client_secret]);
                templates.extend(&rule.scopes);
                templates.extend(rule.form.iter().map(|(_, value)| value));
            }
        }
    }
    let identity = service.tls.identity.as_ref();
    templates.extend(
        identity
            .into_iter()
            .flat_map(|(certificate, key)| [certificate, key]),
    );
    templates.extend(&service.tls.authority);
    templates.push(&service.base_url);
    templates
        .iter()
        .flat_map(|template| template.holes())
        .cloned()
        .collect()
}
