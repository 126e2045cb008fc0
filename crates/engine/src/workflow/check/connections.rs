//! `connections:` and the connections that a connector's own name implies.

use std::sync::Arc;

use super::Checker;
use crate::catalog::Connector;
use crate::document::{Section, Word};
use crate::finding::Finding;
use crate::source::Span;
use crate::value::{Secret, Value};
use crate::workflow::{Connection, Limits, SecretUse, Tree};

impl Checker<'_> {
    pub(super) fn declared_connections(&mut self, sections: &[Section]) {
        for section in sections {
            self.declared_connection(section);
        }
    }

    fn declared_connection(&mut self, section: &Section) {
        let name = &section.name;
        if self
            .catalog
            .connector(&name.text)
            .is_some_and(|connector| connector.local)
        {
            let message = format!(
                "`{}` is a local connector: no connection may take its name",
                name.text
            );
            self.findings.push(
                Finding::error("check.connection_name", name.span, message)
                    .help("give the connection another name"),
            );
            return;
        }
        let word = |key: &str| {
            section
                .members
                .iter()
                .find(|member| &*member.name.text == key)
        };
        // Without `connector:` the connection's own name says which one.
        let wanted = match word("connector") {
            Some(member) => self.text(Some(&member.value)).map(|text| Word {
                text,
                span: member.value.span,
            }),
            None => Some(name.clone()),
        };
        let Some(wanted) = wanted else { return };
        let Some(connector) = self.catalog.connector(&wanted.text) else {
            let message = format!("there is no connector `{}`", wanted.text);
            let finding = Finding::error("check.unknown_connector", wanted.span, message);
            let names = self.catalog.connector_names();
            self.findings.push(finding.help_nearest(
                &wanted.text,
                names,
                "`flow connectors` lists them; a connection says `connector: NAME`",
            ));
            return;
        };
        let (mut settings, mut limits) = (Vec::new(), None);
        for member in &section.members {
            let key = &member.name.text;
            match &**key {
                "connector" => continue,
                "limits" => {
                    limits = Some(self.limits(&member.value));
                    continue;
                }
                "queue" => {
                    self.queue(&member.value);
                    continue;
                }
                _ => {}
            }
            if !connector.settings.contains_key(key) {
                let message = format!(
                    "a connection to `{}` has no setting `{key}`",
                    connector.name
                );
                let finding = Finding::error("check.unknown_setting", member.name.span, message);
                let known = connector
                    .settings
                    .keys()
                    .map(|key| format!("`{key}`"))
                    .collect::<Vec<_>>()
                    .join(", ");
                let names = connector.settings.keys().map(AsRef::as_ref);
                self.findings.push(finding.help_nearest(
                    key,
                    names,
                    format!("its settings are {known}"),
                ));
                continue;
            }
            let tree = self.tree(&member.value);
            if connector.settings[key].secret
                && tree
                    .constant()
                    .is_some_and(|value| value.as_str().is_some())
            {
                let finding = Finding::error(
                    "check.secret_in_file",
                    member.value.span,
                    format!("`{key}` is a secret and must not stand in the file"),
                );
                self.findings.push(finding.help(format!(
                    "set it in the environment and write \"{{{{ secrets.{} }}}}\"",
                    key.to_uppercase()
                )));
            }
            if &**key == "base_url" && tree.constant().is_none() && !tree.is_hole() {
                self.address_template(member.value.span);
            }
            self.setting_value(key, &connector.settings[key].one_of, &tree);
            settings.push((key.clone(), tree));
        }
        self.declared.insert(name.text.clone(), section.node.span);
        self.add_connection(name.text.clone(), connector, settings, limits, name.span);
    }

    fn address_template(&mut self, at: Span) {
        let message = "the address of a service cannot be a template: its key would follow";
        let finding = Finding::error("check.address_template", at, message);
        self.findings
            .push(finding.help("write the address out; two services are two connections"));
    }

    /// A setting that is written out must be one of those allowed.
    fn setting_value(&mut self, key: &str, one_of: &[Arc<str>], tree: &Tree) {
        let Some(value) = tree.constant().filter(|_| !one_of.is_empty()) else {
            return;
        };
        let text = value
            .as_str()
            .map_or_else(|| super::settings::shown(value), str::to_owned);
        if one_of.iter().all(|one| **one != *text) {
            let known: Vec<&str> = one_of.iter().map(AsRef::as_ref).collect();
            let finding = Finding::error(
                "check.type",
                tree.span,
                format!("`{key}` cannot be `{text}`"),
            );
            let otherwise = format!("it is one of {}", known.join(", "));
            self.findings
                .push(finding.help_nearest(&text, known, otherwise));
        }
    }

    fn add_connection(
        &mut self,
        name: Arc<str>,
        connector: &Connector,
        mut settings: Vec<(Arc<str>, Tree)>,
        limits: Option<Limits>,
        span: Span,
    ) {
        let written = |name: &str| {
            let (_, tree) = settings.iter().find(|(given, _)| **given == *name)?;
            Some(tree.constant().and_then(Value::as_str))
        };
        let needed = connector.settings.iter().filter_map(|(key, setting)| {
            let secret = setting.secret_if(written)?;
            (written(key).is_none()).then(|| (key.clone(), secret.clone()))
        });
        let needed: Vec<(Arc<str>, Arc<str>)> = needed.collect();
        for (key, secret) in needed {
            settings.push((
                key,
                Tree::of(Value::from(Secret::named(secret.clone())), span),
            ));
            self.secrets.push(SecretUse {
                name: secret,
                span,
                connection: Some(name.clone()),
            });
        }
        let settings = Tree::map(settings, span);
        let identity = connector.settings.iter();
        let identity = identity.filter(|(_, setting)| setting.identifies);
        let own = self.prices.iter().find(|(of, _)| *of == connector.name);
        let prices = own.map(|(_, own)| Arc::new(connector.prices.with(own)));
        self.connections.insert(
            name,
            Connection {
                connector: connector.name.clone(),
                settings,
                limits,
                rated: connector.rated,
                identity: identity.map(|(name, _)| name.clone()).collect(),
                prices: prices.unwrap_or_else(|| connector.prices.clone()),
                span,
            },
        );
    }

    /// The connection that the first part of an operation's name means: a declared one, else a connector or its alias.
    pub(super) fn connection(&mut self, name: &str, span: Span) -> Option<Arc<str>> {
        if let Some(declared) = self.connections.get(name) {
            return Some(declared.connector.clone());
        }
        let connector = self.catalog.connector(name)?;
        let handle = connector.name.clone();
        if connector.local {
            return Some(handle);
        }
        self.add_connection(name.into(), connector, Vec::new(), None, span);
        Some(handle)
    }
}
