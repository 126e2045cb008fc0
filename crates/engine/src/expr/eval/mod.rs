//! Evaluates the tree of an expression. [`access`] reads members, [`calls`] knows functions, [`absent`] words errors.
//!
//! Values are borrowed as long as they can be. What is undefined is not an error by itself: [`Got::Absent`] names the node
//! that has no value, a path runs through it, `default` and `is defined` catch it, and every other use makes it an error.

mod absent;
mod access;
mod calls;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::context::Context;
use super::error::{Eval, EvalError, Fault};
use super::operators;
use super::scope::Scope;
use super::syntax::{Default, Kind, Node};
use super::text::Text;
use crate::value::{Map, Value};

/// Names that the text itself has set, innermost last.
pub(super) type Locals = [(Arc<str>, Value)];

/// What a node came to.
pub(super) enum Got<'n> {
    Ref(&'n Value),
    Own(Value),
    /// This node has no value.
    Absent(&'n Node),
    /// This node is a member of null.
    OfNull(&'n Node),
}

/// Evaluates the nodes of one text in one scope.
pub(super) struct Evaluator<'e> {
    text: &'e str,
    scope: &'e Scope<'e>,
    pub(super) context: Context<'e>,
}

impl<'e> Evaluator<'e> {
    pub(super) fn new(text: &'e str, scope: &'e Scope<'e>) -> Evaluator<'e> {
        Evaluator {
            text,
            scope,
            context: Context::new(scope.roots().blobs()),
        }
    }

    /// The value of a node; nothing undefined.
    pub(super) fn value(&self, node: &Node, locals: &Locals) -> Eval<Value> {
        match self.eval(node, locals)? {
            Got::Ref(value) => Ok(value.clone()),
            Got::Own(value) => Ok(value),
            Got::Absent(absent) => Err(self.absent(absent, locals)),
            Got::OfNull(of_null) => Err(self.of_null(of_null)),
        }
    }

    /// Whether a node counts as true.
    pub(super) fn truth(&self, node: &Node, locals: &Locals) -> Eval<bool> {
        self.seen(node, locals, |value| operators::truth(value, &self.context))
    }

    /// Applies `use_it` to the value of a node without cloning it; its faults are at the node.
    fn seen<T>(
        &self,
        node: &Node,
        locals: &Locals,
        use_it: impl FnOnce(&Value) -> Result<T, Fault>,
    ) -> Eval<T> {
        let result = match self.eval(node, locals)? {
            Got::Ref(value) => use_it(value),
            Got::Own(value) => use_it(&value),
            Got::Absent(absent) => return Err(self.absent(absent, locals)),
            Got::OfNull(of_null) => return Err(self.of_null(of_null)),
        };
        result.map_err(|fault| fault.at(node.span))
    }

    /// What a node comes to.
    pub(super) fn eval<'n>(&'n self, node: &'n Node, locals: &'n Locals) -> Eval<Got<'n>> {
        self.context
            .budget
            .step()
            .map_err(|fault| fault.at(node.span))?;
        match &node.kind {
            Kind::Const(value) => Ok(Got::Ref(value)),
            Kind::Name(name) => Ok(self.name(name, node, locals)),
            Kind::Member { of, name, .. } => self.member(node, of, name, locals),
            Kind::Index { of, index } => self.index(node, of, index, locals),
            Kind::Slice {
                of,
                start,
                stop,
                step,
            } => {
                let bound = |bound: &Option<Box<Node>>| {
                    bound
                        .as_deref()
                        .map(|bound| self.whole(bound, locals))
                        .transpose()
                };
                let bounds = (bound(start)?, bound(stop)?, bound(step)?);
                let of = self.value(of, locals)?;
                self.slice(of, bounds)
                    .map(Got::Own)
                    .map_err(|fault| fault.at(node.span))
            }
            Kind::Not(of) => self
                .truth(of, locals)
                .map(|truth| Got::Own(Value::Bool(!truth))),
            Kind::Negate(of) => {
                let value = self.content(of, locals)?;
                operators::negate(&value)
                    .map(Got::Own)
                    .map_err(|fault| fault.at(node.span))
            }
            Kind::And(left, right) => self.either(left, right, true, locals),
            Kind::Or(left, right) => self.either(left, right, false, locals),
            Kind::Arithmetic(op, left, right) => {
                let (left, right) = (self.value(left, locals)?, self.value(right, locals)?);
                operators::arithmetic(*op, left, right, &self.context)
                    .map(Got::Own)
                    .map_err(|fault| fault.at(node.span))
            }
            Kind::Concat(left, right) => {
                let (left, right) = (self.value(left, locals)?, self.value(right, locals)?);
                self.concat(&left, &right)
                    .map(Got::Own)
                    .map_err(|fault| fault.at(node.span))
            }
            Kind::Compare { first, rest } => self.compare(node, first, rest, locals),
            Kind::If { test, yes, no } => match no {
                _ if self.truth(test, locals)? => self.eval(yes, locals),
                Some(no) => self.eval(no, locals),
                None => Ok(Got::Absent(node)),
            },
            Kind::Default(parts) => self.default(node, parts, locals),
            Kind::Filter(call) => {
                let input = self.value(&call.input, locals)?;
                let mut args = Vec::with_capacity(call.args.len());
                for arg in &call.args {
                    args.push(
                        arg.as_ref()
                            .map(|arg| self.value(arg, locals))
                            .transpose()?,
                    );
                }
                call.apply(input, &args, &self.context)
                    .map(Got::Own)
                    .map_err(|fault| fault.at(node.span))
            }
            Kind::Defined { of, wanted } => {
                let defined = match self.eval(of, locals) {
                    Ok(Got::Ref(_) | Got::Own(_)) => true,
                    Ok(Got::Absent(_) | Got::OfNull(_)) => false,
                    Err(error) if is_undefined(&error) || error.code == "template.null" => false,
                    Err(error) => return Err(error),
                };
                Ok(Got::Own(Value::Bool(defined == *wanted)))
            }
            Kind::Test(call) => {
                let arg = call
                    .arg
                    .as_ref()
                    .map(|arg| self.value(arg, locals))
                    .transpose()?;
                let of = self.value(&call.of, locals)?;
                call.apply(of, arg.as_ref(), &self.context)
                    .map(|truth| Got::Own(Value::Bool(truth)))
                    .map_err(|fault| fault.at(node.span))
            }
            Kind::Call(call) => self.call(node, call, locals),
            Kind::List(items) => {
                let values = items.iter().map(|item| self.value(item, locals));
                Ok(Got::Own(Value::from(values.collect::<Eval<Vec<_>>>()?)))
            }
            Kind::Map(members) => self.map(members, locals),
        }
    }

    fn name<'n>(&'n self, name: &str, node: &'n Node, locals: &'n Locals) -> Got<'n> {
        if let Some((_, value)) = locals.iter().rev().find(|(known, _)| **known == *name) {
            return Got::Ref(value);
        }
        if let Some(value) = self.scope.local(name) {
            return Got::Ref(value);
        }
        self.scope
            .roots()
            .root(name)
            .map_or(Got::Absent(node), Got::Own)
    }

    /// The whole number that a node gives.
    fn whole(&self, node: &Node, locals: &Locals) -> Eval<i64> {
        self.seen(node, locals, |value| match value {
            Value::Int(number) => Ok(*number),
            other => Err(Fault::kind("this place", "a whole number", other)),
        })
    }

    /// The value of a node, read if it is stored.
    fn content(&self, node: &Node, locals: &Locals) -> Eval<Value> {
        let value = self.value(node, locals)?;
        self.context
            .content(value)
            .map_err(|fault| fault.at(node.span))
    }

    /// `and` (`go_on` is true) and `or`: the left value decides, or the right one is the answer.
    fn either<'n>(
        &'n self,
        left: &'n Node,
        right: &'n Node,
        go_on: bool,
        locals: &'n Locals,
    ) -> Eval<Got<'n>> {
        let value = self.eval(left, locals)?;
        let truth = match &value {
            Got::Ref(value) => operators::truth(value, &self.context),
            Got::Own(value) => operators::truth(value, &self.context),
            Got::Absent(absent) => return Err(self.absent(absent, locals)),
            Got::OfNull(of_null) => return Err(self.of_null(of_null)),
        };
        if truth.map_err(|fault| fault.at(left.span))? == go_on {
            self.eval(right, locals)
        } else {
            Ok(value)
        }
    }

    fn compare<'n>(
        &'n self,
        node: &'n Node,
        first: &'n Node,
        rest: &'n [(super::syntax::Comparison, Node)],
        locals: &'n Locals,
    ) -> Eval<Got<'n>> {
        let mut left = self.defined(first, locals)?;
        for (op, right) in rest {
            let right = self.defined(right, locals)?;
            let holds = operators::compare(*op, left.borrow(), right.borrow(), &self.context);
            if !holds.map_err(|fault| fault.at(node.span))? {
                return Ok(Got::Own(Value::Bool(false)));
            }
            left = right;
        }
        Ok(Got::Own(Value::Bool(true)))
    }

    /// What a node comes to, borrowed if it can be; nothing undefined.
    fn defined<'n>(&'n self, node: &'n Node, locals: &'n Locals) -> Eval<Seen<'n>> {
        match self.eval(node, locals)? {
            Got::Ref(value) => Ok(Seen::Ref(value)),
            Got::Own(value) => Ok(Seen::Own(value)),
            Got::Absent(absent) => Err(self.absent(absent, locals)),
            Got::OfNull(of_null) => Err(self.of_null(of_null)),
        }
    }

    fn concat(&self, left: &Value, right: &Value) -> Result<Value, Fault> {
        if matches!(left, Value::Secret(_)) || matches!(right, Value::Secret(_)) {
            return Err(operators::secret_used("`~`"));
        }
        let mut text = Text::default();
        text.push_value(left, &self.context)?;
        text.push_value(right, &self.context)?;
        text.finish(&self.context)
    }

    fn default<'n>(
        &'n self,
        node: &'n Node,
        parts: &'n Default,
        locals: &'n Locals,
    ) -> Eval<Got<'n>> {
        let empty_too = match &parts.empty_too {
            Some(flag) => self.truth(flag, locals)?,
            None => false,
        };
        let value = match self.eval(&parts.value, locals) {
            Ok(Got::OfNull(of_null)) if !empty_too => return Err(self.of_null(of_null)),
            Ok(Got::Absent(_) | Got::OfNull(_)) => None,
            Ok(got) => Some(got),
            Err(error) if is_undefined(&error) => None,
            Err(error) => return Err(error),
        };
        if let Some(value) = value {
            let plain = match &value {
                Got::Ref(value) => *value,
                Got::Own(value) => value,
                _ => return Ok(value),
            };
            if matches!(plain, Value::Secret(_)) {
                return Err(operators::secret_used("the filter `default`").at(node.span));
            }
            let keep = !empty_too
                || operators::truth(plain, &self.context).map_err(|fault| fault.at(node.span))?;
            if keep || matches!(plain, Value::Bool(_) | Value::Int(_) | Value::Float(_)) {
                return Ok(value);
            }
        }
        match &parts.alternative {
            None => Ok(Got::Own(Value::from(""))),
            Some(alternative) => match self.eval(alternative, locals)? {
                Got::Absent(_) => Ok(Got::Absent(node)),
                got => Ok(got),
            },
        }
    }

    fn map<'n>(&'n self, members: &'n [(Node, Node)], locals: &'n Locals) -> Eval<Got<'n>> {
        let mut map = Map::new();
        for (key, value) in members {
            let name = match self.content(key, locals)? {
                Value::String(name) => name,
                other @ (Value::Int(_) | Value::UInt(_) | Value::Bool(_)) => {
                    super::text::scalar(&other).into()
                }
                other => {
                    return Err(Fault::kind("the key of a map", "a string", &other).at(key.span));
                }
            };
            map.insert(name, self.value(value, locals)?);
        }
        Ok(Got::Own(Value::from(map)))
    }
}

/// A value, borrowed if it can be.
enum Seen<'n> {
    Ref(&'n Value),
    Own(Value),
}

impl Seen<'_> {
    fn borrow(&self) -> &Value {
        match self {
            Seen::Ref(value) => value,
            Seen::Own(value) => value,
        }
    }
}

/// Whether an error only says that something has no value: what `default` and `is defined` catch.
fn is_undefined(error: &EvalError) -> bool {
    matches!(error.code, "template.undefined" | "jsonpath.no_match")
}
