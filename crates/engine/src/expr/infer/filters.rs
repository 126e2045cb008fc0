//! What filters make of types.

use std::sync::Arc;

use super::Infer;
use super::calls::in_words;
use crate::expr::error::SyntaxError;
use crate::expr::filters::{Filter, FilterCall, Gives, Prepared, Takes, inside_quotes};
use crate::expr::jsonpath::JsonPath;
use crate::expr::syntax::{Kind, Node};
use crate::source::Span;
use crate::types::{Field, Record, Type};
use crate::value::Value;

impl Infer<'_> {
    pub(super) fn filter(&mut self, call: &FilterCall, span: Span) -> Type {
        let what = format!("the filter `{}`", call.filter.name);
        let input = self.open(&call.input, &what);
        let args: Vec<Option<Type>> = call
            .args
            .iter()
            .map(|arg| arg.as_ref().map(|arg| self.open(arg, &what)))
            .collect();
        if !self.takes(call.filter, &input, span) {
            return Type::Unknown;
        }
        let item = item_of(&input);
        match &call.prepared {
            Prepared::Path(path) => self.jsonpath(path, &input, call),
            Prepared::Filter(inner) if call.filter.gives == Gives::Mapped => {
                let arg = call.args.first().and_then(Option::as_ref);
                let span = arg.map_or(span, |arg| arg.span);
                if !self.takes(inner, &item, span) {
                    return Type::list(Type::Unknown);
                }
                let member = Type::Unknown;
                let args = args.get(1..).unwrap_or_default();
                Type::list(given(
                    inner.gives,
                    &Given {
                        input: &item,
                        args,
                        member,
                    },
                ))
            }
            _ => {
                let member = self.attribute(call, &item);
                let given_to = Given {
                    input: &input,
                    args: &args,
                    member,
                };
                given(call.filter.gives, &given_to)
            }
        }
    }

    /// Reports a filter that can never work on what it is given.
    fn takes(&mut self, filter: &Filter, input: &Type, span: Span) -> bool {
        let what = format!("the filter `{}`", filter.name);
        if never(filter.takes, input) {
            let message = format!("{what} does not take {}", in_words(input));
            self.problem(SyntaxError::new("template.type", span, message));
            return false;
        }
        if *input == Type::Null && !matches!(filter.takes, Takes::Any | Takes::Stored) {
            let message = format!("{what} was given null");
            self.problem(SyntaxError::new("template.null", span, message));
            return false;
        }
        true
    }

    /// What a literal path finds.
    fn jsonpath(&mut self, path: &JsonPath, input: &Type, call: &FilterCall) -> Type {
        let (ty, problems) = path.infer(input);
        let place = call.args.iter().flatten().next().map(|arg| arg.span);
        for problem in problems {
            let span = place.map_or(call.input.span, |quoted| {
                inside_quotes(quoted, problem.span)
            });
            let problem =
                SyntaxError::new(problem.code, span, problem.message).maybe_help(problem.help);
            self.problems.push(problem);
        }
        ty
    }

    /// The type of the member that a literal `attribute` names, where the items have it; that of the item without one.
    fn attribute(&mut self, call: &FilterCall, item: &Type) -> Type {
        let params = call.filter.params.iter();
        let place = params
            .zip(&call.args)
            .find(|(param, _)| param.name == "attribute");
        let literal = |arg: &Node| match &arg.kind {
            Kind::Const(Value::String(path)) => Some(path.clone()),
            _ => None,
        };
        match place {
            Some((_, Some(arg))) => match literal(arg) {
                Some(path) => self.path(item, &path, call.input.span, arg.span),
                None => Type::Unknown,
            },
            _ => item.clone(),
        }
    }
}

/// What is known of the things a filter works on.
struct Given<'g> {
    input: &'g Type,
    args: &'g [Option<Type>],
    /// The type of the member that `attribute` names, or of the items.
    member: Type,
}

impl Given<'_> {
    fn arg(&self, at: usize) -> Option<&Type> {
        self.args.get(at).and_then(Option::as_ref)
    }
}

