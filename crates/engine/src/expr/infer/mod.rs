//! What can be known of an expression without any value: its type, and mistakes that no value could mend. What cannot be
//! decided is [`Type::Unknown`], and stays silent.
//!
//! [`members`] knows the members of types, [`calls`] what operators make of them, [`filters`] what filters do.

mod calls;
mod filters;
mod members;

use std::sync::Arc;

use super::error::SyntaxError;
use super::syntax::{Call, Kind, Node, Part};
use crate::source::Span;
use crate::types::{Field, Record, Type};
use crate::value::Value;

/// The types of the names in scope.
pub trait TypeScope {
    /// The type of a root or local; `None` if there is none of this name.
    fn root(&self, name: &str) -> Option<Type>;
}

/// What is known of an expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Inferred {
    /// Its type.
    pub ty: Type,
    /// Mistakes, in source order.
    pub problems: Vec<SyntaxError>,
}

/// Infers an expression.
pub(super) fn expression(text: &str, node: &Node, types: &dyn TypeScope) -> Inferred {
    let mut infer = Infer::new(text, types);
    let ty = infer.node(node);
    infer.finish(ty)
}

/// Infers a text with templates.
pub(super) fn parts(text: &str, parts: &[Part], types: &dyn TypeScope) -> Inferred {
    let mut infer = Infer::new(text, types);
    let secret = infer.parts(parts);
    infer.finish(if secret { Type::Secret } else { Type::string() })
}

struct Infer<'i> {
    text: &'i str,
    types: &'i dyn TypeScope,
    locals: Vec<(Arc<str>, Type)>,
    problems: Vec<SyntaxError>,
}

