//! The members of types.

use std::sync::Arc;

use super::Infer;
use crate::expr::error::SyntaxError;
use crate::expr::operators::secret_used;
use crate::finding::{misspelt, nearest};
use crate::source::Span;
use crate::types::Type;

/// What a type says about a member.
enum Lookup {
    Is(Type),
    /// A record without such a member: these are its names.
    Unknown(Vec<Arc<str>>),
    /// A type without members, in words.
    None(String),
    Null,
    Secret,
}

fn lookup(ty: &Type, name: &str) -> Lookup {
    match ty {
        Type::Unknown => Lookup::Is(Type::Unknown),
        Type::Record(record) => match record.fields.get(name) {
            Some(field) => Lookup::Is(field.ty.clone()),
            None if record.open => Lookup::Is(Type::Unknown),
            None => Lookup::Unknown(record.fields.keys().cloned().collect()),
        },
        Type::Map(value) => Lookup::Is(Type::clone(value)),
        Type::List(_) if name == "count" => Lookup::Is(Type::Integer),
        Type::List(item) => of_results(item, name),
        Type::Blob(item) => match name {
            "count" | "size" => Lookup::Is(Type::Integer),
            "name" | "sha256" => Lookup::Is(Type::string()),
            // Nothing is known of its content, which may be a map.
            _ if **item == Type::Unknown => Lookup::Is(Type::Unknown),
            _ => of_results(item, name),
        },
        Type::Union(options) => {
            let mut found: Option<Type> = None;
            let mut missing = None;
            for option in options.iter() {
                match lookup(option, name) {
                    Lookup::Is(ty) => {
                        found = Some(match found {
                            Some(known) => known.or(ty),
                            None => ty,
                        });
                    }
                    other => {
                        let better = matches!(other, Lookup::Unknown(_)) || missing.is_none();
                        missing = if better { Some(other) } else { missing };
                    }
                }
            }
            match (found, missing) {
                (Some(ty), _) => Lookup::Is(ty),
                (None, Some(missing)) => missing,
                (None, None) => Lookup::Is(Type::Unknown),
            }
        }
        Type::Null => Lookup::Null,
        Type::Secret => Lookup::Secret,
        Type::String(_) => Lookup::None("a string".to_owned()),
        Type::Boolean => Lookup::None("a boolean".to_owned()),
        Type::Integer => Lookup::None("an integer".to_owned()),
        Type::Number => Lookup::None("a number".to_owned()),
    }
}

/// What lists of this type of item have beside `count`: the results of loops have `values`, `failed` and `succeeded`.
fn of_results(item: &Type, name: &str) -> Lookup {
    let result = match item {
        Type::Unknown => return Lookup::Is(Type::Unknown),
        Type::Record(record) => {
            let keys: Vec<&str> = record.fields.keys().map(|key| &**key).collect();
            Some(record).filter(|_| keys == ["key", "status", "value", "error"])
        }
        _ => None,
    };
    let Some(result) = result else {
        return Lookup::Unknown(vec!["count".into()]);
    };
    match name {
        "values" => Lookup::Is(Type::list(result.fields["value"].ty.clone())),
        "failed" | "succeeded" => Lookup::Is(Type::list(item.clone())),
        _ => Lookup::Unknown(
            ["count", "values", "failed", "succeeded"]
                .map(Arc::from)
                .to_vec(),
        ),
    }
}

impl Infer<'_> {
    /// The type of `of.name`, where `of` has the type `ty`.
    pub(super) fn member(&mut self, ty: &Type, name: &str, of: Span, place: Span) -> Type {
        let written = self.written(of);
        let problem = match lookup(ty, name) {
            Lookup::Is(ty) => return ty,
            Lookup::Unknown(known) => {
                let message = format!("`{written}` has no member `{name}`");
                let near = misspelt(name, known.iter().map(|known| &**known));
                let problem =
                    SyntaxError::new("template.unknown_member", place, message).meant(name, near);
                match nearest(name, known.iter().map(|known| &**known)) {
                    Some(near) => problem.help(format!("did you mean `{near}`?")),
                    None if known.is_empty() => problem.help("it has no members"),
                    None => {
                        let known: Vec<_> = known
                            .iter()
                            .take(12)
                            .map(|known| format!("`{known}`"))
                            .collect();
                        problem.help(format!("it has {}", known.join(", ")))
                    }
                }
            }
            Lookup::None(kind) => {
                let message = format!("`{written}` is {kind}, which has no members");
                SyntaxError::new("template.unknown_member", place, message)
                    .help(format!("take `.{name}` out, or name a map"))
            }
            Lookup::Null => {
                let message = format!("`{written}` is null, so `.{name}` cannot be read");
                SyntaxError::new("template.null", place, message)
                    .help("name something that has a value")
            }
            Lookup::Secret => secret_used("a member").at_syntax(place),
        };
        self.problem(problem)
    }

    /// The type at the end of a dotted path, as filters take it in `attribute`.
    pub(super) fn path(&mut self, ty: &Type, path: &str, of: Span, place: Span) -> Type {
        let mut ty = ty.clone();
        for part in path.split('.') {
            let is_index = part.bytes().all(|byte| byte.is_ascii_digit());
            ty = if is_index {
                Type::Unknown
            } else {
                self.member(&ty, part, of, place)
            };
        }
        ty
    }

    /// The type of `of[index]`.
    pub(super) fn item_at(&mut self, ty: &Type, span: Span) -> Type {
        match ty {
            Type::List(item) | Type::Map(item) | Type::Blob(item) => Type::clone(item),
            Type::String(_) => Type::string(),
            Type::Null => {
                let message = format!(
                    "null has no items, so `{}` cannot be read",
                    self.written(span)
                );
                self.problem(SyntaxError::new("template.null", span, message))
            }
            Type::Secret => self.problem(secret_used("an index").at_syntax(span)),
            Type::Boolean | Type::Integer | Type::Number => {
                let message = format!("a {ty} has no items").replace("a integer", "an integer");
                self.problem(SyntaxError::new("template.type", span, message))
            }
            Type::Union(options) => {
                let items = options.iter().map(|option| match option {
                    Type::List(item) | Type::Map(item) | Type::Blob(item) => Type::clone(item),
                    Type::String(_) => Type::string(),
                    _ => Type::Unknown,
                });
                items.reduce(Type::or).unwrap_or_default()
            }
            Type::Unknown | Type::Record(_) => Type::Unknown,
        }
    }
}
