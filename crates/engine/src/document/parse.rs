//! Shape: maps where maps belong, known keys only, names that are names.

use std::sync::Arc;

use indexmap::IndexMap;

use super::keys::{self, Verb};
use super::{Document, Member, Section, StepShape, Word};
use crate::finding::Finding;
use crate::source::{SourceFile, Span};
use crate::yaml::{self, Entry, Node, NodeKind};

/// Reads a workflow's shape. Whatever cannot be read is left out, with a finding.
pub fn parse(source: &SourceFile) -> (Document, Vec<Finding>) {
    let (root, findings) = yaml::read(source);
    let mut parser = Parser { findings };
    let document = parser.document(source, &root);
    parser.findings.sort_by_key(|finding| finding.span.start);
    (document, parser.findings)
}

struct Parser {
    findings: Vec<Finding>,
}

impl Parser {
    fn document(&mut self, source: &SourceFile, root: &Node) -> Document {
        let mut document = Document {
            source: source.clone(),
            fields: IndexMap::new(),
            inputs: Vec::new(),
            vars: Vec::new(),
            connections: Vec::new(),
            triggers: Vec::new(),
            steps: Vec::new(),
            outputs: Vec::new(),
        };
        if root.is_hole() {
            return document;
        }
        let mut has_steps = false;
        for entry in self.map(root, "a workflow") {
            let Some(key) = self.known(entry, "a workflow", keys::WORKFLOW, keys::WORKFLOW_LATER)
            else {
                continue;
            };
            match key {
                "inputs" => document.inputs = self.sections(&entry.value, "`inputs`"),
                "vars" => document.vars = self.members(&entry.value, "`vars`", true),
                "connections" => {
                    document.connections = self.sections(&entry.value, "`connections`");
                }
                "on" => document.triggers = self.triggers(entry),
                "outputs" => document.outputs = self.members(&entry.value, "`outputs`", true),
                "steps" => {
                    has_steps = true;
                    document.steps = self.steps(&entry.value);
                    if document.steps.is_empty() && !entry.value.is_hole() && is_empty(&entry.value)
                    {
                        let finding = Finding::error(
                            "schema.no_steps",
                            entry.key_span,
                            "the workflow has no steps",
                        );
                        self.findings.push(finding.help("a step has an id and says what it does, such as `hello: { run: echo hello }`"));
                    }
                }
                key => {
                    document.fields.insert(key, entry.value.clone());
                }
            }
        }
        let misspelt = self
            .findings
            .iter()
            .any(|finding| finding.code == "schema.unknown_field");
        if !has_steps && !misspelt && matches!(root.kind, NodeKind::Map(_)) {
            let finding = Finding::error(
                "schema.no_steps",
                Span::at(root.span.start as usize),
                "the workflow has no `steps:`",
            );
            self.findings
                .push(finding.help("a workflow needs at least one step under `steps:`"));
        }
        document
    }

