//! From a document to a service: names resolved, texts parsed, types read.

use std::sync::Arc;

use flow_engine::collections::IndexMap;
use flow_engine::types::Type;
use serde_json::Value as Json;

use super::compile_operation;
use super::document::{AuthDocument, Document, ErrorsDocument, HeaderDocument, ServiceDocument};
use super::error::DescriptorError;
use super::service::{ErrorRules, HeaderRule, NamedTypes, Path, Service, SettingRule};
use super::template::{Template, TemplatePart, snake_case};
use super::triggers;

/// Checks a document and makes a service of it. Errors have a path, no place.
pub(super) fn service(document: &Document) -> Result<Service, DescriptorError> {
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
        operations: IndexMap::default(),
    };
    let credential = add_auth(&mut service, written.auth.as_ref())?;
    add_settings(&mut service, written, credential.as_deref());
    let types = named_types(&document.types)?;
    for (index, resource) in document.resources.iter().enumerate() {
        let path = format!("resources[{index}]");
        compile_operation::add(&mut service, written, resource, &types, &path)?;
        triggers::add(&mut service, resource, &types, &path)?;
    }
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
fn setting_template(text: &str, path: &str) -> Result<Template, DescriptorError> {
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
        let when = header
            .when
            .iter()
            .map(|(setting, value)| (snake_case(setting).into(), value.as_str().into()));
        Ok(HeaderRule {
            name: name.to_ascii_lowercase().into(),
            value: setting_template(&header.value, &path)?,
            when: when.collect(),
        })
    };
    written.iter().map(rule).collect()
}

/// Adds the header of the `auth` section, if `headers` does not have it, and gives the name of the credential's setting.
fn add_auth(
    service: &mut Service,
    auth: Option<&AuthDocument>,
) -> Result<Option<Arc<str>>, DescriptorError> {
    let Some(auth) = auth else {
        return Ok(None);
    };
    let (token, prefix) = match auth.method.as_str() {
        "none" => return Ok(None),
        "api_token" => (&auth.params.api_token, ""),
        "bearer" => (&auth.params.bearer, "Bearer "),
        other => {
            let message =
                format!("`{other}` is not a method that is known: `api_token`, `bearer`, `none`");
            return Err(DescriptorError::at(
                "descriptor.auth",
                "service.auth.method",
                message,
            ));
        }
    };
    let Some(token) = token else {
        let message = format!("the parameters of `{}` are missing", auth.method);
        return Err(DescriptorError::at(
            "descriptor.auth",
            "service.auth.params",
            message,
        ));
    };
    let mut value = setting_template(&token.token.value, "service.auth.params")?;
    let credential = value.holes().next().cloned();
    if !prefix.is_empty() {
        value.parts.insert(0, TemplatePart::Text(prefix.into()));
    }
    let name = token
        .header_name
        .as_ref()
        .map_or("authorization", |name| &name.value);
    let name: Arc<str> = name.to_ascii_lowercase().into();
    if !service.headers.iter().any(|header| header.name == name) {
        service.headers.push(HeaderRule {
            name,
            value,
            when: Vec::new(),
        });
    }
    Ok(credential)
}

fn add_settings(service: &mut Service, written: &ServiceDocument, credential: Option<&str>) {
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
            description: setting.description.as_str().into(),
        };
        service.settings.insert(snake_case(name).into(), rule);
    }
    let holes = service
        .headers
        .iter()
        .flat_map(|header| header.value.holes());
    let holes: Vec<Arc<str>> = holes.chain(service.base_url.holes()).cloned().collect();
    for hole in holes {
        let secret = credential == Some(&*hole);
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

fn named_types(written: &IndexMap<String, Json>) -> Result<NamedTypes, DescriptorError> {
    let read = |(name, schema): (&String, &Json)| {
        let ty = Type::from_schema(schema).map_err(|error| {
            DescriptorError::at(
                "descriptor.schema",
                format!("types.{name}"),
                error.to_string(),
            )
        })?;
        Ok((name.as_str().into(), ty))
    };
    written.iter().map(read).collect()
}

/// A type that is written as the name of one of `types`, or as a schema.
pub(super) fn type_of(
    written: &Json,
    types: &NamedTypes,
    path: &str,
) -> Result<Type, DescriptorError> {
    match written {
        Json::String(name) => types.get(name.as_str()).cloned().ok_or_else(|| {
            let message = format!("`{name}` is not one of the descriptor's types");
            DescriptorError::at("descriptor.reference", path, message)
        }),
        schema => Type::from_schema(schema)
            .map_err(|error| DescriptorError::at("descriptor.schema", path, error.to_string())),
    }
}
