//! The parameters of an operation: their types, and where each goes.

use std::sync::Arc;

use flow_engine::catalog::{Parameter, ParameterKind};
use flow_engine::collections::IndexMap;
use flow_engine::types::{Field, Record, Type};
use flow_engine::value::Value;

use super::body_template::BodyTemplate;
use super::compile_operation::Compiler;
use super::error::DescriptorError;
use super::fields;
use super::named_types::type_of;
use super::operation::Place;
use super::resource::{OperationDocument, ParameterDocument, PartDocument, PlaceDocument};
use super::service::NamedTypes;
use super::template::Template;
use super::text::Placeholder;

impl Compiler<'_> {
    /// Adds the holes of path and body template, then what is declared besides.
    pub(super) fn add_parameters(
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
            PlaceDocument::Form => Place::Form {
                name: wire_name,
                arrays: written.arrays.unwrap_or(self.service.arrays),
            },
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
