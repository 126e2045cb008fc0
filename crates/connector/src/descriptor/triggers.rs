//! Triggers: as a descriptor writes them, and those read out of `webhooks` of the older form.
//!
//! An event of the older form is one that nobody delivers unless a person sets that up, so it is also looked for:
//! `RESOURCE.created` is an item that appeared in the query `list`, `RESOURCE.deleted` one that vanished from it. For
//! any other event `E` the resource must show it: by a field `E_at` that is no longer null, else by a field `status`, or
//! ending in `_status`, that equals `E`. It is then a level through `read`, an edge through `list`, or either. Without a
//! `list`, `RESOURCE.created` is a success of the action `create` in a run of ours. An event that none of this finds cannot
//! be looked for.

use std::sync::Arc;

use flow_engine::catalog::{
    self, Edge, Effect, Level, Look, News, OperationKind, OutputType, Parameter,
};
use flow_engine::collections::IndexMap;
use flow_engine::duration::Millis;
use flow_engine::types::Type;

use super::compile_operation::capitalised;
use super::compile_parameters::parameter;
use super::error::DescriptorError;
use super::fields;
use super::named_types::type_of;
use super::operation::{Operation, Place};
use super::resource::{EdgeDocument, ResourceDocument, TriggerDocument, WebhookDocument};
use super::service::{NamedTypes, Service};

const EVERY: Millis = Millis::seconds(60);

/// Adds the triggers of a resource, whose operations are there already.
pub(super) fn add(
    service: &mut Service,
    resource: &ResourceDocument,
    types: &NamedTypes,
    path: &str,
) -> Result<(), DescriptorError> {
    for (name, written) in &resource.triggers {
        let path = format!("{path}.triggers.{name}");
        let operation = trigger(service, resource, name, written, types, &path)?;
        insert(
            service,
            &format!("{}.{name}", resource.handle),
            operation,
            &path,
        )?;
    }
    for (index, webhook) in resource.webhooks.iter().enumerate() {
        let path = format!("{path}.webhooks[{index}]");
        let name = webhook
            .event
            .strip_prefix(&format!("{}.", resource.handle))
            .unwrap_or(&webhook.event);
        let operation = from_webhook(service, resource, name, webhook);
        insert(
            service,
            &format!("{}.{name}", resource.handle),
            operation,
            &path,
        )?;
    }
    Ok(())
}

fn insert(
    service: &mut Service,
    name: &str,
    operation: Operation,
    path: &str,
) -> Result<(), DescriptorError> {
    if service.operations.contains_key(name) {
        let message = format!("`{name}` is an operation already");
        return Err(DescriptorError::at("descriptor.shape", path, message));
    }
    service.operations.insert(name.into(), operation);
    Ok(())
}

fn trigger(
    service: &Service,
    resource: &ResourceDocument,
    name: &str,
    written: &TriggerDocument,
    types: &NamedTypes,
    path: &str,
) -> Result<Operation, DescriptorError> {
    let every = match &written.every {
        None => EVERY,
        Some(text) => Millis::parse(text).ok_or_else(|| {
            let message = format!("`{text}` is not a duration such as `1m`");
            DescriptorError::at("descriptor.shape", format!("{path}.every"), message)
        })?,
    };
    let query =
        |name: &str, key: &str| query_name(service, resource, name, &format!("{path}.{key}"));
    let level = match &written.level {
        None => None,
        Some(level) => Some(Level {
            query: query(&level.query, "level.query")?,
            condition: level.condition.as_str().into(),
            every,
        }),
    };
    let edge = match &written.edge {
        None => None,
        Some(edge) => Some(Edge {
            query: query(&edge.query, "edge.query")?,
            key: edge.key.as_str().into(),
            news: news(edge),
            every,
        }),
    };
    let look = match (level, edge, &written.object) {
        (Some(level), Some(edge), Some(object)) => Some(Look::Either {
            object: object.as_str().into(),
            level,
            edge,
        }),
        (Some(_), Some(_), None) => {
            let message = "with `level` and `edge`, `object` names the parameter that decides";
            return Err(DescriptorError::at("descriptor.incomplete", path, message));
        }
        (Some(level), None, _) => Some(Look::Level(level)),
        (None, Some(edge), _) => Some(Look::Edge(edge)),
        (None, None, _) => success(service, resource, written.success.as_deref(), path)?,
    };
    if written.success.is_some() && !matches!(look, Some(Look::Success(_))) {
        let message = "a trigger with `level` or `edge` has no `success`";
        return Err(DescriptorError::at("descriptor.shape", path, message));
    }
    let mut parameters = IndexMap::default();
    for (name, document) in &written.parameters {
        let path = format!("{path}.parameters.{name}");
        parameters.insert(name.as_str().into(), parameter(document, types, &path)?);
    }
    let output = match written.output.as_ref().or(resource.output.as_ref()) {
        Some(schema) => {
            let view = fields::view(&resource.fields, &resource.view);
            fields::with_view(
                type_of(schema, types, path)?,
                view.as_deref(),
                &resource.view,
            )
        }
        None => fields::type_of_fields(&resource.fields),
    };
    let output = match &written.edge {
        // Nothing but its key is known of what is not there any more.
        Some(edge) if edge.vanished && written.output.is_none() => only(output, &edge.key),
        _ => output,
    };
    let title = written
        .title
        .as_deref()
        .map_or_else(|| titled(resource, name), Arc::from);
    let description = written.description.as_str().into();
    Ok(operation(title, description, parameters, output, look))
}

