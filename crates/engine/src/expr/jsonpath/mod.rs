//! Paths of RFC 9535 over our values.
//!
//! The crate `jsonpath-rust` parses ([`parse`] is the only file that knows it); the tree and its evaluation are ours,
//! because nested filters, the order of `..['a','b']`, exact numbers and a budget cannot be had from it. Read [`parse`],
//! then [`syntax`], then [`query`]; [`infer`] does with types what [`query`] does with values.

mod infer;
mod parse;
mod places;
mod query;
mod syntax;

use super::context::Context;
use crate::eval::BlobRead;
use crate::source::Span;
use crate::value::Value;

pub(super) use query::{RESULTS_MAX, VISITS_MAX};
use syntax::{Segment, Selector};

/// Longest path, in characters.
pub(super) const PATH_CHARS_MAX: usize = 2_000;

/// A parsed path.
#[derive(Debug, Clone)]
pub struct JsonPath {
    text: std::sync::Arc<str>,
    segments: std::sync::Arc<[Segment]>,
}

/// Why a path cannot be used, or gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct JsonPathError {
    /// `jsonpath.syntax`, `.too_long`, `.depth`, `.regex`, `.no_match`, `.budget`.
    pub code: &'static str,
    /// One sentence.
    pub message: String,
    /// The place, in bytes of the path.
    pub span: Span,
    /// What to write instead.
    pub help: Option<String>,
    /// The content of a stored value is needed and nothing was given to read it with.
    pub needs_content: bool,
}

impl JsonPathError {
    fn new(code: &'static str, span: Span, message: impl Into<String>) -> JsonPathError {
        JsonPathError {
            code,
            message: message.into(),
            span,
            help: None,
            needs_content: false,
        }
    }
}

impl JsonPath {
    /// Parses a path.
    ///
    /// # Errors
    /// [`JsonPathError`] with the place of the offence.
    pub fn parse(text: &str) -> Result<JsonPath, JsonPathError> {
        Ok(JsonPath {
            text: text.into(),
            segments: parse::parse(text)?.into(),
        })
    }

    /// The text it was parsed from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it names at most one place: only names and indexes.
    pub fn is_singular(&self) -> bool {
        self.segments.iter().all(|segment| {
            let one = matches!(
                segment.selectors[..],
                [Selector::Name(_) | Selector::Index(_)]
            );
            one && !segment.descends
        })
    }

    /// What it finds: the value for a singular path, the list of values for any other.
    ///
    /// # Errors
    /// `jsonpath.no_match` for a singular path that leads nowhere; `jsonpath.budget` for more than 100,000 nodes;
    /// `jsonpath.regex` for a pattern from the data that is none; those of reading a stored value.
    pub fn query(
        &self,
        value: &Value,
        blobs: Option<&dyn BlobRead>,
    ) -> Result<Value, JsonPathError> {
        let content = Context::new(blobs)
            .content(value.clone())
            .map_err(|fault| {
                let error = fault.at(Span::new(0, self.text.len()));
                JsonPathError {
                    code: error.code,
                    message: error.message,
                    span: error.span,
                    help: error.help,
                    needs_content: error.needs_content,
                }
            })?;
        self.run(&content).map(|(value, _)| value)
    }

    /// What it finds in a value that is not stored, and how many nodes it looked at.
    pub(super) fn run(&self, value: &Value) -> Result<(Value, usize), JsonPathError> {
        let (found, visits) = query::query(&self.segments, value)?;
        if !self.is_singular() {
            return Ok((Value::from(found), visits));
        }
        let first = found.into_iter().next().ok_or_else(|| {
            let message = format!("`{}` finds nothing", self.text);
            JsonPathError {
                help: Some("`| default(value)` says what it is then".to_owned()),
                ..JsonPathError::new("jsonpath.no_match", Span::new(0, self.text.len()), message)
            }
        });
        first.map(|value| (value, visits))
    }
}

#[cfg(test)]
mod compliance;
#[cfg(test)]
mod tests;
