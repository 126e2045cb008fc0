//! `flow connector test`: calls what only reads, and says whether the answers are what the descriptor says.

use std::sync::Arc;

use flow_connector::Connectors;
use flow_engine::catalog::{Connector, Effect, Operation, OperationKind};
use flow_engine::finding::nearest;
use flow_engine::value::Map;
use serde_json::{Value as Json, json};

use super::super::signals::Signals;
use super::super::{StoreArguments, call, print_json};
use super::probe::{Probe, Prober};
use crate::exit::{Exit, Trouble};
use crate::inputs;
use crate::services;
use crate::show::style::{BOLD, DIM, GREEN, RED, paint};
use crate::show::values::plural;

#[derive(clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The connector.
    #[arg(value_name = "NAME")]
    name: String,
    /// One operation, whatever it does; without it, all that only read and need no parameters.
    #[arg(value_name = "OPERATION")]
    operation: Option<String>,
    /// Its parameters, as name=value.
    #[arg(value_name = "NAME=VALUE", value_parser = inputs::pair)]
    parameters: Vec<(String, String)>,
    /// Another address of the service.
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// A setting of the connection, as name=value.
    #[arg(long = "setting", value_name = "NAME=VALUE", value_parser = inputs::pair)]
    settings: Vec<(String, String)>,
    /// Print what was tried as one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

pub(super) async fn test(arguments: Arguments) -> Result<Exit, Trouble> {
    let folders = arguments.store.folders()?;
    let connectors = services::connectors(&folders.project)?;
    let catalog = connectors.catalog();
    let connector = catalog
        .connector(&arguments.name)
        .filter(|connector| !connector.local);
    let connector = connector.ok_or_else(|| unknown_connector(&arguments.name, &connectors))?;
    let mut pairs = arguments.settings.clone();
    pairs.extend(
        arguments
            .base_url
            .clone()
            .map(|url| ("base_url".to_owned(), url)),
    );
    let given = call::given_settings(&catalog, &connector.name, &pairs)?;
    let (settings, secrets) = call::credentials(&catalog, &connector.name, &given, false)?;
    let (planned, left_out) = match &arguments.operation {
        Some(written) => (
            vec![named(connector, written, &arguments.parameters)?],
            Vec::new(),
        ),
        None => planned(connector),
    };
    let prober = Prober::new(&connectors, connector, settings, secrets, &folders.project)?;
    let mut signals = Signals::listen();
    let mut tried = Vec::new();
    for (name, operation, parameters) in planned {
        let probe = tokio::select! {
            probe = prober.probe(name, operation, parameters) => probe,
            exit = signals.next() => {
                prober.stop();
                return Err(Trouble::said(exit));
            }
        };
        if !arguments.json {
            show(&probe);
        }
        tried.push(probe);
    }
    let failed = tried.iter().filter(|probe| !probe.is_good()).count();
    if arguments.json {
        print_json(&as_json(connector, &tried, &left_out, failed));
    } else {
        for (name, why) in &left_out {
            anstream::println!("{}", paint(DIM, format!("- {name}: {why}")));
        }
        let count = plural(tried.len() as u64, "operation");
        anstream::eprintln!(
            "{count} tried: {failed} failed, {} left out",
            left_out.len()
        );
    }
    Ok(if failed > 0 {
        Exit::Failed
    } else {
        Exit::Success
    })
}

type Planned<'a> = (&'a Arc<str>, &'a Operation, Map);

/// What only reads and needs nothing, and why the rest is not called.
fn planned(connector: &Connector) -> (Vec<Planned<'_>>, Vec<(&Arc<str>, String)>) {
    let (mut planned, mut left_out) = (Vec::new(), Vec::new());
    for (name, operation) in &connector.operations {
        if operation.kind == OperationKind::Trigger {
            continue;
        }
        let needed = operation
            .parameters
            .iter()
            .filter(|(_, parameter)| parameter.required);
        let needed: Vec<&str> = needed.map(|(name, _)| &**name).collect();
        if operation.kind != OperationKind::Query || operation.effect != Effect::Read {
            left_out.push((
                name,
                "it may change something: name it to try it".to_owned(),
            ));
        } else if needed.is_empty() {
            planned.push((name, operation, Map::new()));
        } else {
            left_out.push((name, format!("it needs {}", needed.join(", "))));
        }
    }
    (planned, left_out)
}

fn named<'a>(
    connector: &'a Connector,
    written: &str,
    pairs: &[(String, String)],
) -> Result<Planned<'a>, Trouble> {
    let prefix = format!("{}.", connector.name);
    let wanted = written.strip_prefix(&prefix).unwrap_or(written);
    let found = connector.operations.get_key_value(wanted);
    let found = found.filter(|(_, operation)| operation.kind != OperationKind::Trigger);
    let (name, operation) = found.ok_or_else(|| {
        let message = format!("`{}` has no query and no action `{wanted}`", connector.name);
        let trouble = Trouble::new(Exit::Usage, "check.unknown_operation", message);
        match nearest(wanted, connector.operations.keys().map(AsRef::as_ref)) {
            Some(near) => trouble.help(format!("did you mean `{near}`?")),
            None => trouble.help(format!("`flow connectors {}` lists them", connector.name)),
        }
    })?;
    let full = format!("{}.{name}", connector.name);
    Ok((name, operation, call::parameters(&full, operation, pairs)?))
}

fn unknown_connector(name: &str, connectors: &Connectors) -> Trouble {
    let message = format!("there is no connector `{name}` to a service");
    let trouble = Trouble::new(Exit::Usage, "check.unknown_connector", message);
    match nearest(name, connectors.catalog().connector_names()) {
        Some(near) if near != name => trouble.help(format!("did you mean `{near}`?")),
        _ => trouble.help("`flow connectors` lists them"),
    }
}

fn show(probe: &Probe) {
    let mark = if probe.is_good() {
        paint(GREEN, "✓")
    } else {
        paint(RED, "✗")
    };
    let status = probe
        .status
        .map_or_else(String::new, |status| format!("{status}  "));
    let facts = probe.facts().join(", ");
    anstream::println!("{mark} {}  {}", paint(BOLD, &probe.name), probe.request);
    anstream::println!("  {status}{} ms  {facts}", probe.millis);
    if let Some(problem) = &probe.problem {
        anstream::println!("  {}: {}", paint(RED, &problem.code), problem.message);
    }
    anstream::println!();
}

fn as_json(
    connector: &Connector,
    tried: &[Probe],
    left_out: &[(&Arc<str>, String)],
    failed: usize,
) -> Json {
    let left = |(name, why): &(&Arc<str>, String)| json!({ "operation": &***name, "why": why });
    json!({
        "connector": &*connector.name,
        "tried": tried.iter().map(Probe::as_json).collect::<Vec<_>>(),
        "left_out": left_out.iter().map(left).collect::<Vec<_>>(),
        "failed": failed,
    })
}
