//! From text to tree: one document, unique keys, merge keys applied, aliases expanded within a budget.

use crate::collections::HashMap;
use std::sync::Arc;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Tag, options};

use super::syntax::{complex_key, control_character, syntax_finding};
use super::{Entry, Node, NodeKind, Scalar, Style};
use crate::finding::Finding;
use crate::source::{SourceFile, Span};

/// Size of a file that is read at all.
const FILE_BYTES_MAX: usize = 16 << 20;
/// How deep lists and maps may nest.
const DEPTH_MAX: usize = 64;
/// How many nodes a file may have, aliases expanded; enough for 10,000 steps.
const NODES_MAX: usize = 500_000;
/// How many bytes aliases may repeat: as many as a file may have.
const ALIAS_BYTES_MAX: usize = FILE_BYTES_MAX;
/// How many merge keys (`<<`) a file may have.
const MERGES_MAX: usize = 10_000;
/// The tags that a workflow may use.
const TAGS: [&str; 3] = ["text", "template", "raw"];

/// How large a text may be.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of the text.
    pub bytes: usize,
    /// Nodes, aliases expanded.
    pub nodes: usize,
}

impl Default for Limits {
    /// Those of workflows.
    fn default() -> Limits {
        Limits {
            bytes: FILE_BYTES_MAX,
            nodes: NODES_MAX,
        }
    }
}

/// Reads a text as one YAML document. What cannot be read becomes a hole, with a finding.
pub fn read(source: &SourceFile) -> (Node, Vec<Finding>) {
    read_within(source, Limits::default())
}

/// Reads a text as one YAML document, within limits of the caller's.
pub fn read_within(source: &SourceFile, limits: Limits) -> (Node, Vec<Finding>) {
    let mut reader = Reader {
        source,
        limits,
        findings: Vec::new(),
        anchors: HashMap::default(),
        nodes: 0,
        alias_bytes: 0,
        merges: 0,
        stack: Vec::new(),
        root: None,
    };
    reader.run();
    let root = reader.root.unwrap_or_else(|| hole(Span::default()));
    (root, reader.findings)
}

struct Reader<'a> {
    source: &'a SourceFile,
    limits: Limits,
    findings: Vec<Finding>,
    anchors: HashMap<usize, Anchored>,
    nodes: usize,
    alias_bytes: usize,
    merges: usize,
    stack: Vec<Open>,
    root: Option<Node>,
}

/// A node that aliases may repeat, with its nodes and bytes, aliases in it expanded.
#[derive(Clone)]
struct Anchored {
    node: Node,
    nodes: usize,
    bytes: usize,
}

/// A list or map that is not closed yet.
struct Open {
    span: Span,
    anchor: usize,
    tag: Option<Arc<str>>,
    nodes_before: usize,
    alias_bytes_before: usize,
    children: Children,
}

enum Children {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        seen: HashMap<Arc<str>, Span>,
        merges: Vec<(usize, Node)>,
        key: Option<Node>,
    },
}

fn hole(span: Span) -> Node {
    Node {
        span,
        kind: NodeKind::Hole,
        tag: None,
    }
}

