//! Whether what is given for a parameter can fit it, and what an operation gives.

use std::sync::Arc;

use super::Checker;
use super::settings::shown;
use super::types::Types;
use crate::catalog::{Operation, OutputType, ParameterKind};
use crate::finding::Finding;
use crate::types::Type;
use crate::workflow::{Argument, CallShape};

impl Checker<'_> {
    /// Checks what is given for each parameter, and tells the type of the result.
    pub(super) fn call_types(&mut self, call: &CallShape, types: &Types<'_>) -> Type {
        let catalog = self.catalog;
        let operation = catalog
            .connector(&call.connector)
            .and_then(|connector| connector.operations.get(&call.operation));
        let Some(operation) = operation else {
            return Type::Unknown;
        };
        let mut given: Vec<(Arc<str>, Type)> = Vec::new();
        for (name, argument) in &call.arguments {
            let ty = self.argument_type(operation, name, argument, types, &given);
            given.push((name.clone(), ty));
        }
        let of = |name: &Arc<str>| {
            given
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, ty)| ty.clone())
                .unwrap_or_default()
        };
        if call.with_response {
            // A map gains a member, anything else becomes a map of value and response.
            return Type::Unknown;
        }
        match &operation.output {
            OutputType::Fixed(ty) => ty.clone(),
            OutputType::SameAs(name) => match of(name) {
                list @ (Type::List(_) | Type::Blob(_)) => list,
                _ => Type::blob(Type::Unknown),
            },
            OutputType::StreamOf(name) => Type::blob(of(name)),
        }
    }

    fn argument_type(
        &mut self,
        operation: &Operation,
        name: &Arc<str>,
        argument: &Argument,
        types: &Types<'_>,
        given: &[(Arc<str>, Type)],
    ) -> Type {
        let source = self.source.clone();
        let parameter = operation.parameters.get(name);
        let mut types = types.with([]);
        if let Some(ParameterKind::Expression { over } | ParameterKind::Template { over }) =
            parameter.map(|parameter| &parameter.kind)
        {
            let item = match given
                .iter()
                .find(|(known, _)| known == over)
                .map(|(_, ty)| ty)
            {
                Some(Type::List(item) | Type::Blob(item)) => (**item).clone(),
                _ => Type::Unknown,
            };
            let of_item = [
                (Arc::from("item"), item),
                (Arc::from("index"), Type::Integer),
                (Arc::from("key"), Type::Unknown),
            ];
            types.locals.splice(0..0, of_item);
        }
        let before = self.findings.len();
        let (ty, tree) = match argument {
            Argument::Value(tree) | Argument::Template(tree) => {
                (tree.infer(&types, &source, &mut self.findings), Some(tree))
            }
            Argument::Expression(bare) => {
                let ty = bare.infer(&types, &source, &mut self.findings);
                if parameter.is_some_and(|parameter| !parameter.ty.may_accept(&ty)) {
                    let wanted = parameter
                        .map(|parameter| parameter.ty.to_string())
                        .unwrap_or_default();
                    let message = format!("`{name}` must give {wanted}, and this gives {ty}");
                    let finding = Finding::error("check.type", bare.span, message);
                    let help = match parameter.map(|parameter| &parameter.ty) {
                        Some(Type::Boolean) => "compare it, such as `item.count > 0`",
                        _ => "name a member of the right type, or turn it into one with a filter",
                    };
                    self.findings.push(finding.help(help));
                }
                (ty, None)
            }
        };
        // What is wrong inside says enough.
        if self.findings.len() > before {
            return Type::Unknown;
        }
        if let (Some(parameter), Some(tree)) = (parameter, tree) {
            // A list in which one item fits may hold another that never does.
            if let (Type::List(wanted), Some(items)) = (&parameter.ty, tree.items()) {
                for (at, item) in items.iter().enumerate() {
                    let found = item.infer(&types, &source, &mut Vec::new());
                    self.fits(wanted, &found, item, &format!("{name}[{at}]"));
                }
            } else {
                self.fits(&parameter.ty, &ty, tree, name);
            }
        }
        ty
    }

    /// Reports a tree that can never be of the wanted type: constants by their value, the rest by their type.
    pub(super) fn fits(
        &mut self,
        wanted: &Type,
        found: &Type,
        tree: &crate::workflow::Tree,
        name: &str,
    ) {
        if let Some(value) = tree.constant() {
            // Where text is expected the written text is kept, so a number or boolean is text there.
            let is_text = matches!(wanted, Type::String(text) if text.one_of.is_empty());
            let scalar = !matches!(
                value,
                crate::value::Value::Null
                    | crate::value::Value::List(_)
                    | crate::value::Value::Map(_)
            );
            if is_text && scalar {
                return;
            }
            if let Err(mismatch) = wanted.check(value) {
                let place = if mismatch.path.is_empty() {
                    format!("`{name}`")
                } else if mismatch.path.starts_with('[') {
                    format!("`{name}{}`", mismatch.path)
                } else {
                    format!("`{name}.{}`", mismatch.path)
                };
                let message = format!(
                    "{place} must be {}, found {}",
                    mismatch.expected, mismatch.found
                );
                let mut finding = Finding::error("check.type", tree.span, message).label(format!(
                    "this is {}",
                    shown(value).chars().take(40).collect::<String>()
                ));
                if let (Type::String(text), Some(written)) = (wanted, value.as_str()) {
                    finding =
                        finding.help_nearest(written, text.one_of.iter().map(AsRef::as_ref), "");
                }
                self.findings
                    .push(finding.help(format!("`{name}` takes {wanted}")));
            }
            return;
        }
        if let Some(members) = tree.members()
            && let Type::Record(record) = wanted
        {
            let present: Vec<&str> = members.iter().map(|(key, _)| &**key).collect();
            for (field, _) in record
                .fields
                .iter()
                .filter(|(field, shape)| shape.required && !present.contains(&&***field))
            {
                let message = format!("`{name}` must have a member `{field}`");
                self.findings.push(
                    Finding::error("check.type", tree.span, message)
                        .help(format!("add `{field}:`")),
                );
            }
            let Type::Record(given) = found else { return };
            for (key, member) in members {
                if let (Some(wanted), Some(found)) = (record.fields.get(key), given.fields.get(key))
                {
                    self.fits(&wanted.ty, &found.ty, member, &format!("{name}.{key}"));
                }
            }
            return;
        }
        if let (Some(members), Type::Map(wanted), Type::Record(given)) =
            (tree.members(), wanted, found)
        {
            for (key, member) in members {
                if let Some(found) = given.fields.get(key) {
                    self.fits(wanted, &found.ty, member, &format!("{name}.{key}"));
                }
            }
            return;
        }
        // Where a secret may stand is judged by the place.
        if holds_secret(found) {
            return;
        }
        let text_of_mixed = tree.is_mixed_text() && matches!(wanted, Type::String(_));
        if !text_of_mixed && !wanted.may_accept(found) {
            let message = format!("`{name}` must be {wanted}, and this gives {found}");
            self.findings.push(
                Finding::error("check.type", tree.span, message)
                    .help(format!("`{name}` takes {wanted}")),
            );
        }
    }
}

fn holds_secret(ty: &Type) -> bool {
    match ty {
        Type::Secret => true,
        Type::List(item) | Type::Map(item) => holds_secret(item),
        Type::Union(options) => options.iter().any(holds_secret),
        _ => false,
    }
}
