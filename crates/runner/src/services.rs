//! What a run needs from outside: connectors, secrets, the sandbox.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flow_connector::Connectors;
use flow_engine::bundle::Bundle;
use flow_engine::finding::Finding;
use flow_engine::source::SourceFile;
use flow_engine::value::{Map, Value};
use flow_engine::workflow::{Does, SecretUse, Workflow};
use flow_sandbox::{Config, Sandbox};
use secrecy::SecretString;

use crate::exit::{Exit, Trouble};
use crate::secrets::EnvironmentSecrets;
use crate::show::diagnostics;

/// The connectors that the sandbox serves.
pub(crate) const SANDBOX_SERVES: &[&str] = &["claude-api"];

/// The built-in connectors and those of the project's folder `connectors/`.
pub(crate) fn connectors(project: &Path) -> Result<Connectors, Trouble> {
    connectors_in(&[project])
}

/// The built-in connectors and those of the folders `connectors/` in these folders, the last ones first in rank.
pub(crate) fn connectors_in(folders: &[&Path]) -> Result<Connectors, Trouble> {
    let mut connectors = Connectors::builtin();
    let mut all = Vec::new();
    for folder in folders {
        all.extend(user_descriptors(&folder.join("connectors"))?);
    }
    for documents in all {
        connectors = connectors
            .with_descriptor(&documents)
            .map_err(|error| descriptor_trouble(&error))?;
    }
    Ok(connectors)
}

/// The connectors that a run pinned.
pub(crate) fn pinned(bundle: &Bundle) -> Result<Connectors, Trouble> {
    let mut connectors = Connectors::builtin();
    for (handle, text) in &bundle.descriptors {
        let documents: Vec<SourceFile> = serde_json::from_str::<Vec<(String, String)>>(text)
            .map_err(|error| anyhow::anyhow!("the pinned descriptor of `{handle}`: {error}"))?
            .into_iter()
            .map(|(name, text)| SourceFile::new(name, text))
            .collect();
        connectors = connectors
            .with_descriptor(&documents)
            .map_err(|error| descriptor_trouble(&error))?;
    }
    Ok(connectors)
}

/// What a run of this workflow pins.
pub(crate) fn bundle(workflow: &Workflow, connectors: &Connectors) -> Bundle {
    let mut descriptors = BTreeMap::new();
    let connections = workflow.with_children().into_iter();
    for connection in connections.flat_map(|workflow| workflow.connections.values()) {
        if let Some(service) = connectors.service(&connection.connector) {
            let documents: Vec<(&str, &str)> = service
                .sources
                .iter()
                .map(|source| (source.name(), source.text()))
                .collect();
            let text = serde_json::to_string(&documents).expect("pairs of texts have a JSON form");
            descriptors.insert(connection.connector.to_string(), text);
        }
    }
    Bundle::new(workflow, descriptors)
}

/// The documents in a folder: `x.yaml`, `x.json`, or `x.service.json` with `x.resources.json`.
pub(crate) fn user_descriptors(folder: &Path) -> Result<Vec<Vec<SourceFile>>, Trouble> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Ok(Vec::new());
    };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .collect();
    paths.retain(|path| {
        path.extension().is_some_and(|extension| {
            ["json", "yaml", "yml"]
                .iter()
                .any(|known| extension == *known)
        })
    });
    paths.sort();
    let mut groups: BTreeMap<String, Vec<SourceFile>> = BTreeMap::new();
    for path in paths {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let stem = name.split('.').next().unwrap_or(&name).to_owned();
        let source = descriptor(&path)?;
        let documents = groups.entry(stem).or_default();
        // The service comes before its resources.
        let at = if name.contains(".service.") {
            0
        } else {
            documents.len()
        };
        documents.insert(at, source);
    }
    Ok(groups.into_values().collect())
}

/// One text of a descriptor.
pub(crate) fn descriptor(path: &Path) -> Result<SourceFile, Trouble> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let message = format!("{}: {error}", path.display());
        Trouble::new(Exit::Invalid, "descriptor.syntax", message)
    })?;
    Ok(SourceFile::new(path.display().to_string(), text))
}

