//! The community's compliance suite for RFC 9535 (`tests/jsonpath/`), every case of it.

use super::JsonPath;
use crate::value::{Value, json};

const SUITE: &str = include_str!("../../../../../tests/jsonpath/cts.json");

/// Cases that we answer otherwise than the suite, each with its reason. A case that agrees may not stand here.
const DIFFERENCES: &[(&str, &str)] = &[];

/// What the path finds, always as the list of nodes.
fn nodes(path: &JsonPath, document: &Value) -> Result<Value, super::JsonPathError> {
    let (found, _) = super::query::query(&path.segments, document)?;
    Ok(Value::from(found))
}

/// What we do otherwise than the case demands.
fn difference(case: &Value) -> Option<String> {
    let selector = case
        .get("selector")
        .and_then(Value::as_str)
        .expect("a selector");
    let invalid = case.get("invalid_selector").and_then(Value::as_bool) == Some(true);
    let path = match (JsonPath::parse(selector), invalid) {
        (Err(error), true) if error.code == "jsonpath.syntax" => return None,
        (Err(error), true) => return Some(format!("is refused with {}", error.code)),
        (Ok(_), true) => return Some("is taken, and should be refused".to_owned()),
        (Err(error), false) => return Some(format!("{}: {error}", error.code)),
        (Ok(path), false) => path,
    };
    let found = match nodes(&path, case.get("document").expect("a document")) {
        Ok(found) => found,
        Err(error) => return Some(format!("{}: {error}", error.code)),
    };
    let allowed: Vec<&Value> = match (case.get("result"), case.get("results")) {
        (Some(one), _) => vec![one],
        (None, Some(Value::List(any))) => any.iter().collect(),
        _ => panic!("a case has a result"),
    };
    let shown = || format!("finds {}", found.to_json().unwrap_or_default());
    (!allowed.contains(&&found)).then(shown)
}

#[test]
fn the_compliance_suite_agrees_but_for_the_listed_differences() {
    let suite = json::parse(SUITE.as_bytes()).expect("JSON that we read");
    let cases = suite.get("tests").and_then(Value::as_list).expect("cases");
    assert!(cases.len() > 600, "the suite has {} cases", cases.len());
    let mut wrong = Vec::new();
    for case in cases {
        let name = case.get("name").and_then(Value::as_str).expect("a name");
        let reason = DIFFERENCES.iter().find(|(listed, _)| *listed == name);
        match (difference(case), reason) {
            (None, None) | (Some(_), Some(_)) => {}
            (Some(found), None) => {
                let selector = case
                    .get("selector")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                wrong.push(format!("{name}: `{selector}` {found}"));
            }
            (None, Some(_)) => wrong.push(format!("{name} agrees: strike it from the list")),
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} cases differ:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}
