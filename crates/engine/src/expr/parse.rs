//! From the text of one expression to our tree. The only file that knows `minijinja`, whose syntax tree is an unstable
//! interface: it is lowered here at once, with names of filters, tests and functions resolved and their arguments bound.

use std::sync::Arc;

use minijinja::machinery::{ast, parse_expr};
use minijinja::value::ValueKind;

use super::error::{Parse, SyntaxError};
use super::filters::Given;
use super::limits::TREE_DEPTH_MAX;
use super::syntax::{Arithmetic, Call, Comparison, Default, Kind, Node};
use super::{calls, filters, jinja_tests};
use crate::source::Span;
use crate::value::Value;

/// Parses the expression at `range` of `text`; spans are in bytes of `text`. It has been scanned before.
pub(super) fn parse(text: &str, start: usize, end: usize) -> Parse<Node> {
    let written = &text[start..end];
    if written.trim().is_empty() {
        let message = "an expression is missing here";
        return Err(error("template.syntax", Span::new(start, end), message));
    }
    let place = Place { start, shift: 0 };
    let tree = tree(written, place)?;
    Lower { place }.node(&tree, 0)
}

fn tree(written: &str, place: Place) -> Parse<ast::Expr<'_>> {
    parse_expr(written).map_err(|problem| {
        let range = problem.range().unwrap_or(0..written.len());
        let message = problem.detail().unwrap_or("this is not an expression");
        let span = place.range(range.start, range.end.min(written.len()));
        error("template.syntax", span, message)
    })
}

fn error(code: &'static str, span: Span, message: impl Into<String>) -> SyntaxError {
    SyntaxError::new(code, span, message)
}

/// Where the parsed text stands: at `start`, once its first `shift` bytes, added by us, are taken off.
#[derive(Clone, Copy)]
struct Place {
    start: usize,
    shift: usize,
}

impl Place {
    fn range(self, from: usize, to: usize) -> Span {
        let move_ = |at: usize| self.start + at.saturating_sub(self.shift);
        Span::new(move_(from), move_(to))
    }

    fn span(self, span: minijinja::machinery::Span) -> Span {
        self.range(span.start_offset as usize, span.end_offset as usize)
    }
}

struct Lower {
    place: Place,
}

impl Lower {
    fn boxed(&self, expr: &ast::Expr<'_>, depth: usize) -> Parse<Box<Node>> {
        self.node(expr, depth).map(Box::new)
    }

    fn optional(&self, expr: Option<&ast::Expr<'_>>, depth: usize) -> Parse<Option<Box<Node>>> {
        expr.map(|expr| self.boxed(expr, depth)).transpose()
    }

