//! Members that reading adds, and the types that fields and placeholders declare.

use std::sync::Arc;

use flow_engine::collections::IndexMap;
use flow_engine::types::{Field, Record, TextType, Type};
use flow_engine::value::{PathPart, View, ViewMember};

use super::resource::{FieldDocument, SelectorPart, ViewDocument};

/// The view of a resource: `view` first, then those `fields` that are not the body's own keys.
pub(super) fn view(
    fields: &[FieldDocument],
    added: &IndexMap<String, ViewDocument>,
) -> Option<Arc<View>> {
    let mut members: Vec<ViewMember> = added
        .iter()
        .map(|(name, member)| ViewMember {
            name: name.as_str().into(),
            path: path(&member.path),
            join_text_of: member.join_text_of.as_deref().map(Arc::from),
        })
        .collect();
    for field in fields.iter().filter(|field| is_added(field)) {
        members.push(ViewMember {
            name: field.name.as_str().into(),
            path: path(&field.selector),
            join_text_of: None,
        });
    }
    (!members.is_empty()).then(|| Arc::new(View { members }))
}

/// Whether reading adds it: its path does not begin with its own name.
fn is_added(field: &FieldDocument) -> bool {
    !matches!(field.selector.first(), Some(SelectorPart::Key(first)) if *first == field.name)
}

fn path(selector: &[SelectorPart]) -> Vec<PathPart> {
    let part = |part: &SelectorPart| match part {
        SelectorPart::Key(key) => PathPart::Key(key.as_str().into()),
        SelectorPart::Index(index) => PathPart::Index(*index),
    };
    selector.iter().map(part).collect()
}

/// What the fields say of a body: an open record. A field that reads deeper into the key of its own name says nothing of
/// that key.
pub(super) fn type_of_fields(fields: &[FieldDocument]) -> Type {
    if fields.is_empty() {
        return Type::Unknown;
    }
    let mut record = Record {
        fields: IndexMap::default(),
        open: true,
    };
    for field in fields {
        let ty = if is_added(field) || field.selector.len() == 1 {
            named(&field.kind).unwrap_or_default()
        } else {
            Type::Unknown
        };
        let field_type = Field {
            ty: ty.or(Type::Null),
            required: false,
            description: field.meta.description.as_str().into(),
        };
        record.fields.insert(field.name.as_str().into(), field_type);
    }
    Type::Record(Arc::new(record))
}

/// The type with the members that reading adds.
pub(super) fn with_view(
    ty: Type,
    view: Option<&View>,
    added: &IndexMap<String, ViewDocument>,
) -> Type {
    let (Type::Record(record), Some(view)) = (&ty, view) else {
        return ty;
    };
    let mut record = (**record).clone();
    for member in &view.members {
        if record.fields.contains_key(&member.name) {
            continue;
        }
        let member_type = match member.join_text_of {
            Some(_) => Type::string(),
            None => at(&ty, &member.path),
        };
        let field = Field {
            ty: member_type,
            required: true,
            description: added
                .get(&*member.name)
                .map_or("", |view| &view.description)
                .into(),
        };
        record.fields.insert(member.name.clone(), field);
    }
    Type::Record(Arc::new(record))
}

fn at(ty: &Type, path: &[PathPart]) -> Type {
    let found = path
        .iter()
        .try_fold(ty.clone(), |ty, part| match (ty, part) {
            (Type::Record(record), PathPart::Key(key)) => {
                record.fields.get(key).map(|field| field.ty.clone())
            }
            (Type::List(item), PathPart::Index(_)) => Some((*item).clone()),
            _ => None,
        });
    found.unwrap_or_default()
}

/// A type by the word that fields and placeholders use; `None` for an unknown word.
pub(super) fn named(word: &str) -> Option<Type> {
    Some(match word.to_ascii_lowercase().as_str() {
        "string" | "text" => Type::string(),
        "integer" | "int" => Type::Integer,
        "number" | "float" | "decimal" => Type::Number,
        "boolean" | "bool" => Type::Boolean,
        "datetime" => Type::String(TextType {
            one_of: Arc::default(),
            format: Some("date-time".into()),
        }),
        "object" | "map" => Type::Map(Arc::new(Type::Unknown)),
        "array" | "list" => Type::list(Type::Unknown),
        "any" => Type::Unknown,
        _ => return None,
    })
}
