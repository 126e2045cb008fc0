//! Cases that were run: a line each, and of those that failed what was expected and what was found.

use flow_backend::virtual_world::case::Difference;
use flow_engine::duration::Millis;
use flow_engine::value::Value;
use serde_json::json;
use similar::TextDiff;

use super::style::{DIM, GREEN, RED, paint};
use super::values::{elapsed, plural};
use super::{check_json, diagnostics};
use crate::cli::{Loaded, Ran};

/// Prints one case.
pub(crate) fn print(loaded: &[Loaded], ran: &Ran) {
    let file = &loaded[ran.file].file;
    let name = &file.cases[ran.case].name.text;
    let passed = ran.outcome.is_ok() && ran.mismatches.is_empty();
    let sign = if passed {
        paint(GREEN, "✓")
    } else {
        paint(RED, "✗")
    };
    let took = match &ran.outcome {
        Ok(outcome) => format!("{} in {}", elapsed(outcome.took), real(ran)),
        Err(_) => "not run".to_owned(),
    };
    let place = file.source.name();
    anstream::eprintln!("{sign} {place} {name} {}", paint(DIM, format!("({took})")));
    if let Err(findings) = &ran.outcome {
        diagnostics::print(&file.source, findings);
    }
    for mismatch in &ran.mismatches {
        anstream::eprintln!("{}", diagnostics::render(&file.source, &mismatch.finding));
        if let Some(difference) = &mismatch.difference {
            anstream::eprint!("{}", colored(&unified(difference)));
        }
        anstream::eprintln!();
    }
}

/// Prints how many passed and failed.
pub(crate) fn print_sum(ran: &[Ran]) {
    let failed = ran
        .iter()
        .filter(|ran| ran.outcome.is_err() || !ran.mismatches.is_empty())
        .count();
    let passed = plural((ran.len() - failed) as u64, "case");
    if failed == 0 {
        anstream::eprintln!("{passed} passed");
    } else {
        anstream::eprintln!(
            "{passed} passed, {}",
            paint(RED, format!("{failed} failed"))
        );
    }
}

/// One case for programs.
pub(crate) fn to_json(loaded: &[Loaded], ran: &Ran) -> serde_json::Value {
    let file = &loaded[ran.file].file;
    let mut findings = Vec::new();
    for finding in ran.outcome.as_ref().err().into_iter().flatten() {
        findings.push(check_json::finding(&file.source, finding));
    }
    for mismatch in &ran.mismatches {
        let mut finding = check_json::finding(&file.source, &mismatch.finding);
        if let Some(difference) = &mismatch.difference {
            finding["diff"] = json!(unified(difference));
        }
        findings.push(finding);
    }
    json!({
        "file": file.source.name(),
        "case": &*file.cases[ran.case].name.text,
        "passed": findings.is_empty(),
        "status": ran.outcome.as_ref().ok().map(|outcome| outcome.status),
        "virtual_ms": ran.outcome.as_ref().ok().map(|outcome| outcome.took.0),
        "real_ms": u64::try_from(ran.real.as_millis()).unwrap_or(u64::MAX),
        "findings": findings,
    })
}

fn real(ran: &Ran) -> String {
    let millis = u64::try_from(ran.real.as_millis()).unwrap_or(u64::MAX);
    format!("{} real", Millis(millis))
}

/// Both sides as one text, with signs.
fn unified(difference: &Difference) -> String {
    let (expected, found) = match difference {
        Difference::Values(expected, found) => (yaml(expected), yaml(found)),
        Difference::Lines(expected, found) => (ended(expected), ended(found)),
    };
    TextDiff::from_lines(visible(&expected), visible(&found))
        .unified_diff()
        .header("expected", "found")
        .to_string()
}

/// Letters that would not be seen as ones that are.
fn visible(text: &str) -> String {
    text.replace('\r', "␍").replace('\t', "␉")
}

fn colored(diff: &str) -> String {
    let line = |line: &str| {
        let style = match line.as_bytes().first() {
            Some(b'-') => RED,
            Some(b'+') => GREEN,
            _ => return format!("{line}\n"),
        };
        format!("{}\n", paint(style, line))
    };
    diff.lines().map(line).collect()
}

fn ended(text: &str) -> String {
    match text {
        "" => String::new(),
        text if text.ends_with('\n') => text.to_owned(),
        text => format!("{text}\n"),
    }
}

/// As YAML, members in the order of their names, so that only what differs is shown.
fn yaml(value: &Value) -> String {
    serde_yaml::to_string(&sorted(&super::values::to_json(value))).unwrap_or_default()
}

fn sorted(value: &serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Array(items) => items.iter().map(sorted).collect(),
        serde_json::Value::Object(members) => {
            let mut pairs: Vec<_> = members
                .iter()
                .map(|(key, value)| (key.clone(), sorted(value)))
                .collect();
            pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
            pairs.into_iter().collect()
        }
        other => other.clone(),
    }
}
