//! The types of a descriptor, which may name each other: `$ref: "#/types/order"`.

use flow_engine::collections::IndexMap;
use flow_engine::types::{SchemaError, Type};
use serde_json::Value as Json;

use super::error::DescriptorError;
use super::service::NamedTypes;

/// How many types a type may be made of, those that it names written out: what is beyond is `any`.
const TYPES_MAX: usize = 2_000;
/// How deep types may stand in each other, those that are named written out: what is deeper is `any`.
const DEPTH_MAX: usize = 24;
/// How many named types may lead from one to the next while they are read.
const CHAIN_MAX: usize = 64;

const PREFIX: &str = "#/types/";

/// Reads them all. One that leads back to itself is `any` there.
pub(super) fn read(written: &IndexMap<String, Json>) -> Result<NamedTypes, DescriptorError> {
    let mut reader = Reader {
        written,
        done: IndexMap::default(),
        open: Vec::new(),
        spent: Vec::new(),
    };
    for name in written.keys() {
        reader.named(name).map_err(|(name, error)| {
            DescriptorError::at(
                "descriptor.schema",
                format!("types.{name}"),
                error.to_string(),
            )
        })?;
    }
    let types = written.keys().filter_map(|name| {
        let (ty, ..) = reader.done.get(name.as_str())?;
        Some((name.as_str().into(), ty.clone()))
    });
    Ok(types.collect())
}

/// The same names, nothing known of what they stand for: for finding what else is wrong.
pub(super) fn unknown(written: &IndexMap<String, Json>) -> NamedTypes {
    let names = written
        .keys()
        .map(|name| (name.as_str().into(), Type::Unknown));
    names.collect()
}

/// A type that is written as the name of one of `types`, or as a schema.
pub(super) fn type_of(
    written: &Json,
    types: &NamedTypes,
    path: &str,
) -> Result<Type, DescriptorError> {
    let unknown = |name: &str| format!("`{name}` is not one of the descriptor's types");
    if let Json::String(name) = written {
        return types
            .get(name.as_str())
            .cloned()
            .ok_or_else(|| DescriptorError::at("descriptor.reference", path, unknown(name)));
    }
    Type::from_schema_with(written, &mut |reference| {
        let name = short(reference)?;
        types
            .get(name)
            .cloned()
            .ok_or_else(|| SchemaError::new(unknown(name)))
    })
    .map_err(|error| DescriptorError::at("descriptor.schema", path, error.to_string()))
}

fn short(reference: &str) -> Result<&str, SchemaError> {
    reference.strip_prefix(PREFIX).ok_or_else(|| {
        SchemaError::new(format!(
            "`$ref: {reference}`: write `{PREFIX}NAME`, one of the descriptor's types"
        ))
    })
}

struct Reader<'a> {
    written: &'a IndexMap<String, Json>,
    /// What was read, with the number of types in it and how deep they stand.
    done: IndexMap<&'a str, (Type, usize, usize)>,
    /// What is being read, from outside in.
    open: Vec<&'a str>,
    /// What the references in each of them have added so far.
    spent: Vec<usize>,
}

impl<'a> Reader<'a> {
    fn named(&mut self, name: &'a str) -> Result<(), (&'a str, SchemaError)> {
        if self.done.contains_key(name) {
            return Ok(());
        }
        let schema = &self.written[name];
        self.open.push(name);
        self.spent.push(0);
        let mut inner = None;
        let read = Type::from_schema_with(schema, &mut |reference| {
            self.referred(short(reference)?).map_err(|(name, error)| {
                inner.get_or_insert((name, error.clone()));
                error
            })
        });
        self.open.pop();
        self.spent.pop();
        let ty = read.map_err(|error| inner.unwrap_or((name, error)))?;
        let (count, depth) = (count(&ty), depth(&ty));
        self.done.insert(name, (ty, count, depth));
        Ok(())
    }

    /// What a name stands for in the type that is being read.
    fn referred(&mut self, name: &str) -> Result<Type, (&'a str, SchemaError)> {
        let place = self.open.last().copied().unwrap_or_default();
        let Some((name, _)) = self.written.get_key_value(name) else {
            let message = format!("`{name}` is not one of the descriptor's types");
            return Err((place, SchemaError::new(message)));
        };
        if self.open.contains(&name.as_str()) || self.open.len() >= CHAIN_MAX {
            return Ok(Type::Unknown);
        }
        self.named(name)?;
        let Some((ty, count, depth)) = self.done.get(name.as_str()) else {
            return Ok(Type::Unknown);
        };
        let spent = self.spent.last_mut();
        let total = spent.as_ref().map_or(0, |spent| **spent) + count;
        if total > TYPES_MAX || *depth >= DEPTH_MAX {
            return Ok(Type::Unknown);
        }
        if let Some(spent) = spent {
            *spent = total;
        }
        Ok(ty.clone())
    }
}

fn count(ty: &Type) -> usize {
    1 + inner(ty).map(count).sum::<usize>()
}

fn depth(ty: &Type) -> usize {
    1 + inner(ty).map(depth).max().unwrap_or(0)
}

fn inner(ty: &Type) -> Box<dyn Iterator<Item = &Type> + '_> {
    match ty {
        Type::List(item) | Type::Map(item) | Type::Blob(item) => Box::new(std::iter::once(&**item)),
        Type::Record(record) => Box::new(record.fields.values().map(|field| &field.ty)),
        Type::Union(options) => Box::new(options.iter()),
        _ => Box::new(std::iter::empty()),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn read_all(text: &str) -> Result<NamedTypes, DescriptorError> {
        read(&serde_yaml::from_str(text).expect("YAML"))
    }

    #[test]
    fn types_name_each_other_in_any_order_and_in_circles() {
        let types = read_all("a: { type: object, properties: { b: { $ref: '#/types/b' } } }\nb: { type: object, properties: { a: { $ref: '#/types/a' }, n: { type: integer } } }\n").expect("they are well formed");
        assert_eq!((count(&types["a"]), depth(&types["a"])), (4, 3));
        assert_eq!(count(&types["b"]), 3);
    }

    #[test]
    fn what_is_named_must_be_there() {
        let refused = |text: &str| read_all(text).expect_err("it is wrong").to_string();
        assert!(refused("a: { type: list }").contains("`types.a`"));
        assert!(refused("a: { $ref: '#/types/b' }").contains("`b` is not one of"));
        assert!(refused("a: { $ref: b }").contains("#/types/NAME"));
        assert!(refused("a: { $ref: '#/types/b' }\nb: { type: x }").contains("`types.b`"));
    }

    #[test]
    fn doubling_types_stay_small() {
        let mut text = "t0: { type: object, properties: { n: { type: integer } } }\n".to_owned();
        for n in 1..200 {
            let below = n - 1;
            let _ = writeln!(
                text,
                "t{n}: {{ type: object, properties: {{ a: {{ $ref: '#/types/t{below}' }}, b: {{ $ref: '#/types/t{below}' }} }} }}"
            );
        }
        let types = read_all(&text).expect("they are well formed");
        assert!(
            types
                .values()
                .all(|ty| count(ty) <= 2 * TYPES_MAX && depth(ty) <= DEPTH_MAX + 1)
        );
    }
}