impl Reader<'_> {
    fn run(&mut self) {
        if self.source.text().len() > self.limits.bytes {
            let message = format!("the file is larger than {} MiB", self.limits.bytes >> 20);
            let finding = Finding::error("yaml.too_large", Span::at(0), message);
            self.findings
                .push(finding.help("put long texts into files of their own, with `!text`"));
            return;
        }
        if let Some(finding) = control_character(self.source) {
            self.findings.push(finding);
            return;
        }
        let options = options! { emit_comments: false, emit_unresolved_aliases: true };
        let mut documents = 0;
        for next in Parser::new_from_str_with_options(self.source.text(), options) {
            let (event, span) = match next {
                Ok(next) => next,
                Err(error) => return self.fail(&error),
            };
            let span = span
                .byte_range()
                .map_or(Span::default(), |range| Span::new(range.start, range.end));
            if matches!(event, Event::DocumentStart(..)) {
                documents += 1;
                if documents > 1 {
                    let finding = Finding::error(
                        "yaml.many_documents",
                        span,
                        "a second document begins here",
                    );
                    self.findings.push(finding.help(
                        "one file holds one workflow: put the second into a file of its own",
                    ));
                    return;
                }
            }
            if !self.event(event, span) {
                return;
            }
        }
        let empty = self
            .root
            .as_ref()
            .is_none_or(|root| root.is_null() && root.span.start == root.span.end);
        if empty && self.findings.is_empty() {
            let finding = Finding::error("yaml.empty", Span::at(0), "the file is empty");
            self.findings
                .push(finding.help("a workflow needs at least `steps:` with one step"));
            self.root = None;
        }
    }

    /// Takes one event; false if reading must stop.
    fn event(&mut self, event: Event<'_>, span: Span) -> bool {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let tag = self.tag(tag.as_deref(), span);
                let scalar = Scalar {
                    text: text.as_ref().into(),
                    style: style_of(style),
                };
                // A hint of the parser's: an empty value is a zero-width `~`.
                let scalar = if span.start == span.end && &*scalar.text == "~" {
                    Scalar {
                        text: "".into(),
                        style: Style::Plain,
                    }
                } else {
                    scalar
                };
                let node = Node {
                    span,
                    kind: NodeKind::Scalar(scalar),
                    tag,
                };
                self.count(1, span) && {
                    self.anchor(anchor, &node, 1, 0);
                    self.place(node)
                }
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.open(span, anchor, tag.as_deref(), Children::List(Vec::new()))
            }
            Event::MappingStart(_, anchor, tag) => {
                let children = Children::Map {
                    entries: Vec::new(),
                    seen: HashMap::default(),
                    merges: Vec::new(),
                    key: None,
                };
                self.open(span, anchor, tag.as_deref(), children)
            }
            Event::SequenceEnd | Event::MappingEnd => match self.stack.pop() {
                Some(open) => self.close(open, span),
                None => true,
            },
            Event::Alias(id) => {
                if let Some(known) = self.anchors.get(&id).cloned() {
                    self.count(known.nodes, span)
                        && self.repeat(known.bytes, span)
                        && self.place(known.node)
                } else {
                    let finding = Finding::error(
                        "yaml.alias",
                        span,
                        "this alias stands inside its own anchor",
                    );
                    self.findings
                        .push(finding.help("a value cannot hold itself: write out what is meant"));
                    self.place(hole(span))
                }
            }
            Event::UnresolvedAlias(name) => {
                let message = format!("no anchor `&{name}` stands before this alias");
                let finding = Finding::error("yaml.alias", span, message);
                self.findings.push(
                    finding
                        .help("text that begins with `*` must be quoted")
                        .edits(crate::edit::starred_value(self.source, span)),
                );
                self.place(hole(span))
            }
            _ => true,
        }
    }

    fn open(&mut self, span: Span, anchor: usize, tag: Option<&Tag>, children: Children) -> bool {
        if self.stack.len() >= DEPTH_MAX {
            let message = format!("lists and maps nest deeper than {DEPTH_MAX} here");
            let finding = Finding::error("yaml.depth", span, message);
            self.findings
                .push(finding.help("put deep data into a file, and read it with `file.read`"));
            return false;
        }
        let tag = self.tag(tag, span);
        let nodes_before = self.nodes;
        let alias_bytes_before = self.alias_bytes;
        self.stack.push(Open {
            span,
            anchor,
            tag,
            nodes_before,
            alias_bytes_before,
            children,
        });
        self.count(1, span)
    }

    /// Ends a list or map; false if reading must stop.
    fn close(&mut self, open: Open, end: Span) -> bool {
        let kind = match open.children {
            Children::List(items) => NodeKind::List(Arc::new(items)),
            Children::Map {
                mut entries,
                mut seen,
                merges,
                ..
            } => {
                for (_, merged) in merges {
                    self.merge(&mut entries, &mut seen, merged);
                }
                NodeKind::Map(Arc::new(entries))
            }
        };
        let span = Span::new(
            open.span.start as usize,
            (end.end as usize).max(open.span.start as usize),
        );
        let span = self.trimmed(span);
        let node = Node {
            span,
            kind,
            tag: open.tag,
        };
        let repeated = self.alias_bytes - open.alias_bytes_before;
        self.anchor(open.anchor, &node, self.nodes - open.nodes_before, repeated);
        self.place(node)
    }

    /// A block ends where its last line with text ends.
    fn trimmed(&self, span: Span) -> Span {
        let text = self.source.slice(span).trim_end();
        Span::new(span.start as usize, span.start as usize + text.len())
    }

    /// Puts a node where it belongs; false if reading must stop.
    fn place(&mut self, node: Node) -> bool {
        let source = self.source;
        let Some(open) = self.stack.last_mut() else {
            self.root = Some(node);
            return true;
        };
        match &mut open.children {
            Children::List(items) => items.push(node),
            Children::Map {
                entries,
                seen,
                merges,
                key,
            } => match key.take() {
                None => *key = Some(node),
                Some(key) => match entry(source, &key, node, seen) {
                    Ok(Placed::Entry(entry)) => {
                        seen.insert(entry.key.clone(), entry.key_span);
                        entries.push(entry);
                    }
                    Ok(Placed::Merge(node)) => {
                        let span = key.span;
                        seen.insert("<<".into(), span);
                        merges.push((entries.len(), node));
                        self.merges += 1;
                        if self.merges > MERGES_MAX {
                            let message = format!("the file has more than {MERGES_MAX} keys `<<`");
                            self.findings.push(Finding::error(
                                "yaml.too_many_nodes",
                                span,
                                message,
                            ));
                            return false;
                        }
                    }
                    Err(finding) => self.findings.push(*finding),
                },
            },
        }
        true
    }

    /// Adds the entries of a merged map that the map itself does not have.
    fn merge(
        &mut self,
        entries: &mut Vec<Entry>,
        seen: &mut HashMap<Arc<str>, Span>,
        merged: Node,
    ) {
        match merged.kind {
            NodeKind::Map(more) => {
                for entry in more.iter() {
                    if !seen.contains_key(&entry.key) {
                        seen.insert(entry.key.clone(), entry.key_span);
                        entries.push(entry.clone());
                    }
                }
            }
            NodeKind::List(maps) => {
                let maps = maps.iter().cloned();
                maps.for_each(|map| self.merge(entries, seen, map));
            }
            NodeKind::Hole => {}
            NodeKind::Scalar(_) => {
                let message = "`<<` takes a map or a list of maps";
                let finding = Finding::error("yaml.merge", merged.span, message);
                self.findings
                    .push(finding.help("name a map that has an anchor, such as `<<: *usual`"));
            }
        }
    }

    fn anchor(&mut self, anchor: usize, node: &Node, nodes: usize, repeated: usize) {
        if anchor != 0 {
            let written = (node.span.end - node.span.start) as usize;
            let anchored = Anchored {
                node: node.clone(),
                nodes,
                bytes: written.saturating_add(repeated),
            };
            self.anchors.insert(anchor, anchored);
        }
    }

    /// Counts bytes that an alias repeats; false if reading must stop.
    fn repeat(&mut self, bytes: usize, span: Span) -> bool {
        self.alias_bytes = self.alias_bytes.saturating_add(bytes);
        if self.alias_bytes <= ALIAS_BYTES_MAX {
            return true;
        }
        let message = format!(
            "aliases repeat more than {} MiB of this file",
            ALIAS_BYTES_MAX >> 20
        );
        self.findings
            .push(Finding::error("yaml.alias_budget", span, message));
        false
    }

    fn count(&mut self, nodes: usize, span: Span) -> bool {
        let aliases = nodes > 1;
        self.nodes += nodes;
        let limit = self.limits.nodes;
        if self.nodes <= limit {
            return true;
        }
        let finding = if aliases {
            Finding::error(
                "yaml.alias_budget",
                span,
                format!("aliases make more than {limit} nodes of this file"),
            )
        } else {
            Finding::error(
                "yaml.too_many_nodes",
                span,
                format!("the file has more than {limit} nodes"),
            )
        };
        self.findings.push(
            finding.help("long data belongs into a file, which a step reads with `file.read`"),
        );
        false
    }

    fn tag(&mut self, tag: Option<&Tag>, span: Span) -> Option<Arc<str>> {
        let text = tag?.to_string();
        let name = text.trim_start_matches('!');
        if TAGS.contains(&name) {
            return Some(name.into());
        }
        if name == "str" || text.ends_with(":str") || text == "!" {
            return None;
        }
        let finding = Finding::error("yaml.tag", span, format!("the tag `{text}` is not known"));
        self.findings.push(finding.help_nearest(
            &format!("!{name}"),
            TAGS.map(|tag| match tag {
                "text" => "!text",
                "template" => "!template",
                _ => "!raw",
            }),
            "the tags of a workflow are `!text`, `!template` and `!raw`",
        ));
        None
    }

    fn fail(&mut self, error: &ScanError) {
        let at = error
            .marker()
            .byte_offset()
            .unwrap_or_default()
            .min(self.source.text().len());
        let finding = syntax_finding(
            self.source,
            error,
            at,
            self.stack.iter().map(|open| open.span.start as usize),
        );
        if self.findings.last() != Some(&finding) {
            self.findings.push(finding);
        }
        self.root = None;
    }
}