    /// The entries of a map; anything else is reported.
    fn map<'a>(&mut self, node: &'a Node, what: &str) -> &'a [Entry] {
        match &node.kind {
            NodeKind::Map(entries) => entries,
            NodeKind::Hole => &[],
            _ => {
                if !node.is_null() {
                    let message = format!("{what} must be a map, found {}", node.describe());
                    self.findings
                        .push(Finding::error("schema.type", node.span, message));
                }
                &[]
            }
        }
    }

    /// The key from the list, or a finding with the nearest one.
    fn known(
        &mut self,
        entry: &Entry,
        what: &str,
        known: &[&'static str],
        later: &[&'static str],
    ) -> Option<&'static str> {
        if let Some(key) = known.iter().find(|key| **key == &*entry.key) {
            return Some(key);
        }
        let finding = if later.contains(&&*entry.key) {
            let message = format!(
                "`{}` is part of the language, but this version of flow does not serve it yet",
                entry.key
            );
            Finding::error("check.not_served", entry.key_span, message)
        } else {
            let message = format!("{what} has no key `{}`", entry.key);
            let known_list = known
                .iter()
                .map(|key| format!("`{key}`"))
                .collect::<Vec<_>>()
                .join(", ");
            Finding::error("schema.unknown_field", entry.key_span, message)
                .label("unknown key")
                .help_nearest(
                    &entry.key,
                    known.iter().chain(later).copied(),
                    format!("the keys of {what} are {known_list}"),
                )
        };
        self.findings.push(finding);
        None
    }

    fn members(&mut self, node: &Node, what: &str, names: bool) -> Vec<Member> {
        let mut members = Vec::new();
        for entry in self.map(node, what) {
            let name = Word {
                text: entry.key.clone(),
                span: entry.key_span,
            };
            if !names || self.is_name(&name, what) {
                members.push(Member {
                    name,
                    value: entry.value.clone(),
                });
            }
        }
        members
    }

    fn sections(&mut self, node: &Node, what: &str) -> Vec<Section> {
        let members = self.members(node, what, true);
        members
            .into_iter()
            .map(|member| self.section(member))
            .collect()
    }

    fn section(&mut self, member: Member) -> Section {
        let members = match &member.value.kind {
            NodeKind::Map(_) => self.members(&member.value, "", false),
            _ => Vec::new(),
        };
        Section {
            name: member.name,
            node: member.value,
            members,
        }
    }

    /// `on:` is one trigger named `main` if any of its keys is a trigger's word, else each key names one.
    fn triggers(&mut self, entry: &Entry) -> Vec<Section> {
        let NodeKind::Map(entries) = &entry.value.kind else {
            self.map(&entry.value, "`on`");
            return Vec::new();
        };
        let is_one = entries
            .iter()
            .any(|inner| keys::TRIGGER_WORDS.contains(&&*inner.key) || &*inner.key == "every");
        let sections = if is_one {
            let name = Word {
                text: "main".into(),
                span: entry.key_span,
            };
            vec![self.section(Member {
                name,
                value: entry.value.clone(),
            })]
        } else {
            self.sections(&entry.value, "`on`")
        };
        for section in &sections {
            self.trigger(section);
        }
        sections
    }

    fn trigger(&mut self, section: &Section) {
        let what = format!("the trigger `{}`", section.name.text);
        if section.members.is_empty() && !section.node.is_hole() {
            let message = format!("{what} must be a map, found {}", section.node.describe());
            self.findings
                .push(Finding::error("schema.type", section.node.span, message));
            return;
        }
        for member in &section.members {
            let entry = Entry {
                key: member.name.text.clone(),
                key_span: member.name.span,
                value: member.value.clone(),
            };
            self.known(&entry, &what, keys::TRIGGER, &[]);
        }
        let words: Vec<_> = section
            .members
            .iter()
            .filter(|member| keys::TRIGGER_WORDS.contains(&&*member.name.text))
            .collect();
        let has_every = section
            .members
            .iter()
            .any(|member| &*member.name.text == "every");
        match words.as_slice() {
            [] if has_every => {}
            [] => {
                let message = format!("{what} does not say what starts a run");
                let finding = Finding::error("schema.one_of", section.name.span, message);
                self.findings.push(finding.help("give it one of `schedule`, `every`, `trigger`, `poll`, `webhook`, `event`, `file`"));
            }
            [_] => {}
            [first, second, ..] => {
                let message = format!(
                    "{what} has both `{}` and `{}`",
                    first.name.text, second.name.text
                );
                let finding = Finding::error("schema.one_of", second.name.span, message);
                self.findings.push(
                    finding
                        .help("make two triggers of it, each with a name of its own under `on:`"),
                );
            }
        }
    }

    fn steps(&mut self, node: &Node) -> Vec<StepShape> {
        if let NodeKind::List(items) = &node.kind {
            let message = "`steps` must be a map from step ids to steps, found a list";
            let place = items.first().map_or(node.span, |item| item.span);
            let finding = Finding::error("schema.type", place, message);
            self.findings.push(
                finding.help("write `steps:` with one key a step, such as `fetch: { query: ... }`"),
            );
            return Vec::new();
        }
        let members = self.members(node, "`steps`", true);
        if let Some(one_more) = members.get(keys::STEPS_MAX) {
            let message = format!("a workflow has at most {} steps", keys::STEPS_MAX);
            self.findings.push(
                Finding::error("schema.too_many_steps", one_more.name.span, message)
                    .help("put a part of them into a workflow of its own"),
            );
        }
        members
            .into_iter()
            .take(keys::STEPS_MAX)
            .filter_map(|member| self.step(member))
            .collect()
    }

    fn step(&mut self, member: Member) -> Option<StepShape> {
        let what = format!("step `{}`", member.name.text);
        if member.value.is_null() {
            let finding = Finding::error(
                "schema.one_of",
                member.name.span,
                format!("{what} does not say what it does"),
            );
            self.findings
                .push(finding.help("give it one of `action`, `query`, `trigger`, `run`, `value`"));
            return None;
        }
        let span = member.name.span.to(member.value.span);
        let mut step = StepShape {
            name: member.name,
            span,
            verb: None,
            fields: IndexMap::new(),
            with: Vec::new(),
        };
        let entries = self.map(&member.value, &what);
        let known = keys_of(entries);
        let mut places = Vec::new();
        let later_verb = |key: &str| matches!(key, "steps" | "workflow");
        let mut has_later_verb = false;
        for entry in entries {
            has_later_verb |= later_verb(&entry.key);
            let Some(key) = self.known(entry, &what, &known, keys::STEP_LATER) else {
                continue;
            };
            if let Some(verb) = Verb::ALL.into_iter().find(|verb| verb.as_str() == key) {
                if let Some((first, _)) = &step.verb {
                    let message = format!("{what} has both `{}` and `{key}`", first.as_str());
                    let finding = Finding::error("schema.one_of", entry.key_span, message);
                    self.findings.push(finding.help("make two steps of it"));
                } else {
                    step.verb = Some((verb, entry.value.clone()));
                }
            } else if key == "with" {
                step.with = self.members(&entry.value, "`with`", false);
                step.fields.insert(key, entry.value.clone());
            } else {
                places.push((key, entry.key_span));
                step.fields.insert(key, entry.value.clone());
            }
        }
        self.step_verb(
            &step,
            &what,
            &places,
            has_later_verb || !matches!(member.value.kind, NodeKind::Map(_)),
        );
        Some(step)
    }

    fn step_verb(
        &mut self,
        step: &StepShape,
        what: &str,
        places: &[(&'static str, Span)],
        reported: bool,
    ) {
        let Some((verb, _)) = &step.verb else {
            if !reported {
                let finding = Finding::error(
                    "schema.one_of",
                    step.name.span,
                    format!("{what} does not say what it does"),
                );
                self.findings.push(
                    finding.help("give it one of `action`, `query`, `trigger`, `run`, `value`"),
                );
            }
            return;
        };
        for (key, span) in places {
            let verbs = keys::STEP
                .iter()
                .find(|(known, _)| known == key)
                .map_or(&[][..], |(_, verbs)| verbs);
            if !verbs.contains(verb) {
                let with = verbs
                    .iter()
                    .map(|verb| format!("`{}`", verb.as_str()))
                    .collect::<Vec<_>>()
                    .join(", ");
                let message = format!("`{key}` does not go with `{}`", verb.as_str());
                let finding = Finding::error("schema.misplaced", *span, message);
                self.findings
                    .push(finding.help(format!("`{key}` goes with {with}")));
            }
        }
        if let (Some(node), Verb::Run | Verb::Value) = (step.fields.get("with"), verb) {
            let message = format!("`with` does not go with `{}`", verb.as_str());
            let help = match verb {
                Verb::Run => "a command takes `args:`, `env:` and `stdin:` beside `run:`",
                _ => "write the tree of values behind `value:`",
            };
            self.findings
                .push(Finding::error("schema.misplaced", node.span, message).help(help));
        }
    }

    /// Names used in expressions: `[a-z][a-z0-9_]{0,63}`.
    fn is_name(&mut self, name: &Word, what: &str) -> bool {
        if is_identifier(&name.text) {
            return true;
        }
        let message = format!("`{}` cannot be a name in {what}", shorten(&name.text));
        let finding = Finding::error("schema.id", name.span, message);
        let mended = mended(&name.text);
        let rule = "names are lower-case letters, digits and `_`, and begin with a letter, at most 64 in all";
        self.findings.push(match mended {
            Some(mended) => finding
                .help(format!("{rule}: write `{mended}`"))
                .meant(&*name.text, mended),
            None => finding.help(rule),
        });
        false
    }
}

/// The keys that a step with these entries may have: those of its verb, once it has one, and all verbs.
fn keys_of(entries: &[Entry]) -> Vec<&'static str> {
    let verb = Verb::ALL
        .into_iter()
        .find(|verb| entries.iter().any(|entry| verb.as_str() == &*entry.key));
    let fitting = keys::STEP
        .iter()
        .filter(|(key, verbs)| {
            let misplaced = entries.iter().any(|entry| *key == &*entry.key);
            misplaced || verb.is_none_or(|verb| verbs.contains(&verb))
        })
        .map(|(key, _)| *key);
    Verb::ALL
        .iter()
        .map(|verb| verb.as_str())
        .chain(fitting)
        .collect()
}

/// Whether a node is written as nothing.
fn is_empty(node: &Node) -> bool {
    node.is_null() || matches!(&node.kind, NodeKind::Map(entries) if entries.is_empty())
}

/// Whether a text is a name that expressions can use.
pub fn is_identifier(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && text.len() <= 64
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

fn mended(text: &str) -> Option<String> {
    let mended: String = text
        .chars()
        .map(|letter| {
            if letter.is_ascii_alphanumeric() {
                letter.to_ascii_lowercase()
            } else {
                '_'
            }
        })
        .take(64)
        .collect();
    (text.is_ascii() && is_identifier(&mended)).then_some(mended)
}

fn shorten(text: &str) -> Arc<str> {
    if text.chars().count() <= 40 {
        return text.into();
    }
    format!("{}…", text.chars().take(39).collect::<String>()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let source = SourceFile::new("a.yml", text);
        let (_, findings) = parse(&source);
        let shown: Vec<_> = findings
            .iter()
            .map(|finding| {
                let position = source.position(finding.span.start);
                format!(
                    "{}:{} {} [{}]",
                    position.line,
                    position.column,
                    finding.message,
                    finding.help.as_deref().unwrap_or("")
                )
            })
            .collect();
        assert_eq!(shown.join("\n"), expected);
    }

    #[test]
    fn wrong_shapes() {
        check(
            "steps: 5\n",
            "1:8 `steps` must be a map, found an integer []",
        );
        check(
            "stpes: {}\n",
            "1:1 a workflow has no key `stpes` [did you mean `steps`?]",
        );
        check(
            "steps: { Fetch: { run: ls } }\n",
            "1:10 `Fetch` cannot be a name in `steps` [names are lower-case letters, digits and `_`, and begin with a letter, at most 64 in all: write `fetch`]",
        );
        check(
            "steps: { a: { run: ls, retires: 3 } }\n",
            "1:24 step `a` has no key `retires` [did you mean `retry`?]",
        );
        check(
            "steps: { a: { run: ls, value: 3 } }\n",
            "1:24 step `a` has both `run` and `value` [make two steps of it]",
        );
        check(
            "steps: { a: { needs: b } }\n",
            "1:10 step `a` does not say what it does [give it one of `action`, `query`, `trigger`, `run`, `value`]",
        );
        check(
            "steps: { a: { value: 1, retry: 3 } }\n",
            "1:25 `retry` does not go with `value` [`retry` goes with `action`, `query`, `run`]",
        );
        check(
            "steps: { a: { steps: {} } }\n",
            "1:15 `steps` is part of the language, but this version of flow does not serve it yet []",
        );
        check(
            "on: { trigger: x, poll: y }\nsteps: { a: { value: 1 } }\n",
            "1:19 the trigger `main` has both `trigger` and `poll` [make two triggers of it, each with a name of its own under `on:`]",
        );
    }
}
