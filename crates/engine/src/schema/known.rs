//! Misspelt operations of known services. `claude.messages.creat` has the form of an operation of some connection called
//! `claude`; it is wrong unless the file declares that connection with another connector. So the rule stands at the
//! root, where connections can be seen, and walks over the steps.

use serde_json::{Value as Json, json};

use super::operation::written;
use super::shape::{any_of, message, refer, with};
use super::trigger;
use crate::catalog::{Catalog, Connector, OperationKind};
use crate::document::is_identifier;

/// The definitions, and the rules that use them.
pub(super) fn rules(catalog: &Catalog) -> (Vec<(String, Json)>, Vec<Json>) {
    let mut definitions = Vec::new();
    let mut rules = Vec::new();
    let services = catalog
        .connectors
        .values()
        .filter(|connector| !connector.local);
    for connector in services {
        let names: Vec<&str> = written(catalog, connector).collect();
        // Only these can be names of connections; the others are refused where they stand.
        for name in names.iter().filter(|name| is_identifier(name)) {
            let (steps, on) = (format!("steps.{name}"), format!("on.{name}"));
            rules.push(json!({
                "if": { "properties": { "connections": { "properties": { *name: {
                    "properties": { "connector": { "enum": names } },
                } } } } },
                "then": { "properties": {
                    "steps": refer(&steps),
                    "finally": refer(&steps),
                    "on": refer(&on),
                } },
            }));
            definitions.push((steps, walk(connector, name)));
            definitions.push((on, triggers(connector, name)));
        }
    }
    (definitions, rules)
}

/// All steps of a map, of the groups in it, and of what undoes them.
fn walk(connector: &Connector, name: &str) -> Json {
    let steps = with(
        refer(&format!("steps.{name}")),
        json!({ "doNotSuggest": true }),
    );
    let action = judged(connector, name, OperationKind::Action);
    json!({
        "additionalProperties": { "properties": {
            "action": action,
            "query": judged(connector, name, OperationKind::Query),
            "trigger": judged(connector, name, OperationKind::Trigger),
            "undo": { "properties": { "action": action }, "doNotSuggest": true },
            "steps": steps,
            "finally": steps,
        } },
    })
}

fn triggers(connector: &Connector, name: &str) -> Json {
    let one = json!({ "properties": {
        "trigger": judged(connector, name, OperationKind::Trigger),
        "poll": judged(connector, name, OperationKind::Query),
    } });
    json!({
        "if": trigger::is_one(),
        "then": one,
        "else": { "additionalProperties": one },
    })
}

/// What begins with the name is an operation of the connector, of this kind.
fn judged(connector: &Connector, name: &str, kind: OperationKind) -> Json {
    let known: Vec<String> = connector
        .operations
        .iter()
        .filter(|(_, operation)| operation.kind == kind)
        .map(|(operation, _)| format!("{name}.{operation}"))
        .collect();
    let text = format!("`{name}` has no {} of this name", kind.as_str());
    let other = json!({ "type": "string", "pattern": format!(r"^(?!{name}\.)") });
    let any = any_of([json!({ "enum": known }), message(other, &text)]);
    // Which keys a step may have is said elsewhere.
    with(any, json!({ "doNotSuggest": true }))
}
