//! Operations: their names behind each verb, and the parameters of each.

use serde_json::{Map, Value as Json, json};

use super::shape::{any_of, message, refer, with};
use super::types;
use crate::catalog::{Catalog, Connector, Operation, OperationKind, Parameter, ParameterKind};

const KINDS: [OperationKind; 3] = [
    OperationKind::Action,
    OperationKind::Query,
    OperationKind::Trigger,
];

/// The verbs `action`, `query` and `trigger`; their rules for `with`; the parameters of each operation.
pub(super) fn definitions(catalog: &Catalog) -> Vec<(String, Json)> {
    let mut all = Vec::new();
    for kind in KINDS {
        all.push((kind.as_str().to_owned(), verb(catalog, kind)));
    }
    for kind in KINDS {
        let name = format!("{}_with", kind.as_str());
        all.push((name, parameters_by_name(catalog, kind, kind.as_str())));
    }
    let poll = parameters_by_name(catalog, OperationKind::Query, "poll");
    all.push(("poll_with".to_owned(), poll));
    for connector in catalog.connectors.values() {
        for (name, operation) in &connector.operations {
            all.push((definition(connector, name), parameters(operation)));
        }
    }
    all
}

fn definition(connector: &Connector, operation: &str) -> String {
    format!("with.{}.{operation}", connector.name)
}

/// The names under which a connector can be written.
pub(super) fn written<'a>(
    catalog: &'a Catalog,
    connector: &'a Connector,
) -> impl Iterator<Item = &'a str> {
    let aliases = catalog
        .aliases
        .iter()
        .filter(|(_, handle)| **handle == connector.name)
        .map(|(alias, _)| &**alias);
    aliases.chain([&*connector.name])
}

/// The operations of a kind that are known, or one of a connection that the file declares. Names of local connectors
/// cannot be those of connections.
fn verb(catalog: &Catalog, kind: OperationKind) -> Json {
    let mut names = Vec::new();
    let mut titles = Vec::new();
    for connector in catalog.connectors.values() {
        for own in written(catalog, connector) {
            for (name, operation) in &connector.operations {
                if operation.kind == kind {
                    names.push(format!("{own}.{name}"));
                    titles.push(&*operation.description);
                }
            }
        }
    }
    let local = catalog
        .connectors
        .values()
        .filter(|connector| connector.local);
    let local: Vec<&str> = local.map(|connector| &*connector.name).collect();
    let not_local = if local.is_empty() {
        String::new()
    } else {
        format!(r"(?!(?:{})\.)", local.join("|"))
    };
    let pattern = format!(r"^{not_local}[a-z][a-z0-9_]{{0,63}}(?:\.[a-z][A-Za-z0-9_-]*)+$");
    let other = json!({ "type": "string", "pattern": pattern });
    any_of([
        json!({ "type": "string", "enum": names, "enumDescriptions": titles }),
        message(
            other,
            "no such operation: connection.resource.operation, or one of a local connector",
        ),
    ])
}

/// One rule for each operation of a kind: where its name stands behind `key`, `with` has its parameters.
fn parameters_by_name(catalog: &Catalog, kind: OperationKind, key: &str) -> Json {
    let mut rules = Vec::new();
    for connector in catalog.connectors.values() {
        let operations = connector.operations.iter();
        for (name, operation) in operations.filter(|(_, operation)| operation.kind == kind) {
            let names: Vec<String> = written(catalog, connector)
                .map(|own| format!("{own}.{name}"))
                .collect();
            let mut then = json!({ "properties": { "with": refer(&definition(connector, name)) } });
            if operation
                .parameters
                .values()
                .any(|parameter| parameter.required)
            {
                then["required"] = json!(["with"]);
            }
            let mut condition = Map::new();
            condition.insert(key.to_owned(), json!({ "enum": names }));
            rules.push(json!({
                "if": { "required": [key], "properties": condition },
                "then": then,
            }));
        }
    }
    json!({ "allOf": rules })
}

/// The parameters of one operation.
fn parameters(operation: &Operation) -> Json {
    let mut properties = Map::new();
    for (name, parameter) in &operation.parameters {
        properties.insert(name.to_string(), shape(parameter));
    }
    let mut required = operation
        .parameters
        .iter()
        .filter(|(_, parameter)| parameter.required)
        .map(|(name, _)| &**name)
        .peekable();
    let is_needed = required.peek().is_some();
    let schema = json!({
        "type": if is_needed { json!("object") } else { json!(["object", "null"]) },
        "title": &*operation.title,
        "description": &*operation.description,
        "properties": properties,
    });
    let more = match (is_needed, operation.open) {
        (true, true) => json!({ "required": required.collect::<Vec<_>>() }),
        (true, false) => {
            json!({ "required": required.collect::<Vec<_>>(), "additionalProperties": false })
        }
        (false, true) => json!({}),
        (false, false) => json!({ "additionalProperties": false }),
    };
    with(schema, more)
}

fn shape(parameter: &Parameter) -> Json {
    let mut shape = match parameter.kind {
        ParameterKind::Value => types::written(&parameter.ty),
        ParameterKind::Expression { .. } => refer("expression"),
        ParameterKind::Template { .. } => json!({}),
    };
    if !parameter.description.is_empty() {
        shape["description"] = (&*parameter.description).into();
    }
    let default = parameter
        .default
        .as_ref()
        .and_then(|value| value.to_json().ok());
    if let Some(default) = default.and_then(|text| serde_json::from_str::<Json>(&text).ok()) {
        shape["default"] = default;
    }
    shape
}
