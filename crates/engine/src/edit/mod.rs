//! Changes of a text that mend it: what a finding offers, and how several are applied at once.
//!
//! Read in this order: [`Edit`], `apply`, then `complete`, which gives findings the edits that can be told from the text
//! and its tree: `rename` (names), `command` (templates in commands), `indent` (tabs), `value`; `locate` finds the way there;
//! `mend` repeats it all until nothing is left.

mod apply;
mod command;
mod complete;
mod indent;
mod locate;
mod mend;
mod rename;
mod value;

use crate::source::Span;

pub use apply::{Overlap, apply};
pub use complete::complete;
pub use mend::{Mended, mend};
pub(crate) use value::{boolean, quoted, starred_value, template_value, workflow_name};

/// One replacement in a text. An empty span inserts, an empty text deletes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced.
    pub span: Span,
    /// What stands there afterwards.
    pub text: String,
}

impl Edit {
    /// Replaces `span` by `text`.
    pub fn new(span: Span, text: impl Into<String>) -> Edit {
        Edit {
            span,
            text: text.into(),
        }
    }
}
