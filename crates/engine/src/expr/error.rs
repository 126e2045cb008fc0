//! What goes wrong with a template: while it is read ([`SyntaxError`]) and while it is evaluated ([`EvalError`]).

use crate::finding::Meant;
use crate::run::Failure;
use crate::source::Span;

/// Why a template cannot be used, found without any value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SyntaxError {
    /// Stable name of the rule, such as `template.syntax`.
    pub code: &'static str,
    /// One sentence: what is wrong.
    pub message: String,
    /// The place, in bytes of the text that was parsed.
    pub span: Span,
    /// What to write instead.
    pub help: Option<String>,
    /// A word under the place and what was meant for certain.
    pub meant: Option<Meant>,
}

impl SyntaxError {
    pub(super) fn new(code: &'static str, span: Span, message: impl Into<String>) -> SyntaxError {
        SyntaxError {
            code,
            message: message.into(),
            span,
            help: None,
            meant: None,
        }
    }

    /// Says which word under the place is to be replaced by what.
    pub(super) fn meant(mut self, written: &str, instead: Option<&str>) -> SyntaxError {
        self.meant = instead.map(|instead| Meant {
            written: written.to_owned(),
            instead: instead.to_owned(),
        });
        self
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> SyntaxError {
        self.help = Some(help.into());
        self
    }

    pub(super) fn maybe_help(self, help: Option<String>) -> SyntaxError {
        match help {
            Some(help) => self.help(help),
            None => self,
        }
    }
}

/// The result of reading one node.
pub(super) type Parse<T> = Result<T, SyntaxError>;

/// Why evaluation gave no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EvalError {
    /// Stable name of the rule, such as `template.undefined`.
    pub code: &'static str,
    /// One or more sentences for people.
    pub message: String,
    /// The place, in bytes of the text that was parsed.
    pub span: Span,
    /// What to write or do instead.
    pub help: Option<String>,
    /// The content of a stored value is needed and nothing was given to read it with: evaluate it where there is.
    pub needs_content: bool,
}

/// The result of evaluating one node; boxed, so that the good case stays small.
pub(super) type Eval<T> = Result<T, Box<EvalError>>;

/// An [`EvalError`] whose place is not known yet.
#[derive(Debug)]
pub(super) struct Fault {
    code: &'static str,
    message: String,
    help: Option<String>,
    needs_content: bool,
}

impl Fault {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Fault {
        Fault {
            code,
            message: message.into(),
            help: None,
            needs_content: false,
        }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Fault {
        self.help = Some(help.into());
        self
    }

    pub(super) fn maybe_help(mut self, help: Option<String>) -> Fault {
        self.help = help.or(self.help);
        self
    }

    /// A stored value must be read, and nobody gave the means to.
    pub(super) fn needs_content() -> Fault {
        Fault {
            needs_content: true,
            ..Fault::new(
                "template.content",
                "the content of a stored value is needed here",
            )
        }
    }

    /// An operation met a kind of value that it cannot use.
    pub(super) fn kind(what: &str, wanted: &str, found: &crate::value::Value) -> Fault {
        let message = format!("{what} takes {wanted}, not {}", with_article(found.kind()));
        Fault::new("template.type", message)
    }

    pub(super) fn into_message(self) -> String {
        self.message
    }

    #[expect(
        clippy::unnecessary_box_returns,
        reason = "every use of it returns an `Eval`"
    )]
    pub(super) fn at(self, span: Span) -> Box<EvalError> {
        Box::new(EvalError {
            code: self.code,
            message: self.message,
            span,
            help: self.help,
            needs_content: self.needs_content,
        })
    }

    pub(super) fn at_syntax(self, span: Span) -> SyntaxError {
        SyntaxError::new(self.code, span, self.message).maybe_help(self.help)
    }
}

impl From<Failure> for Fault {
    /// Keeps what reading a stored value said.
    fn from(failure: Failure) -> Fault {
        const CODES: [&str; 9] = [
            "value.too_large",
            "value.not_text",
            "value.not_a_list",
            "store.blob_missing",
            "store.blob_changed",
            "json.syntax",
            "json.depth",
            "json.integer",
            "json.surrogate",
        ];
        let code = CODES.into_iter().find(|code| *code == failure.code);
        Fault::new(code.unwrap_or("store.io"), failure.message).maybe_help(failure.help)
    }
}

/// `a list`, `an integer`, `null`.
pub(super) fn with_article(kind: &str) -> String {
    match kind {
        "null" => kind.to_owned(),
        _ if kind.starts_with(['a', 'e', 'i', 'o', 'u']) => format!("an {kind}"),
        _ => format!("a {kind}"),
    }
}
