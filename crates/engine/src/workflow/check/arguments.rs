//! `with:`: known parameters only, required ones given, each read as its kind says.

use std::sync::Arc;

use crate::collections::IndexMap;

use super::Checker;
use super::steps::Found;
use crate::catalog::ParameterKind;
use crate::document::Member;
use crate::finding::{Finding, nearest};
use crate::source::Span;
use crate::workflow::{Argument, Bare};

impl Checker<'_> {
    pub(super) fn arguments(
        &mut self,
        found: &Found<'_>,
        with: &[Member],
        at: Span,
    ) -> IndexMap<Arc<str>, Argument> {
        let parameters = &found.operation.parameters;
        let mut arguments = IndexMap::default();
        for member in with {
            let name = &member.name.text;
            let Some(parameter) = parameters.get(name) else {
                if found.operation.open {
                    arguments.insert(name.clone(), Argument::Value(self.tree(&member.value)));
                } else {
                    self.unknown_parameter(found, member);
                }
                continue;
            };
            let argument = match parameter.kind {
                ParameterKind::Value => Some(Argument::Value(self.tree(&member.value))),
                ParameterKind::Template { .. } => {
                    Some(Argument::Template(self.tree(&member.value)))
                }
                ParameterKind::Expression { .. } => {
                    Bare::parse(&member.value, self.source, &mut self.findings)
                        .map(Argument::Expression)
                }
            };
            if let Some(argument) = argument {
                arguments.insert(name.clone(), argument);
            }
        }
        let misspelt = meant(with, &parameters.keys());
        for (name, parameter) in parameters {
            let given = with.iter().any(|member| member.name.text == *name);
            let given = given || (misspelt.contains(name) && !found.operation.open);
            if parameter.required && !given {
                let message = format!(
                    "`{}.{}` needs the parameter `{name}`",
                    found.connection, found.name
                );
                let finding = Finding::error("check.missing_parameter", at, message);
                let what = if parameter.description.is_empty() {
                    String::new()
                } else {
                    format!(": {}", parameter.description)
                };
                self.findings.push(finding.help(format!(
                    "add `{name}` under `with:` ({}{what})",
                    parameter.ty
                )));
            }
        }
        arguments
    }

    fn unknown_parameter(&mut self, found: &Found<'_>, member: &Member) {
        let name = &member.name.text;
        let message = format!(
            "`{}.{}` has no parameter `{name}`",
            found.connection, found.name
        );
        let finding = Finding::error("check.unknown_parameter", member.name.span, message)
            .label("unknown parameter");
        let known = found
            .operation
            .parameters
            .keys()
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
            .join(", ");
        let otherwise = if known.is_empty() {
            "it takes no parameters".to_owned()
        } else {
            format!("its parameters are {known}")
        };
        let names = found.operation.parameters.keys().map(AsRef::as_ref);
        self.findings
            .push(finding.help_nearest(name, names, otherwise));
    }
}

/// The names that were meant by those that are not known: that they are missing goes without saying.
pub(super) fn meant<'a>(
    given: &[Member],
    known: &(impl Iterator<Item = &'a Arc<str>> + Clone),
) -> Vec<Arc<str>> {
    let unknown = given
        .iter()
        .filter(|member| known.clone().all(|name| *name != member.name.text));
    unknown
        .filter_map(|member| nearest(&member.name.text, known.clone().map(AsRef::as_ref)))
        .map(Arc::from)
        .collect()
}
