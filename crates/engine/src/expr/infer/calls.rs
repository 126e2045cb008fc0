//! What operators and `default` make of types.

use super::Infer;
use crate::expr::error::SyntaxError;
use crate::expr::syntax::{Arithmetic, Default, Kind, Node};
use crate::source::Span;
use crate::types::Type;

impl Infer<'_> {
    pub(super) fn arithmetic(
        &mut self,
        op: Arithmetic,
        left: &Node,
        right: &Node,
        span: Span,
    ) -> Type {
        let what = format!("`{}`", op.symbol());
        let (a, b) = (self.open(left, &what), self.open(right, &what));
        let whole = a == Type::Integer && b == Type::Integer;
        let add = op == Arithmetic::Add;
        match (&a, &b) {
            _ if whole && !matches!(op, Arithmetic::Divide | Arithmetic::Power) => Type::Integer,
            (Type::Integer | Type::Number, Type::Integer | Type::Number) => Type::Number,
            (Type::String(_), Type::String(_)) if add => Type::string(),
            (Type::List(a), Type::List(b)) if add => Type::list(Type::clone(a).or(Type::clone(b))),
            _ if undecided(&a) || undecided(&b) => Type::Unknown,
            _ => {
                let message = format!(
                    "{what} does not work on {} and {}",
                    in_words(&a),
                    in_words(&b)
                );
                let problem = SyntaxError::new("template.type", span, message);
                let text = matches!(a, Type::String(_)) || matches!(b, Type::String(_));
                let help = "`a ~ b` joins anything as text; `a | int` makes a number of text";
                self.problem(problem.maybe_help((add && text).then(|| help.to_owned())))
            }
        }
    }

    pub(super) fn default(&mut self, parts: &Default) -> Type {
        let value = self.open(&parts.value, "the filter `default`");
        parts.empty_too.iter().for_each(|flag| {
            self.node(flag);
        });
        let alternative = match &parts.alternative {
            Some(alternative) => self.node(alternative),
            None => Type::string(),
        };
        // `default([])` says nothing new of a list.
        let none = matches!(&parts.alternative, Some(node) if matches!(&node.kind, Kind::List(items) if items.is_empty()));
        if none && matches!(value, Type::List(_) | Type::Blob(_)) {
            return value;
        }
        match (value, parts.empty_too.is_some()) {
            (Type::Null, true) => alternative,
            (Type::Union(options), true) => {
                let left = options
                    .iter()
                    .filter(|option| **option != Type::Null)
                    .cloned();
                left.reduce(Type::or).unwrap_or_default().or(alternative)
            }
            (value, _) => value.or(alternative),
        }
    }
}

/// Whether nothing can be said for certain. (Text and lists may be stored, which `Blob` stands for.)
fn undecided(ty: &Type) -> bool {
    matches!(ty, Type::Unknown | Type::Union(_) | Type::Blob(_))
}

pub(super) fn in_words(ty: &Type) -> String {
    match ty {
        Type::String(_) => "a string".to_owned(),
        Type::List(_) => "a list".to_owned(),
        Type::Map(_) | Type::Record(_) => "a map".to_owned(),
        Type::Integer => "an integer".to_owned(),
        Type::Null => "null".to_owned(),
        other => format!("a {other}"),
    }
}
