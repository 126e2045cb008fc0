//! What `flow check --json` prints: one object of a stable shape, described in `docs/checking.md`.

use flow_engine::finding::{Finding, Severity};
use flow_engine::source::{SourceFile, Span};
use serde_json::{Value, json};

use crate::load::Checked;

/// Version of the shape; members may be added to it without a new one.
pub(crate) const SHAPE: u32 = 1;

/// All files and their findings.
pub(crate) fn log(files: &[Checked], skipped: &[String]) -> Value {
    let findings: Vec<Value> = files
        .iter()
        .flat_map(|file| file.findings.iter().map(|it| finding(&file.source, it)))
        .collect();
    let checked: Vec<Value> = files.iter().map(file).collect();
    let total = |severity| {
        let all = files.iter().flat_map(|file| &file.findings);
        all.filter(|it| it.severity == severity).count()
    };
    json!({
        "version": SHAPE,
        "files": checked,
        "skipped": skipped,
        "findings": findings,
        "errors": total(Severity::Error),
        "warnings": total(Severity::Warning),
    })
}

fn file(file: &Checked) -> Value {
    let count = |severity| {
        let findings = file.findings.iter();
        findings.filter(|it| it.severity == severity).count()
    };
    json!({
        "file": file.source.name(),
        "name": file.name.as_ref().map(|(name, _)| &**name),
        "valid": count(Severity::Error) == 0,
        "errors": count(Severity::Error),
        "warnings": count(Severity::Warning),
    })
}

/// One finding.
pub(crate) fn finding(source: &SourceFile, finding: &Finding) -> Value {
    let mut object = json!({
        "file": source.file_at(finding.span.start).0,
        "code": finding.code,
        "severity": finding.severity.as_str(),
        "message": finding.message,
    });
    merge(&mut object, place(source, finding.span));
    let related: Vec<Value> = finding
        .related
        .iter()
        .map(|(span, words)| with(place(source, *span), "message", words))
        .collect();
    let edits: Vec<Value> = finding
        .edits
        .iter()
        .map(|edit| with(place(source, edit.span), "text", &edit.text))
        .collect();
    merge(
        &mut object,
        json!({
            "label": finding.label,
            "help": finding.help,
            "related": related,
            "edits": edits,
            "page": format!("docs/errors/{}.md", finding.code),
        }),
    );
    object
}

/// Lines and columns count from 1, columns in characters; offsets count bytes from 0.
fn place(source: &SourceFile, span: Span) -> Value {
    let (start, end) = (source.position(span.start), source.position(span.end));
    json!({
        "line": start.line,
        "column": start.column,
        "end_line": end.line,
        "end_column": end.column,
        "offset": span.start,
        "end_offset": span.end,
    })
}

fn merge(object: &mut Value, more: Value) {
    if let (Value::Object(object), Value::Object(more)) = (object, more) {
        object.extend(more);
    }
}

fn with(mut object: Value, key: &str, text: &str) -> Value {
    object[key] = text.into();
    object
}
