//! From an operation's document to what performs it.

use std::sync::Arc;
use std::time::Duration;

use flow_engine::catalog::{self, Effect, OperationKind, OutputType};
use flow_engine::collections::IndexMap;
use flow_engine::duration::Millis;
use flow_engine::money::Prices;
use flow_engine::value::{Map, Value};

use super::body_template::BodyTemplate;
use super::compile::headers;
use super::compile_answer::accept;
use super::document::ServiceDocument;
use super::error::DescriptorError;
use super::operation::{Operation, Place, Structured, Wire};
use super::resource::{OperationDocument, ParameterDocument, ResourceDocument, StructuredDocument};
use super::service::{NamedTypes, Path, Service};
use super::template::Template;

/// Adds the queries and actions of a resource.
pub(super) fn add(
    service: &mut Service,
    written: &ServiceDocument,
    resource: &ResourceDocument,
    types: &NamedTypes,
    path: &str,
    errors: &mut Vec<DescriptorError>,
) {
    let prices = service.prices.clone();
    for (name, document) in &resource.operations {
        let compiler = Compiler {
            service: written,
            resource,
            types,
            prices: &prices,
            name,
            path: format!("{path}.operations.{name}"),
        };
        let full: Arc<str> = format!("{}.{name}", resource.handle).into();
        let resolved = compiler.resolved(document);
        match resolved.and_then(|document| compiler.operation(&document)) {
            Ok(operation) => {
                service.operations.insert(full, operation);
            }
            Err(error) => errors.push(error),
        }
    }
}

/// What is known while an operation is compiled.
pub(super) struct Compiler<'a> {
    pub(super) service: &'a ServiceDocument,
    pub(super) resource: &'a ResourceDocument,
    pub(super) types: &'a NamedTypes,
    pub(super) prices: &'a Prices,
    pub(super) name: &'a str,
    pub(super) path: String,
}

