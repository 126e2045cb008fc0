//! Our syntax tree: owned, with the place of every node, names resolved to filters, tests and functions.

use std::sync::Arc;

use super::filters::FilterCall;
use super::jinja_tests::TestCall;
use crate::source::Span;
use crate::value::Value;

/// One expression.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) span: Span,
}

/// What an expression is.
#[derive(Debug)]
pub(super) enum Kind {
    Const(Value),
    /// A name in scope: a local or a root.
    Name(Arc<str>),
    /// `of.name` or `of['name']`; `name_span` is the name alone.
    Member {
        of: Box<Node>,
        name: Arc<str>,
        name_span: Span,
    },
    Index {
        of: Box<Node>,
        index: Box<Node>,
    },
    Slice {
        of: Box<Node>,
        start: Option<Box<Node>>,
        stop: Option<Box<Node>>,
        step: Option<Box<Node>>,
    },
    Not(Box<Node>),
    Negate(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Arithmetic(Arithmetic, Box<Node>, Box<Node>),
    /// `a ~ b`.
    Concat(Box<Node>, Box<Node>),
    /// `a < b`, or the chain `a < b <= c`.
    Compare {
        first: Box<Node>,
        rest: Vec<(Comparison, Node)>,
    },
    If {
        test: Box<Node>,
        yes: Box<Node>,
        no: Option<Box<Node>>,
    },
    /// The filter `default`, which alone may stand on undefined values.
    Default(Box<Default>),
    Filter(Box<FilterCall>),
    /// `is defined` and `is undefined`.
    Defined {
        of: Box<Node>,
        wanted: bool,
    },
    Test(Box<TestCall>),
    Call(Call),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

/// `value | default(alternative, empty_too)`.
#[derive(Debug)]
pub(super) struct Default {
    pub(super) value: Node,
    pub(super) alternative: Option<Node>,
    pub(super) empty_too: Option<Node>,
}

/// An operator on numbers (`+` also joins two texts or two lists).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Remainder,
    Power,
}

impl Arithmetic {
    pub(super) fn symbol(self) -> &'static str {
        match self {
            Arithmetic::Add => "+",
            Arithmetic::Subtract => "-",
            Arithmetic::Multiply => "*",
            Arithmetic::Divide => "/",
            Arithmetic::FloorDivide => "//",
            Arithmetic::Remainder => "%",
            Arithmetic::Power => "**",
        }
    }
}

/// An operator that gives a boolean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
}

impl Comparison {
    pub(super) fn symbol(self) -> &'static str {
        match self {
            Comparison::Equal => "==",
            Comparison::NotEqual => "!=",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
            Comparison::In => "in",
            Comparison::NotIn => "not in",
        }
    }
}

/// A call of one of our functions; the steps they name are literal.
#[derive(Debug)]
pub(super) enum Call {
    Status(Arc<str>),
    /// `failed('x')` and its kin: whether the status is this word.
    StatusIs(Arc<str>, &'static str),
    Error(Arc<str>),
    Always,
    Range(Vec<Node>),
    CallbackUrl(Arc<str>),
}

/// A piece of a text with templates.
#[derive(Debug)]
pub(super) enum Part {
    /// Text as it stands: a range of the source.
    Text(Span),
    /// `{{ expr }}`.
    Emit(Node),
    /// `if`, `elif`..., `else`.
    If {
        branches: Vec<(Node, Vec<Part>)>,
        otherwise: Vec<Part>,
    },
    For(Box<For>),
    Set {
        name: Arc<str>,
        value: Node,
    },
    With {
        bindings: Vec<(Arc<str>, Node)>,
        body: Vec<Part>,
    },
}

/// `{% for a, b in over if only %} body {% else %} otherwise {% endfor %}`.
#[derive(Debug)]
pub(super) struct For {
    /// One name, or several that take a list apart.
    pub(super) names: Vec<Arc<str>>,
    pub(super) over: Node,
    pub(super) only: Option<Node>,
    pub(super) body: Vec<Part>,
    pub(super) otherwise: Vec<Part>,
}
