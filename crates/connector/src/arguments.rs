//! What a call gives, against what its operation takes.

use flow_engine::catalog::{Operation, ParameterKind};
use flow_engine::finding::nearest;
use flow_engine::run::Failure;
use flow_engine::value::{Map, Value};

/// Checks names and types, and adds defaults.
///
/// # Errors
/// `call.unknown_parameter`, `call.missing_parameter`, `call.type`.
pub(crate) fn check(operation: &Operation, given: &Map) -> Result<Map, Failure> {
    let is_value = |name: &str| {
        operation
            .parameters
            .get(name)
            .is_some_and(|known| known.kind == ParameterKind::Value)
    };
    if let Some(unknown) = given.keys().find(|name| !operation.open && !is_value(name)) {
        let failure = Failure::permanent(
            "call.unknown_parameter",
            format!("there is no parameter `{unknown}`"),
        );
        let near = nearest(unknown, operation.parameters.keys().map(AsRef::as_ref));
        return Err(match near {
            Some(near) => failure.help(format!("did you mean `{near}`?")),
            None => failure,
        });
    }
    let mut arguments = Map::new();
    for (name, parameter) in operation
        .parameters
        .iter()
        .filter(|(_, known)| known.kind == ParameterKind::Value)
    {
        match given.get(name).or(parameter.default.as_ref()) {
            // Null stands for a value that is not there, where the type does not have it.
            Some(Value::Null)
                if !parameter.required && parameter.ty.check(&Value::Null).is_err() => {}
            Some(value) => {
                parameter.ty.check(value).map_err(|mismatch| {
                    let dot = if mismatch.path.is_empty() || mismatch.path.starts_with('[') {
                        ""
                    } else {
                        "."
                    };
                    let path = format!("{name}{dot}{}", mismatch.path);
                    let message = format!(
                        "`{path}`: expected {}, found {}",
                        mismatch.expected, mismatch.found
                    );
                    Failure::permanent("call.type", message)
                })?;
                arguments.insert(name.clone(), value.clone());
            }
            None if parameter.required => {
                let message = format!(
                    "the parameter `{name}` is missing: {}",
                    parameter.description
                );
                return Err(Failure::permanent("call.missing_parameter", message));
            }
            None => {}
        }
    }
    for (name, value) in given
        .iter()
        .filter(|(name, _)| !operation.parameters.contains_key(&***name))
    {
        arguments.insert(name.clone(), value.clone());
    }
    Ok(arguments)
}

/// A text argument, if it is given.
pub(crate) fn text<'a>(arguments: &'a Map, name: &str) -> Option<&'a str> {
    arguments.get(name).and_then(Value::as_str)
}
