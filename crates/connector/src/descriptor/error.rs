//! What can be wrong with a descriptor, and where.

use flow_engine::source::{Position, Span};

/// Why a descriptor cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{}{message}", self.place(), if self.path.is_empty() { String::new() } else { format!("`{}`: ", self.path) })]
pub struct DescriptorError {
    /// `descriptor.syntax`, `descriptor.shape`, `descriptor.too_large`, `descriptor.template`, `descriptor.body_template`,
    /// `descriptor.schema`, `descriptor.reference`, `descriptor.auth` or `descriptor.incomplete`.
    pub code: &'static str,
    /// Name of the text, as the person knows it.
    pub file: String,
    /// Path to the node inside the document, such as `resources[0].operations.create`; empty for the whole.
    pub path: String,
    /// Where it stands, if that is known.
    pub at: Option<Position>,
    /// The same as a part of the text; empty if it is not known.
    pub span: Span,
    /// What is wrong there.
    pub message: String,
}

impl DescriptorError {
    /// An error at a path of the document; source and place are filled in by `load`.
    pub(super) fn at(
        code: &'static str,
        path: impl Into<String>,
        message: impl Into<String>,
    ) -> DescriptorError {
        DescriptorError {
            code,
            file: String::new(),
            path: path.into(),
            at: None,
            span: Span::default(),
            message: message.into(),
        }
    }

    fn place(&self) -> String {
        match (&self.file, self.at) {
            (name, _) if name.is_empty() => String::new(),
            (name, Some(at)) => format!("{name}:{}:{}: ", at.line, at.column),
            (name, None) => format!("{name}: "),
        }
    }
}
