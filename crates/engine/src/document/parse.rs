//! Shape: maps where maps belong, known keys only, names that are names.

use crate::collections::HashMap;
use std::sync::Arc;

use crate::collections::IndexMap;

use super::foreign::foreign;
use super::include::{Files, include};
use super::project::settings;
use super::{Body, Document, Member, Section, Word, keys};
use crate::finding::Finding;
use crate::source::{SourceFile, Span};
use crate::yaml::{self, Entry, Node, NodeKind};

/// Reads a workflow's shape, with the files that it includes. Whatever cannot be read is left out, with a finding.
///
/// The document's source holds the text of included files too: places in them are places in it.
pub fn parse(source: &SourceFile, files: &dyn Files) -> (Document, Vec<Finding>) {
    let (mut root, mut findings) = yaml::read(source);
    let mut source = include(&mut root, source, files, &mut findings);
    let settings = files.project().map(|text| {
        let at = source.append(&text);
        settings(&text, at, &mut findings)
    });
    let mut parser = Parser {
        findings,
        ids: HashMap::default(),
    };
    let mut document = parser.document(&source, &root);
    parser.project(&mut document, settings.as_deref().unwrap_or_default());
    parser.findings.sort_by_key(|finding| finding.span.start);
    (document, parser.findings)
}

pub(super) struct Parser {
    pub(super) findings: Vec<Finding>,
    /// Ids of steps that were seen, with their places.
    pub(super) ids: HashMap<Arc<str>, Span>,
}

impl Parser {
    fn document(&mut self, source: &SourceFile, root: &Node) -> Document {
        let mut document = Document {
            source: source.clone(),
            fields: IndexMap::default(),
            prices: None,
            inputs: Vec::new(),
            vars: Vec::new(),
            connections: Vec::new(),
            triggers: Vec::new(),
            steps: Body::default(),
            finally: None,
            outputs: Vec::new(),
        };
        if root.is_hole() {
            return document;
        }
        let mut has_steps = false;
        for entry in self.map(root, "a workflow") {
            let Some(key) = self.known(entry, "a workflow", keys::WORKFLOW) else {
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
                "finally" => {
                    document.finally = Some(self.body(&entry.value, entry.key_span, "finally"));
                }
                "steps" => {
                    has_steps = true;
                    document.steps = self.body(&entry.value, entry.key_span, "steps");
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

    /// What the settings of the project give, where the file says nothing.
    fn project(&mut self, document: &mut Document, settings: &[Entry]) {
        for entry in settings {
            match &*entry.key {
                "vars" => {
                    // A var of the file stands where the one that it replaces did: others may use it.
                    let mut vars = self.members(&entry.value, "`vars`", true);
                    for var in std::mem::take(&mut document.vars) {
                        match vars
                            .iter_mut()
                            .find(|known| known.name.text == var.name.text)
                        {
                            Some(known) => *known = var,
                            None => vars.push(var),
                        }
                    }
                    document.vars = vars;
                }
                "connections" => {
                    let mut connections = self.sections(&entry.value, "`connections`");
                    let own = |name: &Word| {
                        let mut known = document.connections.iter();
                        known.any(|connection| connection.name.text == name.text)
                    };
                    connections.retain(|connection| !own(&connection.name));
                    connections.append(&mut document.connections);
                    document.connections = connections;
                }
                "defaults" => {
                    let own = document.fields.entry("defaults");
                    let own = own.or_insert_with(|| entry.value.clone());
                    with_missing(own, &entry.value);
                }
                "prices" => document.prices = Some(entry.value.clone()),
                _ => {}
            }
        }
    }

    /// The entries of a map; anything else is reported.
    pub(super) fn map<'a>(&mut self, node: &'a Node, what: &str) -> &'a [Entry] {
        match &node.kind {
            NodeKind::Map(entries) => entries,
            NodeKind::Hole => &[],
            _ => {
                if !node.is_null() {
                    let message = format!("{what} must be a map, found {}", node.describe());
                    let finding = Finding::error("schema.type", node.span, message);
                    self.findings
                        .push(finding.help("write keys with their values, such as `name: value`"));
                }
                &[]
            }
        }
    }

    /// The key from the list, or a finding with the nearest one.
    pub(super) fn known(
        &mut self,
        entry: &Entry,
        what: &str,
        known: &[&'static str],
    ) -> Option<&'static str> {
        if let Some(key) = known.iter().find(|key| **key == &*entry.key) {
            return Some(key);
        }
        let message = format!("{what} has no key `{}`", entry.key);
        let finding =
            Finding::error("schema.unknown_field", entry.key_span, message).label("unknown key");
        let finding = match foreign(&entry.key, known) {
            Some((help, Some(ours))) => finding.help(help).meant(&*entry.key, ours),
            Some((help, None)) => finding.help(help),
            None => finding.help_nearest(&entry.key, known.iter().copied(), listed(what, known)),
        };
        self.findings.push(finding);
        None
    }

    pub(super) fn members(&mut self, node: &Node, what: &str, names: bool) -> Vec<Member> {
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

    pub(super) fn sections(&mut self, node: &Node, what: &str) -> Vec<Section> {
        let members = self.members(node, what, true);
        members
            .into_iter()
            .map(|member| self.section(member))
            .collect()
    }

    pub(super) fn section(&mut self, member: Member) -> Section {
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

/// How many keys a message lists: those that are written most often stand first.
const LISTED_MAX: usize = 20;

fn listed(what: &str, known: &[&str]) -> String {
    let list: Vec<String> = known
        .iter()
        .take(LISTED_MAX)
        .map(|key| format!("`{key}`"))
        .collect();
    let more = match known.len().saturating_sub(LISTED_MAX) {
        0 => String::new(),
        more => format!(", and {more} more: docs/language.md"),
    };
    format!("the keys of {what} are {}{more}", list.join(", "))
}

/// Adds the entries of a map that another one has and it has not.
fn with_missing(own: &mut Node, other: &Node) {
    let (NodeKind::Map(own), NodeKind::Map(other)) = (&mut own.kind, &other.kind) else {
        return;
    };
    for entry in other.iter() {
        if own.iter().all(|known| known.key != entry.key) {
            Arc::make_mut(own).push(entry.clone());
        }
    }
}

/// Whether a node is written as nothing.
pub(super) fn is_empty(node: &Node) -> bool {
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
    use crate::document::NoFiles;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let source = SourceFile::new("a.yml", text);
        let (_, findings) = parse(&source, &NoFiles);
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
            "1:8 `steps` must be a map, found an integer [write keys with their values, such as `name: value`]",
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
            "1:10 step `a` does not say what it does [give it one of `action`, `query`, `trigger`, `run`, `value`, `workflow`, `steps`]",
        );
        check(
            "steps: { a: { value: 1, retry: 3 } }\n",
            "1:25 `retry` does not go with `value` [`retry` goes with `action`, `query`, `run`]",
        );
        check(
            "steps: { a: { steps: {} } }\n",
            "1:15 there are no steps [a step has an id and says what it does, such as `hello: { run: echo hello }`]",
        );
        check(
            "on: { trigger: x, poll: y }\nsteps: { a: { value: 1 } }\n",
            "1:19 the trigger `main` has both `trigger` and `poll` [make two triggers of it, each with a name of its own under `on:`]",
        );
    }
}
