//! From an operation's document to what performs it.

use std::sync::Arc;
use std::time::Duration;

use flow_engine::catalog::{self, Effect, OperationKind, OutputType, Parameter, ParameterKind};
use flow_engine::duration::Millis;
use flow_engine::types::{Field, Record, Type};
use flow_engine::value::{Map, Value};
use indexmap::IndexMap;

use super::body_template::BodyTemplate;
use super::compile::{headers, type_of};
use super::document::ServiceDocument;
use super::error::DescriptorError;
use super::fields;
use super::operation::{Answer, NextPage, Operation, Pagination, Place, Wire};
use super::resource::{
    AnswerDocument, OperationDocument, PaginationDocument, ParameterDocument, PartDocument,
    PlaceDocument, ResourceDocument,
};
use super::service::{NamedTypes, Path, Service};
use super::template::Template;
use super::text::Placeholder;

/// Adds the queries and actions of a resource.
pub(super) fn add(
    service: &mut Service,
    written: &ServiceDocument,
    resource: &ResourceDocument,
    types: &NamedTypes,
    path: &str,
) -> Result<(), DescriptorError> {
    for (name, document) in &resource.operations {
        let compiler = Compiler {
            service: written,
            resource,
            types,
            name,
            path: format!("{path}.operations.{name}"),
        };
        let document = compiler.resolved(document)?;
        let full: Arc<str> = format!("{}.{name}", resource.handle).into();
        service
            .operations
            .insert(full, compiler.operation(&document)?);
    }
    Ok(())
}

struct Compiler<'a> {
    service: &'a ServiceDocument,
    resource: &'a ResourceDocument,
    types: &'a NamedTypes,
    name: &'a str,
    path: String,
}

