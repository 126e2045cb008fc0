//! `on:`: what starts runs. All of it is checked here; polls are served by `flow run`, the rest by the daemon.

use std::str::FromStr;
use std::sync::Arc;

use croner::Cron;
use indexmap::IndexMap;

use super::Checker;
use crate::catalog::{Look, OperationKind, OutputType};
use crate::document::{Member, Section};
use crate::finding::Finding;
use crate::types::Type;
use crate::workflow::{Bare, CallShape, Input, Starts, Tree, Trigger};
use crate::yaml::{Node, NodeKind};

impl Checker<'_> {
    pub(super) fn triggers(
        &mut self,
        sections: &[Section],
        inputs: &IndexMap<Arc<str>, Input>,
    ) -> IndexMap<Arc<str>, Trigger> {
        let mut triggers = IndexMap::new();
        for section in sections {
            if let Some(trigger) = self.trigger(section, inputs) {
                triggers.insert(section.name.text.clone(), trigger);
            }
        }
        triggers
    }

    fn trigger(
        &mut self,
        section: &Section,
        declared: &IndexMap<Arc<str>, Input>,
    ) -> Option<Trigger> {
        let member = |name: &str| {
            section
                .members
                .iter()
                .find(|member| &*member.name.text == name)
        };
        let given = member("inputs")
            .map(|member| self.trigger_inputs(&member.value, declared))
            .unwrap_or_default();
        for input in declared.values() {
            if input.required && !given.contains_key(&input.name) {
                let message = format!(
                    "the trigger `{}` leaves the required input `{}` without value",
                    section.name.text, input.name
                );
                let finding = Finding::error("check.trigger_input", section.name.span, message)
                    .related(input.span, "declared here");
                self.findings.push(finding.help(format!(
                    "give it one under `inputs:` of the trigger, or give `{}` a default",
                    input.name
                )));
            }
        }
        self.boolean(member("enabled").map(|member| &member.value), "`enabled`");
        member("jitter").and_then(|member| self.duration(&member.value));
        let (starts, payload) = self.starts(section, &member)?;
        Some(Trigger {
            name: section.name.text.clone(),
            span: section.name.span,
            starts,
            inputs: given,
            payload,
        })
    }

    fn trigger_inputs(
        &mut self,
        node: &Node,
        declared: &IndexMap<Arc<str>, Input>,
    ) -> IndexMap<Arc<str>, Tree> {
        let NodeKind::Map(entries) = &node.kind else {
            if !node.is_hole() {
                self.findings.push(Finding::error(
                    "schema.type",
                    node.span,
                    format!("`inputs` must be a map, found {}", node.describe()),
                ));
            }
            return IndexMap::new();
        };
        let mut given = IndexMap::new();
        for entry in entries {
            if !declared.contains_key(&entry.key) {
                let finding = Finding::error(
                    "check.unknown_input",
                    entry.key_span,
                    format!("the workflow has no input `{}`", entry.key),
                );
                self.findings.push(finding.help_nearest(
                    &entry.key,
                    declared.keys().map(AsRef::as_ref),
                    "declare it under `inputs:`",
                ));
                continue;
            }
            given.insert(entry.key.clone(), self.tree(&entry.value));
        }
        given
    }

    fn starts<'m>(
        &mut self,
        section: &Section,
        member: &impl Fn(&str) -> Option<&'m Member>,
    ) -> Option<(Starts, Type)> {
        let every = member("every").and_then(|member| self.duration(&member.value));
        let condition = member("where")
            .and_then(|member| Bare::parse(&member.value, self.source, &mut self.findings));
        if let Some(trigger) = member("trigger") {
            let found = self.find(&trigger.value)?;
            self.kind(&found, &trigger.value, OperationKind::Trigger);
            let with = member("with")
                .map(|member| inner(&member.value))
                .unwrap_or_default();
            let arguments = self.arguments(&found, &with, trigger.value.span);
            if member("verify").is_some() {
                return Some((Starts::Other("webhook".into()), Type::Unknown));
            }
            let call = CallShape {
                connection: found.connection.clone(),
                connector: found.connector.clone(),
                operation: found.name.clone(),
                arguments,
                pages: None,
                with_response: false,
            };
            let payload = match &found.operation.output {
                OutputType::Fixed(ty) => ty.clone(),
                _ => Type::Unknown,
            };
            // What only runs of flow itself can tell is an event, served by the daemon.
            if found.operation.look.is_none() {
                return Some((Starts::Other("event".into()), payload));
            }
            let watch = self.watch(&found, call, every, condition, &trigger.value)?;
            if matches!(watch.look, Look::Time) {
                let finding = Finding::error(
                    "check.wrong_kind",
                    trigger.value.span,
                    "a time starts runs by `schedule:` or `every:`",
                );
                self.findings.push(finding);
            }
            return Some((Starts::Poll(Box::new(watch)), payload));
        }
        for word in ["schedule", "poll", "webhook", "event", "file"] {
            if let Some(found) = member(word) {
                return self.other(word, found, section, member);
            }
        }
        every.map(|_| (Starts::Other("every".into()), Type::record([], false)))
    }

    fn other<'m>(
        &mut self,
        word: &str,
        found: &Member,
        section: &Section,
        member: &impl Fn(&str) -> Option<&'m Member>,
    ) -> Option<(Starts, Type)> {
        let text = self.text(Some(&found.value))?;
        let payload = match word {
            "schedule" => {
                self.cron(&text, &found.value);
                Type::record([], false)
            }
            "poll" => {
                let operation = self.find(&found.value)?;
                self.kind(&operation, &found.value, OperationKind::Query);
                Type::Unknown
            }
            "webhook" => {
                if member("verify").is_none() {
                    let finding = Finding::error(
                        "check.webhook_verify",
                        found.name.span,
                        format!(
                            "the webhook of `{}` does not say how its senders are verified",
                            section.name.text
                        ),
                    );
                    self.findings.push(finding.help("add `verify: standard-webhooks`, `github`, `stripe`, `slack`, `{hmac: ...}`, `{token: ...}` or `none`"));
                }
                Type::record(
                    [
                        ("body", Type::Unknown),
                        ("headers", Type::Unknown),
                        ("query", Type::Unknown),
                        ("method", Type::string()),
                    ],
                    false,
                )
            }
            "file" => Type::record(
                [
                    ("path", Type::string()),
                    ("size", Type::Integer),
                    ("sha256", Type::string()),
                ],
                false,
            ),
            _ => Type::Unknown,
        };
        Some((Starts::Other(word.into()), payload))
    }

    fn cron(&mut self, text: &str, node: &Node) {
        const HELP: &str = "a schedule has five fields: minute, hour, day of month, month, day of week, such as `0 2 * * *`";
        let fields: Vec<&str> = text.split_whitespace().collect();
        if Cron::from_str(text).is_err() {
            let message = match out_of_range(&fields) {
                Some(message) => message,
                None => format!("`{text}` is not a schedule"),
            };
            self.findings
                .push(Finding::error("cron.syntax", node.span, message).help(HELP));
        } else if fields.len() > 5 {
            let message = format!(
                "this schedule has {} fields: the first one counts seconds",
                fields.len()
            );
            let finding = Finding::warning("cron.seconds", node.span, message);
            self.findings
                .push(finding.help("five fields count from the minute"));
        }
    }
}