impl<'i> Infer<'i> {
    fn new(text: &'i str, types: &'i dyn TypeScope) -> Infer<'i> {
        Infer {
            text,
            types,
            locals: Vec::new(),
            problems: Vec::new(),
        }
    }

    fn finish(mut self, ty: Type) -> Inferred {
        self.problems.sort_by_key(|problem| problem.span.start);
        Inferred {
            ty,
            problems: self.problems,
        }
    }

    /// Notes a mistake; the type of what it is about is then unknown, so that one mistake is said once.
    fn problem(&mut self, problem: SyntaxError) -> Type {
        self.problems.push(problem);
        Type::Unknown
    }

    fn written(&self, span: Span) -> &'i str {
        self.text
            .get(span.start as usize..span.end as usize)
            .unwrap_or_default()
    }

    fn node(&mut self, node: &Node) -> Type {
        match &node.kind {
            Kind::Const(value) => of_value(value),
            Kind::Name(name) => {
                let local = self.locals.iter().rev().find(|(known, _)| known == name);
                let known = local.map(|(_, ty)| ty.clone());
                known.or_else(|| self.types.root(name)).unwrap_or_default()
            }
            Kind::Member {
                of,
                name,
                name_span,
            } => {
                let ty = self.node(of);
                self.member(&ty, name, of.span, *name_span)
            }
            Kind::Index { of, index } => {
                let ty = self.node(of);
                self.node(index);
                self.item_at(&ty, node.span)
            }
            Kind::Slice {
                of,
                start,
                stop,
                step,
            } => {
                let ty = self.node(of);
                [start, stop, step].into_iter().flatten().for_each(|bound| {
                    self.node(bound);
                });
                match ty {
                    Type::Blob(item) if *item != Type::Unknown => Type::List(item),
                    ty @ (Type::List(_) | Type::String(_)) => ty,
                    _ => Type::Unknown,
                }
            }
            Kind::Not(of) => {
                self.open(of, "a condition");
                Type::Boolean
            }
            Kind::Negate(of) => {
                let ty = self.open(of, "`-`");
                if matches!(ty, Type::Integer) {
                    Type::Integer
                } else {
                    Type::Number
                }
            }
            Kind::And(left, right) | Kind::Or(left, right) => {
                let left = self.open(left, "a condition");
                left.or(self.node(right))
            }
            Kind::Arithmetic(op, left, right) => self.arithmetic(*op, left, right, node.span),
            Kind::Concat(left, right) => {
                for side in [left, right] {
                    let ty = self.open(side, "`~`");
                    self.not_null(&ty, side.span);
                }
                Type::string()
            }
            Kind::Compare { first, rest } => {
                self.open(first, "a comparison");
                for (_, side) in rest {
                    self.open(side, "a comparison");
                }
                Type::Boolean
            }
            Kind::If { test, yes, no } => {
                self.open(test, "a condition");
                let yes = self.node(yes);
                no.as_ref().map_or(yes.clone(), |no| yes.or(self.node(no)))
            }
            Kind::Default(parts) => self.default(parts),
            Kind::Filter(call) => self.filter(call, node.span),
            Kind::Defined { of, .. } => {
                self.node(of);
                Type::Boolean
            }
            Kind::Test(call) => {
                self.open(&call.of, "a test");
                call.arg.iter().for_each(|arg| {
                    self.open(arg, "a test");
                });
                Type::Boolean
            }
            Kind::Call(call) => self.call(call),
            Kind::List(items) => {
                let types = items.iter().map(|item| self.node(item)).reduce(Type::or);
                Type::list(types.unwrap_or_default())
            }
            Kind::Map(members) => self.map(members),
        }
    }

    fn call(&mut self, call: &Call) -> Type {
        match call {
            Call::Status(_) | Call::CallbackUrl(_) => Type::string(),
            Call::StatusIs(..) | Call::Always => Type::Boolean,
            Call::Error(_) => Type::Unknown,
            Call::Range(args) => {
                for arg in args {
                    self.node(arg);
                }
                Type::list(Type::Integer)
            }
        }
    }

    fn map(&mut self, members: &[(Node, Node)]) -> Type {
        let mut record = Record::default();
        for (key, value) in members {
            self.node(key);
            let ty = self.node(value);
            let Kind::Const(Value::String(name)) = &key.kind else {
                record.open = true;
                continue;
            };
            let field = Field {
                ty,
                required: true,
                description: "".into(),
            };
            record.fields.insert(name.clone(), field);
        }
        Type::Record(Arc::new(record))
    }

    /// The type of a node that must be read: a secret cannot.
    fn open(&mut self, node: &Node, what: &str) -> Type {
        let ty = self.node(node);
        if ty != Type::Secret {
            return ty;
        }
        let fault = super::operators::secret_used(what);
        self.problem(fault.at_syntax(node.span))
    }

    fn not_null(&mut self, ty: &Type, span: Span) {
        if *ty == Type::Null {
            let problem = SyntaxError::new("template.null", span, "null has no text form")
                .help("say what stands for it: `| default('none', true)`");
            self.problems.push(problem);
        }
    }

    /// Whether a secret stands in the text.
    fn parts(&mut self, parts: &[Part]) -> bool {
        let mut secret = false;
        for part in parts {
            secret |= self.part(part);
        }
        secret
    }

    fn part(&mut self, part: &Part) -> bool {
        match part {
            Part::Text(_) => false,
            Part::Emit(node) => {
                let ty = self.node(node);
                self.not_null(&ty, node.span);
                ty == Type::Secret
            }
            Part::If {
                branches,
                otherwise,
            } => {
                let mut secret = false;
                for (test, body) in branches {
                    self.open(test, "a condition");
                    secret |= self.parts(body);
                }
                self.parts(otherwise) || secret
            }
            Part::For(part) => {
                let over = self.open(&part.over, "`for`");
                let item = match over {
                    Type::List(item) | Type::Blob(item) => Type::clone(&item),
                    Type::Map(_) | Type::Record(_) => Type::string(),
                    _ => Type::Unknown,
                };
                let outside = self.locals.len();
                match &part.names[..] {
                    [name] => self.locals.push((name.clone(), item)),
                    names => self
                        .locals
                        .extend(names.iter().map(|name| (name.clone(), Type::Unknown))),
                }
                part.only.iter().for_each(|only| {
                    self.open(only, "a condition");
                });
                let position = [
                    ("index", Type::Integer),
                    ("index0", Type::Integer),
                    ("first", Type::Boolean),
                    ("last", Type::Boolean),
                    ("length", Type::Integer),
                ];
                self.locals
                    .push(("loop".into(), Type::record(position, false)));
                let secret = self.parts(&part.body);
                self.locals.truncate(outside);
                self.parts(&part.otherwise) || secret
            }
            Part::Set { name, value } => {
                let ty = self.node(value);
                self.locals.push((name.clone(), ty));
                false
            }
            Part::With { bindings, body } => {
                let outside = self.locals.len();
                for (name, value) in bindings {
                    let ty = self.node(value);
                    self.locals.push((name.clone(), ty));
                }
                let secret = self.parts(body);
                self.locals.truncate(outside);
                secret
            }
        }
    }
}

/// The type of a literal.
fn of_value(value: &Value) -> Type {
    match value {
        Value::Null => Type::Null,
        Value::Bool(_) => Type::Boolean,
        Value::Int(_) | Value::UInt(_) => Type::Integer,
        Value::Float(_) => Type::Number,
        Value::String(text) => Type::one_of([&**text]),
        _ => Type::Unknown,
    }
}

#[cfg(test)]
mod tests;
