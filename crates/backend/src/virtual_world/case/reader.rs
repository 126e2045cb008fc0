//! Nodes of a case file as what they should be; what they are not is a finding.

use std::sync::Arc;

use flow_engine::document::{Files, Word};
use flow_engine::duration::Millis;
use flow_engine::finding::Finding;
use flow_engine::source::{SourceFile, Span};
use flow_engine::value::{Value, json};
use flow_engine::yaml::{Entry, Node, NodeKind};

use super::Placed;

/// Reads nodes and keeps what is wrong with them.
pub(super) struct Reader<'a> {
    pub(super) source: &'a SourceFile,
    pub(super) files: &'a dyn Files,
    pub(super) findings: Vec<Finding>,
}

impl Reader<'_> {
    /// The node is something else than it should be.
    pub(super) fn wrong(&mut self, node: &Node, expected: &str) {
        if !node.is_hole() {
            let message = format!("expected {expected}, found {}", node.describe());
            self.findings
                .push(Finding::error("test.shape", node.span, message));
        }
    }

    /// The entries of a map; nothing is an empty one.
    pub(super) fn entries<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Entry] {
        match &node.kind {
            NodeKind::Map(entries) => entries,
            _ if node.is_null() => &[],
            _ => {
                self.wrong(node, &format!("{what}: a map"));
                &[]
            }
        }
    }

    /// The entries of a map with known keys.
    pub(super) fn fields<'n>(&mut self, node: &'n Node, what: &str, known: &[&str]) -> &'n [Entry] {
        let entries = self.entries(node, what);
        for entry in entries {
            if !known.contains(&&*entry.key) {
                let message = format!("{what} has no key `{}`", entry.key);
                let finding = Finding::error("test.unknown_key", entry.key_span, message);
                let known_keys = format!("its keys are {}", known.join(", "));
                let finding = finding.help_nearest(&entry.key, known.iter().copied(), known_keys);
                self.findings.push(finding);
            }
        }
        entries
    }

    /// The items of a list.
    pub(super) fn items<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        if let NodeKind::List(items) = &node.kind {
            return items;
        }
        self.wrong(node, &format!("{what}: a list"));
        &[]
    }

    /// A text as it is written.
    pub(super) fn text(&mut self, node: &Node, what: &str) -> Option<Word> {
        let scalar = node.as_scalar().filter(|scalar| !scalar.is_null());
        if scalar.is_none() {
            self.wrong(node, what);
        }
        scalar.map(|scalar| Word {
            text: scalar.text.clone(),
            span: node.span,
        })
    }

    /// A length of time.
    pub(super) fn duration(&mut self, node: &Node) -> Option<Millis> {
        let word = self.text(node, "a duration")?;
        let duration = Millis::parse(&word.text);
        if duration.is_none() && &*word.text != "0" {
            let message = format!("`{}` is not a duration", word.text);
            let finding = Finding::error("test.shape", word.span, message);
            self.findings
                .push(finding.help("durations are written like `500ms`, `10s`, `25h`, `1h30m`"));
        }
        duration.or((&*word.text == "0").then_some(Millis(0)))
    }

    /// A whole number, not negative.
    pub(super) fn number(&mut self, node: &Node) -> Option<Placed<u64>> {
        let value = node.as_scalar().and_then(|scalar| scalar.value().ok());
        let number = value.and_then(|value| value.as_u64());
        if number.is_none() {
            self.wrong(node, "a whole number");
        }
        let span = node.span;
        number.map(|value| Placed { span, value })
    }

    /// Any value. `!text PATH` is the text of a file.
    pub(super) fn value(&mut self, node: &Node) -> Value {
        match (&node.kind, node.tag.as_deref()) {
            (NodeKind::Scalar(scalar), Some("text")) => {
                match self.files.read(self.source.name(), &scalar.text) {
                    Ok(read) => Value::from(read.text()),
                    Err(why) => {
                        let message = format!("`{}` cannot be read: {why}", scalar.text);
                        let finding = Finding::error("test.file", node.span, message);
                        let help = "paths start at the folder of the case file";
                        self.findings.push(finding.help(help));
                        Value::Null
                    }
                }
            }
            (NodeKind::Scalar(scalar), Some(_)) => Value::String(scalar.text.clone()),
            (NodeKind::Scalar(scalar), None) => scalar.value().unwrap_or_else(|_| {
                let message = "this number does not fit 64 bits";
                self.findings
                    .push(Finding::error("test.shape", node.span, message));
                Value::Null
            }),
            (NodeKind::List(items), _) => Value::list(
                items
                    .iter()
                    .map(|item| self.value(item))
                    .collect::<Vec<_>>(),
            ),
            (NodeKind::Map(entries), _) => {
                let members = entries
                    .iter()
                    .map(|entry| (entry.key.clone(), self.value(&entry.value)));
                Value::map(members.collect::<Vec<(Arc<str>, Value)>>())
            }
            (NodeKind::Hole, _) => Value::Null,
        }
    }

    /// Any value; `!text PATH` of a file with the ending `.json` or `.jsonl` is what the file holds.
    pub(super) fn data(&mut self, node: &Node) -> Value {
        match (&node.kind, node.tag.as_deref()) {
            (NodeKind::Scalar(scalar), Some("text")) => {
                let text = self.value(node);
                let read = match (scalar.text.rsplit('.').next(), text.as_str()) {
                    (Some("json"), Some(text)) => json::parse(text.as_bytes()),
                    (Some("jsonl"), Some(text)) => {
                        let lines = text.lines().filter(|line| !line.trim().is_empty());
                        let items: Result<Vec<Value>, _> =
                            lines.map(|line| json::parse(line.as_bytes())).collect();
                        items.map(Value::list)
                    }
                    _ => return text,
                };
                read.unwrap_or_else(|error| {
                    let message = format!("`{}` is no JSON: {error}", scalar.text);
                    let finding = Finding::error("test.file", node.span, message);
                    self.findings.push(finding);
                    Value::Null
                })
            }
            (NodeKind::List(items), _) => {
                Value::list(items.iter().map(|item| self.data(item)).collect::<Vec<_>>())
            }
            (NodeKind::Map(entries), _) => {
                let members = entries
                    .iter()
                    .map(|entry| (entry.key.clone(), self.data(&entry.value)));
                Value::map(members.collect::<Vec<(Arc<str>, Value)>>())
            }
            _ => self.value(node),
        }
    }

    /// Any value with its place.
    pub(super) fn placed(&mut self, node: &Node) -> Placed<Value> {
        Placed {
            span: self.first_line(node.span),
            value: self.data(node),
        }
    }

    /// The same for what a file holds: `!text` is its text, whatever its ending.
    pub(super) fn placed_text(&mut self, node: &Node) -> Placed<Value> {
        Placed {
            span: self.first_line(node.span),
            value: self.value(node),
        }
    }

    /// The first line of a place: what is said of many lines is said at their beginning.
    pub(super) fn first_line(&self, span: Span) -> Span {
        let text = self.source.slice(span);
        let start = text.len() - text.trim_start().len();
        let line = text.trim_start().lines().next().unwrap_or_default();
        let start = span.start as usize + start;
        Span::new(start, start + line.trim_end().len())
    }
}

/// The key of an entry.
pub(super) fn key(entry: &Entry) -> Word {
    Word {
        text: entry.key.clone(),
        span: entry.key_span,
    }
}

/// A text with its place, without its type.
pub(super) fn placed(word: Word) -> Placed<Arc<str>> {
    let span: Span = word.span;
    Placed {
        span,
        value: word.text,
    }
}
