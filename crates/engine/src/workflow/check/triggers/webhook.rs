//! `webhook:`, and a `trigger:` that is delivered: path, repeated deliveries, the answer.

use std::sync::Arc;

use crate::collections::IndexMap;

use super::super::Checker;
use super::entry::Keys;
use crate::catalog::OperationKind;
use crate::document::{Document, Member, keys as language};
use crate::duration::Millis;
use crate::finding::Finding;
use crate::types::Type;
use crate::workflow::Workflow;
use crate::workflow::trigger::{Delivery, Starts, Trigger, Verify};
use crate::yaml::{Node, NodeKind};

/// How long an answer may wait for its run: senders give up soon after.
const WAIT_MAX: Millis = Millis::seconds(30);

impl Checker<'_> {
    pub(super) fn webhook(&mut self, keys: Keys<'_>, word: &Member) -> Option<(Starts, Type)> {
        let path = self.webhook_path(&word.value);
        if keys.member("verify").is_none() {
            let finding = Finding::error(
                "check.webhook_verify",
                word.name.span,
                format!(
                    "the webhook of `{}` does not say how its senders are verified",
                    keys.0.name.text
                ),
            );
            self.findings.push(finding.help("add `verify: standard-webhooks`, `github`, `stripe`, `slack`, `{hmac: ...}`, `{token: ...}` or `none`"));
        }
        let delivery = self.delivery(keys, &path?)?;
        let payload = Type::record(
            [
                ("body", Type::Unknown),
                ("headers", Type::Unknown),
                ("query", Type::Unknown),
                ("method", Type::string()),
            ],
            false,
        );
        Some((Starts::Delivery(Box::new(delivery)), payload))
    }

    /// What all deliveries have.
    pub(super) fn delivery(&mut self, keys: Keys<'_>, path: &str) -> Option<Delivery> {
        let dedupe = self.bare(keys.value("dedupe"));
        let respond = keys.value("respond").and_then(|node| self.respond(node));
        let verify = match keys.value("verify") {
            Some(node) => self.verify(node),
            None => Some(Verify::Nobody),
        };
        Some(Delivery {
            path: path.into(),
            event: None,
            verify: verify?,
            dedupe,
            respond,
        })
    }

    /// Names with `/` between them, and not the place at which a connector's own events are delivered.
    fn webhook_path(&mut self, node: &Node) -> Option<Arc<str>> {
        let path = self.text(Some(node))?;
        let fits = |letter: char| letter.is_ascii_alphanumeric() || "-._~".contains(letter);
        let is_name = |part: &str| {
            !part.is_empty() && part.chars().all(fits) && !part.bytes().all(|byte| byte == b'.')
        };
        if !path.split('/').all(is_name) || path.len() > 200 {
            let message = format!("`{path}` cannot be the path of a webhook");
            let finding = Finding::error("schema.path", node.span, message);
            let mended: Vec<&str> = path
                .split('/')
                .filter(|part| !part.is_empty() && *part != "webhooks")
                .collect();
            let mended = mended.join("/");
            let near = !mended.is_empty() && mended != *path && mended.split('/').all(is_name);
            self.findings.push(if near {
                finding.help(format!("write `{mended}`: it is reached at `/webhooks/{mended}`"))
            } else {
                finding.help("a path is names of letters, digits, `-`, `_`, `.` and `~` with `/` between them, such as `shop/orders`")
            });
            return None;
        }
        if let Some((connector, event)) = path.split_once('/')
            && let Some(known) = self.catalog.connector(connector)
            && known
                .operations
                .get(event)
                .is_some_and(|operation| operation.kind == OperationKind::Trigger)
        {
            let message = format!("`{path}` is where events of `{}` are delivered", known.name);
            let finding = Finding::error("check.webhook_path", node.span, message);
            self.findings.push(finding.help(format!(
                "take them with `trigger: {connector}.{event}` and `verify:`, or choose another path"
            )));
            return None;
        }
        Some(path)
    }

    /// Two triggers cannot take the deliveries of one path.
    pub(super) fn webhook_paths(&mut self, triggers: &IndexMap<Arc<str>, Trigger>) {
        let mut taken: IndexMap<&str, &Trigger> = IndexMap::default();
        for trigger in triggers.values() {
            let Starts::Delivery(delivery) = &trigger.starts else {
                continue;
            };
            let Some(first) = taken.get(&*delivery.path) else {
                taken.insert(&delivery.path, trigger);
                continue;
            };
            let message = format!(
                "`{}` and `{}` take the same deliveries, of `/webhooks/{}`",
                first.name, trigger.name, delivery.path
            );
            let finding = Finding::error("check.webhook_path", trigger.span, message)
                .related(first.span, "the first one");
            self.findings
                .push(finding.help("give one of them another path, or make one trigger of both"));
        }
    }

    /// Whoever reaches a webhook that verifies nobody starts runs.
    pub(in super::super) fn open_webhooks(&mut self, workflow: &Workflow, document: &Document) {
        let unsaid = |finding: &Finding| finding.code == "check.webhook_verify";
        if document.fields.contains_key("risk") || self.findings.iter().any(unsaid) {
            return;
        }
        for trigger in workflow.triggers.values() {
            let Starts::Delivery(delivery) = &trigger.starts else {
                continue;
            };
            if !matches!(delivery.verify, Verify::Nobody) {
                continue;
            }
            let message = format!(
                "whoever reaches `/webhooks/{}` starts runs: nobody is verified",
                delivery.path
            );
            let finding = Finding::warning("check.webhook_open", trigger.span, message);
            self.findings.push(finding.help(
                "name how senders are verified, such as `verify: standard-webhooks`; once weighed, `risk: accepted` on the workflow says so",
            ));
        }
    }

    fn respond(&mut self, node: &Node) -> Option<Millis> {
        let NodeKind::Map(entries) = &node.kind else {
            self.not_a_map(node, "`respond`", "such as `respond: { wait: 10s }`");
            return None;
        };
        self.only(node, "`respond`", language::RESPOND);
        let Some(entry) = entries.iter().find(|entry| &*entry.key == "wait") else {
            if entries.is_empty() {
                let message = "this `respond` does not say how long to wait";
                let finding = Finding::error("schema.one_of", node.span, message);
                self.findings
                    .push(finding.help("such as `respond: { wait: 10s }`"));
            }
            return None;
        };
        let wait = self.duration(&entry.value)?;
        if wait > WAIT_MAX {
            let message = format!("an answer waits at most {WAIT_MAX}");
            let finding = Finding::error("schema.duration", entry.value.span, message);
            self.findings.push(
                finding.help(
                    "a run that takes longer is answered with its id, and goes on all the same",
                ),
            );
        }
        Some(wait)
    }
}