enum Placed {
    Entry(Entry),
    Merge(Node),
}

fn entry(
    source: &SourceFile,
    key: &Node,
    value: Node,
    seen: &HashMap<Arc<str>, Span>,
) -> Result<Placed, Box<Finding>> {
    let text = match &key.kind {
        NodeKind::Scalar(scalar) => scalar.text.clone(),
        NodeKind::Hole => {
            let finding = Finding::error("yaml.key", key.span, "this key cannot be read");
            return Err(Box::new(finding.help("write the key as plain text")));
        }
        NodeKind::List(_) | NodeKind::Map(_) => {
            return Err(Box::new(complex_key(source, key, &value)));
        }
    };
    let merges = &*text == "<<"
        && key
            .as_scalar()
            .is_some_and(|scalar| scalar.style == Style::Plain);
    if let Some(first) = seen.get(&text) {
        let finding = Finding::error(
            "yaml.duplicate_key",
            key.span,
            format!("the key `{text}` stands twice in this map"),
        );
        return Err(Box::new(
            finding
                .label("the second one")
                .related(*first, "the first one")
                .help("take one of them out, or give it another name"),
        ));
    }
    if merges {
        return Ok(Placed::Merge(value));
    }
    Ok(Placed::Entry(Entry {
        key: text,
        key_span: key.span,
        value,
    }))
}