pub(crate) fn descriptor_trouble(error: &flow_connector::DescriptorError) -> Trouble {
    Trouble::new(Exit::Invalid, error.code, error.to_string())
        .help("`docs/connector-format.md` describes the format")
}

/// Starts the sandbox, if it is wanted, and points the connectors that it serves at it.
pub(crate) async fn sandboxed(
    wanted: bool,
    connectors: Connectors,
    store: &Path,
) -> Result<(Connectors, Option<Sandbox>), Trouble> {
    if !wanted {
        return Ok((connectors, None));
    }
    let sandbox = start_sandbox(Config::new(store.join("sandbox"))).await?;
    Ok((pointed_at(connectors, &sandbox), Some(sandbox)))
}

/// Points the connectors that the sandbox serves at it, with a made-up key.
pub(crate) fn pointed_at(connectors: Connectors, sandbox: &Sandbox) -> Connectors {
    SANDBOX_SERVES.iter().fold(connectors, |connectors, name| {
        connectors.with_override(
            name,
            format!("{}/v1", sandbox.base_url()),
            SecretString::from("sandbox-key"),
        )
    })
}

pub(crate) async fn start_sandbox(config: Config) -> Result<Sandbox, Trouble> {
    Sandbox::start(config)
        .await
        .map_err(|error| Trouble::new(Exit::Unavailable, "sandbox.start", error.to_string()))
}

/// Looks up every secret that a run will need, as [`look_up_secrets`]. Those that are missing are shown at their lines.
pub(crate) fn secrets(
    workflow: &Workflow,
    inputs: &Map,
    sandbox: bool,
    waits: bool,
) -> Result<EnvironmentSecrets, Trouble> {
    look_up_secrets(workflow, inputs, sandbox, waits).map_err(|missing| {
        for (workflow, finding) in &missing.named {
            diagnostics::print(&workflow.source, std::slice::from_ref(finding));
        }
        missing
            .given
            .unwrap_or_else(|| Trouble::said(Exit::Invalid))
    })
}

/// Secrets that are not set.
pub(crate) struct Missing<'w> {
    /// One that an input names.
    given: Option<Trouble>,
    /// Those that workflows name, each with its place.
    named: Vec<(&'w Workflow, Finding)>,
}

impl Missing<'_> {
    /// The first of them, in a line with its code.
    pub(crate) fn said(&self) -> String {
        format!("[secret.missing] {}", self.message())
    }

    /// The first of them, in words.
    pub(crate) fn message(&self) -> &str {
        let given = self.given.as_ref().map(|trouble| trouble.message.as_str());
        let named = self
            .named
            .first()
            .map(|(_, finding)| finding.message.as_str());
        given.or(named).unwrap_or_default()
    }
}

/// Looks up every secret that a run will need: those that its steps name, those of workflows that it starts, and those that
/// its inputs name. Secrets of connections that only triggers use are needed if one is waited for.
pub(crate) fn look_up_secrets<'w>(
    workflow: &'w Workflow,
    inputs: &Map,
    sandbox: bool,
    waits: bool,
) -> Result<EnvironmentSecrets, Missing<'w>> {
    let needed: Vec<(&Workflow, &SecretUse)> = workflow
        .with_children()
        .into_iter()
        .enumerate()
        .flat_map(|(at, workflow)| {
            let needed = needed_by(workflow, sandbox, waits && at == 0);
            needed.into_iter().map(move |secret| (workflow, secret))
        })
        .collect();
    let given = secrets_in(&crate::inputs::with_defaults(workflow, inputs));
    let names = needed.iter().map(|(_, secret)| &secret.name);
    // Whether a workflow that it starts is given these is known when it is.
    let perhaps = defaults_of_children(workflow);
    let (secrets, mut missing) = EnvironmentSecrets::look_up(names.chain(&given).chain(&perhaps));
    missing.retain(|name| {
        given.contains(name) || needed.iter().any(|(_, secret)| secret.name == *name)
    });
    if let Some(name) = given.iter().find(|name| missing.contains(name)) {
        let message = format!("the secret `{name}`, which an input names, is not set");
        let trouble = Trouble::new(Exit::Invalid, "secret.missing", message);
        return Err(Missing {
            given: Some(trouble.help(format!(
                "set it: `export {name}=...`; an input of type secret takes the name, not the value"
            ))),
            named: Vec::new(),
        });
    }
    if missing.is_empty() {
        return Ok(secrets);
    }
    let mut said: Vec<(&Workflow, Finding)> = Vec::new();
    for (workflow, secret) in needed {
        let finding = missing_secret(workflow, secret);
        let is_said = said
            .iter()
            .any(|(_, before)| before.message == finding.message);
        if missing.contains(&secret.name) && !is_said {
            said.push((workflow, finding));
        }
    }
    Err(Missing {
        given: None,
        named: said,
    })
}

