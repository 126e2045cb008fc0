//! From the text of a case file to its cases.

use flow_engine::document::{Files, Word};
use flow_engine::duration::Millis;
use flow_engine::finding::Finding;
use flow_engine::journal::Resolution;
use flow_engine::source::{SourceFile, Span};
use flow_engine::time::Timestamp;
use flow_engine::value::Value;
use flow_engine::yaml::{self, Entry, Node};

use super::expect::{expect, nothing_said};
use super::reader::{Reader, key};
use super::script;
use super::{Case, CaseFile, Given};
use crate::virtual_world::BEGINNING;

const FILE: [&str; 2] = ["workflow", "cases"];
const CASE: [&str; 10] = [
    "description",
    "inputs",
    "trigger",
    "event",
    "at",
    "operations",
    "real",
    "people",
    "files",
    "expect",
];
const WORD: [&str; 7] = ["after", "cancel", "step", "value", "retry", "skip", "set"];
const FAILURE: [&str; 4] = ["fail", "done", "kind", "retry_after"];
const DONE: [&str; 3] = ["not_done", "done", "unknown"];
const KINDS: [&str; 7] = [
    "timeout",
    "reset",
    "connect",
    "rate_limited",
    "overloaded",
    "transient",
    "permanent",
];

/// Reads a case file, and everything that is wrong with it. `files` are those beside it.
pub fn parse(source: &SourceFile, files: &dyn Files) -> (CaseFile, Vec<Finding>) {
    let (root, findings) = yaml::read(source);
    let mut reader = Reader {
        source,
        files,
        findings,
    };
    let mut file = CaseFile {
        source: source.clone(),
        workflow: None,
        span: root.span,
        cases: Vec::new(),
    };
    let mut has_cases = root.is_hole();
    for entry in reader.fields(&root, "a file of cases", &FILE) {
        match &*entry.key {
            "workflow" => file.workflow = reader.text(&entry.value, "the path of a workflow"),
            "cases" => {
                has_cases = true;
                file.span = entry.key_span;
                let cases = reader.entries(&entry.value, "`cases`").iter();
                file.cases = cases.map(|entry| case(&mut reader, entry)).collect();
            }
            _ => {}
        }
    }
    if !has_cases {
        let message = "the file has no `cases:`";
        let finding = Finding::error("test.shape", root.span, message);
        let help = "add `cases: { NAME: { ... } }`; an empty case `{}` expects success";
        reader.findings.push(finding.help(help));
    }
    reader
        .findings
        .sort_by_key(|finding| (finding.span.start, finding.span.end));
    (file, reader.findings)
}

fn case(reader: &mut Reader<'_>, entry: &Entry) -> Case {
    let mut case = Case {
        name: key(entry),
        description: None,
        inputs: Vec::new(),
        trigger: None,
        event: None,
        at: BEGINNING,
        operations: Vec::new(),
        real: Vec::new(),
        people: Vec::new(),
        files: Vec::new(),
        expect: nothing_said(entry.key_span),
    };
    for entry in reader.fields(&entry.value, "a case", &CASE) {
        let node = &entry.value;
        match &*entry.key {
            "description" => {
                case.description = reader.text(node, "a text").map(|word| word.text);
            }
            "inputs" => {
                let inputs = reader.entries(node, "`inputs`").iter();
                case.inputs = inputs.map(|entry| given(reader, entry)).collect();
            }
            "trigger" => case.trigger = reader.text(node, "the name of a trigger"),
            "event" => case.event = Some(reader.data(node)),
            "at" => case.at = instant(reader, node).unwrap_or(BEGINNING),
            "operations" => {
                for entry in reader.entries(node, "`operations`") {
                    let answers = reader.data(&entry.value);
                    check_answers(reader, &answers, entry.value.span);
                    case.operations.push((key(entry), answers));
                }
            }
            "real" => {
                let items = reader.items(node, "`real`").iter();
                case.real = items
                    .filter_map(|item| reader.text(item, "the name of an operation"))
                    .collect();
            }
            "people" => {
                let items = reader.items(node, "`people`").iter();
                case.people = items.filter_map(|item| person(reader, item)).collect();
            }
            "files" => {
                let files = reader.entries(node, "`files`").iter();
                case.files = files
                    .map(|entry| (key(entry), reader.value(&entry.value)))
                    .collect();
            }
            "expect" => case.expect = expect(reader, node, case.name.span),
            _ => {}
        }
    }
    case
}

