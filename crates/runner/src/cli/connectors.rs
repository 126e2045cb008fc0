//! `flow connectors`: the catalog.

use std::fmt::Write as _;

use flow_engine::catalog::{Connector, Operation, OperationKind, ParameterKind};
use flow_engine::finding::nearest;
use serde_json::json;

use super::{StoreArguments, print, print_json};
use crate::exit::{Exit, Trouble};
use crate::services;
use crate::show::style::{BOLD, DIM, paint};
use crate::show::values;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// A connector.
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// One of its operations.
    #[arg(value_name = "OPERATION")]
    operation: Option<String>,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

pub(super) fn connectors(arguments: &Arguments) -> Result<Exit, Trouble> {
    let folders = arguments.store.folders()?;
    let catalog = services::connectors(&folders.project)?.catalog();
    let Some(name) = &arguments.name else {
        if arguments.json {
            print_json(&catalog.connectors.values().map(connector_json).collect());
        } else {
            print(&list(catalog.connectors.values()));
        }
        return Ok(Exit::Success);
    };
    let connector = catalog.connector(name).ok_or_else(|| {
        let trouble = Trouble::new(
            Exit::Usage,
            "check.unknown_connector",
            format!("there is no connector `{name}`"),
        );
        match nearest(name, catalog.connector_names()) {
            Some(near) => trouble.help(format!("did you mean `{near}`?")),
            None => trouble.help("`flow connectors` lists them"),
        }
    })?;
    let Some(operation) = &arguments.operation else {
        if arguments.json {
            print_json(&connector_json(connector));
        } else {
            print(&one(connector));
        }
        return Ok(Exit::Success);
    };
    // `claude.models.list` means the same as `models.list`.
    let wanted = operation
        .split_once('.')
        .filter(|(first, _)| catalog.connector(first).is_some())
        .map_or(operation.as_str(), |(_, rest)| rest);
    let (name, found) = connector.operations.get_key_value(wanted).ok_or_else(|| {
        let trouble = Trouble::new(
            Exit::Usage,
            "check.unknown_operation",
            format!("`{}` has no operation `{wanted}`", connector.name),
        );
        match nearest(wanted, connector.operations.keys().map(AsRef::as_ref)) {
            Some(near) => trouble.help(format!("did you mean `{near}`?")),
            None => trouble.help(format!("`flow connectors {}` lists them", connector.name)),
        }
    })?;
    if arguments.json {
        print_json(&operation_json(connector, name, found));
    } else {
        print(&details(connector, name, found));
    }
    Ok(Exit::Success)
}

fn list<'a>(connectors: impl Iterator<Item = &'a Connector>) -> String {
    let connectors: Vec<_> = connectors.collect();
    let width = connectors
        .iter()
        .map(|connector| connector.name.len())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for connector in connectors {
        let count = values::plural(connector.operations.len() as u64, "operation");
        let _ = writeln!(
            text,
            "{:width$}  {} {}",
            connector.name,
            connector.description,
            paint(DIM, format!("({count})"))
        );
    }
    text
}

fn one(connector: &Connector) -> String {
    let mut text = format!(
        "{}: {}\n{}\n",
        paint(BOLD, &connector.name),
        connector.title,
        connector.description
    );
    for (heading, kind) in [
        ("Triggers", OperationKind::Trigger),
        ("Actions", OperationKind::Action),
        ("Queries", OperationKind::Query),
    ] {
        let operations: Vec<_> = connector
            .operations
            .iter()
            .filter(|(_, operation)| operation.kind == kind)
            .collect();
        if operations.is_empty() {
            continue;
        }
        let _ = writeln!(text, "\n{}", paint(BOLD, heading));
        let width = operations
            .iter()
            .map(|(name, _)| name.len())
            .max()
            .unwrap_or(0);
        let titles = operations
            .iter()
            .map(|(_, operation)| operation.title.chars().count())
            .max()
            .unwrap_or(0);
        for (name, operation) in operations {
            let title = &operation.title;
            let _ = writeln!(
                text,
                "  {name:width$}  {title:titles$}  {}",
                paint(DIM, &operation.description)
            );
        }
    }
    if !connector.settings.is_empty() {
        let _ = writeln!(text, "\n{}", paint(BOLD, "Settings of a connection"));
        let width = connector
            .settings
            .keys()
            .map(|name| name.len())
            .max()
            .unwrap_or(0);
        for (name, setting) in &connector.settings {
            let default = setting
                .default_secret
                .as_ref()
                .map(|secret| format!(" (default: secrets.{secret})"))
                .unwrap_or_default();
            let _ = writeln!(
                text,
                "  {name:width$}  {}{}",
                setting.description,
                paint(DIM, default)
            );
        }
    }
    text
}

fn details(connector: &Connector, name: &str, operation: &Operation) -> String {
    let mut text = format!(
        "{}: {}\n{}\n",
        paint(BOLD, format!("{}.{name}", connector.name)),
        operation.title,
        operation.description
    );
    let request = if operation.method.is_empty() {
        String::new()
    } else {
        format!(", {} {}", operation.method, operation.path)
    };
    let _ = writeln!(
        text,
        "{}",
        paint(
            DIM,
            format!(
                "{}, effect {}{request}",
                operation.kind.as_str(),
                operation.effect.as_str()
            )
        )
    );
    if !operation.parameters.is_empty() {
        let _ = writeln!(text, "\n{}", paint(BOLD, "Parameters"));
        let width = operation
            .parameters
            .keys()
            .map(|name| name.len())
            .max()
            .unwrap_or(0);
        for (name, parameter) in &operation.parameters {
            let required = if parameter.required {
                "required"
            } else {
                "optional"
            };
            let per_item = if parameter.kind == ParameterKind::Value {
                ""
            } else {
                ", for each item"
            };
            let about = paint(DIM, format!("({}, {required}{per_item})", parameter.ty));
            let _ = writeln!(text, "  {name:width$}  {} {about}", parameter.description);
        }
    }
    text
}

fn connector_json(connector: &Connector) -> serde_json::Value {
    let operations: Vec<_> = connector
        .operations
        .iter()
        .map(|(name, operation)| operation_json(connector, name, operation))
        .collect();
    json!({
        "name": &*connector.name,
        "title": &*connector.title,
        "description": &*connector.description,
        "local": connector.local,
        "operations": operations,
    })
}

fn operation_json(connector: &Connector, name: &str, operation: &Operation) -> serde_json::Value {
    let parameters: Vec<_> = operation
        .parameters
        .iter()
        .map(|(name, parameter)| {
            json!({
                "name": &**name,
                "type": parameter.ty.to_string(),
                "kind": match parameter.kind {
                    ParameterKind::Value => "value",
                    ParameterKind::Expression { .. } => "expression",
                    ParameterKind::Template { .. } => "template",
                },
                "required": parameter.required,
                "default": parameter.default.as_ref().map(values::to_json),
                "description": &*parameter.description,
            })
        })
        .collect();
    json!({
        "id": format!("{}.{name}", connector.name),
        "kind": operation.kind.as_str(),
        "title": &*operation.title,
        "description": &*operation.description,
        "effect": operation.effect.as_str(),
        "method": if operation.method.is_empty() { None } else { Some(&*operation.method) },
        "path": if operation.path.is_empty() { None } else { Some(&*operation.path) },
        "parameters": parameters,
    })
}
