//! One entry of `on:`: its inputs, and the word that says what starts a run.

use std::sync::Arc;

use crate::collections::IndexMap;

use super::super::Checker;
use crate::document::{Member, Section, Word, keys};
use crate::duration::Millis;
use crate::finding::Finding;
use crate::run::announce;
use crate::types::Type;
use crate::workflow::trigger::{Misfire, Starts, Trigger};
use crate::workflow::{Input, Tree};
use crate::yaml::{Entry, Node, NodeKind};

/// How short the time between two looks or starts may be.
const EVERY_MIN: Millis = Millis::seconds(1);

/// How many times that passed may be made up for at once.
const MISFIRE_ALL_MAX: u32 = 1_000;

/// The keys of one entry of `on:`.
#[derive(Clone, Copy)]
pub(super) struct Keys<'a>(pub(super) &'a Section);

impl<'a> Keys<'a> {
    /// A key with its value.
    pub(super) fn member(self, name: &str) -> Option<&'a Member> {
        self.0
            .members
            .iter()
            .find(|member| &*member.name.text == name)
    }

    /// The value of a key.
    pub(super) fn value(self, name: &str) -> Option<&'a Node> {
        self.member(name).map(|member| &member.value)
    }
}

impl Checker<'_> {
    pub(in super::super) fn triggers(
        &mut self,
        sections: &[Section],
        inputs: &IndexMap<Arc<str>, Input>,
    ) -> IndexMap<Arc<str>, Trigger> {
        let mut triggers = IndexMap::default();
        for section in sections {
            if let Some(trigger) = self.trigger(section, inputs) {
                triggers.insert(section.name.text.clone(), trigger);
            }
        }
        self.webhook_paths(&triggers);
        triggers
    }

    fn trigger(
        &mut self,
        section: &Section,
        declared: &IndexMap<Arc<str>, Input>,
    ) -> Option<Trigger> {
        let keys = Keys(section);
        let given = keys
            .value("inputs")
            .map(|node| self.trigger_inputs(node, declared))
            .unwrap_or_default();
        let misspelt = keys.value("inputs").map(members).unwrap_or_default();
        let misspelt = super::super::arguments::meant(&misspelt, &declared.keys());
        for input in declared.values() {
            let is_given = given.contains_key(&input.name) || misspelt.contains(&input.name);
            if input.required && !is_given {
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
        let enabled = self
            .boolean(keys.value("enabled"), "`enabled`")
            .unwrap_or(true);
        let jitter = keys.value("jitter").and_then(|node| self.duration(node));
        // Times have nothing to pick by: that was said of the key.
        let timed = keys.member("schedule").is_some() || is_interval(section);
        let condition = keys.value("where").filter(|_| !timed);
        let condition = self.bare(condition);
        let (mut starts, payload) = self.starts(keys)?;
        if let Starts::Poll(watch) = &mut starts {
            watch.condition.clone_from(&condition);
        }
        Some(Trigger {
            name: section.name.text.clone(),
            span: section.name.span,
            enabled,
            starts,
            jitter,
            condition,
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
            self.not_a_map(
                node,
                "`inputs`",
                "write one key an input, such as `day: \"{{ run.due }}\"`",
            );
            return IndexMap::default();
        };
        let mut given = IndexMap::default();
        for entry in entries.iter() {
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
            }
            given.insert(entry.key.clone(), self.tree(&entry.value));
        }
        given.retain(|name, _| declared.contains_key(name));
        given
    }

    fn starts(&mut self, keys: Keys<'_>) -> Option<(Starts, Type)> {
        if let Some(word) = keys.member("trigger") {
            return self.operation_trigger(keys, word);
        }
        if let Some(word) = keys.member("poll") {
            return self.poll(keys, word);
        }
        if let Some(word) = keys.member("schedule") {
            let schedule = self.schedule(keys, word)?;
            return Some((Starts::Schedule(schedule), Type::record([], false)));
        }
        if let Some(word) = keys.member("webhook") {
            return self.webhook(keys, word);
        }
        if let Some(word) = keys.member("event") {
            let name = self.event_name(&word.value)?;
            let payload = payload_of_event(&name);
            return Some((Starts::Event(name), payload));
        }
        if let Some(word) = keys.member("file") {
            let payload = Type::record(
                [
                    ("path", Type::string()),
                    ("size", Type::Integer),
                    ("sha256", Type::string()),
                ],
                false,
            );
            return Some((Starts::File(self.file_pattern(&word.value)?), payload));
        }
        let misfire = self.misfire(keys.value("misfire"));
        let every = self.interval(keys.value("every")?)?;
        Some((Starts::Every(every, misfire), Type::record([], false)))
    }

    /// Time between two looks or starts.
    pub(in super::super) fn interval(&mut self, node: &Node) -> Option<Millis> {
        let every = self.duration(node)?;
        if every < EVERY_MIN {
            let finding = Finding::error("schema.duration", node.span, "`every` is at least 1s");
            self.findings.push(
                finding.help("write `1s` or more; an interval of minutes is kinder to services"),
            );
        }
        Some(every)
    }

    pub(super) fn not_a_map(&mut self, node: &Node, what: &str, help: &str) {
        if !node.is_hole() {
            let message = format!("{what} must be a map, found {}", node.describe());
            let finding = Finding::error("schema.type", node.span, message);
            self.findings.push(finding.help(help));
        }
    }

    fn event_name(&mut self, node: &Node) -> Option<Arc<str>> {
        let name = self.text(Some(node))?;
        let ends = announce::heard_by(announce::ANY_END);
        let is_end = *name == *announce::ANY_END || ends.contains(&&*name);
        if !announce::is_name(&name) {
            let message = format!("`{name}` cannot be the name of an event");
            let finding = Finding::error("schema.id", node.span, message);
            self.findings.push(finding.help(
                "names of events are letters, digits, `.`, `_` and `-`, such as `report.ready`",
            ));
            return None;
        }
        if name.starts_with(announce::RESERVED) && !is_end {
            let message = format!("runs make no event `{name}`");
            let finding = Finding::error("schema.id", node.span, message);
            let known = ends.into_iter().chain([announce::ANY_END]);
            self.findings.push(finding.help_nearest(
                &name,
                known,
                "names that begin with `run.` are ends of runs: `run.succeeded`, `run.failed`, `run.cancelled`, and `run.ended` for any of them",
            ));
            return None;
        }
        Some(name)
    }

    fn file_pattern(&mut self, node: &Node) -> Option<Arc<str>> {
        let pattern = self.text(Some(node))?;
        let outside = pattern.starts_with('/') || pattern.split('/').any(|part| part == "..");
        if pattern.is_empty() || outside {
            let message = if outside {
                format!("`{pattern}` leads out of the project folder")
            } else {
                "the pattern is empty".to_owned()
            };
            let finding = Finding::error("schema.path", node.span, message);
            self.findings.push(
                finding.help(
                    "patterns begin at the project folder and stay in it, such as `in/*.csv`",
                ),
            );
            return None;
        }
        Some(pattern)
    }

    /// `misfire:`.
    pub(super) fn misfire(&mut self, node: Option<&Node>) -> Misfire {
        let Some(node) = node.filter(|node| !node.is_hole()) else {
            return Misfire::default();
        };
        let NodeKind::Map(entries) = &node.kind else {
            self.word(node, "misfire", &["skip", "latest"]);
            let skip = node
                .as_scalar()
                .is_some_and(|scalar| &*scalar.text == "skip");
            return if skip { Misfire::Skip } else { Misfire::Latest };
        };
        self.only(node, "`misfire`", keys::MISFIRE);
        if let Some(entry) = entries.iter().find(|entry| &*entry.key == "all") {
            let all = self.count(Some(&entry.value), "`all`");
            if let Some(all) = all.filter(|all| *all > MISFIRE_ALL_MAX) {
                let message = format!("`all` is at most {MISFIRE_ALL_MAX}, found {all}");
                let finding = Finding::error("schema.type", entry.value.span, message);
                self.findings.push(finding.help(format!(
                    "write at most {MISFIRE_ALL_MAX}; a backfill makes up for more"
                )));
            }
            return all.map_or(Misfire::default(), Misfire::All);
        }
        if entries.is_empty() {
            let finding = Finding::error("schema.one_of", node.span, "this `misfire` says nothing");
            self.findings
                .push(finding.help("write `skip`, `latest`, or `{ all: 30 }`"));
        }
        Misfire::default()
    }
}

/// What belongs to an event: known only for ends of runs.
fn payload_of_event(name: &str) -> Type {
    if !name.starts_with(announce::RESERVED) {
        return Type::Unknown;
    }
    let fields = [
        ("workflow", Type::string()),
        ("run", Type::string()),
        ("status", Type::string()),
        ("error", Type::Unknown),
        ("outputs", Type::Unknown),
    ];
    Type::record(fields, false)
}

/// Whether an entry is an interval: no other word stands in it.
fn is_interval(section: &Section) -> bool {
    let is_word = |member: &Member| keys::TRIGGER_WORDS.contains(&&*member.name.text);
    !section.members.iter().any(is_word)
}

/// The entries of a map with their keys as words.
pub(super) fn members(node: &Node) -> Vec<Member> {
    let NodeKind::Map(entries) = &node.kind else {
        return Vec::new();
    };
    let member = |entry: &Entry| Member {
        name: Word {
            text: entry.key.clone(),
            span: entry.key_span,
        },
        value: entry.value.clone(),
    };
    entries.iter().map(member).collect()
}
