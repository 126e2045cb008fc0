//! What the names in an expression mean: locals over roots.

use std::sync::Arc;

use crate::eval::BlobRead;
use crate::value::Value;

/// The names that every expression of a run sees: `inputs`, `trigger`, `steps`, `secrets`, `vars`, `run`.
pub trait Roots {
    /// The value of a root; `steps` and its like are maps. A step without value is simply absent from its map.
    fn root(&self, name: &str) -> Option<Value>;

    /// All names, for messages.
    fn names(&self) -> Vec<Arc<str>>;

    /// How a step ended: `succeeded`, `failed`, `skipped`, ...; `None` while it has not.
    fn status(&self, step: &str) -> Option<&str> {
        let _ = step;
        None
    }

    /// The error of a failed step: `{code, message, status, attempt}`.
    fn error(&self, step: &str) -> Option<Value> {
        let _ = step;
        None
    }

    /// Reads the content of stored values, where that may be done.
    fn blobs(&self) -> Option<&dyn BlobRead> {
        None
    }

    /// The address at which a callback for a step is awaited.
    fn callback_url(&self, step: &str) -> Option<Value> {
        let _ = step;
        None
    }

    /// Why a member of a root has no value, such as "step `x` was skipped".
    fn why_absent(&self, root: &str, member: &str) -> Option<String> {
        let _ = (root, member);
        None
    }
}

/// Roots with local names in front of them: `item`, `index`, `key`, `result`, `previous`, names of loops. The innermost
/// scope comes first. It only borrows, so that a new one per item costs nothing:
///
/// ```text
/// let locals = [("item", item.clone()), ("index", Value::from(index))];
/// expression.eval(&Scope::new(&roots).with(&locals))
/// ```
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    roots: &'a dyn Roots,
    locals: &'a [(&'a str, Value)],
    outer: Option<&'a Scope<'a>>,
}

impl<'a> Scope<'a> {
    /// The roots alone.
    pub fn new(roots: &'a dyn Roots) -> Scope<'a> {
        Scope {
            roots,
            locals: &[],
            outer: None,
        }
    }

    /// This scope with more local names in front.
    #[must_use]
    pub fn with(&'a self, locals: &'a [(&'a str, Value)]) -> Scope<'a> {
        Scope {
            roots: self.roots,
            locals,
            outer: Some(self),
        }
    }

    /// The roots.
    pub fn roots(&self) -> &'a dyn Roots {
        self.roots
    }

    pub(super) fn local(&self, name: &str) -> Option<&'a Value> {
        let mut scope = self;
        loop {
            let found = scope.locals.iter().rev().find(|(known, _)| *known == name);
            if let Some((_, value)) = found {
                return Some(value);
            }
            scope = scope.outer?;
        }
    }

    pub(super) fn names(&self) -> Vec<Arc<str>> {
        let mut names = self.outer.map_or_else(|| self.roots.names(), Scope::names);
        names.extend(self.locals.iter().map(|(name, _)| Arc::from(*name)));
        names
    }
}
