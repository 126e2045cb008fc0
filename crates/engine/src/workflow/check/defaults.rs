//! `defaults:`: what holds for every step that does not say otherwise.

use std::sync::Arc;

use crate::collections::IndexMap;

use super::Checker;
use crate::catalog::Effect;
use crate::document::keys;
use crate::finding::Finding;
use crate::run::retry::RetryPolicy;
use crate::workflow::Tree;
use crate::yaml::{Node, NodeKind};

/// What steps do if they do not say.
#[derive(Debug, Default)]
pub(super) struct Defaults {
    /// `retry:` of actions and queries.
    pub(super) retry: Option<Node>,
    /// `timeout:` of actions, queries and commands.
    pub(super) timeout: Option<Tree>,
    /// `env` and `cwd` of commands.
    pub(super) run: IndexMap<Arc<str>, Tree>,
    /// The connection of operations that name none.
    pub(super) connection: Option<Arc<str>>,
}

impl Checker<'_> {
    pub(super) fn read_defaults(&mut self, node: Option<&Node>) {
        let Some(node) = node.filter(|node| !node.is_hole()) else {
            return;
        };
        let NodeKind::Map(entries) = &node.kind else {
            let message = format!("`defaults` must be a map, found {}", node.describe());
            let finding = Finding::error("schema.type", node.span, message);
            self.findings
                .push(finding.help("its keys are `retry`, `timeout`, `run`, `connection`"));
            return;
        };
        self.only(node, "`defaults`", keys::DEFAULTS);
        for entry in entries.iter() {
            let value = &entry.value;
            match &*entry.key {
                "retry" => {
                    // Judged here too: perhaps no step uses it.
                    self.retry(Some(value), Effect::Read, RetryPolicy::of(1));
                    self.defaults.retry = Some(value.clone());
                }
                "timeout" => self.defaults.timeout = Some(self.duration_tree(value)),
                "run" => self.defaults_of_commands(value),
                "connection" => self.default_connection(value),
                _ => {}
            }
        }
    }

    fn defaults_of_commands(&mut self, node: &Node) {
        let NodeKind::Map(entries) = &node.kind else {
            let message = format!(
                "`run` of `defaults` must be a map, found {}",
                node.describe()
            );
            self.findings.push(
                Finding::error("schema.type", node.span, message)
                    .help("its keys are `env` and `cwd`"),
            );
            return;
        };
        self.only(node, "`run` of `defaults`", keys::DEFAULTS_RUN);
        for entry in entries.iter() {
            let tree = self.tree(&entry.value);
            self.defaults.run.insert(entry.key.clone(), tree);
        }
    }

    fn default_connection(&mut self, node: &Node) {
        let Some(name) = self.text(Some(node)) else {
            return;
        };
        if self.connection(&name, node.span).is_none() {
            let message = format!("there is no connection or connector `{name}`");
            let declared: Vec<_> = self.connections.keys().cloned().collect();
            let names = declared
                .iter()
                .map(AsRef::as_ref)
                .chain(self.catalog.connector_names());
            let finding = Finding::error("check.unknown_connection", node.span, message);
            self.findings.push(finding.help_nearest(
                &name,
                names,
                "declare it under `connections:`, or see `flow connectors`",
            ));
            return;
        }
        self.defaults.connection = Some(name);
    }
}