    fn nodes(&self, exprs: &[ast::Expr<'_>], depth: usize) -> Parse<Vec<Node>> {
        exprs.iter().map(|expr| self.node(expr, depth)).collect()
    }

    fn node(&self, expr: &ast::Expr<'_>, depth: usize) -> Parse<Node> {
        let mut span = self.place.span(expr.span());
        if depth > TREE_DEPTH_MAX {
            let message = format!("more than {TREE_DEPTH_MAX} operators depend on each other");
            return Err(error("template.depth", span, message));
        }
        let depth = depth + 1;
        let kind = match expr {
            ast::Expr::Const(constant) => Kind::Const(constant_value(&constant.value, span)?),
            ast::Expr::Var(var) if var.id == "null" => Kind::Const(Value::Null),
            ast::Expr::Var(var) => Kind::Name(Arc::from(var.id)),
            ast::Expr::GetAttr(_) | ast::Expr::GetItem(_) | ast::Expr::Slice(_) => {
                return self.access(expr, span, depth);
            }
            ast::Expr::UnaryOp(_)
            | ast::Expr::BinOp(_)
            | ast::Expr::Compare(_)
            | ast::Expr::IfExpr(_) => return self.operation(expr, span, depth),
            ast::Expr::List(list) => Kind::List(self.nodes(&list.items, depth)?),
            ast::Expr::Tuple(tuple) => Kind::List(self.nodes(&tuple.items, depth)?),
            ast::Expr::Map(map) => {
                let keys = self.nodes(&map.keys, depth)?;
                let values = self.nodes(&map.values, depth)?;
                Kind::Map(keys.into_iter().zip(values).collect())
            }
            ast::Expr::Filter(filter) => return self.filter(filter, span, depth),
            ast::Expr::Test(test) => {
                let of = self.node(&test.expr, depth)?;
                let name_span = Span {
                    start: span.start,
                    end: span.start + Span::at(test.name.len()).start,
                };
                span = of.span.to(span);
                let given = self.given(&test.args, name_span, depth)?;
                jinja_tests::bind(test.name, name_span, of, given)?
            }
            ast::Expr::Call(call) => {
                span.start = self.place.span(leftmost(&call.expr).span()).start;
                Kind::Call(self.call(call, span, depth)?)
            }
        };
        Ok(Node { kind, span })
    }

    /// A member, an item or a slice. The parser's place of a chain may begin too late: ours is that of its head.
    fn access(&self, expr: &ast::Expr<'_>, mut span: Span, depth: usize) -> Parse<Node> {
        let kind = match expr {
            ast::Expr::GetAttr(get) => {
                let of = self.boxed(&get.expr, depth)?;
                span.start = of.span.start;
                let name_span = Span {
                    start: span.end.saturating_sub(Span::at(get.name.len()).start),
                    end: span.end,
                };
                Kind::Member {
                    of,
                    name: Arc::from(get.name),
                    name_span,
                }
            }
            ast::Expr::GetItem(get) => {
                let of = self.boxed(&get.expr, depth)?;
                span.start = of.span.start;
                let index = self.boxed(&get.subscript_expr, depth)?;
                match &index.kind {
                    Kind::Const(Value::String(name)) => Kind::Member {
                        of,
                        name: name.clone(),
                        name_span: index.span,
                    },
                    _ => Kind::Index { of, index },
                }
            }
            ast::Expr::Slice(slice) => {
                let of = self.boxed(&slice.expr, depth)?;
                span.start = of.span.start;
                Kind::Slice {
                    of,
                    start: self.optional(slice.start.as_ref(), depth)?,
                    stop: self.optional(slice.stop.as_ref(), depth)?,
                    step: self.optional(slice.step.as_ref(), depth)?,
                }
            }
            other => return self.node(other, depth),
        };
        Ok(Node { kind, span })
    }

    /// An operator with its operands; its place is theirs.
    fn operation(&self, expr: &ast::Expr<'_>, mut span: Span, depth: usize) -> Parse<Node> {
        let kind = match expr {
            ast::Expr::UnaryOp(unary) => {
                let of = self.boxed(&unary.expr, depth)?;
                span = span.to(of.span);
                match (&unary.op, of.kind) {
                    (ast::UnaryOpKind::Not, Kind::Defined { of, wanted }) => {
                        let wanted = !wanted;
                        Kind::Defined { of, wanted }
                    }
                    (ast::UnaryOpKind::Not, kind) => Kind::Not(Box::new(Node {
                        kind,
                        span: of.span,
                    })),
                    (ast::UnaryOpKind::Neg, kind) => Kind::Negate(Box::new(Node {
                        kind,
                        span: of.span,
                    })),
                }
            }
            ast::Expr::BinOp(binary) => {
                let left = self.boxed(&binary.left, depth)?;
                let right = self.boxed(&binary.right, depth)?;
                span = left.span.to(right.span);
                operator(binary.op, left, right)
            }
            ast::Expr::Compare(compare) => {
                let first = self.boxed(&compare.expr, depth)?;
                let mut rest = Vec::with_capacity(compare.ops.len());
                for operand in &compare.ops {
                    rest.push((comparison(operand.op), self.node(&operand.expr, depth)?));
                }
                span = first
                    .span
                    .to(rest.last().map_or(first.span, |(_, last)| last.span));
                Kind::Compare { first, rest }
            }
            ast::Expr::IfExpr(choice) => {
                let yes = self.boxed(&choice.true_expr, depth)?;
                let test = self.boxed(&choice.test_expr, depth)?;
                let no = self.optional(choice.false_expr.as_ref(), depth)?;
                let last = no.as_ref().map_or(test.span, |no| no.span);
                span = yes.span.to(last);
                Kind::If { test, yes, no }
            }
            other => return self.node(other, depth),
        };
        Ok(Node { kind, span })
    }

    fn filter(&self, filter: &ast::Filter<'_>, span: Span, depth: usize) -> Parse<Node> {
        let Some(input) = &filter.expr else {
            return Err(error("template.syntax", span, "a filter without a value"));
        };
        let input = self.node(input, depth)?;
        let name_span = Span {
            start: span.start,
            end: span.start + Span::at(filter.name.len()).start,
        };
        let span = input.span.to(span);
        let given = self.given(&filter.args, name_span, depth)?;
        if matches!(filter.name, "default" | "d") {
            let [alternative, empty_too] = filters::bind_default(name_span, given)?;
            let parts = Default {
                value: input,
                alternative,
                empty_too,
            };
            return Ok(Node {
                kind: Kind::Default(Box::new(parts)),
                span,
            });
        }
        let call = filters::bind(filter.name, name_span, input, given)?;
        Ok(Node {
            kind: Kind::Filter(Box::new(call)),
            span,
        })
    }

    /// The arguments as written; unpacking (`*list`, `**map`) is refused.
    fn given(&self, args: &[ast::CallArg<'_>], callee: Span, depth: usize) -> Parse<Vec<Given>> {
        let mut given = Vec::with_capacity(args.len());
        for arg in args {
            let (name, expr) = match arg {
                ast::CallArg::Pos(expr) => (None, expr),
                ast::CallArg::Kwarg(name, expr) => (Some(Arc::from(*name)), expr),
                ast::CallArg::PosSplat(_) | ast::CallArg::KwargSplat(_) => {
                    let message = "`*` and `**` cannot unpack arguments";
                    return Err(error("template.syntax", callee, message));
                }
            };
            let value = self.node(expr, depth)?;
            given.push(Given { name, value });
        }
        Ok(given)
    }

    fn call(&self, call: &ast::Call<'_>, span: Span, depth: usize) -> Parse<Call> {
        let callee = self.place.span(call.expr.span());
        let given = self.given(&call.args, callee, depth)?;
        match &call.expr {
            ast::Expr::Var(name) => calls::function(name.id, callee, span, given),
            ast::Expr::GetAttr(get) => match &get.expr {
                ast::Expr::Var(root) if root.id == "run" && get.name == "callback_url" => Ok(
                    Call::CallbackUrl(calls::step_name("run.callback_url", span, &given)?),
                ),
                of => {
                    let of = self.node(of, depth)?;
                    Err(calls::method(get.name, &of, callee))
                }
            },
            _ => Err(error(
                "template.unknown_function",
                span,
                "only a function can be called",
            )),
        }
    }
}

fn constant_value(value: &minijinja::Value, span: Span) -> Parse<Value> {
    match value.kind() {
        ValueKind::Bool => Ok(Value::Bool(value.is_true())),
        ValueKind::String => Ok(Value::from(value.as_str().unwrap_or_default())),
        ValueKind::Number if value.is_integer() => {
            let number = u64::try_from(value.clone());
            number
                .map(Value::from)
                .map_err(|_| error("template.number", span, "a whole number outside 64 bits"))
        }
        ValueKind::Number => match f64::try_from(value.clone()) {
            Ok(number) if number.is_finite() => Ok(Value::Float(number)),
            _ => Err(error("template.number", span, "a number out of range")),
        },
        _ => Ok(Value::Null),
    }
}

/// What a chain of members, indexes and calls begins with.
fn leftmost<'a>(mut expr: &'a ast::Expr<'a>) -> &'a ast::Expr<'a> {
    loop {
        expr = match expr {
            ast::Expr::GetAttr(get) => &get.expr,
            ast::Expr::GetItem(get) => &get.expr,
            ast::Expr::Slice(slice) => &slice.expr,
            ast::Expr::Call(call) => &call.expr,
            _ => return expr,
        };
    }
}

fn operator(op: ast::BinOpKind, left: Box<Node>, right: Box<Node>) -> Kind {
    let compare = |op, first: Box<Node>, second: Box<Node>| Kind::Compare {
        first,
        rest: vec![(op, *second)],
    };
    match op {
        ast::BinOpKind::ScAnd => Kind::And(left, right),
        ast::BinOpKind::ScOr => Kind::Or(left, right),
        ast::BinOpKind::Concat => Kind::Concat(left, right),
        ast::BinOpKind::Add => Kind::Arithmetic(Arithmetic::Add, left, right),
        ast::BinOpKind::Sub => Kind::Arithmetic(Arithmetic::Subtract, left, right),
        ast::BinOpKind::Mul => Kind::Arithmetic(Arithmetic::Multiply, left, right),
        ast::BinOpKind::Div => Kind::Arithmetic(Arithmetic::Divide, left, right),
        ast::BinOpKind::FloorDiv => Kind::Arithmetic(Arithmetic::FloorDivide, left, right),
        ast::BinOpKind::Rem => Kind::Arithmetic(Arithmetic::Remainder, left, right),
        ast::BinOpKind::Pow => Kind::Arithmetic(Arithmetic::Power, left, right),
        ast::BinOpKind::Eq => compare(Comparison::Equal, left, right),
        ast::BinOpKind::Ne => compare(Comparison::NotEqual, left, right),
        ast::BinOpKind::Lt => compare(Comparison::Less, left, right),
        ast::BinOpKind::Lte => compare(Comparison::LessOrEqual, left, right),
        ast::BinOpKind::Gt => compare(Comparison::Greater, left, right),
        ast::BinOpKind::Gte => compare(Comparison::GreaterOrEqual, left, right),
        ast::BinOpKind::In => compare(Comparison::In, left, right),
    }
}

fn comparison(op: ast::CompareOpKind) -> Comparison {
    match op {
        ast::CompareOpKind::Eq => Comparison::Equal,
        ast::CompareOpKind::Ne => Comparison::NotEqual,
        ast::CompareOpKind::Lt => Comparison::Less,
        ast::CompareOpKind::Lte => Comparison::LessOrEqual,
        ast::CompareOpKind::Gt => Comparison::Greater,
        ast::CompareOpKind::Gte => Comparison::GreaterOrEqual,
        ast::CompareOpKind::In => Comparison::In,
        ast::CompareOpKind::NotIn => Comparison::NotIn,
    }
}

/// Parses `range(a = 1, b = 2)`, where the caller added the first `shift` bytes to what stands at `start`: the names and
/// values.
pub(super) fn keywords(call: &str, start: usize, shift: usize) -> Parse<Vec<(Arc<str>, Node)>> {
    let lower = Lower {
        place: Place { start, shift },
    };
    let tree = tree(call, lower.place)?;
    let ast::Expr::Call(parsed) = &tree else {
        return Err(error(
            "template.syntax",
            lower.place.range(shift, call.len()),
            "expected `name = value`",
        ));
    };
    let span = lower.place.range(shift, call.len());
    lower
        .given(&parsed.args, span, 0)?
        .into_iter()
        .map(|given| match given.name {
            Some(name) => Ok((name, given.value)),
            None => Err(error(
                "template.syntax",
                given.value.span,
                "expected `name = value`",
            )),
        })
        .collect()
}
