//! From a document to a service: names resolved, texts parsed, types read.

use std::sync::Arc;

use flow_engine::collections::IndexMap;

use super::document::{Document, ErrorsDocument, HeaderDocument, ServiceDocument};
use super::error::DescriptorError;
use super::service::{ErrorRules, HeaderRule, Path, Service, SettingRule};
use super::template::{Template, TemplatePart, snake_case};
use super::triggers;
use super::{compile_auth, compile_operation, compile_usage, named_types};

/// Checks a document and makes a service of it; it is to be used only if there are no errors. Errors have a path, no place.
pub(super) fn service(document: &Document) -> (Option<Service>, Vec<DescriptorError>) {
    let mut service = match outline(document) {
        Ok(service) => service,
        Err(error) => return (None, vec![error]),
    };
    let mut errors = Vec::new();
    let types = named_types::read(&document.types).unwrap_or_else(|error| {
        errors.push(error);
        named_types::unknown(&document.types)
    });
    for (index, resource) in document.resources.iter().enumerate() {
        let path = format!("resources[{index}]");
        let written = &document.service;
        compile_operation::add(&mut service, written, resource, &types, &path, &mut errors);
        // Triggers look with operations: those that are wrong are said once.
        if errors.is_empty() {
            errors.extend(triggers::add(&mut service, resource, &types, &path).err());
        }
    }
    (Some(service), errors)
}

/// The service without its operations.
fn outline(document: &Document) -> Result<Service, DescriptorError> {
    if !is_handle(&document.handle) {
        let message =
            "a handle is made of small letters, digits, `-` and `_`, and begins with a letter";
        return Err(DescriptorError::at("descriptor.shape", "handle", message));
    }
    let written = &document.service;
    let mut service = Service {
        sources: Vec::new(),
        handle: document.handle.as_str().into(),
        title: document.meta.short.as_str().into(),
        description: document.meta.description.as_str().into(),
        aliases: document
            .aliases
            .iter()
            .map(|alias| alias.as_str().into())
            .collect(),
        base_url: setting_template(&written.base_url.value, "service.baseURL")?,
        headers: headers(&written.headers, "service.headers")?,
        credentials: Vec::new(),
        tls: compile_auth::tls(written.tls.as_ref())?,
        settings: IndexMap::default(),
        beta_header: written
            .beta_header
            .as_deref()
            .map(|name| name.to_ascii_lowercase().into()),
        errors: error_rules(&written.errors)?,
        rate_limits: written
            .rate_limits
            .iter()
            .map(|(name, pattern)| (name.as_str().into(), pattern.as_str().into()))
            .collect(),
        prices: Arc::new(compile_usage::prices(&document.prices)?),
        operations: IndexMap::default(),
    };
    let secrets = compile_auth::add(&mut service, &written.auth.0)?;
    add_settings(&mut service, written, &secrets);
    Ok(service)
}

fn is_handle(handle: &str) -> bool {
    handle.starts_with(|letter: char| letter.is_ascii_lowercase())
        && handle.len() <= 64
        && handle.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_'
        })
}

/// A text whose holes are settings: their names are brought into the form of settings.
pub(super) fn setting_template(text: &str, path: &str) -> Result<Template, DescriptorError> {
    let mut template = Template::parse(text)
        .map_err(|message| DescriptorError::at("descriptor.template", path, message))?;
    for part in &mut template.parts {
        if let TemplatePart::Hole(name) = part {
            *name = snake_case(name).into();
        }
    }
    Ok(template)
}

pub(super) fn headers(
    written: &IndexMap<String, HeaderDocument>,
    path: &str,
) -> Result<Vec<HeaderRule>, DescriptorError> {
    let rule = |(name, header): (&String, &HeaderDocument)| {
        let path = format!("{path}.{name}");
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~!#$%&'*+^`|".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_token) {
            let message = "not the name of a header";
            return Err(DescriptorError::at("descriptor.shape", path, message));
        }
        Ok(HeaderRule {
            name: name.to_ascii_lowercase().into(),
            value: setting_template(&header.value, &path)?,
            when: conditions(&header.when),
        })
    };
    written.iter().map(rule).collect()
}

/// Settings that must have certain values.
pub(super) fn conditions(written: &IndexMap<String, String>) -> Vec<(Arc<str>, Arc<str>)> {
    let condition =
        |(setting, value): (&String, &String)| (snake_case(setting).into(), value.as_str().into());
    written.iter().map(condition).collect()
}

fn add_settings(service: &mut Service, written: &ServiceDocument, secrets: &[Arc<str>]) {
    for (name, setting) in &written.settings {
        let rule = SettingRule {
            secret: setting.secret,
            default_secret: setting.default_secret.as_deref().map(Arc::from),
            default: setting.default.as_deref().map(Arc::from),
            one_of: setting
                .one_of
                .iter()
                .map(|value| value.as_str().into())
                .collect(),
            when: conditions(&setting.when),
            description: setting.description.as_str().into(),
        };
        service.settings.insert(snake_case(name).into(), rule);
    }
    for hole in compile_auth::holes(service) {
        let secret = secrets.contains(&hole);
        let default_secret =
            format!("{}_{hole}", service.handle.replace('-', "_")).to_ascii_uppercase();
        service.settings.entry(hole).or_insert_with(|| SettingRule {
            secret,
            default_secret: secret.then(|| default_secret.into()),
            ..SettingRule::default()
        });
    }
}

fn error_rules(written: &ErrorsDocument) -> Result<ErrorRules, DescriptorError> {
    let path = |text: &Option<String>| text.as_deref().map(Path::parse);
    let header =
        |name: &Option<String>| name.as_deref().map(|name| name.to_ascii_lowercase().into());
    let mut statuses = Vec::new();
    for (status, meaning) in &written.statuses {
        let number = status
            .parse()
            .ok()
            .filter(|number| (400..600).contains(number));
        let number = number.ok_or_else(|| {
            let path = format!("service.errors.statuses.{status}");
            DescriptorError::at(
                "descriptor.shape",
                path,
                "a status is a number from 400 to 599",
            )
        })?;
        statuses.push((number, meaning.kind, meaning.done));
    }
    Ok(ErrorRules {
        kind: path(&written.kind),
        message: path(&written.message),
        code: path(&written.code),
        request_id: path(&written.request_id),
        request_id_header: header(&written.request_id_header),
        should_retry_header: header(&written.should_retry_header),
        never_retry: written
            .never_retry
            .iter()
            .map(|code| code.as_str().into())
            .collect(),
        statuses,
    })
}