fn given(gives: Gives, to: &Given<'_>) -> Type {
    let item = item_of(to.input);
    match gives {
        Gives::Unknown => Type::Unknown,
        Gives::Text => Type::string(),
        Gives::Integer => Type::Integer,
        Gives::Number => Type::Number,
        Gives::Boolean => Type::Boolean,
        Gives::Same => match to.input {
            Type::Blob(item) => Type::List(item.clone()),
            // Not the same text: it was one of a closed set, perhaps.
            Type::String(_) => Type::string(),
            ty => ty.clone(),
        },
        Gives::Item => item,
        Gives::Items => match to.input {
            Type::Map(_) | Type::Record(_) => Type::list(Type::string()),
            _ => Type::list(item),
        },
        Gives::Mapped => {
            let member = to.member.clone();
            Type::list(match to.arg(4) {
                Some(otherwise) => member.or(otherwise.clone()),
                None => member,
            })
        }
        Gives::Texts => Type::list(Type::string()),
        Gives::Stream => match to.input {
            Type::List(item) | Type::Blob(item) if **item != Type::Unknown => {
                Type::Blob(item.clone())
            }
            _ => Type::blob(Type::Unknown),
        },
        Gives::Groups => {
            let fields = [("key", to.member.clone()), ("items", Type::list(item))];
            Type::list(Type::record(fields, false))
        }
        Gives::Chunks => Type::list(Type::list(item)),
        Gives::Pairs => {
            let other = to.arg(0).map(item_of).unwrap_or_default();
            Type::list(Type::list(item.or(other)))
        }
        Gives::Values => Type::list(values_of(to.input)),
        Gives::Entries => Type::list(Type::list(Type::string().or(values_of(to.input)))),
        Gives::Merged => merged(to.input, to.arg(0)),
        Gives::Sum => match to.member {
            Type::Integer => Type::Integer,
            _ => Type::Number,
        },
        Gives::TextMap => Type::Map(Arc::new(Type::string().or(Type::Null))),
        Gives::Rows => match to.arg(1) {
            None => Type::list(Type::Map(Arc::new(Type::string()))),
            Some(_) => Type::list(Type::Unknown),
        },
        Gives::Both => {
            let other = to.arg(0).map(item_of).unwrap_or_default();
            Type::list(item.or(other))
        }
        Gives::Flat => match to.arg(0) {
            None => Type::list(flat(&item)),
            Some(_) => Type::list(Type::Unknown),
        },
        Gives::Compact => Type::list(not_null(item)),
        Gives::Indexed => Type::Map(Arc::new(item)),
        Gives::Part => part(to.input),
        Gives::Map => Type::Map(Arc::new(Type::Unknown)),
        Gives::Rounded => match to.arg(0) {
            None => Type::Integer,
            Some(_) => Type::Number,
        },
    }
}

/// The type of the items of a list, stream or text.
fn item_of(ty: &Type) -> Type {
    match ty {
        Type::List(item) | Type::Blob(item) => Type::clone(item),
        Type::String(_) => Type::string(),
        // Of null no item can be had: that option ends in a failure.
        Type::Union(options) => {
            let options = options.iter().filter(|option| **option != Type::Null);
            options.map(item_of).reduce(Type::or).unwrap_or_default()
        }
        _ => Type::Unknown,
    }
}

/// The type of the values of a map.
fn values_of(ty: &Type) -> Type {
    match ty {
        Type::Map(value) => Type::clone(value),
        Type::Record(record) if !record.open => {
            let types = record.fields.values().map(|field| field.ty.clone());
            types.reduce(Type::or).unwrap_or_default()
        }
        _ => Type::Unknown,
    }
}

/// Items of an item that is a list; other items stay.
fn flat(item: &Type) -> Type {
    match item {
        Type::List(inner) => Type::clone(inner),
        Type::Union(options) => {
            let options = options.iter().map(flat);
            options.reduce(Type::or).unwrap_or_default()
        }
        Type::Blob(_) => Type::Unknown,
        other => other.clone(),
    }
}

fn not_null(ty: Type) -> Type {
    match ty {
        Type::Union(options) => {
            let options = options.iter().filter(|option| **option != Type::Null);
            options.cloned().reduce(Type::or).unwrap_or_default()
        }
        Type::Null => Type::Unknown,
        other => other,
    }
}

/// The members that are left may be any of those that were there.
fn part(ty: &Type) -> Type {
    match ty {
        Type::Record(record) => {
            let mut record = Record::clone(record);
            for field in record.fields.values_mut() {
                field.required = false;
            }
            Type::Record(Arc::new(record))
        }
        Type::Map(_) => ty.clone(),
        _ => Type::Map(Arc::new(Type::Unknown)),
    }
}

/// The members of one map put over those of another.
fn merged(under: &Type, over: Option<&Type>) -> Type {
    match (under, over) {
        (Type::Record(under), Some(Type::Record(over))) => {
            let mut fields = under.fields.clone();
            for (name, field) in &over.fields {
                let field = match fields.get(name) {
                    Some(below) if !field.required => Field {
                        ty: below.ty.clone().or(field.ty.clone()),
                        ..below.clone()
                    },
                    // A member that an open map may have, and of which nothing is known.
                    None if !field.required && under.open => Field {
                        ty: Type::Unknown,
                        ..field.clone()
                    },
                    _ => field.clone(),
                };
                fields.insert(name.clone(), field);
            }
            if over.open {
                // It may have any of the names below too.
                for (name, field) in &mut fields {
                    if !over.fields.contains_key(name) {
                        field.ty = Type::Unknown;
                    }
                }
            }
            let open = under.open || over.open;
            Type::Record(Arc::new(Record { fields, open }))
        }
        (Type::Map(under), Some(Type::Map(over))) => {
            Type::Map(Arc::new(Type::clone(under).or(Type::clone(over))))
        }
        _ => Type::Map(Arc::new(Type::Unknown)),
    }
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
