//! `output:`: one `JSONPath`, one template, or a map of them over `result`.

use super::Checker;
use crate::expr::JsonPath;
use crate::finding::Finding;
use crate::source::Span;
use crate::workflow::{Output, OutputPart, OutputPath};
use crate::yaml::{Node, NodeKind};

impl Checker<'_> {
    pub(super) fn output(&mut self, node: &Node) -> Option<Output> {
        match &node.kind {
            NodeKind::Hole => None,
            NodeKind::Scalar(scalar) if is_path(&scalar.text) => self.path(node).map(Output::Path),
            NodeKind::Map(entries) => {
                let mut parts = Vec::new();
                for entry in entries.iter() {
                    let is_path = entry
                        .value
                        .as_scalar()
                        .is_some_and(|scalar| is_path(&scalar.text));
                    let part = if is_path {
                        self.path(&entry.value).map(OutputPart::Path)
                    } else {
                        Some(OutputPart::Tree(self.tree(&entry.value)))
                    };
                    parts.extend(part.map(|part| (entry.key.clone(), part)));
                }
                Some(Output::Map(parts))
            }
            _ => Some(Output::Tree(self.tree(node))),
        }
    }

    pub(super) fn path(&mut self, node: &Node) -> Option<OutputPath> {
        let text = &node.as_scalar()?.text;
        match JsonPath::parse(text) {
            Ok(path) => Some(OutputPath {
                span: node.span,
                place: node.place(),
                text: text.clone(),
                path,
            }),
            Err(error) => {
                let span = node.place().locate(self.source, text, error.span);
                let span = if span.start == span.end {
                    Span::new(span.start as usize, node.span.end as usize)
                } else {
                    span
                };
                let finding = Finding::error(error.code, span, error.message.clone());
                let help = error
                    .help
                    .clone()
                    .unwrap_or_else(|| "a JSONPath looks like `$.data[*].id`".to_owned());
                self.findings.push(finding.help(help));
                None
            }
        }
    }
}

/// A text that begins with `$` is a path.
fn is_path(text: &str) -> bool {
    text.starts_with('$')
}
