//! The errors for what has no value: which part of the path is missing, and what is there instead.

use std::sync::Arc;

use super::{Evaluator, Got, Locals};
use crate::expr::error::{EvalError, Fault};
use crate::expr::member;
use crate::expr::syntax::{Call, Kind, Node};
use crate::finding::nearest;

impl Evaluator<'_> {
    /// The error for a member of null.
    #[expect(
        clippy::unnecessary_box_returns,
        reason = "every use of it returns an `Eval`"
    )]
    pub(super) fn of_null(&self, node: &Node) -> Box<EvalError> {
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
    pub(super) fn absent(&self, node: &Node, locals: &Locals) -> Box<EvalError> {
        let written = self.written(node);
        match &node.kind {
            Kind::Name(name) => {
                let known: Vec<Arc<str>> = locals
                    .iter()
                    .map(|(name, _)| name.clone())
                    .chain(self.scope.names())
                    .collect();
                let near = nearest(name, known.iter().map(|name| &**name));
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
        let near = nearest(name, names.iter().map(String::as_str));
        Fault::new("template.undefined", message)
            .maybe_help(near.map(|near| format!("did you mean `{near}`?")))
    }

    /// The text of a node, cut to a readable length.
    fn written(&self, node: &Node) -> String {
        let range = node.span.start as usize..node.span.end as usize;
        member::excerpt(self.text.get(range).unwrap_or_default())
    }
}