/// Names the first of five fields with a number that it cannot have.
fn out_of_range(fields: &[&str]) -> Option<String> {
    const RANGES: [(&str, u64, u64); 5] = [
        ("minute", 0, 59),
        ("hour", 0, 23),
        ("day of month", 1, 31),
        ("month", 1, 12),
        ("day of week", 0, 7),
    ];
    if fields.len() != RANGES.len() {
        return Some(format!(
            "a schedule has five fields, and this one has {}",
            fields.len()
        ));
    }
    fields
        .iter()
        .zip(RANGES)
        .find_map(|(field, (name, least, most))| {
            let numbers = field.split(|letter: char| !letter.is_ascii_digit());
            let mut numbers = numbers.filter(|digits| !digits.is_empty());
            let wrong = numbers.find(|digits| {
                digits
                    .parse::<u64>()
                    .map_or(true, |number| number < least || number > most)
            })?;
            Some(format!(
                "the {name} is a number from {least} to {most}, found {wrong}"
            ))
        })
}

fn inner(node: &Node) -> Vec<Member> {
    let NodeKind::Map(entries) = &node.kind else {
        return Vec::new();
    };
    let member = |entry: &crate::yaml::Entry| Member {
        name: crate::document::Word {
            text: entry.key.clone(),
            span: entry.key_span,
        },
        value: entry.value.clone(),
    };
    entries.iter().map(member).collect()
}
