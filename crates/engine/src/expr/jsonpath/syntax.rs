//! The tree of a path.

use crate::value::Value;

/// `.name`, `[...]`, or `..` in front of one of them.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) descends: bool,
    pub(super) selectors: Vec<Selector>,
}

/// What picks children of a node.
#[derive(Debug)]
pub(super) enum Selector {
    Name(String),
    Index(i64),
    Wildcard,
    Slice(Option<i64>, Option<i64>, Option<i64>),
    Filter(Logical),
}

/// A condition on a child.
#[derive(Debug)]
pub(super) enum Logical {
    Or(Vec<Logical>),
    And(Vec<Logical>),
    Not(Box<Logical>),
    /// The query finds something.
    Exists(Query),
    Compare(Comparable, Operator, Comparable),
    /// `match(text, pattern)`: the whole text; `search(text, pattern)`: somewhere in it.
    Matches {
        text: Comparable,
        pattern: Pattern,
        whole: bool,
    },
}

/// A path inside a filter.
#[derive(Debug)]
pub(super) struct Query {
    /// From `@`; else from `$`.
    pub(super) relative: bool,
    pub(super) segments: Vec<Segment>,
}

/// A pattern, compiled at parse time if it is literal.
#[derive(Debug)]
pub(super) enum Pattern {
    Literal(regex::Regex),
    Value(Comparable),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// One value, or nothing.
#[derive(Debug)]
pub(super) enum Comparable {
    Literal(Value),
    /// A singular query.
    Query(Query),
    Length(Box<Comparable>),
    Count(Query),
    ValueOf(Query),
}