/// The action whose success in a run is the event.
fn success(
    service: &Service,
    resource: &ResourceDocument,
    action: Option<&str>,
    path: &str,
) -> Result<Option<Look>, DescriptorError> {
    let Some(action) = action else {
        return Ok(None);
    };
    let Some(name) = action_of(service, resource, action) else {
        let message = format!("`{action}` is not an action of `{}`", resource.handle);
        let path = format!("{path}.success");
        return Err(DescriptorError::at("descriptor.reference", path, message));
    };
    Ok(Some(Look::Success(name)))
}

fn action_of(service: &Service, resource: &ResourceDocument, name: &str) -> Option<Arc<str>> {
    let full: Arc<str> = format!("{}.{name}", resource.handle).into();
    let found = service.operations.get(&full)?;
    (found.entry.kind == OperationKind::Action).then_some(full)
}

/// The type with one of its members.
fn only(ty: Type, member: &str) -> Type {
    let Type::Record(record) = &ty else {
        return ty;
    };
    let mut record = (**record).clone();
    record.fields.retain(|name, _| &**name == member);
    record.open = false;
    Type::Record(Arc::new(record))
}

fn news(edge: &EdgeDocument) -> News {
    match (&edge.became, edge.vanished) {
        (Some(condition), _) => News::Became(condition.as_str().into()),
        (None, true) => News::Vanished,
        (None, false) => News::Appeared,
    }
}

fn query_name(
    service: &Service,
    resource: &ResourceDocument,
    name: &str,
    path: &str,
) -> Result<Arc<str>, DescriptorError> {
    let full: Arc<str> = format!("{}.{name}", resource.handle).into();
    match service.operations.get(&full) {
        Some(operation) if operation.entry.kind == OperationKind::Query => Ok(full),
        _ => {
            let message = format!("`{name}` is not a query of `{}`", resource.handle);
            Err(DescriptorError::at("descriptor.reference", path, message))
        }
    }
}

fn from_webhook(
    service: &Service,
    resource: &ResourceDocument,
    name: &str,
    webhook: &WebhookDocument,
) -> Operation {
    let is_query = |name: &str| {
        let full: Arc<str> = format!("{}.{name}", resource.handle).into();
        let found = service.operations.get(&full);
        found
            .is_some_and(|operation| operation.entry.kind == OperationKind::Query)
            .then_some(full)
    };
    let edge = |news| {
        is_query("list").map(|query| Edge {
            query,
            key: "id".into(),
            news,
            every: EVERY,
        })
    };
    let mut parameters = IndexMap::default();
    let look = match (name, condition(resource, name)) {
        // What no list shows may be seen where a run of ours makes it.
        ("created", _) => edge(News::Appeared)
            .map(Look::Edge)
            .or_else(|| action_of(service, resource, "create").map(Look::Success)),
        ("deleted", _) => edge(News::Vanished).map(Look::Edge),
        (_, None) => None,
        (_, Some(condition)) => {
            let level = is_query("read").map(|query| Level {
                query,
                condition: condition.clone(),
                every: EVERY,
            });
            let object = level
                .as_ref()
                .and_then(|level| object(service, &level.query));
            match (level, edge(News::Became(condition)), object) {
                (Some(level), edge, Some((object, mut parameter))) => {
                    parameter.required = edge.is_none();
                    parameters.insert(object.clone(), parameter);
                    Some(match edge {
                        Some(edge) => Look::Either {
                            object,
                            level,
                            edge,
                        },
                        None => Look::Level(level),
                    })
                }
                (_, edge, _) => edge.map(Look::Edge),
            }
        }
    };
    let output = fields::type_of_fields(&resource.fields);
    let mut trigger = operation(titled(resource, name), "".into(), parameters, output, look);
    trigger.payload.clone_from(&webhook.payload);
    trigger
}

/// What is true of an object to which the event has happened.
fn condition(resource: &ResourceDocument, event: &str) -> Option<Arc<str>> {
    let time = format!("{event}_at");
    if resource.fields.iter().any(|field| field.name == time) {
        return Some(format!("item.{time} != null").into());
    }
    let is_status = |name: &str| name == "status" || name.ends_with("_status");
    let status = resource
        .fields
        .iter()
        .find(|field| is_status(&field.name))?;
    Some(format!("item.{} == '{event}'", status.name).into())
}

/// The one parameter in the path of a query.
fn object(service: &Service, query: &str) -> Option<(Arc<str>, Parameter)> {
    let operation = service.operations.get(query)?;
    let mut in_path = operation
        .wire
        .as_ref()?
        .places
        .iter()
        .filter(|(_, place)| **place == Place::Path);
    let (name, _) = in_path.next()?;
    let parameter = operation.entry.parameters.get(name)?;
    in_path
        .next()
        .is_none()
        .then(|| (name.clone(), parameter.clone()))
}

fn titled(resource: &ResourceDocument, name: &str) -> Arc<str> {
    let short = if resource.meta.short.is_empty() {
        &resource.handle
    } else {
        &resource.meta.short
    };
    let one = short
        .strip_suffix("es")
        .filter(|stem| stem.ends_with("ch"))
        .or_else(|| short.strip_suffix('s'));
    let event = capitalised(name);
    format!("{} {event}", one.unwrap_or(short)).into()
}

fn operation(
    title: Arc<str>,
    description: Arc<str>,
    parameters: IndexMap<Arc<str>, Parameter>,
    output: Type,
    look: Option<Look>,
) -> Operation {
    let entry = catalog::Operation {
        kind: OperationKind::Trigger,
        title,
        description,
        effect: Effect::Read,
        method: "".into(),
        path: "".into(),
        parameters,
        open: false,
        output: OutputType::Fixed(output),
        look,
        engine: None,
        served_by: None,
        compound: None,
        adopt: None,
        priced: false,
    };
    Operation {
        entry,
        wire: None,
        payload: Vec::new(),
    }
}
