//! The project's settings, `flow.toml`: what they give to every workflow of the folder. The file itself wins.

use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{keys, serve};
use crate::duration::Millis;
use crate::finding::Finding;
use crate::source::{SourceFile, Span};
use crate::yaml::{Entry, Node, NodeKind, Scalar, Style};

/// Reads the settings as a map in the form of a workflow's, with places in `source`, to which their text was appended.
///
/// Keys that do not change what workflows mean are left out; those that are unknown are reported.
pub(super) fn settings(text: &SourceFile, at: Span, findings: &mut Vec<Finding>) -> Vec<Entry> {
    let entries = read(text, at.start as usize, findings);
    for entry in &entries {
        if !keys::PROJECT.contains(&&*entry.key) {
            let message = format!("the settings of a project have no key `{}`", entry.key);
            let finding = Finding::error("schema.unknown_field", entry.key_span, message);
            findings.push(finding.label("unknown key").help_nearest(
                &entry.key,
                keys::PROJECT.iter().copied(),
                "their keys are `vars`, `connections`, `defaults`, `prices`, `retention` and `serve`",
            ));
        }
        if &*entry.key == "retention" {
            findings.extend(read_retention(&entry.value).1);
        }
        if &*entry.key == "serve" {
            findings.extend(serve::read(&entry.value).1);
        }
    }
    entries
}

/// The tables of the settings, with places that begin at `base`.
pub(super) fn read(text: &SourceFile, base: usize, findings: &mut Vec<Finding>) -> Vec<Entry> {
    let (table, errors) = DeTable::parse_recoverable(text.text());
    for error in errors {
        let range = error.span().unwrap_or_default();
        let finding = Finding::error("project.syntax", span(base, &range), error.message());
        findings.push(
            finding.help("settings are TOML, such as `[vars]` and below it `region = \"eu\"`"),
        );
    }
    entries(table.get_ref(), base)
}

/// How long runs are kept after they have ended; what is not said is kept for ever.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Every run.
    pub runs: Option<Millis>,
    /// Runs that failed, if they are kept for another time.
    pub keep_failed: Option<Millis>,
    /// What triggers noticed.
    pub noticed: Option<Millis>,
}

/// Reads `[retention]` of a project's settings.
///
/// The findings are those of that section; the others are reported wherever a workflow is checked.
pub fn retention(text: &SourceFile) -> (Retention, Vec<Finding>) {
    let (table, _) = DeTable::parse_recoverable(text.text());
    let entries = entries(table.get_ref(), 0);
    let section = entries.iter().find(|entry| &*entry.key == "retention");
    section.map_or_else(Default::default, |entry| read_retention(&entry.value))
}

fn read_retention(node: &Node) -> (Retention, Vec<Finding>) {
    let (mut read, mut findings) = (Retention::default(), Vec::new());
    let NodeKind::Map(entries) = &node.kind else {
        let message = "`retention` is a table";
        let finding = Finding::error("schema.type", node.span, message);
        return (
            read,
            vec![finding.help("`[retention]` and below it `runs = \"90d\"`")],
        );
    };
    for entry in entries.iter() {
        if !keys::RETENTION.contains(&&*entry.key) {
            let message = format!("`retention` has no key `{}`", entry.key);
            let finding = Finding::error("schema.unknown_field", entry.key_span, message);
            findings.push(finding.label("unknown key").help_nearest(
                &entry.key,
                keys::RETENTION.iter().copied(),
                "its keys are `runs`, `keep_failed` and `noticed`",
            ));
            continue;
        }
        let text = entry.value.as_scalar().map(|scalar| &*scalar.text);
        let Some(length) = text.and_then(Millis::parse) else {
            let message = format!("`{}` is no length of time", entry.key);
            let finding = Finding::error("schema.duration", entry.value.span, message);
            findings
                .push(finding.help("write a number and a unit, such as `\"90d\"` or `\"12h\"`"));
            continue;
        };
        match &*entry.key {
            "runs" => read.runs = Some(length),
            "noticed" => read.noticed = Some(length),
            _ => read.keep_failed = Some(length),
        }
    }
    (read, findings)
}

fn entries(table: &DeTable<'_>, base: usize) -> Vec<Entry> {
    let entry = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
        let key: &Spanned<std::borrow::Cow<'_, str>> = key;
        Entry {
            key: key.get_ref().as_ref().into(),
            key_span: span(base, &key.span()),
            value: node(value, base),
        }
    };
    table.iter().map(entry).collect()
}

fn node(value: &Spanned<DeValue<'_>>, base: usize) -> Node {
    let scalar = |text: &str, style| {
        NodeKind::Scalar(Scalar {
            text: text.into(),
            style,
        })
    };
    let kind = match value.get_ref() {
        DeValue::String(text) => scalar(text, Style::DoubleQuoted),
        DeValue::Integer(number) => scalar(number.as_str(), Style::Plain),
        DeValue::Float(number) => scalar(number.as_str(), Style::Plain),
        DeValue::Boolean(flag) => scalar(if *flag { "true" } else { "false" }, Style::Plain),
        DeValue::Datetime(time) => scalar(&time.to_string(), Style::DoubleQuoted),
        DeValue::Array(items) => {
            let items = items.iter().map(|item| node(item, base));
            NodeKind::List(Arc::new(items.collect()))
        }
        DeValue::Table(table) => NodeKind::Map(Arc::new(entries(table, base))),
    };
    Node {
        span: span(base, &value.span()),
        kind,
        tag: None,
    }
}

fn span(base: usize, range: &std::ops::Range<usize>) -> Span {
    Span::new(base + range.start, base + range.end)
}
