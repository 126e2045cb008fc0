//! What the local connectors take and give, as data: read from the same kind of document as services.

use std::sync::Arc;

use flow_engine::catalog::{
    self, Connector, Effect, EngineAction, Look, OperationKind, OutputType, Signal,
};
use flow_engine::collections::IndexMap;
use flow_engine::source::SourceFile;
use flow_engine::types::Type;
use serde::Deserialize;
use serde_json::Value as Json;

use super::compile_parameters::parameter;
use super::document::Meta;
use super::error::DescriptorError;
use super::load::read;
use super::named_types::type_of;
use super::resource::ParameterDocument;
use super::service::NamedTypes;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LocalDocument {
    handle: String,
    meta: Meta,
    operations: IndexMap<String, LocalOperation>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct LocalOperation {
    title: String,
    description: String,
    /// `query` if missing.
    kind: Option<String>,
    /// `read` if missing.
    effect: Option<String>,
    #[serde(default)]
    parameters: IndexMap<String, ParameterDocument>,
    output: Option<Json>,
    /// The parameter whose type is the value's.
    same_as: Option<String>,
    /// The template whose results are the value's items.
    stream_of: Option<String>,
    /// `time`, `approval`, `event` or `callback`, for triggers.
    look: Option<String>,
    /// What the run itself does: `fail`, `stop` or `emit`.
    engine: Option<String>,
    /// What must serve it beyond `flow run`.
    served_by: Option<String>,
}

/// Reads a list of local connectors.
pub(crate) fn load(source: &SourceFile) -> Result<Vec<Connector>, DescriptorError> {
    let documents: Vec<LocalDocument> = read(source)?;
    documents.iter().map(connector).collect()
}

fn connector(document: &LocalDocument) -> Result<Connector, DescriptorError> {
    let operation = |(name, written): (&String, &LocalOperation)| {
        let path = format!("{}.{name}", document.handle);
        Ok((Arc::from(name.as_str()), operation(written, &path)?))
    };
    Ok(Connector {
        name: document.handle.as_str().into(),
        title: document.meta.short.as_str().into(),
        description: document.meta.description.as_str().into(),
        local: true,
        settings: IndexMap::default(),
        rated: false,
        prices: Arc::default(),
        operations: document
            .operations
            .iter()
            .map(operation)
            .collect::<Result<_, DescriptorError>>()?,
    })
}

fn operation(written: &LocalOperation, path: &str) -> Result<catalog::Operation, DescriptorError> {
    let wrong = |word: &str| {
        DescriptorError::at(
            "descriptor.shape",
            path,
            format!("`{word}` is not known here"),
        )
    };
    let kind = match written.kind.as_deref() {
        None | Some("query") => OperationKind::Query,
        Some("action") => OperationKind::Action,
        Some("trigger") => OperationKind::Trigger,
        Some(other) => return Err(wrong(other)),
    };
    let effect = match written.effect.as_deref() {
        None => Effect::Read,
        Some(word) => Effect::parse(word).ok_or_else(|| wrong(word))?,
    };
    let look = match written.look.as_deref() {
        None => None,
        Some("time") => Some(Look::Time),
        Some(word) => match Signal::parse(word) {
            Some(signal) => Some(Look::Signal(signal)),
            None => return Err(wrong(word)),
        },
    };
    let engine = match written.engine.as_deref() {
        None => None,
        Some("fail") => Some(EngineAction::Fail),
        Some("stop") => Some(EngineAction::Stop),
        Some("emit") => Some(EngineAction::Emit),
        Some(other) => return Err(wrong(other)),
    };
    let types = NamedTypes::default();
    let mut parameters = IndexMap::default();
    for (name, document) in &written.parameters {
        parameters.insert(
            name.as_str().into(),
            parameter(document, &types, &format!("{path}.{name}"))?,
        );
    }
    let output = match (&written.same_as, &written.stream_of, &written.output) {
        (Some(name), _, _) => OutputType::SameAs(name.as_str().into()),
        (_, Some(name), _) => OutputType::StreamOf(name.as_str().into()),
        (_, _, Some(schema)) => OutputType::Fixed(type_of(schema, &types, path)?),
        _ => OutputType::Fixed(Type::Unknown),
    };
    Ok(catalog::Operation {
        kind,
        title: written.title.as_str().into(),
        description: written.description.as_str().into(),
        effect,
        method: "".into(),
        path: "".into(),
        parameters,
        open: false,
        output,
        look,
        engine,
        adopt: None,
        priced: false,
        served_by: written.served_by.as_deref().map(Into::into),
        compound: None,
    })
}
