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
    #[expect(
        clippy::unnecessary_box_returns,
        reason = "every use of it returns an `Eval`"
    )]
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
    #[expect(
        clippy::unnecessary_box_returns,
        reason = "every use of it returns an `Eval`"
    )]
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
                let help = near.map_or_else(
                    || {
                        let known: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
                        format!("the names here are {}", known.join(", "))
                    },
                    |near| format!("did you mean `{near}`?"),
                );
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

#[cfg(test)]
mod tests {
    use crate::expr::testing::shown;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(shown(text), expected, "{text}");
    }

    #[test]
    fn paths_lead_to_values() {
        check("inputs.deep.a.b", r#""c""#);
        check("inputs['deep']['a'].b", r#""c""#);
        check("{{ inputs.n }}", "7");
        check(" {{- inputs.n -}} ", "7");
        check("inputs.list[0] + inputs.list[-1]", "4");
        check("inputs.list[1:]", "[2,3]");
        check("inputs.list[::-1]", "[3,2,1]");
        check("inputs.name[0]", r#""A""#);
        check("steps.fetch.items.count", "2");
        check("steps.fetch.items[1].user.name", r#""B""#);
        check("steps[inputs.missing | default('fetch')].id", r#""x1""#);
        check("inputs.none", "null");
        check("{'a': 1, 'b': [none, true]}", r#"{"a":1,"b":[null,true]}"#);
        check("(1, 2)", "[1,2]");
        check("inputs.text", r#""{{ 7*7 }}""#);
        check("range(2, 8, 3)", "[2,5]");
        check("range(3, 0, -1)", "[3,2,1]");
    }

    #[test]
    fn undefined_says_which_part_and_what_is_there() {
        check(
            "nputs.a",
            "template.undefined at `nputs`: `nputs` is not defined here = did you mean `inputs`?",
        );
        check(
            "zebra",
            "template.undefined at `zebra`: `zebra` is not defined here = the names here are `inputs`, `steps`, `run`, `item`, `secrets`",
        );
        check(
            "inputs.deep.x.y",
            "template.undefined at `x`: `inputs.deep` has no member `x`: it has `a`",
        );
        check(
            "inputs.lst",
            "template.undefined at `lst`: `inputs` has no member `lst`: it has `name`, `n`, `f`, `half`, `none`, `list`, `big`, `deep`, 2 more = did you mean `list`?",
        );
        check(
            "inputs.n.x",
            "template.undefined at `x`: `inputs.n` has no member `x`: it is an integer, which has no members",
        );
        check(
            "inputs.list.size",
            "template.undefined at `size`: `inputs.list` has no member `size`: it is a list of 3 items: it has `.count` and `[0]`",
        );
        check(
            "inputs.list[3]",
            "template.undefined at `inputs.list[3]`: `inputs.list` has no `[3]`: it is a list of 3 items: it has `.count` and `[0]`",
        );
        check(
            "steps.gone.id",
            "template.undefined at `gone`: `steps.gone` has no value: step `gone` was skipped = `| default(value)` says what stands for it then",
        );
        check(
            "[1, missing]",
            "template.undefined at `missing`: `missing` is not defined here = the names here are `inputs`, `steps`, `run`, `item`, `secrets`",
        );
        check(
            "{'a': [inputs.x]}",
            "template.undefined at `x`: `inputs` has no member `x`: it has `name`, `n`, `f`, `half`, `none`, `list`, `big`, `deep`, 2 more",
        );
        check(
            "inputs.x == 1",
            "template.undefined at `x`: `inputs` has no member `x`: it has `name`, `n`, `f`, `half`, `none`, `list`, `big`, `deep`, 2 more",
        );
        check(
            "1 if false",
            "template.undefined at `1 if false`: the condition is false and there is no `else` = say what it is then: `a if condition else b`",
        );
        check(
            "[] | first",
            "template.undefined at `[] | first`: the filter `first` was given something empty = `| default(value)` says what it is then",
        );
    }

    #[test]
    fn null_is_said_to_be_null() {
        check(
            "steps.fetch.missing.id",
            "template.null at `steps.fetch.missing.id`: `steps.fetch.missing` is null, so `steps.fetch.missing.id` cannot be read = `| default(value, true)` also replaces null",
        );
        check(
            "inputs.none.a.b | default(1)",
            "template.null at `inputs.none.a`: `inputs.none` is null, so `inputs.none.a` cannot be read = `| default(value, true)` also replaces null",
        );
        check("inputs.none.a.b | default(1, true)", "1");
        check(
            "inputs.none | upper",
            "template.null at `inputs.none | upper`: the filter `upper` was given null = say what stands for null first: `| default(value, true)`",
        );
        check("inputs.none.a is defined", "false");
        check("inputs.none is none", "true");
    }

    #[test]
    fn default_stands_on_undefined_paths() {
        check("inputs.a.b.c | default('x')", r#""x""#);
        check("nobody.knows | default(inputs.n)", "7");
        check("steps.gone.id | default(steps.fetch.id)", r#""x1""#);
        check("inputs.a | d('x') | upper", r#""X""#);
        check("inputs.none | default('x')", "null");
        check("inputs.none | default('x', true)", r#""x""#);
        check("inputs.empty | default('x', boolean=true)", r#""x""#);
        check("false | default('x', true)", "false");
        check("0 | default('x', true)", "0");
        check("inputs.a | default", r#""""#);
        check("([] | first) | default(0)", "0");
        check("(inputs.a + 1) | default(0)", "0");
        check(
            "inputs.deep | jsonpath('$.zzz') | default('none')",
            r#""none""#,
        );
        check(
            "inputs.deep | jsonpath('$.zzz')",
            "jsonpath.no_match at `inputs.deep | jsonpath('$.zzz')`: `$.zzz` finds nothing = `| default(value)` says what it is then",
        );
        check(
            "(1 / 0) | default(0)",
            "template.division at `1 / 0`: division by zero = test the divisor first: `a / b if b != 0 else 0`",
        );
        check(
            "steps.gone.id | default(inputs.a.b)",
            "template.undefined at `steps.gone.id | default(inputs.a.b)`: neither `steps.gone.id` nor `inputs.a.b` has a value",
        );
    }

    #[test]
    fn defined_asks_without_error() {
        check("inputs.a.b is defined", "false");
        check("inputs.a.b is not defined", "true");
        check("inputs.n is defined", "true");
        check("nobody is undefined", "true");
        check("steps.gone is defined and steps.gone.n > 1", "false");
        check("steps.fetch is not undefined", "true");
    }

    #[test]
    fn functions_ask_about_steps() {
        check("status('broken')", r#""failed""#);
        check(
            "failed('broken') and succeeded('fetch') and skipped('gone')",
            "true",
        );
        check("failed('fetch')", "false");
        check("error('broken').code", r#""http.500""#);
        check("error('fetch')", "null");
        check("always()", "true");
        check("run.callback_url('wait')", r#""https://flow.test/wait""#);
        check(
            "status('later')",
            "template.undefined at `status('later')`: step `later` has not ended, so it has no status",
        );
    }

    #[test]
    fn filters_check_what_they_are_given() {
        check(
            "inputs.list | upper",
            "template.type at `inputs.list | upper`: the filter `upper` takes text, not a list = `| to_json` makes text of any value; `| map('...')` works on each item",
        );
        check(
            "inputs | join",
            "template.type at `inputs | join`: the filter `join` takes a list, not a map = of a map take `| keys`, `| values` or `| items` first",
        );
        check(
            "inputs.n | keys",
            "template.type at `inputs.n | keys`: the filter `keys` takes a map, not an integer",
        );
        check("'4.7' | int", "4");
        check(
            "'x' | int",
            "template.type at `'x' | int`: \"x\" is not a whole number = `| int(0)` says what it is then",
        );
        check("'x' | int(0)", "0");
        check(
            "'99999999999999999999' | int",
            "template.number at `'99999999999999999999' | int`: a whole number outside 64 bits",
        );
        check(
            "['a', 1] | sort",
            "template.type at `['a', 1] | sort`: the filter `sort` cannot compare an integer with a string",
        );
        check("[3, 1, 2] | sort(reverse=true)", "[3,2,1]");
        check("inputs.list | map('string') | join('-')", r#""1-2-3""#);
        check("['a b', 'c'] | map('replace', ' ', '_')", r#"["a_b","c"]"#);
        check(
            "steps.fetch.items | map(attribute='user.name')",
            r#"["A","B"]"#,
        );
        check(
            "steps.fetch.items | map(attribute='nmae')",
            "template.undefined at `steps.fetch.items | map(attribute='nmae')`: the filter `map`: an item has no member `nmae`",
        );
        check(
            "steps.fetch.items | selectattr('user.name', 'in', ['B']) | map(attribute='id')",
            "[2]",
        );
        check("[none, 1, ''] | select", "[1]");
        check("[1, 'a', none] | select('string')", r#"["a"]"#);
        check("[{'a': 1}, {}] | rejectattr('a', 'defined')", "[{}]");
        check(
            "'{' | json",
            "json.syntax at `'{' | json`: not JSON: EOF while parsing an object at line 1 column 1",
        );
        check(
            "'1\\n\\n{' | jsonl",
            "json.syntax at `'1\\n\\n{' | jsonl`: line 3: EOF while parsing an object at column 1",
        );
        check(
            "'a' | regex_find('[') ",
            "template.regex at `'['`: not a regular expression: unclosed character class",
        );
        check("'abc' | regex_find('x') | default('no')", r#""no""#);
        check("run.due | date", r#""2026-11-21""#);
        check("run.due | date('%H:%M %:z')", r#""02:00 +01:00""#);
        check(
            "0 | date('%Y-%m-%dT%H:%M:%SZ')",
            r#""1970-01-01T00:00:00Z""#,
        );
        check("'2026-02-03' | date('%d.%m.')", r#""03.02.""#);
        check(
            "'soon' | date",
            "template.date at `'soon' | date`: \"soon\" is not a time in the form of RFC 3339 = such as `2026-01-31T02:00:00Z` or `2026-01-31`",
        );
        check("'YQ' | b64decode", r#""a""#);
        check(
            "'a!' | b64decode",
            "template.type at `'a!' | b64decode`: the filter `b64decode`: this is not Base64",
        );
        check("2.5 | round", "3");
        check("-1.25 | round(1)", "-1.3");
    }
}
