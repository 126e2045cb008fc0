//! Evaluates the tree of an expression.
//!
//! Values are borrowed as long as they can be. What is undefined is not an error by itself: [`Got::Absent`] names the node
//! that has no value, a path runs through it, `default` and `is defined` catch it, and every other use makes it an error.

use std::sync::Arc;

use super::context::Context;
use super::error::{Eval, EvalError, Fault};
use super::limits::RANGE_MAX;
use super::member::{self, Found, Owned};
use super::operators;
use super::scope::Scope;
use super::syntax::{Call, Default, Kind, Node};
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
            Kind::If { test, yes, no } => {
                if self.truth(test, locals)? {
                    self.eval(yes, locals)
                } else {
                    no.as_deref()
                        .map_or(Ok(Got::Absent(node)), |no| self.eval(no, locals))
                }
            }
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
                call.apply(of, arg, &self.context)
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

    fn member<'n>(
        &'n self,
        node: &'n Node,
        of: &'n Node,
        name: &str,
        locals: &'n Locals,
    ) -> Eval<Got<'n>> {
        Ok(match self.eval(of, locals)? {
            Got::Ref(Value::Blob(blob)) => self.stored(node, blob, name)?,
            Got::Own(Value::Blob(blob)) => self.stored(node, &blob, name)?,
            Got::Ref(value) => match member::plain(value, name) {
                Found::Ref(value) => Got::Ref(value),
                Found::Own(value) => Got::Own(value),
                Found::Absent => self.no_member(value, node)?,
                Found::Null => Got::OfNull(node),
            },
            Got::Own(value) => match member::owned(&value, name) {
                Owned::Found(value) => Got::Own(value),
                Owned::Absent => self.no_member(&value, node)?,
                Owned::Null => Got::OfNull(node),
            },
            absent => absent,
        })
    }

    #[expect(clippy::unused_self, reason = "it reads like its siblings")]
    fn no_member<'n>(&self, value: &Value, node: &'n Node) -> Eval<Got<'n>> {
        match value {
            Value::Secret(_) => Err(operators::secret_used("a member").at(node.span)),
            _ => Ok(Got::Absent(node)),
        }
    }

    fn stored<'n>(
        &self,
        node: &'n Node,
        blob: &Arc<crate::value::Blob>,
        name: &str,
    ) -> Eval<Got<'n>> {
        let found =
            member::stored(blob, name, &self.context).map_err(|fault| fault.at(node.span))?;
        Ok(match found {
            Owned::Found(value) => Got::Own(value),
            Owned::Absent => Got::Absent(node),
            Owned::Null => Got::OfNull(node),
        })
    }

    fn index<'n>(
        &'n self,
        node: &'n Node,
        of: &'n Node,
        index: &'n Node,
        locals: &'n Locals,
    ) -> Eval<Got<'n>> {
        let of = match self.eval(of, locals)? {
            Got::Ref(value) => value.clone(),
            Got::Own(value) => value,
            absent => return Ok(absent),
        };
        let index_value = self.content(index, locals)?;
        if let Value::String(name) = &index_value {
            let found = match &of {
                Value::Blob(blob) => return self.stored(node, blob, name),
                other => member::owned(other, name),
            };
            return match found {
                Owned::Found(value) => Ok(Got::Own(value)),
                Owned::Absent => self.no_member(&of, node),
                Owned::Null => Ok(Got::OfNull(node)),
            };
        }
        let Value::Int(at) = index_value else {
            return Err(
                Fault::kind("`[...]`", "a whole number or a string", &index_value).at(index.span),
            );
        };
        let of = self
            .context
            .content(of)
            .map_err(|fault| fault.at(node.span))?;
        match &of {
            Value::List(items) => Ok(match member::place(at, items.len()) {
                Some(at) => Got::Own(items[at].clone()),
                None => Got::Absent(node),
            }),
            Value::Null => Ok(Got::OfNull(node)),
            Value::String(text) => {
                let letters: Vec<char> = text.chars().collect();
                Ok(match member::place(at, letters.len()) {
                    Some(at) => Got::Own(Value::from(letters[at].to_string())),
                    None => Got::Absent(node),
                })
            }
            other => Err(Fault::kind("an index", "a list", other).at(node.span)),
        }
    }

    fn slice(
        &self,
        of: Value,
        (start, stop, step): (Option<i64>, Option<i64>, Option<i64>),
    ) -> Result<Value, Fault> {
        match &self.context.content(of)? {
            Value::List(items) => {
                let places = member::slice(items.len(), start, stop, step)?;
                self.context.budget.steps(places.len())?;
                Ok(Value::list(places.into_iter().map(|at| items[at].clone())))
            }
            Value::String(text) => {
                let letters: Vec<char> = text.chars().collect();
                let places = member::slice(letters.len(), start, stop, step)?;
                self.context
                    .budget
                    .text(places.into_iter().map(|at| letters[at]).collect())
            }
            Value::Secret(_) => Err(operators::secret_used("a slice")),
            Value::Null => Err(Fault::new("template.null", "a slice of null")),
            other => Err(Fault::kind("a slice", "a list or a string", other)),
        }
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
            Ok(Got::Absent(_)) => None,
            Ok(Got::OfNull(of_null)) if !empty_too => return Err(self.of_null(of_null)),
            Ok(Got::OfNull(_)) => None,
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

    fn call<'n>(&'n self, node: &'n Node, call: &'n Call, locals: &'n Locals) -> Eval<Got<'n>> {
        let roots = self.scope.roots();
        Ok(match call {
            Call::Status(step) => roots
                .status(step)
                .map_or(Got::Absent(node), |status| Got::Own(Value::from(status))),
            Call::StatusIs(step, status) => {
                Got::Own(Value::Bool(roots.status(step) == Some(*status)))
            }
            Call::Error(step) => Got::Own(roots.error(step).unwrap_or_default()),
            Call::Always => Got::Own(Value::Bool(true)),
            Call::CallbackUrl(step) => roots.callback_url(step).map_or(Got::Absent(node), Got::Own),
            Call::Range(args) => {
                let mut bounds = Vec::with_capacity(3);
                for arg in args {
                    bounds.push(self.whole(arg, locals)?);
                }
                Got::Own(self.range(&bounds).map_err(|fault| fault.at(node.span))?)
            }
        })
    }

    fn range(&self, bounds: &[i64]) -> Result<Value, Fault> {
        let (start, stop, step) = match *bounds {
            [stop] => (0, stop, 1),
            [start, stop] => (start, stop, 1),
            [start, stop, step, ..] => (start, stop, step),
            [] => (0, 0, 1),
        };
        if step == 0 {
            return Err(Fault::new(
                "template.type",
                "the step of `range` cannot be 0",
            ));
        }
        let (start, stop, step) = (i128::from(start), i128::from(stop), i128::from(step));
        let count = ((stop - start + step - step.signum()) / step).max(0);
        if count > RANGE_MAX {
            let message = format!("`range` of {count} items: at most {RANGE_MAX} are made");
            return Err(Fault::new("template.range", message));
        }
        self.context
            .budget
            .steps(usize::try_from(count).unwrap_or(usize::MAX))?;
        let items = (0..count).map(|at| operators::narrow(start + at * step));
        Ok(Value::from(items.collect::<Result<Vec<_>, _>>()?))
    }

    /// The error for a member of null.
    fn of_null(&self, node: &Node) -> Box<EvalError> {
        let of = match &node.kind {
            Kind::Member { of, .. } | Kind::Index { of, .. } => of,
            _ => node,
        };
        let message = format!(
            "`{}` is null, so `{}` cannot be read",
            self.written(of),
            self.written(node)
        );
        Fault::new("template.null", message)
            .help("`| default(value, true)` also replaces null")
            .at(node.span)
    }

    /// The error for a node without value: which part is missing, and what is there.
    fn absent(&self, node: &Node, locals: &Locals) -> Box<EvalError> {
        let written = self.written(node);
        match &node.kind {
            Kind::Name(name) => {
                let known: Vec<Arc<str>> = locals
                    .iter()
                    .map(|(name, _)| name.clone())
                    .chain(self.scope.names())
                    .collect();
                let near = crate::finding::nearest(name, known.iter().map(|name| &**name));
                let help = match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => {
                        let known: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
                        format!("the names here are {}", known.join(", "))
                    }
                };
                Fault::new(
                    "template.undefined",
                    format!("`{name}` is not defined here"),
                )
                .help(help)
                .at(node.span)
            }
            Kind::Member {
                of,
                name,
                name_span,
            } => self
                .absent_member(of, name, &written, locals)
                .at(*name_span),
            Kind::Index { of, index } => {
                let index = self.written(index);
                let there = match self.eval(of, locals) {
                    Ok(Got::Ref(value)) => member::what_is_there(value).0,
                    Ok(Got::Own(value)) => member::what_is_there(&value).0,
                    _ => String::new(),
                };
                let message = format!("`{}` has no `[{index}]`: {there}", self.written(of));
                Fault::new("template.undefined", message).at(node.span)
            }
            Kind::If { .. } => {
                let message = "the condition is false and there is no `else`";
                Fault::new("template.undefined", message)
                    .help("say what it is then: `a if condition else b`")
                    .at(node.span)
            }
            Kind::Default(parts) => {
                let mut sides = vec![format!("`{}`", self.written(&parts.value))];
                sides.extend(
                    parts
                        .alternative
                        .iter()
                        .map(|side| format!("`{}`", self.written(side))),
                );
                let message = format!("neither {} has a value", sides.join(" nor "));
                Fault::new("template.undefined", message).at(node.span)
            }
            Kind::Call(Call::Status(step)) => {
                let message = format!("step `{step}` has not ended, so it has no status");
                Fault::new("template.undefined", message).at(node.span)
            }
            _ => {
                Fault::new("template.undefined", format!("`{written}` has no value")).at(node.span)
            }
        }
    }

    fn absent_member(&self, of: &Node, name: &str, written: &str, locals: &Locals) -> Fault {
        if let Kind::Name(root) = &of.kind
            && !locals.iter().any(|(local, _)| local == root)
            && self.scope.local(root).is_none()
            && let Some(why) = self.scope.roots().why_absent(root, name)
        {
            return Fault::new(
                "template.undefined",
                format!("`{written}` has no value: {why}"),
            )
            .help("`| default(value)` says what stands for it then");
        }
        let (there, names) = match self.eval(of, locals) {
            Ok(Got::Ref(value)) => member::what_is_there(value),
            Ok(Got::Own(value)) => member::what_is_there(&value),
            _ => return Fault::new("template.undefined", format!("`{written}` is not defined")),
        };
        let message = format!("`{}` has no member `{name}`: {there}", self.written(of));
        let near = crate::finding::nearest(name, names.iter().map(String::as_str));
        Fault::new("template.undefined", message)
            .maybe_help(near.map(|near| format!("did you mean `{near}`?")))
    }

    /// The text of a node, cut to a readable length.
    fn written(&self, node: &Node) -> String {
        let range = node.span.start as usize..node.span.end as usize;
        member::excerpt(self.text.get(range).unwrap_or_default())
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
