//! YAML as a tree that knows where everything stands. Read in this order: [`Node`], `read` (text to tree, with budgets),
//! `syntax` (what is said of text that is not YAML),
//! `scalar` (what a plain scalar means), `place` (from an offset in a scalar's value back to the source), `outline` (what a formatter must know).

pub(crate) mod outline;
mod place;
mod read;
mod scalar;
mod syntax;

use std::sync::Arc;

use crate::source::Span;

pub use place::TextPlace;
pub use read::{Limits, read, read_within};

/// A node of the tree; a copy of one shares what is below it.
#[derive(Debug, Clone)]
pub struct Node {
    /// Where it stands; for a block map or list from its first key or item.
    pub span: Span,
    /// What it is.
    pub kind: NodeKind,
    /// A tag of ours in front of it, such as `!text`, without the `!`.
    pub tag: Option<Arc<str>>,
}

/// The three kinds of nodes.
#[derive(Debug, Clone)]
pub enum NodeKind {
    /// Text as written, after YAML's own escapes.
    Scalar(Scalar),
    /// A list.
    List(Arc<Vec<Node>>),
    /// A map, in source order, keys unique.
    Map(Arc<Vec<Entry>>),
    /// What could not be read and was reported; silent from here on.
    Hole,
}

/// One entry of a map.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The key's text.
    pub key: Arc<str>,
    /// Where the key stands.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

/// A scalar.
#[derive(Debug, Clone)]
pub struct Scalar {
    /// The text, after YAML's escapes and folding.
    pub text: Arc<str>,
    /// How it was written.
    pub style: Style,
}

/// How a scalar was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// In `'`.
    SingleQuoted,
    /// In `"`.
    DoubleQuoted,
    /// A block after `|`.
    Literal,
    /// A block after `>`.
    Folded,
}

impl Node {
    /// What it is, as messages name it.
    pub fn describe(&self) -> &'static str {
        match &self.kind {
            NodeKind::Scalar(scalar) => scalar.describe(),
            NodeKind::List(_) => "a list",
            NodeKind::Map(_) => "a map",
            NodeKind::Hole => "something unreadable",
        }
    }

    /// The scalar, if it is one.
    pub fn as_scalar(&self) -> Option<&Scalar> {
        match &self.kind {
            NodeKind::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// Whether it was reported already.
    pub fn is_hole(&self) -> bool {
        matches!(self.kind, NodeKind::Hole)
    }

    /// Whether it stands for nothing: an empty value, `~` or `null`.
    pub fn is_null(&self) -> bool {
        self.as_scalar().is_some_and(Scalar::is_null)
    }

    /// The place of its text, for finding offsets inside it.
    pub fn place(&self) -> TextPlace {
        let style = self.as_scalar().map_or(Style::Plain, |scalar| scalar.style);
        TextPlace {
            span: self.span,
            style,
        }
    }
}
