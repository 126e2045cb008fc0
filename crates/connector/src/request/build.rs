//! A descriptor's operation and its arguments as a request.

use std::sync::Arc;

use flow_backend::context::StepContext;
use flow_engine::run::Failure;
use flow_engine::value::{Hash, Map, Value};

use super::{Body, Part, Request, multipart, query, source};
use crate::arguments;
use crate::descriptor::operation::{Operation, Place, Wire};
use crate::descriptor::resource::PartDocument;
use crate::descriptor::service::Service;
use crate::descriptor::{Template, TemplatePart};
use crate::service::credentials;
use crate::service::settings::Settings;

/// A request, and how many items it holds.
pub(crate) struct Built {
    pub(crate) request: Request,
    pub(crate) count: Option<u64>,
}

/// Builds the request. Blocks: files of the project are copied into the store, so that what is sent is what was read.
pub(crate) fn build(
    service: &Service,
    operation: &Operation,
    wire: &Wire,
    settings: &Settings,
    given: &Map,
    context: &StepContext,
) -> Result<Built, Failure> {
    let arguments = arguments::check(&operation.entry, given)?;
    for group in &wire.one_of {
        if !group.iter().any(|name| arguments.get(name).is_some()) {
            let names: Vec<_> = group.iter().map(|name| format!("`{name}`")).collect();
            let message = format!("one of the parameters {} must be given", names.join(", "));
            return Err(Failure::permanent("call.missing_parameter", message));
        }
    }
    let path = path(&wire.path, &arguments)?;
    let mut request = Request::new(wire.method.clone(), settings.address(&path));
    request.first_byte = wire.first_byte;
    add_headers(&mut request, service, wire, settings);
    let mut members = Map::new();
    let mut parts = Vec::new();
    let mut form = Vec::new();
    let mut whole = None;
    for (name, value) in arguments.iter() {
        match wire.places.get(name) {
            Some(Place::Path | Place::Template) => {}
            Some(Place::Query { name, arrays }) => {
                query::add(&mut request.query, name, *arrays, value)?;
            }
            Some(Place::Header(header)) => {
                if !value.is_null() {
                    request
                        .headers
                        .push((header.clone(), query::scalar(name, value)?));
                }
            }
            Some(Place::Body(member)) if wire.sources.contains(name) => {
                members.insert(member.clone(), source::with_files(value, context)?);
            }
            Some(Place::Body(member)) => members.insert(member.clone(), value.clone()),
            Some(Place::Multipart { name, content }) => {
                add_parts(&mut parts, name, *content, value, context)?;
            }
            Some(Place::Form { name, arrays }) => query::add(&mut form, name, *arrays, value)?,
            Some(Place::BodyWhole) => whole = Some(value.clone()),
            None => members.insert(name.clone(), value.clone()),
        }
    }
    for (name, value) in wire.constants.iter() {
        members.insert(name.clone(), value.clone());
    }
    credentials::add(&mut request, service, settings);
    request.body = if wire.is_form {
        Body::Form(form)
    } else {
        body(wire, &arguments, members, parts, whole)
    };
    if matches!(request.body, Body::Json(_)) && &*wire.content_type != "application/json" {
        request.headers.push((
            "content-type".into(),
            Value::from(wire.content_type.clone()),
        ));
    }
    let count = match wire.count.as_ref().and_then(|name| arguments.get(name)) {
        Some(list) => Some(crate::sink::count(list, &*context.blobs)?),
        None => None,
    };
    Ok(Built { request, count })
}

fn path(template: &Template, arguments: &Map) -> Result<String, Failure> {
    let mut path = String::new();
    for part in &template.parts {
        match part {
            TemplatePart::Text(text) => path.push_str(text),
            TemplatePart::Hole(name) => {
                let value = arguments.get(name).ok_or_else(|| {
                    let message =
                        format!("the parameter `{name}` is missing: it is a part of the path");
                    Failure::permanent("call.missing_parameter", message)
                })?;
                path.push_str(&query::path_part(name, value)?);
            }
        }
    }
    Ok(path)
}

fn add_headers(request: &mut Request, service: &Service, wire: &Wire, settings: &Settings) {
    request
        .headers
        .push(("accept".into(), Value::from(wire.accept.clone())));
    for rule in service.headers.iter().chain(&wire.headers) {
        if let Some(value) = settings.header(rule) {
            request.headers.retain(|(name, _)| *name != rule.name);
            request.headers.push((rule.name.clone(), value));
        }
    }
    if let Some(header) = &service.beta_header {
        let values = wire
            .beta
            .iter()
            .map(AsRef::as_ref)
            .chain(settings.text("beta"));
        let values: Vec<&str> = values.filter(|value: &&str| !value.is_empty()).collect();
        if !values.is_empty() {
            request
                .headers
                .push((header.clone(), Value::from(values.join(","))));
        }
    }
}

fn body(
    wire: &Wire,
    arguments: &Map,
    members: Map,
    parts: Vec<Part>,
    whole: Option<Value>,
) -> Body {
    if let Some(template) = &wire.template {
        let mut filled = template.fill(arguments);
        if let Value::Map(map) = &mut filled {
            let map = Arc::make_mut(map);
            members
                .iter()
                .for_each(|(name, value)| map.insert(name.clone(), value.clone()));
        }
        return Body::Json(filled);
    }
    if wire.multipart {
        let boundary = boundary(&parts);
        return Body::Multipart { boundary, parts };
    }
    match whole {
        Some(value @ (Value::Blob(_) | Value::String(_)))
            if &*wire.content_type != "application/json" =>
        {
            Body::Raw {
                content: value,
                media: wire.content_type.clone(),
            }
        }
        Some(value) => Body::Json(value),
        None if members.is_empty() && !wire.has_body => Body::Empty,
        None => Body::Json(Value::from(members)),
    }
}

/// A boundary that no part can hold: it is made of a hash of them all.
pub(crate) fn boundary(parts: &[Part]) -> Arc<str> {
    let mut seed = Vec::new();
    for part in parts {
        seed.extend_from_slice(part.name.as_bytes());
        match &part.content {
            Value::Blob(blob) => seed.extend_from_slice(blob.hash.as_bytes()),
            Value::Secret(_) => {}
            other => seed.extend_from_slice(other.to_json().unwrap_or_default().as_bytes()),
        }
    }
    format!("flow-{}", &Hash::of(&seed).to_string()[..40]).into()
}

fn add_parts(
    parts: &mut Vec<Part>,
    name: &Arc<str>,
    holds: PartDocument,
    value: &Value,
    context: &StepContext,
) -> Result<(), Failure> {
    let files = match holds {
        PartDocument::Text => {
            if !value.is_null() {
                parts.push(Part {
                    name: name.clone(),
                    file_name: None,
                    media: None,
                    content: match value {
                        Value::List(_) | Value::Map(_) | Value::Blob(_) => value.clone(),
                        value => query::scalar(name, value)?,
                    },
                });
            }
            return Ok(());
        }
        PartDocument::File => vec![multipart::file(value, context)?],
        PartDocument::Files => multipart::files(value, context)?,
        PartDocument::Folder => multipart::folder(value, context)?,
    };
    parts.extend(files.into_iter().map(|file| Part {
        name: name.clone(),
        file_name: Some(file.name),
        media: Some(file.media),
        content: file.content,
    }));
    Ok(())
}
