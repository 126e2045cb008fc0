//! `connections:`: the keys of all connections, and the settings of each connector.

use serde_json::{Map, Value as Json, json};

use super::place::Place;
use super::shape::{TEMPLATE, any_of, closed, message, refer, with};
use crate::catalog::{Catalog, Connector};

/// `connections`, `connection`, and the settings of each connector.
pub(super) fn definitions(catalog: &Catalog) -> Vec<(String, Json)> {
    let names: Vec<&str> = catalog.connector_names().collect();
    let local: Vec<&str> = catalog
        .connectors
        .values()
        .filter(|connector| connector.local)
        .map(|connector| &*connector.name)
        .collect();
    let mut all = vec![
        ("connections".to_owned(), connections(catalog, &local)),
        ("connection".to_owned(), connection(&names, catalog)),
    ];
    for connector in catalog.connectors.values() {
        all.push((definition(connector), settings(connector)));
    }
    all
}

fn definition(connector: &Connector) -> String {
    format!("settings.{}", connector.name)
}

fn connections(catalog: &Catalog, local: &[&str]) -> Json {
    let mut properties = Map::new();
    for name in catalog.connector_names() {
        let Some(connector) = catalog.connector(name).filter(|connector| !connector.local) else {
            continue;
        };
        // Without `connector:` the name of the connection says which one.
        let unsaid = json!({
            "if": { "required": ["connector"] },
            "then": refer("connection"),
            "else": refer(&definition(connector)),
        });
        properties.insert(name.to_owned(), unsaid);
    }
    let others = message(
        json!({ "pattern": format!("^(?!(?:{})$)", local.join("|")) }),
        "a connection cannot take the name of a local connector",
    );
    json!({
        "type": ["object", "null"],
        "propertyNames": { "allOf": [refer("name"), others] },
        "properties": properties,
        "additionalProperties": with(refer("connection"), json!({ "required": ["connector"] })),
    })
}

/// A connection with `connector:`: its settings are those of that connector.
fn connection(names: &[&str], catalog: &Catalog) -> Json {
    let by_connector = catalog.connectors.values().map(|connector| {
        let aliases = catalog
            .aliases
            .iter()
            .filter(|(_, handle)| **handle == connector.name)
            .map(|(alias, _)| &**alias);
        let written: Vec<&str> = std::iter::once(&*connector.name).chain(aliases).collect();
        json!({
            "if": { "required": ["connector"], "properties": { "connector": { "enum": written } } },
            "then": refer(&definition(connector)),
        })
    });
    let mut rules: Vec<Json> = by_connector.collect();
    rules.push(json!({ "properties": { "connector": { "enum": names } } }));
    json!({ "type": "object", "allOf": rules })
}

/// A connection to one connector: the keys of all connections, and its own settings.
fn settings(connector: &Connector) -> Json {
    let mut map = closed(Place::Connection, |key| match key {
        "connector" => json!({ "type": "string" }),
        "limits" => refer("limits"),
        "queue" => refer("label"),
        _ => json!({}),
    });
    for (name, setting) in &connector.settings {
        let mut shape = if setting.one_of.is_empty() {
            json!({})
        } else {
            any_of([
                json!({ "enum": setting.one_of.iter().map(AsRef::as_ref).collect::<Vec<&str>>() }),
                refer("template"),
            ])
        };
        if setting.secret {
            // A secret that is written out would stand in the file for everybody to read.
            shape = message(
                json!({ "type": "string", "pattern": TEMPLATE }),
                "a secret is named, not written out: {{ secrets.NAME }}",
            );
        }
        if &**name == "base_url" {
            shape = refer("literal");
        }
        shape["description"] = (&*setting.description).into();
        map["properties"][&**name] = shape;
    }
    map
}