/// The secrets of a run that can be had now, for one that is only to be ended.
pub(crate) fn secrets_at_hand(workflow: &Workflow, inputs: &Map) -> EnvironmentSecrets {
    let workflows = workflow.with_children();
    let needed = workflows.iter().flat_map(|workflow| &workflow.secrets);
    let mut given = secrets_in(&crate::inputs::with_defaults(workflow, inputs));
    given.extend(defaults_of_children(workflow));
    EnvironmentSecrets::look_up(needed.map(|secret| &secret.name).chain(&given)).0
}

/// The secrets that workflows which it starts take where they are given none.
fn defaults_of_children(workflow: &Workflow) -> Vec<Arc<str>> {
    let children = workflow.with_children().into_iter().skip(1);
    children
        .flat_map(|child| secrets_in(&crate::inputs::with_defaults(child, &Map::new())))
        .collect()
}

fn connector_of<'w>(workflow: &'w Workflow, secret: &SecretUse) -> Option<&'w str> {
    let name = secret.connection.as_ref()?;
    Some(&*workflow.connections.get(name)?.connector)
}

fn needed_by(workflow: &Workflow, sandbox: bool, waits: bool) -> Vec<&SecretUse> {
    let unneeded = |secret: &SecretUse| {
        let connector = connector_of(workflow, secret);
        let served = connector.is_some_and(|name| SANDBOX_SERVES.contains(&name));
        let connection = secret.connection.as_deref();
        let idle = connection.is_some_and(|name| !waits && !used_by_steps(workflow, name));
        (sandbox && served) || idle
    };
    let secrets = workflow.secrets.iter();
    secrets.filter(|secret| !unneeded(secret)).collect()
}

fn missing_secret(workflow: &Workflow, secret: &SecretUse) -> Finding {
    let of = secret
        .connection
        .as_ref()
        .map(|name| format!(" of the connection `{name}`"))
        .unwrap_or_default();
    let message = format!("the secret `{}`{of} is not set", secret.name);
    let mut help = format!("set it: `export {}=...`", secret.name);
    let connector = connector_of(workflow, secret);
    if connector.is_some_and(|name| SANDBOX_SERVES.contains(&name)) {
        help.push_str(", or try the workflow without a key with `--sandbox`");
    }
    Finding::error("secret.missing", secret.span, message).help(help)
}

fn used_by_steps(workflow: &Workflow, connection: &str) -> bool {
    workflow.steps.iter().any(|step| match &step.does {
        Does::Call(call) => &*call.call.connection == connection,
        Does::Hold(watch) => &*watch.call.connection == connection,
        Does::Value(_) | Does::Engine(..) | Does::Group(_) | Does::Child(_) => false,
    })
}

/// The names of secrets in inputs.
fn secrets_in(inputs: &Map) -> Vec<Arc<str>> {
    let mut names = Vec::new();
    for (_, value) in inputs.iter() {
        value.walk(&mut |value| {
            if let Value::Secret(secret) = value {
                names.extend(secret.names().map(Arc::from));
            }
        });
    }
    names
}
