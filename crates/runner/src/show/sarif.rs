//! Findings as a SARIF 2.1.0 log, the format that code scanners and editors exchange.
//!
//! Source: OASIS, Static Analysis Results Interchange Format Version 2.1.0.

use std::collections::BTreeSet;

use flow_engine::finding::{Finding, Severity};
use flow_engine::source::{SourceFile, Span};
use serde_json::{Value, json};

use crate::load::Checked;

/// One run of the checker over all files.
pub(crate) fn log(files: &[Checked]) -> Value {
    let codes: BTreeSet<&str> = files
        .iter()
        .flat_map(|file| file.findings.iter().map(|finding| finding.code))
        .collect();
    let rules: Vec<Value> = codes.iter().map(|code| rule(code)).collect();
    let results: Vec<Value> = files
        .iter()
        .flat_map(|file| {
            file.findings
                .iter()
                .map(|it| result(&file.source, it, &codes))
        })
        .collect();
    let artifacts: Vec<Value> = files
        .iter()
        .map(|file| json!({ "location": { "uri": uri(file.source.name()) } }))
        .collect();
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "flow",
                "version": env!("CARGO_PKG_VERSION"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "artifacts": artifacts,
            "results": results,
        }],
    })
}

fn rule(code: &str) -> Value {
    json!({
        "id": code,
        "helpUri": format!("docs/errors/{code}.md"),
    })
}

fn result(source: &SourceFile, finding: &Finding, codes: &BTreeSet<&str>) -> Value {
    let level = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let message = match &finding.help {
        Some(help) => format!("{}: {help}", finding.message),
        None => finding.message.clone(),
    };
    let mut result = json!({
        "ruleId": finding.code,
        "ruleIndex": codes.iter().position(|code| *code == finding.code),
        "level": level,
        "message": { "text": message },
        "locations": [{ "physicalLocation": place(source, finding.span) }],
    });
    if !finding.related.is_empty() {
        let related = finding.related.iter().map(|(span, words)| {
            json!({ "physicalLocation": place(source, *span), "message": { "text": words } })
        });
        result["relatedLocations"] = related.collect();
    }
    if !finding.edits.is_empty() {
        result["fixes"] = json!([fix(source, finding)]);
    }
    result
}

fn fix(source: &SourceFile, finding: &Finding) -> Value {
    let replacements: Vec<Value> = finding
        .edits
        .iter()
        .map(|edit| {
            json!({
                "deletedRegion": region(source, edit.span),
                "insertedContent": { "text": edit.text },
            })
        })
        .collect();
    let text = finding.help.as_deref().unwrap_or(&finding.message);
    json!({
        "description": { "text": text },
        "artifactChanges": [{
            "artifactLocation": { "uri": uri(source.name()) },
            "replacements": replacements,
        }],
    })
}

fn place(source: &SourceFile, span: Span) -> Value {
    json!({
        "artifactLocation": { "uri": uri(source.file_at(span.start).0) },
        "region": region(source, span),
    })
}

fn region(source: &SourceFile, span: Span) -> Value {
    let (start, end) = (source.position(span.start), source.position(span.end));
    json!({
        "startLine": start.line,
        "startColumn": start.column,
        "endLine": end.line,
        "endColumn": end.column,
    })
}

/// A path as a relative reference: what may not stand in one is escaped byte by byte (RFC 3986, section 2.3).
fn uri(path: &str) -> String {
    use std::fmt::Write as _;
    let mut escaped = String::new();
    for byte in path.strip_prefix("./").unwrap_or(path).bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}