impl Compiler<'_> {
    pub(super) fn error(
        &self,
        code: &'static str,
        key: &str,
        message: impl Into<String>,
    ) -> DescriptorError {
        DescriptorError::at(code, format!("{}.{key}", self.path), message)
    }

    /// The document with what it takes over from the one named by `like`.
    fn resolved(&self, own: &OperationDocument) -> Result<OperationDocument, DescriptorError> {
        let Some(like) = &own.like else {
            return Ok(own.clone());
        };
        let base = self
            .resource
            .operations
            .get(like)
            .filter(|base| base.like.is_none());
        let base = base.ok_or_else(|| {
            let message =
                format!("`{like}` is not an operation of this resource that stands on its own");
            self.error("descriptor.reference", "like", message)
        })?;
        let mut parameters = base.parameters.clone();
        parameters.extend(own.parameters.clone());
        let mut constants = base.constants.clone();
        constants.extend(own.constants.clone());
        let mut all_headers = base.headers.clone();
        all_headers.extend(own.headers.clone());
        let own = own.clone();
        Ok(OperationDocument {
            like: None,
            title: own.title,
            description: own.description.or_else(|| base.description.clone()),
            kind: own.kind.or_else(|| base.kind.clone()),
            effect: own.effect.or_else(|| base.effect.clone()),
            method: own.method.or_else(|| base.method.clone()),
            path: own.path.or_else(|| base.path.clone()),
            body_template: own.body_template.or_else(|| base.body_template.clone()),
            parameters,
            open: own.open.or(base.open),
            one_of: own.one_of.or_else(|| base.one_of.clone()),
            constants,
            headers: all_headers,
            beta: if own.beta.is_empty() {
                base.beta.clone()
            } else {
                own.beta
            },
            accept: own.accept.or_else(|| base.accept.clone()),
            content_type: own.content_type.or_else(|| base.content_type.clone()),
            answer: own.answer.or(base.answer),
            assemble: own.assemble.or_else(|| base.assemble.clone()),
            pagination: own.pagination.or_else(|| base.pagination.clone()),
            output: own.output.or_else(|| base.output.clone()),
            view: own.view.or_else(|| base.view.clone()),
            count: own.count.or_else(|| base.count.clone()),
            first_byte: own.first_byte.or_else(|| base.first_byte.clone()),
            adopt: own.adopt.or_else(|| base.adopt.clone()),
            structured: own.structured.or_else(|| base.structured.clone()),
            usage: own.usage.or_else(|| base.usage.clone()),
            compound: own.compound.or_else(|| base.compound.clone()),
        })
    }

    /// An operation that is a workflow of others: its parameters are that workflow's inputs.
    fn compound(
        &self,
        document: &OperationDocument,
        text: &str,
    ) -> Result<Operation, DescriptorError> {
        let mut parameters = IndexMap::default();
        for (name, written) in &document.parameters {
            let path = format!("{}.parameters.{name}", self.path);
            parameters.insert(
                name.as_str().into(),
                super::compile_parameters::parameter(written, self.types, &path)?,
            );
        }
        let entry = catalog::Operation {
            kind: self.kind(document, false)?,
            title: self.title(document),
            description: document.description.as_deref().unwrap_or("").into(),
            effect: self.effect(document, "POST", false)?,
            method: "".into(),
            path: "".into(),
            open: false,
            output: OutputType::Fixed(flow_engine::types::Type::Unknown),
            look: None,
            engine: None,
            served_by: None,
            compound: Some(text.into()),
            adopt: None,
            priced: false,
            parameters,
        };
        Ok(Operation {
            entry,
            wire: None,
            payload: Vec::new(),
        })
    }

    fn operation(&self, document: &OperationDocument) -> Result<Operation, DescriptorError> {
        if let Some(text) = &document.compound {
            return self.compound(document, text);
        }
        let method = document
            .method
            .as_deref()
            .unwrap_or("GET")
            .to_ascii_uppercase();
        if !["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].contains(&method.as_str())
        {
            return Err(self.error(
                "descriptor.shape",
                "method",
                format!("`{method}` is not a method"),
            ));
        }
        let reads = ["GET", "HEAD", "OPTIONS"].contains(&method.as_str());
        let path = self.full_path(document)?;
        let template = self.body_template(document)?;
        let mut parameters = IndexMap::default();
        let mut places = IndexMap::default();
        self.add_parameters(
            document,
            &method,
            &path,
            template.as_ref(),
            &mut parameters,
            &mut places,
        )?;
        let multipart = places
            .values()
            .any(|place| matches!(place, Place::Multipart { .. }));
        let answer = self.answer(document)?;
        let pagination = self.pagination(document);
        let usage = self.usage(document)?;
        let (output, view) = self.output(document, answer, pagination.is_some())?;
        let entry = catalog::Operation {
            kind: self.kind(document, reads)?,
            title: self.title(document),
            description: document.description.as_deref().unwrap_or("").into(),
            effect: self.effect(document, &method, reads)?,
            method: method.as_str().into(),
            path: path.shown().into(),
            open: document.open.unwrap_or(false),
            output: OutputType::Fixed(output),
            look: None,
            engine: None,
            served_by: None,
            compound: None,
            adopt: self.adoption(document)?,
            priced: usage.as_ref().is_some_and(|usage| usage.request.is_some()),
            parameters,
        };
        let is_form = places
            .values()
            .any(|place| matches!(place, Place::Form { .. }));
        let has_body = places.values().any(|place| matches!(place, Place::Body(_)));
        let wire = Wire {
            method: method.as_str().into(),
            path,
            places,
            one_of: groups(document.one_of.as_deref().unwrap_or_default()),
            constants: constants(&document.constants),
            template,
            multipart,
            is_form,
            has_body,
            content_type: document
                .content_type
                .as_ref()
                .or(self.service.content_type.as_ref())
                .map_or("application/json", |media| media)
                .into(),
            headers: headers(&document.headers, &format!("{}.headers", self.path))?,
            beta: [&self.service.beta, &self.resource.beta, &document.beta]
                .into_iter()
                .flatten()
                .map(|value| value.as_str().into())
                .collect(),
            accept: document.accept.as_deref().unwrap_or(accept(answer)).into(),
            answer,
            pagination,
            view,
            count: document.count.as_deref().map(Arc::from),
            first_byte: self.first_byte(document)?,
            adopt: self.adopt(document)?,
            sources: with_sources(&document.parameters),
            structured: document.structured.as_ref().map(structured),
            usage,
        };
        Ok(Operation {
            entry,
            wire: Some(wire),
            payload: Vec::new(),
        })
    }

    fn full_path(&self, document: &OperationDocument) -> Result<Template, DescriptorError> {
        let own = document.path.as_ref().map_or("", |path| &path.value);
        let text = format!("{}{own}", self.resource.endpoint.value);
        let text = if text.is_empty() || text.starts_with('/') {
            text
        } else {
            format!("/{text}")
        };
        if text.contains(['?', '#']) {
            let message = "a path has no `?` and no `#`: declare query parameters";
            return Err(self.error("descriptor.template", "path", message));
        }
        Template::parse(&text).map_err(|message| self.error("descriptor.template", "path", message))
    }

    fn body_template(
        &self,
        document: &OperationDocument,
    ) -> Result<Option<BodyTemplate>, DescriptorError> {
        let parse = |text: &str| {
            BodyTemplate::parse(text).map_err(|error| {
                self.error(
                    "descriptor.body_template",
                    "bodyTemplate",
                    error.to_string(),
                )
            })
        };
        document
            .body_template
            .as_ref()
            .map(|text| parse(&text.value))
            .transpose()
    }

    fn kind(
        &self,
        document: &OperationDocument,
        reads: bool,
    ) -> Result<OperationKind, DescriptorError> {
        match document.kind.as_deref() {
            Some("query") => Ok(OperationKind::Query),
            None if reads => Ok(OperationKind::Query),
            Some("action") | None => Ok(OperationKind::Action),
            Some(other) => {
                let message = format!("`{other}` is neither `query` nor `action`");
                Err(self.error("descriptor.shape", "kind", message))
            }
        }
    }

    fn effect(
        &self,
        document: &OperationDocument,
        method: &str,
        reads: bool,
    ) -> Result<Effect, DescriptorError> {
        match document.effect.as_deref() {
            Some(word) => Effect::parse(word).ok_or_else(|| {
                let message = format!("`{word}` is none of `read`, `repeatable`, `keyed`, `once`");
                self.error("descriptor.shape", "effect", message)
            }),
            None if reads => Ok(Effect::Read),
            None if method == "PUT" || method == "DELETE" => Ok(Effect::Keyed),
            None => Ok(Effect::Once),
        }
    }

    fn title(&self, document: &OperationDocument) -> Arc<str> {
        if let Some(title) = &document.title {
            return title.as_str().into();
        }
        let resource = if self.resource.meta.short.is_empty() {
            capitalised(&self.resource.handle)
        } else {
            self.resource.meta.short.clone()
        };
        format!("{} {resource}", capitalised(self.name)).into()
    }

    fn first_byte(
        &self,
        document: &OperationDocument,
    ) -> Result<Option<Duration>, DescriptorError> {
        document.first_byte.as_deref().map_or(Ok(None), |text| {
            let millis = Millis::parse(text).ok_or_else(|| {
                let message = format!("`{text}` is not a duration such as `10m`");
                self.error("descriptor.shape", "firstByte", message)
            })?;
            Ok(Some(Duration::from_millis(millis.0)))
        })
    }
}

fn with_sources(parameters: &IndexMap<String, ParameterDocument>) -> Vec<Arc<str>> {
    let with = parameters.iter().filter(|(_, written)| written.sources);
    with.map(|(name, _)| name.as_str().into()).collect()
}

fn structured(written: &StructuredDocument) -> Structured {
    Structured {
        schema: Path::parse(&written.schema),
        text: written.text.as_str().into(),
        ended: Path::parse(&written.ended),
        unless: written
            .unless
            .iter()
            .map(|word| word.as_str().into())
            .collect(),
    }
}

fn groups(written: &[Vec<String>]) -> Vec<Vec<Arc<str>>> {
    let group = |names: &Vec<String>| names.iter().map(|name| name.as_str().into()).collect();
    written.iter().map(group).collect()
}

fn constants(written: &IndexMap<String, serde_json::Value>) -> Map {
    let member = |(name, value): (&String, &serde_json::Value)| {
        (name.as_str().into(), Value::from(value.clone()))
    };
    written.iter().map(member).collect()
}

/// `message_batches` as `Message Batches`.
pub(super) fn capitalised(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| {
            first.to_ascii_uppercase().to_string() + letters.as_str()
        })
    };
    name.split('_').map(word).collect::<Vec<_>>().join(" ")
}
