//! Which deliveries are taken, and how the sender of each is made sure of: a table made anew when what is served changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use flow_backend::context::Secrets;
use flow_engine::expr::{RefPart, Scope};
use flow_engine::run::Values;
use flow_engine::value::{Map, Secret, Value};
use flow_engine::workflow::trigger::{Delivery, Verify};
use flow_engine::workflow::{Starts, Stop, Tree, Workflow};
use secrecy::ExposeSecret;

use super::daemon::Source;
use super::library::{Library, Loaded};
use super::verify::{Algorithm, Check, Signature};
use crate::secrets::EnvironmentSecrets;

/// The header in which a signature comes, where the workflow names none.
const SIGNATURE_HEADER: &str = "x-signature";
/// The header in which a token comes, where the workflow names none.
const TOKEN_HEADER: &str = "authorization";

/// A trigger that is delivered.
pub(super) struct Hook {
    pub(super) source: Source,
    pub(super) loaded: Arc<Loaded>,
    /// Why it cannot be verified, if its secret cannot be had.
    pub(super) check: Result<Check, String>,
}

impl Hook {
    /// What the workflow says of it.
    pub(super) fn delivery(&self) -> &Delivery {
        match &self.loaded.workflow.triggers[&self.source.1].starts {
            Starts::Delivery(delivery) => delivery,
            _ => unreachable!("hooks are made of deliveries"),
        }
    }
}

/// All of them, by their paths below `/webhooks/`.
pub(super) type Hooks = BTreeMap<String, Vec<Arc<Hook>>>;

/// The table for what is served now.
pub(super) fn table(library: &Library) -> Hooks {
    let mut table = Hooks::new();
    for loaded in library.workflows.values() {
        for trigger in loaded.triggers() {
            let Starts::Delivery(delivery) = &trigger.starts else {
                continue;
            };
            let source: Source = (loaded.workflow.name.clone(), trigger.name.clone());
            let check = check(&loaded.workflow, delivery);
            let hook = Hook {
                source,
                loaded: loaded.clone(),
                check,
            };
            table
                .entry(delivery.path.to_string())
                .or_default()
                .push(Arc::new(hook));
        }
    }
    table
}

/// How the sender of a delivery is made sure of, with its secret.
pub(super) fn check(workflow: &Workflow, delivery: &Delivery) -> Result<Check, String> {
    let render = |tree: &Tree| {
        let mut secrets = Map::new();
        tree.references(&workflow.source, &mut |reference, _| {
            if let ("secrets", Some(RefPart::Key(name))) =
                (&*reference.root, reference.path.first())
            {
                secrets.insert(name.clone(), Value::from(Secret::named(name.clone())));
            }
        });
        let values = Values {
            secrets: Value::from(secrets),
            ..Values::default()
        };
        tree.render(&Scope::new(&values), &workflow.source)
            .map_err(Stop::into_failure)
            .map_err(|failure| format!("[{}] {}", failure.code, failure.message))
    };
    let open = |value: &Value| match value {
        Value::Secret(secret) => {
            let names: Vec<Arc<str>> = secret.names().map(Arc::from).collect();
            let (secrets, _) = EnvironmentSecrets::look_up(&names);
            let text = secrets
                .open(secret)
                .map(|text| text.expose_secret().to_owned());
            text.map_err(|failure| format!("[{}] {}", failure.code, failure.message))
        }
        _ => Err("[secret.missing] it does not say which secret".to_owned()),
    };
    let text = |value: &Value, name: &str, default: &str| {
        let given = value.get(name).and_then(Value::as_str);
        given.unwrap_or(default).to_owned()
    };
    Ok(match &delivery.verify {
        Verify::Nobody => Check::Nobody,
        Verify::Scheme(scheme, tree) => Check::Scheme(*scheme, open(&render(tree)?)?),
        Verify::Token(tree) => {
            let value = render(tree)?;
            Check::Token {
                header: text(&value, "header", TOKEN_HEADER).to_ascii_lowercase(),
                secret: open(value.get("secret").unwrap_or(&value))?,
            }
        }
        Verify::Hmac(tree) => {
            let value = render(tree)?;
            Check::Signature(Signature {
                header: text(&value, "header", SIGNATURE_HEADER).to_ascii_lowercase(),
                secret: open(value.get("secret").unwrap_or(&value))?,
                algorithm: match &*text(&value, "algorithm", "sha256") {
                    "sha1" => Algorithm::Sha1,
                    "sha512" => Algorithm::Sha512,
                    _ => Algorithm::Sha256,
                },
                base64: text(&value, "encoding", "hex") == "base64",
                prefix: text(&value, "prefix", ""),
            })
        }
    })
}
