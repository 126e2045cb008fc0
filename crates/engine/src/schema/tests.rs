//! What can be seen without a validator; `tests/schema` has one.

use std::sync::Arc;

use serde_json::Value as Json;

use super::workflow;
use crate::catalog::{Catalog, Connector, Effect, Operation, OperationKind, OutputType};
use crate::collections::IndexMap;
use crate::types::Type;

/// A service with an alias, and a local connector, each with one operation.
fn catalog() -> Catalog {
    let connector = |name: &str, local| {
        let operation = Operation {
            kind: OperationKind::Query,
            title: "Read".into(),
            description: "Reads.".into(),
            effect: Effect::Read,
            method: "".into(),
            path: "".into(),
            parameters: IndexMap::default(),
            open: false,
            output: OutputType::Fixed(Type::Unknown),
            look: None,
            engine: None,
            served_by: None,
            compound: None,
            adopt: None,
            priced: false,
        };
        let connector = Connector {
            name: name.into(),
            title: name.into(),
            description: "".into(),
            local,
            settings: IndexMap::default(),
            rated: false,
            prices: Arc::default(),
            operations: [("read".into(), operation)].into_iter().collect(),
        };
        (name.into(), connector)
    };
    Catalog {
        connectors: [connector("shop-api", false), connector("disk", true)]
            .into_iter()
            .collect(),
        aliases: [("shop".into(), "shop-api".into())].into_iter().collect(),
    }
}

fn references<'a>(schema: &'a Json, found: &mut Vec<&'a str>) {
    match schema {
        Json::Object(members) => {
            found.extend(members.get("$ref").and_then(Json::as_str));
            members
                .values()
                .for_each(|member| references(member, found));
        }
        Json::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_to_a_definition_and_every_definition_is_used() {
    let schema = workflow(&catalog());
    let mut found = Vec::new();
    references(&schema, &mut found);
    let definitions = schema["$defs"].as_object().expect("definitions");
    for reference in &found {
        let name = reference.strip_prefix("#/$defs/").expect("a definition");
        assert!(definitions.contains_key(name), "{reference} leads nowhere");
    }
    for name in definitions.keys() {
        let used = format!("#/$defs/{name}");
        assert!(found.contains(&used.as_str()), "`{name}` is not used");
    }
}

#[test]
fn it_says_what_it_is() {
    let schema = workflow(&catalog());
    for key in ["$schema", "$id", "title", "description"] {
        assert!(schema[key].is_string(), "{key}");
    }
}

#[test]
fn operations_are_offered_under_every_name_of_their_connector() {
    let schema = workflow(&catalog());
    assert_eq!(
        schema["$defs"]["query"]["anyOf"][0]["enum"],
        serde_json::json!(["shop.read", "shop-api.read", "disk.read"])
    );
    // Only the alias can be the name of a connection, so only what begins with it is judged where connections are seen.
    assert_eq!(schema["allOf"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        schema["$defs"]["steps.shop"]["additionalProperties"]["properties"]["query"]["anyOf"][0]["enum"],
        serde_json::json!(["shop.read"])
    );
}

#[test]
fn without_connectors_there_is_a_schema_all_the_same() {
    assert!(workflow(&Catalog::default())["properties"]["steps"].is_object());
}
