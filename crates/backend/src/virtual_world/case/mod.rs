//! Cases of a workflow: what is outside of it, and what is expected of it, as `NAME.test.yml` beside `NAME.yml` says.
//!
//! Read in this order: [`CaseFile`], [`parse()`] (text to cases, with `reader` and `expect`), [`check()`] (cases against their
//! workflow), [`run()`] (with `inputs` and `real`), [`compare()`] (with `plain` and `lines`),
//! [`coverage`] (what the cases of a workflow did not do), [`record`] (a case of a run that happened).

mod check;
mod compare;
pub mod coverage;
mod expect;
mod inputs;
pub mod lines;
mod parse;
pub mod plain;
mod reader;
mod real;
pub mod record;
mod run;

use std::sync::Arc;

use flow_engine::document::Word;
use flow_engine::duration::Millis;
use flow_engine::source::{SourceFile, Span};
use flow_engine::time::Timestamp;
use flow_engine::value::Value;

use super::script;

pub use check::check;
pub use compare::{Difference, Mismatch, compare};
pub use parse::parse;
pub use run::{Outcome, run};

/// A file of cases.
#[derive(Debug, Clone)]
pub struct CaseFile {
    /// The text it was read from.
    pub source: SourceFile,
    /// `workflow:`, the path of the workflow's file; without, the file's own name without `.test`.
    pub workflow: Option<Word>,
    /// Where the cases stand.
    pub span: Span,
    /// The cases, in source order.
    pub cases: Vec<Case>,
}

/// One case.
#[derive(Debug, Clone)]
pub struct Case {
    /// Its name.
    pub name: Word,
    /// For people.
    pub description: Option<Arc<str>>,
    /// What the run is given; files by their content.
    pub inputs: Vec<Given>,
    /// The trigger under `on:` that starts the run.
    pub trigger: Option<Word>,
    /// Its payload.
    pub event: Option<Value>,
    /// When virtual time begins.
    pub at: Timestamp,
    /// Answers, by operation or path.
    pub operations: Vec<(Word, Value)>,
    /// Operations that are really performed: names, and `connection.*`.
    pub real: Vec<Word>,
    /// What people say, and where it stands.
    pub people: Vec<(Span, Millis, script::Word)>,
    /// Files of the project folder, by path.
    pub files: Vec<(Word, Value)>,
    /// What is expected.
    pub expect: Expect,
}

/// One input.
#[derive(Debug, Clone)]
pub struct Given {
    /// Its name.
    pub name: Word,
    /// Where its value stands.
    pub span: Span,
    /// Its value.
    pub value: Value,
    /// The value as it was written, if it is a scalar.
    pub written: Option<Arc<str>>,
    /// The name of the file that it came from.
    pub file: Option<Arc<str>>,
}

/// Something with the place where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed<T> {
    /// Where.
    pub span: Span,
    /// What.
    pub value: T,
}

/// What is expected of a case; what is not said may be anything, but for the status.
#[derive(Debug, Clone)]
pub struct Expect {
    /// How the run ends.
    pub status: Placed<Arc<str>>,
    /// Its outputs, all of them.
    pub outputs: Option<Placed<Value>>,
    /// Members of its outputs.
    pub outputs_include: Option<Placed<Value>>,
    /// Steps, by path.
    pub steps: Vec<ExpectStep>,
    /// The steps that stay done.
    pub not_undone: Option<Placed<Vec<String>>>,
    /// Virtual time from the start to the end.
    pub took: Option<Placed<Millis>>,
    /// How often operations and steps were called.
    pub calls: Vec<(Word, Placed<u64>)>,
    /// Files of the project folder at the end, by path; null where none is expected.
    pub files: Vec<(Word, Placed<Value>)>,
    /// The kinds and paths of all events, in order.
    pub journal: Option<Placed<Vec<String>>>,
}

/// What is expected of a step.
#[derive(Debug, Clone)]
pub struct ExpectStep {
    /// Its path.
    pub path: Word,
    /// Where it stands.
    pub status: Option<Placed<Arc<str>>>,
    /// The code of its last failure.
    pub error: Option<Placed<Arc<str>>>,
    /// Its value.
    pub value: Option<Placed<Value>>,
    /// Members of its value.
    pub value_includes: Option<Placed<Value>>,
    /// How many attempts were started.
    pub attempts: Option<Placed<u64>>,
}
