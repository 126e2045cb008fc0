//! Timetables from text, and the one helper that knows the interface.

use std::sync::Arc;

use flow_engine::catalog::Catalog;
use flow_engine::document::{self, NoFiles};
use flow_engine::schedule::Timetable;
use flow_engine::source::SourceFile;
use flow_engine::time::Timestamp;
use flow_engine::workflow::{self, Workflow};

/// A workflow that this starts: the text behind `on:`.
#[track_caller]
pub(crate) fn workflow(on: &str) -> Arc<Workflow> {
    let text = format!("on: {on}\nsteps: {{ a: {{ value: 1 }} }}\n");
    let source = SourceFile::new("test.yml", text.clone());
    let (document, findings) = document::parse(&source, &NoFiles);
    let (workflow, findings) = workflow::check(&document, &Catalog::default(), &NoFiles, findings);
    let shown: Vec<_> = findings.iter().map(|it| (it.code, &it.message)).collect();
    Arc::new(workflow.unwrap_or_else(|| panic!("{shown:?}\n{text}")))
}

/// The timetable of the trigger behind `on:`.
#[track_caller]
pub(crate) fn timetable(on: &str) -> Timetable {
    let workflow = workflow(on);
    Timetable::of(&workflow.name, &workflow.triggers["main"]).expect("a trigger made of times")
}

/// An instant from `2026-03-08T07:00`, in UTC.
#[track_caller]
pub(crate) fn at(text: &str) -> Timestamp {
    let seconds = if text.matches(':').count() == 1 {
        ":00Z"
    } else {
        "Z"
    };
    Timestamp::parse(&format!("{text}{seconds}")).unwrap_or_else(|| panic!("{text}"))
}

/// An instant as [`at`] reads it.
pub(crate) fn told(at: Timestamp) -> String {
    let text = at.to_string();
    let text = text.strip_suffix(".000Z").unwrap_or(&text);
    text.strip_suffix(":00").unwrap_or(text).to_owned()
}