/// An input; one that is a file may be written with its name, as `{ name: a.jsonl, text: ... }`.
fn given(reader: &mut Reader<'_>, entry: &Entry) -> Given {
    let node = &entry.value;
    let scalar = node.as_scalar();
    let included = node.tag.as_deref() == Some("text");
    let file = scalar
        .filter(|_| included)
        .map(|scalar| scalar.text.rsplit('/').next().unwrap_or_default().into());
    let written = scalar.filter(|scalar| !included && !scalar.is_null());
    Given {
        name: key(entry),
        span: node.span,
        written: written.map(|scalar| scalar.text.clone()),
        value: reader.value(node),
        file,
    }
}

fn instant(reader: &mut Reader<'_>, node: &Node) -> Option<Timestamp> {
    let word = reader.text(node, "an instant")?;
    let instant = Timestamp::parse(&word.text);
    if instant.is_none() {
        let message = format!("`{}` is not an instant", word.text);
        let finding = Finding::error("test.shape", word.span, message);
        let help = "instants are written like `2026-01-31T08:00:00Z`";
        reader.findings.push(finding.help(help));
    }
    instant
}

fn person(reader: &mut Reader<'_>, node: &Node) -> Option<(Span, Millis, script::Word)> {
    let fields = reader.fields(node, "a word of a person", &WORD);
    let field = |name: &str| fields.iter().find(|entry| &*entry.key == name);
    let after = match field("after") {
        Some(entry) => reader.duration(&entry.value)?,
        None => Millis(0),
    };
    if let Some(cancel) = field("cancel") {
        let how = reader.text(&cancel.value, "`true` or `hard`")?;
        let hard = &*how.text == "hard";
        return Some((node.span, after, script::Word::Cancel { hard }));
    }
    let step: Option<Word> = field("step").and_then(|entry| reader.text(&entry.value, "a path"));
    let Some(step) = step else {
        let finding = Finding::error(
            "test.shape",
            node.span,
            "a person says something to a `step`, or `cancel: true`",
        );
        reader.findings.push(finding.help(
            "write `{ after: 10s, step: ask, value: { choice: approve } }` or `{ after: 10s, cancel: true }`",
        ));
        return None;
    };
    let path = step.text.to_string();
    let resolution = if field("retry").is_some() {
        Some(Resolution::Retry)
    } else if field("skip").is_some() {
        Some(Resolution::Skip)
    } else {
        field("set").map(|entry| Resolution::Set(reader.value(&entry.value)))
    };
    let word = match resolution {
        Some(resolution) => script::Word::Resolve { path, resolution },
        None => script::Word::Signal {
            path,
            value: field("value").map_or(Value::Null, |entry| reader.value(&entry.value)),
        },
    };
    Some((step.span, after, word))
}

/// What is wrong with answers that stand for failures or take their time.
fn check_answers(reader: &mut Reader<'_>, answers: &Value, span: Span) {
    for answer in answers.as_list().unwrap_or(std::slice::from_ref(answers)) {
        let takes = answer.get("takes");
        let answer = takes.and_then(|_| answer.get("then")).unwrap_or(answer);
        let mut wrong = |message: String, help: String| {
            let finding = Finding::error("test.answer", span, message);
            reader.findings.push(finding.help(help));
        };
        let is_duration = |value: &Value| value.as_str().and_then(Millis::parse).is_some();
        if takes.is_some_and(|takes| !is_duration(takes)) {
            let help = "write `{ takes: 10s, then: ANSWER }`";
            wrong("`takes` is not a duration".to_owned(), help.to_owned());
        }
        let Some(failure) = answer.as_map().filter(|map| map.get("fail").is_some()) else {
            continue;
        };
        for (key, value) in failure.iter() {
            let words: &[&str] = match &**key {
                "done" => &DONE,
                "kind" => &KINDS,
                "retry_after" if is_duration(value) => continue,
                "fail" if value.as_str().is_some() => continue,
                _ => {
                    let message = format!("a failure has no `{key}` like this");
                    wrong(message, format!("its keys are {}", FAILURE.join(", ")));
                    continue;
                }
            };
            if !value.as_str().is_some_and(|word| words.contains(&word)) {
                let message = format!("`{key}` of a failure is one of {}", words.join(", "));
                wrong(message, "see docs/testing.md, section Answers".to_owned());
            }
        }
    }
}
