//! How steps nest: groups, loops, rounds, other workflows.

use std::sync::Arc;

use crate::collections::IndexMap;

use super::{Bare, Stop, Tree};
use crate::duration::Millis;
use crate::expr::{Reference, Scope, TypeScope};
use crate::finding::Finding;
use crate::source::{SourceFile, Span};
use crate::types::Type;
use crate::value::Value;

/// How many items of a loop run at a time if it does not say.
pub const PARALLEL_DEFAULT: u32 = 8;

/// How long `finally` may take if it does not say.
pub const FINALLY_TIMEOUT: Millis = Millis::seconds(600);

/// A map of steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// Its steps, by their index, in source order.
    pub steps: Vec<usize>,
    /// The group it belongs to; `None` for the workflow's own.
    pub owner: Option<usize>,
    /// The body around it.
    pub outer: Option<usize>,
    /// Which of its owner's maps it is.
    pub role: BodyRole,
}

/// Which map of steps a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyRole {
    /// `steps:`.
    Main,
    /// `finally:`.
    Finally,
}

/// A group of steps.
#[derive(Debug, Clone)]
pub struct Group {
    /// Its steps.
    pub body: usize,
    /// `outputs:`; without, the values of its steps that succeeded are its value.
    pub outputs: Option<IndexMap<Arc<str>, Tree>>,
    /// `finally:`.
    pub finally: Option<usize>,
    /// How long `finally` may take.
    pub finally_timeout: Millis,
}

/// A step that runs another workflow.
#[derive(Debug, Clone)]
pub struct ChildCall {
    /// Its file, in [`super::Workflow::children`].
    pub workflow: Arc<str>,
    /// Inputs.
    pub with: IndexMap<Arc<str>, Tree>,
    /// Whether the step ends as soon as the child has started.
    pub detach: bool,
}

/// `for_each:` and its kin.
#[derive(Debug, Clone)]
pub struct Each {
    /// Where it stands.
    pub span: Span,
    /// Gives the items: a list, a map or a stream.
    pub items: Computed,
    /// How the item is named.
    pub names: LoopNames,
    /// `where:` picks items.
    pub condition: Option<Bare>,
    /// `key:` names them.
    pub key: Option<Bare>,
    /// How many run at a time; [`PARALLEL_DEFAULT`] if the loop stands in no other.
    pub max_parallel: Option<u32>,
    /// Hands lists of up to this many as one item.
    pub chunk: Option<u32>,
    /// How many items may fail.
    pub tolerate: Tolerate,
    /// Bounds one item.
    pub item_timeout: Option<Millis>,
}

/// The names that a loop adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoopNames {
    /// `item`, or the name after `as`.
    pub item: Arc<str>,
    /// `index`, or that name with `_index`.
    pub index: Arc<str>,
    /// `key`, or that name with `_key`.
    pub key: Arc<str>,
}

/// How many items of a loop may fail before it does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tolerate {
    /// This many.
    Count(u64),
    /// This share of all, from 0 to 1.
    Share(f64),
}

/// `repeat:`.
#[derive(Debug, Clone)]
pub struct Repeat {
    /// Where it stands.
    pub span: Span,
    /// `previous` in the first round; null without.
    pub start: Option<Computed>,
    /// Ends the rounds when it is true of a round's `result`.
    pub until: Option<Bare>,
    /// Wait between two rounds.
    pub every: Option<Millis>,
    /// How many rounds at most.
    pub max: Option<u32>,
    /// What becomes of the step after that many.
    pub on_max: OnMax,
}

/// What becomes of a step whose rounds are used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnMax {
    /// It fails.
    #[default]
    Fail,
    /// It succeeds with the value of the last round.
    Continue,
}

/// A bare expression, or a tree that is written out.
#[derive(Debug, Clone)]
pub enum Computed {
    /// An expression.
    Expression(Bare),
    /// A list or a map, with templates at its leaves.
    Tree(Tree),
}

impl LoopNames {
    /// The names of a loop without `as`.
    pub fn plain() -> LoopNames {
        LoopNames {
            item: "item".into(),
            index: "index".into(),
            key: "key".into(),
        }
    }

    /// The names of a loop whose item is called so.
    pub fn of(name: &str) -> LoopNames {
        LoopNames {
            item: name.into(),
            index: format!("{name}_index").into(),
            key: format!("{name}_key").into(),
        }
    }

    /// All three.
    pub fn all(&self) -> [&Arc<str>; 3] {
        [&self.item, &self.index, &self.key]
    }
}

impl Tolerate {
    /// How many of so many items may fail.
    pub fn allowed(self, items: u64) -> u64 {
        match self {
            Tolerate::Count(count) => count,
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "a share of at most all items, cut to a whole number"
            )]
            Tolerate::Share(share) => (items as f64 * share).floor() as u64,
        }
    }
}

impl Computed {
    /// Where it stands.
    pub fn span(&self) -> Span {
        match self {
            Computed::Expression(bare) => bare.span,
            Computed::Tree(tree) => tree.span,
        }
    }

    /// Every reference in it with its place.
    pub fn references(&self, source: &SourceFile, visit: &mut dyn FnMut(&Reference, Span)) {
        match self {
            Computed::Expression(bare) => bare.references(source, visit),
            Computed::Tree(tree) => tree.references(source, visit),
        }
    }

    /// The value.
    ///
    /// # Errors
    /// [`Stop`] with its place.
    pub fn eval(&self, scope: &Scope<'_>, source: &SourceFile) -> Result<Value, Stop> {
        match self {
            Computed::Expression(bare) => bare.eval(scope, source),
            Computed::Tree(tree) => tree.render(scope, source),
        }
    }

    /// The type, and what is wrong for certain.
    pub fn infer(
        &self,
        types: &dyn TypeScope,
        source: &SourceFile,
        findings: &mut Vec<Finding>,
    ) -> Type {
        match self {
            Computed::Expression(bare) => bare.infer(types, source, findings),
            Computed::Tree(tree) => tree.infer(types, source, findings),
        }
    }
}
