//! Templates and expressions: Jinja's syntax over our own values.
//!
//! The crate `minijinja` parses expressions ([`parse`] is the only file that knows it); the tree is ours ([`syntax`]), and
//! so is its evaluation, because null and undefined, stored values, secrets and 64-bit numbers must mean the same
//! everywhere. Read in this order: [`scope`] (what a name may be), [`expression`] and [`template`] (the two things people
//! write), [`scan`], [`split`], [`parse`], [`calls`], [`statements`] (text to tree), [`eval`], [`member`], [`operators`], [`text`],
//! [`render`] (tree to value), [`filters`], [`jinja_tests`], [`jsonpath`], [`infer`],
//! [`toolbox`] (the catalogue of all that an expression may use).

#![expect(
    clippy::similar_names,
    reason = "`start, stop, step` are Jinja's and JSONPath's words for a slice"
)]

#[cfg(test)]
mod bad_input;
mod calls;
mod context;
mod depth;
mod error;
mod eval;
mod expression;
mod filters;
mod infer;
mod jinja_tests;
mod jsonpath;
pub mod limits;
mod member;
mod operators;
mod parse;
mod reference;
mod render;
mod scan;
mod scope;
mod split;
mod statements;
mod syntax;
mod template;
#[cfg(test)]
mod testing;
mod text;
mod toolbox;

pub use error::{EvalError, SyntaxError};
pub use expression::Expression;
pub use filters::filter_docs;
pub(crate) use filters::zones;
pub use infer::{Inferred, TypeScope};
pub use jinja_tests::test_docs;
pub use jsonpath::{JsonPath, JsonPathError};
pub use reference::{RefKind, RefPart, Reference};
pub use scope::{Roots, Scope};
pub(crate) use split::template_extents;
pub use template::Template;
pub use toolbox::{ToolDoc, function_docs, limit_docs, operator_docs, tool_docs};
