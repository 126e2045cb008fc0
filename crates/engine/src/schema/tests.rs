//! What can be seen without a validator; `tests/schema` has one.

use serde_json::Value as Json;

use super::workflow;
use crate::catalog::Catalog;

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
    let schema = workflow(&Catalog::default());
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
    let schema = workflow(&Catalog::default());
    for key in ["$schema", "$id", "title", "description"] {
        assert!(schema[key].is_string(), "{key}");
    }
}