impl Compiler<'_> {
    fn error(&self, code: &'static str, key: &str, message: impl Into<String>) -> DescriptorError {
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
            answer: own.answer.or(base.answer),
            assemble: own.assemble.or_else(|| base.assemble.clone()),
            pagination: own.pagination.or_else(|| base.pagination.clone()),
            output: own.output.or_else(|| base.output.clone()),
            view: own.view.or_else(|| base.view.clone()),
            count: own.count.or_else(|| base.count.clone()),
            first_byte: own.first_byte.or_else(|| base.first_byte.clone()),
        })
    }

    fn operation(&self, document: &OperationDocument) -> Result<Operation, DescriptorError> {
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
        let mut parameters = IndexMap::new();
        let mut places = IndexMap::new();
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
            parameters,
        };
        let has_body = places.values().any(|place| matches!(place, Place::Body(_)));
        let wire = Wire {
            method: method.as_str().into(),
            path,
            places,
            one_of: groups(document.one_of.as_deref().unwrap_or_default()),
            constants: constants(&document.constants),
            template,
            multipart,
            has_body,
            content_type: self
                .service
                .content_type
                .as_deref()
                .unwrap_or("application/json")
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

    fn add_parameters(
        &self,
        document: &OperationDocument,
        method: &str,
        path: &Template,
        template: Option<&BodyTemplate>,
        parameters: &mut IndexMap<Arc<str>, Parameter>,
        places: &mut IndexMap<Arc<str>, Place>,
    ) -> Result<(), DescriptorError> {
        let template_holes = template.map(BodyTemplate::holes).unwrap_or_default();
        let declared = [&document.path, &document.body_template]
            .into_iter()
            .flatten()
            .flat_map(|text| &text.placeholders);
        let declared: Vec<&Placeholder> = declared.collect();
        for hole in path.holes().chain(&template_holes) {
            if parameters.contains_key(hole) {
                continue;
            }
            let in_path = path.holes().any(|name| name == hole);
            places.insert(
                hole.clone(),
                if in_path {
                    Place::Path
                } else {
                    Place::Template
                },
            );
            let parameter = match document.parameters.get(&**hole) {
                Some(written) => self.parameter(hole, written)?,
                None => self.placeholder(hole, &declared)?,
            };
            parameters.insert(hole.clone(), parameter);
        }
        for (name, written) in &document.parameters {
            let name: Arc<str> = name.as_str().into();
            if parameters.contains_key(&name) {
                continue;
            }
            places.insert(name.clone(), self.place(&name, written, method)?);
            parameters.insert(name.clone(), self.parameter(&name, written)?);
        }
        Ok(())
    }

    fn placeholder(
        &self,
        name: &str,
        declared: &[&Placeholder],
    ) -> Result<Parameter, DescriptorError> {
        let found = declared.iter().find(|placeholder| placeholder.name == name);
        let ty = match found {
            None => Type::string(),
            Some(placeholder) => fields::named(&placeholder.kind).ok_or_else(|| {
                let message = format!("`{}` is not a type of placeholders", placeholder.kind);
                self.error(
                    "descriptor.schema",
                    &format!("placeholders.{name}"),
                    message,
                )
            })?,
        };
        Ok(Parameter {
            kind: ParameterKind::Value,
            ty,
            required: found.is_none_or(|placeholder| placeholder.required),
            default: None,
            description: found
                .map_or("", |placeholder| &placeholder.description)
                .into(),
        })
    }

    fn parameter(
        &self,
        name: &str,
        written: &ParameterDocument,
    ) -> Result<Parameter, DescriptorError> {
        parameter(
            written,
            self.types,
            &format!("{}.parameters.{name}", self.path),
        )
    }

    fn place(
        &self,
        name: &Arc<str>,
        written: &ParameterDocument,
        method: &str,
    ) -> Result<Place, DescriptorError> {
        let wire_name = written
            .wire_name
            .as_deref()
            .map_or_else(|| name.clone(), Arc::from);
        let by_method = match method {
            "GET" | "HEAD" | "DELETE" | "OPTIONS" => PlaceDocument::Query,
            _ => PlaceDocument::Body,
        };
        Ok(match written.place.unwrap_or(by_method) {
            PlaceDocument::Query => Place::Query {
                name: wire_name,
                arrays: written.arrays.unwrap_or(self.service.arrays),
            },
            PlaceDocument::Header => Place::Header(wire_name.to_ascii_lowercase().into()),
            PlaceDocument::Body => Place::Body(wire_name),
            PlaceDocument::Multipart => Place::Multipart {
                name: wire_name,
                content: written.content.unwrap_or(PartDocument::Text),
            },
            PlaceDocument::BodyWhole => Place::BodyWhole,
            PlaceDocument::Path | PlaceDocument::Template => {
                let message = format!("no hole `{{{{{name}}}}}` takes it");
                return Err(self.error(
                    "descriptor.reference",
                    &format!("parameters.{name}"),
                    message,
                ));
            }
        })
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

    fn answer(&self, document: &OperationDocument) -> Result<Answer, DescriptorError> {
        let answer = document.answer.unwrap_or(AnswerDocument::Json);
        match (answer, document.assemble.as_deref()) {
            (AnswerDocument::Json, None) => Ok(Answer::Json),
            (AnswerDocument::Jsonl, None) => Ok(Answer::JsonLines),
            (AnswerDocument::Sse, None) => Ok(Answer::Events),
            (AnswerDocument::Sse, Some("message")) => Ok(Answer::Message),
            (AnswerDocument::Binary, None) => Ok(Answer::Binary),
            (AnswerDocument::Empty, None) => Ok(Answer::Empty),
            (AnswerDocument::Auto, None) => Ok(Answer::Auto),
            (_, Some(other)) => {
                let message =
                    format!("`{other}` with this answer: only `message` with `answer: sse`");
                Err(self.error("descriptor.shape", "assemble", message))
            }
        }
    }

    fn pagination(&self, document: &OperationDocument) -> Option<Pagination> {
        let detect = PaginationDocument::Detect {};
        let written = match &document.pagination {
            Some(written) => written,
            None if self.name == "list" && document.method.as_deref().unwrap_or("GET") == "GET" => {
                &detect
            }
            None => return None,
        };
        pagination_of(written)
    }

    fn output(
        &self,
        document: &OperationDocument,
        answer: Answer,
        pages: bool,
    ) -> Result<(Type, Option<Arc<flow_engine::value::View>>), DescriptorError> {
        let own_view = document.view.as_ref();
        let added = own_view.unwrap_or(&self.resource.view);
        let fields = if own_view.is_some() || document.output.is_some() {
            &[][..]
        } else {
            &self.resource.fields
        };
        let view = fields::view(fields, added);
        let path = format!("{}.output", self.path);
        let item = match (&document.output, &self.resource.output) {
            (Some(written), _) | (None, Some(written)) => type_of(written, self.types, &path)?,
            (None, None) => fields::type_of_fields(fields),
        };
        let item = fields::with_view(item, view.as_deref(), added);
        let ty = match answer {
            Answer::Json if pages => Type::list(item),
            Answer::Json | Answer::Message => item,
            Answer::JsonLines | Answer::Events => Type::blob(item),
            Answer::Binary => Type::blob(Type::Unknown),
            Answer::Empty => Type::Null,
            Answer::Auto => Type::Unknown,
        };
        Ok((ty, view))
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

/// How a list goes on, as it is written; `None` if the answer is to be taken as it is.
pub(crate) fn pagination_of(written: &PaginationDocument) -> Option<Pagination> {
    let pagination = |items: &str, next| {
        Some(Pagination {
            items: Path::parse(items),
            next,
        })
    };
    match written {
        PaginationDocument::ObjectCursor {
            items,
            more,
            last,
            after,
            first,
            before,
        } => pagination(
            items,
            NextPage::Object {
                more: Path::parse(more),
                forwards: (Path::parse(last), after.as_str().into()),
                backwards: (Path::parse(first), before.as_str().into()),
            },
        ),
        PaginationDocument::PageCursor { items, next, param } => pagination(
            items,
            NextPage::Cursor(Path::parse(next), param.as_str().into()),
        ),
        PaginationDocument::PageNumber {
            items,
            param,
            first,
            total,
        } => pagination(
            items,
            NextPage::Number {
                param: param.as_str().into(),
                first: *first,
                total: total.as_deref().map(Path::parse),
            },
        ),
        PaginationDocument::Link { items } => pagination(items, NextPage::Link),
        PaginationDocument::Detect {} => pagination("", NextPage::Detect),
        PaginationDocument::None {} => None,
    }
}

/// A parameter of an operation or a trigger.
pub(super) fn parameter(
    written: &ParameterDocument,
    types: &NamedTypes,
    path: &str,
) -> Result<Parameter, DescriptorError> {
    let ty = match (&written.schema, written.content) {
        _ if written.secret => Type::Secret,
        (Some(schema), _) => type_of(schema, types, path)?,
        (None, Some(PartDocument::File)) => file_type(),
        (None, Some(PartDocument::Files)) => Type::list(file_type()).or(file_type()),
        (None, Some(PartDocument::Folder)) => Type::string(),
        (None, _) => Type::Unknown,
    };
    let over = || {
        let message = "`kind` needs `over`: the parameter that gives the items";
        let over = written.over.as_deref().map(Arc::<str>::from);
        over.ok_or_else(|| DescriptorError::at("descriptor.shape", path, message))
    };
    let kind = match written.kind.as_deref() {
        None | Some("value") => ParameterKind::Value,
        Some("expression") => ParameterKind::Expression { over: over()? },
        Some("template") => ParameterKind::Template { over: over()? },
        Some(other) => {
            let message = format!("`{other}` is none of `value`, `expression`, `template`");
            return Err(DescriptorError::at("descriptor.shape", path, message));
        }
    };
    Ok(Parameter {
        kind,
        ty,
        required: written.required,
        default: written.default.clone().map(Value::from),
        description: written.description.as_str().into(),
    })
}

/// A path in the project, a stored value, or a map that says everything.
fn file_type() -> Type {
    let field = |ty, required| Field {
        ty,
        required,
        description: "".into(),
    };
    let fields = [
        ("name", field(Type::string(), true)),
        ("content", field(Type::Unknown, true)),
        ("media", field(Type::string(), false)),
    ];
    let record = Record {
        fields: fields
            .into_iter()
            .map(|(name, field)| (name.into(), field))
            .collect(),
        open: false,
    };
    Type::string()
        .or(Type::blob(Type::Unknown))
        .or(Type::Record(Arc::new(record)))
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

fn accept(answer: Answer) -> &'static str {
    match answer {
        Answer::Json | Answer::Empty | Answer::Message => "application/json",
        Answer::JsonLines | Answer::Binary => "application/octet-stream, */*",
        Answer::Events => "text/event-stream",
        Answer::Auto => "application/json, */*;q=0.5",
    }
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
