//! `expect:` of a case.

use std::sync::Arc;

use flow_engine::finding::Finding;
use flow_engine::source::Span;
use flow_engine::yaml::{Entry, Node, NodeKind};

use super::reader::{Reader, key, placed};
use super::{Expect, ExpectStep, Placed};

const EXPECT: [&str; 9] = [
    "status",
    "outputs",
    "outputs_include",
    "steps",
    "not_undone",
    "took",
    "calls",
    "files",
    "journal",
];
const STEP: [&str; 5] = ["status", "error", "value", "value_includes", "attempts"];
/// How a run may end or rest.
const STATUSES: [&str; 5] = ["succeeded", "failed", "cancelled", "interrupted", "waiting"];
/// Where a step may stand.
const STATES: [&str; 9] = [
    "succeeded",
    "failed",
    "timed_out",
    "cancelled",
    "skipped",
    "interrupted",
    "held",
    "running",
    "not_started",
];

/// What a case expects that says nothing: success.
pub(super) fn nothing_said(span: Span) -> Expect {
    let value = "succeeded".into();
    Expect {
        status: Placed { span, value },
        outputs: None,
        outputs_include: None,
        steps: Vec::new(),
        not_undone: None,
        took: None,
        calls: Vec::new(),
        files: Vec::new(),
        journal: None,
    }
}

pub(super) fn expect(reader: &mut Reader<'_>, node: &Node, name: Span) -> Expect {
    let mut expect = nothing_said(name);
    for entry in reader.fields(node, "`expect`", &EXPECT) {
        let node = &entry.value;
        match &*entry.key {
            "status" => {
                if let Some(status) = word(reader, node, &STATUSES) {
                    expect.status = status;
                }
            }
            "outputs" => expect.outputs = Some(reader.placed(node)),
            "outputs_include" => expect.outputs_include = Some(reader.placed(node)),
            "steps" => {
                let steps = reader.entries(node, "`steps`").iter();
                expect.steps = steps.map(|entry| step(reader, entry)).collect();
            }
            "not_undone" => expect.not_undone = Some(texts(reader, node)),
            "took" => {
                let span = node.span;
                expect.took = reader.duration(node).map(|value| Placed { span, value });
            }
            "calls" => {
                let calls = reader.entries(node, "`calls`").iter();
                expect.calls = calls
                    .filter_map(|entry| Some((key(entry), reader.number(&entry.value)?)))
                    .collect();
            }
            "files" => {
                let files = reader.entries(node, "`files`").iter();
                expect.files = files
                    .map(|entry| (key(entry), reader.placed_text(&entry.value)))
                    .collect();
            }
            "journal" => expect.journal = Some(texts(reader, node)),
            _ => {}
        }
    }
    expect
}

/// `keep: skipped`, or a map.
fn step(reader: &mut Reader<'_>, entry: &Entry) -> ExpectStep {
    let mut step = ExpectStep {
        path: key(entry),
        status: None,
        error: None,
        value: None,
        value_includes: None,
        attempts: None,
    };
    if !matches!(entry.value.kind, NodeKind::Map(_)) {
        step.status = word(reader, &entry.value, &STATES);
        return step;
    }
    for entry in reader.fields(&entry.value, "a step", &STEP) {
        let node = &entry.value;
        match &*entry.key {
            "status" => step.status = word(reader, node, &STATES),
            "error" => step.error = reader.text(node, "a code").map(placed),
            "value" => step.value = Some(reader.placed(node)),
            "value_includes" => step.value_includes = Some(reader.placed(node)),
            "attempts" => step.attempts = reader.number(node),
            _ => {}
        }
    }
    step
}

fn word(reader: &mut Reader<'_>, node: &Node, known: &[&str]) -> Option<Placed<Arc<str>>> {
    let word = reader.text(node, &format!("one of {}", known.join(", ")))?;
    if !known.contains(&&*word.text) {
        let message = format!("`{}` is none of {}", word.text, known.join(", "));
        let finding = Finding::error("test.shape", word.span, message);
        let finding = finding.help_nearest(&word.text, known.iter().copied(), "");
        reader.findings.push(finding);
        return None;
    }
    Some(placed(word))
}

/// A list of texts; a block of text is its lines.
fn texts(reader: &mut Reader<'_>, node: &Node) -> Placed<Vec<String>> {
    let span = reader.first_line(node.span);
    let lines = |text: &str| -> Vec<String> {
        let lines = text.lines().map(str::trim);
        lines
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect()
    };
    if node.as_scalar().is_some_and(|scalar| !scalar.is_null()) {
        let value = reader.value(node);
        let value = lines(value.as_str().unwrap_or_default());
        return Placed { span, value };
    }
    let items = reader.items(node, "this").iter();
    let words = items.filter_map(|item| reader.text(item, "a text"));
    let value = words.map(|word| word.text.to_string()).collect();
    Placed { span, value }
}