pub(super) fn style_of(style: ScalarStyle) -> Style {
    match style {
        ScalarStyle::Plain => Style::Plain,
        ScalarStyle::SingleQuoted => Style::SingleQuoted,
        ScalarStyle::DoubleQuoted => Style::DoubleQuoted,
        ScalarStyle::Literal => Style::Literal,
        ScalarStyle::Folded => Style::Folded,
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let source = SourceFile::new("a.yml", text);
        let (_, findings) = read(&source);
        let shown: Vec<_> = findings
            .iter()
            .map(|finding| {
                let position = source.position(finding.span.start);
                format!("{} {}:{}", finding.code, position.line, position.column)
            })
            .collect();
        assert_eq!(shown.join(", "), expected, "{findings:?}");
    }

    #[test]
    fn wrong_files() {
        check("", "yaml.empty 1:1");
        check("# only this\n", "yaml.empty 1:1");
        check("---\n", "yaml.empty 1:1");
        check("a:\n\tb: 1\n", "yaml.tab 2:1");
        check("a: 1\na: 2\n", "yaml.duplicate_key 2:1");
        check("a: {{ x }}\n", "yaml.unquoted_template 1:4");
        check("a: {{ x }} more\n", "yaml.unquoted_template 1:4");
        check("a: [1, 2\nb: 3\n", "yaml.unclosed 1:4");
        check("a: \"one\nb: 3\n", "yaml.unclosed 1:4");
        check("a: *none\n", "yaml.alias 1:4");
        check("a: &x [*x]\n", "yaml.alias 1:8");
        check("a: 1\n---\nb: 2\n", "yaml.many_documents 2:1");
        check("a: !include x\n", "yaml.tag 1:13");
        check("a: \u{202e}x\n", "yaml.control_character 1:4");
        check(
            &format!("a: {}{}\n", "[".repeat(200), "]".repeat(200)),
            "yaml.depth 1:67",
        );
    }

    #[test]
    fn bombs_are_refused_in_time() {
        let mut laughs = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
        for level in 1..10 {
            let alias = format!("*a{}", level - 1);
            let _ = writeln!(laughs, "a{level}: &a{level} [{}]", vec![alias; 9].join(","));
        }
        let (_, findings) = read(&SourceFile::new("a.yml", laughs));
        assert_eq!(findings[0].code, "yaml.alias_budget");
    }

    #[test]
    fn merge_keys_and_aliases() {
        let source = SourceFile::new("a.yml", "base: &b {x: 1, y: 2}\nmine: {<<: *b, y: 3}\n");
        let (root, findings) = read(&source);
        assert!(findings.is_empty(), "{findings:?}");
        let NodeKind::Map(entries) = root.kind else {
            panic!("a map")
        };
        let NodeKind::Map(mine) = &entries[1].value.kind else {
            panic!("a map")
        };
        let shown: Vec<_> = mine
            .iter()
            .map(|entry| {
                format!(
                    "{}={}",
                    entry.key,
                    entry.value.as_scalar().expect("text").text
                )
            })
            .collect();
        assert_eq!(shown, ["y=3", "x=1"]);
    }
}
