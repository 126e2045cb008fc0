//! From text to shape: which keys stand where. Names, types and templates are the checker's business.
//!
//! Read in this order: [`keys`] (the keys of the language), [`Document`], `include` (the files that a workflow names), `project` (the
//! settings of its folder) with `serve` and `address` (where its daemon listens),
//! `parse`, `trigger`, `step`.

mod address;
mod foreign;
mod include;
pub mod keys;
mod parse;
mod project;
mod serve;
mod step;
mod trigger;

use std::sync::Arc;

use crate::collections::IndexMap;

use crate::source::{SourceFile, Span};
use crate::yaml::Node;

pub use address::{Address, is_host, is_url};
pub use include::{Files, NoFiles, resolve};
pub use parse::{is_identifier, parse};
pub use project::{Retention, retention};
pub use serve::{Serve, Tls, serve};

/// A workflow file by its shape.
#[derive(Debug, Clone)]
pub struct Document {
    /// The text it was read from.
    pub source: SourceFile,
    /// Keys of the workflow that stand for themselves, by name.
    pub fields: IndexMap<&'static str, Node>,
    /// `[prices]` of the project's settings.
    pub prices: Option<Node>,
    /// Declared inputs.
    pub inputs: Vec<Section>,
    /// `vars:`.
    pub vars: Vec<Member>,
    /// Declared connections.
    pub connections: Vec<Section>,
    /// Entries of `on:`; one entry named `main` in the short form.
    pub triggers: Vec<Section>,
    /// The steps.
    pub steps: Body,
    /// `finally:`.
    pub finally: Option<Body>,
    /// `outputs:`.
    pub outputs: Vec<Member>,
}

/// A text with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The text.
    pub text: Arc<str>,
    /// Where it stands.
    pub span: Span,
}

/// A name and what stands behind it.
#[derive(Debug, Clone)]
pub struct Member {
    /// The key.
    pub name: Word,
    /// The value.
    pub value: Node,
}

/// A name and the keys behind it.
#[derive(Debug, Clone)]
pub struct Section {
    /// The key.
    pub name: Word,
    /// The whole value.
    pub node: Node,
    /// Its members, where it is a map.
    pub members: Vec<Member>,
}

/// A map of steps.
#[derive(Debug, Clone, Default)]
pub struct Body {
    /// Where its key stands.
    pub span: Span,
    /// The steps, in source order.
    pub steps: Vec<StepShape>,
}

/// One step by its shape.
#[derive(Debug, Clone)]
pub struct StepShape {
    /// Its id.
    pub name: Word,
    /// The whole of it.
    pub span: Span,
    /// What it does: exactly one of the verbs, or `None` where that was reported.
    pub verb: Option<(keys::Verb, Node)>,
    /// The other keys, by name.
    pub fields: IndexMap<&'static str, Node>,
    /// Members of `with:`.
    pub with: Vec<Member>,
    /// `undo:`.
    pub undo: Option<Box<StepShape>>,
    /// The steps of a group.
    pub steps: Body,
    /// `finally:` of a group.
    pub finally: Option<Body>,
    /// `outputs:` of a group.
    pub outputs: Option<Vec<Member>>,
}

impl StepShape {
    /// The value of a key.
    pub fn field(&self, key: &str) -> Option<&Node> {
        self.fields.get(key)
    }
}
