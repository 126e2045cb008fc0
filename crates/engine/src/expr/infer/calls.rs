//! What operators and filters make of types.

use std::sync::Arc;

use super::Infer;
use crate::expr::error::SyntaxError;
use crate::expr::filters::{FilterCall, Gives, Prepared, Takes};
use crate::expr::syntax::{Arithmetic, Default, Kind, Node};
use crate::source::Span;
use crate::types::Type;
use crate::value::Value;

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

    pub(super) fn filter(&mut self, call: &FilterCall, span: Span) -> Type {
        let what = format!("the filter `{}`", call.filter.name);
        let input = self.open(&call.input, &what);
        let args: Vec<Option<Type>> = call
            .args
            .iter()
            .map(|arg| arg.as_ref().map(|arg| self.open(arg, &what)))
            .collect();
        if never(call.filter.takes, &input) {
            let message = format!("{what} does not take {}", in_words(&input));
            return self.problem(SyntaxError::new("template.type", span, message));
        }
        if input == Type::Null && !matches!(call.filter.takes, Takes::Any | Takes::Stored) {
            let message = format!("{what} was given null");
            return self.problem(SyntaxError::new("template.null", span, message));
        }
        let item = item_of(&input);
        let member = self.attribute(call, &item);
        match call.filter.gives {
            Gives::Text => Type::string(),
            Gives::Integer => Type::Integer,
            Gives::Number => Type::Number,
            Gives::Boolean => Type::Boolean,
            Gives::Same => match input {
                Type::Blob(item) => Type::List(item),
                ty => ty,
            },
            Gives::Item => item,
            Gives::List => match (call.filter.name, &call.prepared) {
                ("map", Prepared::Nothing) => {
                    let otherwise = args.into_iter().nth(4).flatten();
                    let ty = otherwise.map_or(member.clone(), |otherwise| member.or(otherwise));
                    Type::list(ty)
                }
                ("map", Prepared::Filter(filter)) => Type::list(given_by(filter.gives)),
                ("list", _) => Type::list(item),
                _ => Type::list(Type::Unknown),
            },
            Gives::Texts => Type::list(Type::string()),
            Gives::Stream => match input {
                Type::List(item) | Type::Blob(item) if *item != Type::Unknown => Type::Blob(item),
                _ => Type::blob(Type::Unknown),
            },
            Gives::Map => Type::Map(Arc::new(Type::Unknown)),
            Gives::Unknown => match &call.prepared {
                Prepared::Path(path) if !path.is_singular() => Type::list(Type::Unknown),
                _ => Type::Unknown,
            },
        }
    }

    /// The type of the member that a literal `attribute` names, where the items have it.
    fn attribute(&mut self, call: &FilterCall, item: &Type) -> Type {
        let params = call.filter.params.iter();
        let place = params
            .zip(&call.args)
            .find(|(param, _)| param.name == "attribute");
        let Some((_, Some(arg))) = place else {
            return Type::Unknown;
        };
        match &arg.kind {
            Kind::Const(Value::String(path)) => self.path(item, path, call.input.span, arg.span),
            _ => Type::Unknown,
        }
    }
}

fn given_by(gives: Gives) -> Type {
    match gives {
        Gives::Text => Type::string(),
        Gives::Integer => Type::Integer,
        Gives::Number => Type::Number,
        Gives::Boolean => Type::Boolean,
        Gives::Texts => Type::list(Type::string()),
        _ => Type::Unknown,
    }
}

fn item_of(ty: &Type) -> Type {
    match ty {
        Type::List(item) | Type::Blob(item) => Type::clone(item),
        Type::String(_) => Type::string(),
        _ => Type::Unknown,
    }
}

/// Whether nothing can be said for certain. (Text and lists may be stored, which `Blob` stands for.)
fn undecided(ty: &Type) -> bool {
    matches!(ty, Type::Unknown | Type::Union(_) | Type::Blob(_))
}

/// Whether a filter that takes this can never work on that type.
fn never(takes: Takes, ty: &Type) -> bool {
    if let Type::Union(options) = ty {
        return options.iter().all(|option| never(takes, option));
    }
    let scalar = matches!(ty, Type::Boolean | Type::Integer | Type::Number);
    let text = matches!(ty, Type::String(_));
    let list = matches!(ty, Type::List(_));
    let map = matches!(ty, Type::Map(_) | Type::Record(_));
    match takes {
        Takes::Any | Takes::Stored => false,
        Takes::Text => list || map,
        Takes::Number => list || map || text || *ty == Type::Boolean,
        Takes::List => scalar || map || text,
        Takes::Map => scalar || list || text,
    }
}

fn in_words(ty: &Type) -> String {
    match ty {
        Type::String(_) => "a string".to_owned(),
        Type::List(_) => "a list".to_owned(),
        Type::Map(_) | Type::Record(_) => "a map".to_owned(),
        Type::Integer => "an integer".to_owned(),
        Type::Null => "null".to_owned(),
        other => format!("a {other}"),
    }
}
