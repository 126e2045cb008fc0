//! Types: what each step gives, whether what is given for a parameter can fit it.

use std::sync::Arc;

use super::Checker;
use super::settings::shown;
use crate::catalog::{Operation, OutputType, ParameterKind};
use crate::expr::TypeScope;
use crate::finding::Finding;
use crate::types::{Field, Record, Type};
use crate::workflow::{
    Argument, Bare, CallShape, Does, OnError, Output, OutputPart, Starts, Workflow,
};

/// The types of the names in scope, with local names in front.
struct Types<'a> {
    roots: &'a [(&'static str, Type)],
    locals: Vec<(&'static str, Type)>,
}

impl TypeScope for Types<'_> {
    fn root(&self, name: &str) -> Option<Type> {
        let local = self.locals.iter().find(|(local, _)| *local == name);
        local
            .or_else(|| self.roots.iter().find(|(root, _)| *root == name))
            .map(|(_, ty)| ty.clone())
    }
}

impl Checker<'_> {
    /// Gives every step its type, in the order of the graph, and reports what can never fit.
    pub(super) fn types(&mut self, workflow: &mut Workflow, order: &[usize]) {
        let source = self.source.clone();
        let record = |fields: Vec<(Arc<str>, Type)>| {
            let field = |ty| Field {
                ty,
                required: true,
                description: "".into(),
            };
            let fields = fields
                .into_iter()
                .map(|(name, ty)| (name, field(ty)))
                .collect();
            // Open: names that are unknown were reported as such.
            Type::Record(Arc::new(Record { fields, open: true }))
        };
        let inputs = workflow
            .inputs
            .values()
            .map(|input| (input.name.clone(), input.kind.ty()))
            .collect();
        let payloads = workflow
            .triggers
            .values()
            .map(|trigger| trigger.payload.clone());
        let payload = payloads.reduce(Type::or).unwrap_or_default();
        let mut roots = vec![
            ("inputs", record(inputs)),
            ("trigger", payload),
            ("run", run_type(false)),
            ("secrets", Type::Map(Arc::new(Type::Secret))),
            ("vars", record(Vec::new())),
            ("steps", record(Vec::new())),
        ];
        for (name, tree) in &workflow.vars {
            let ty = tree.infer(
                &Types {
                    roots: &roots,
                    locals: Vec::new(),
                },
                &source,
                &mut self.findings,
            );
            add_member(&mut roots[4].1, name.clone(), ty);
        }
        for (name, connection) in &workflow.connections {
            let _ = name;
            connection.settings.infer(
                &Types {
                    roots: &roots,
                    locals: Vec::new(),
                },
                &source,
                &mut self.findings,
            );
        }
        for at in order.iter().copied() {
            let ty = self.step_type(workflow, at, &roots);
            let step = &mut workflow.steps[at];
            step.ty = ty.clone();
            add_member(&mut roots[5].1, step.name.clone(), ty);
        }
        for tree in workflow.outputs.values() {
            tree.infer(
                &Types {
                    roots: &roots,
                    locals: Vec::new(),
                },
                &source,
                &mut self.findings,
            );
        }
        for trigger in workflow.triggers.values() {
            let mut roots = roots.clone();
            roots[1].1 = trigger.payload.clone();
            roots[2].1 = run_type(true);
            for (name, tree) in &trigger.inputs {
                let ty = tree.infer(
                    &Types {
                        roots: &roots,
                        locals: Vec::new(),
                    },
                    &source,
                    &mut self.findings,
                );
                let wanted = workflow
                    .inputs
                    .get(name)
                    .map(|input| input.kind.ty())
                    .unwrap_or_default();
                self.fits(&wanted, &ty, tree, name);
            }
            if let Starts::Poll(watch) = &trigger.starts {
                self.call_types(&watch.call, &roots);
            }
        }
    }

    fn step_type(
        &mut self,
        workflow: &Workflow,
        at: usize,
        roots: &[(&'static str, Type)],
    ) -> Type {
        let source = self.source.clone();
        let types = Types {
            roots,
            locals: Vec::new(),
        };
        let step = &workflow.steps[at];
        if let Some(condition) = &step.condition {
            self.boolean_type(condition, &types, "`if`");
        }
        if let Some(timeout) = &step.timeout {
            let ty = timeout.infer(&types, &source, &mut self.findings);
            if timeout.constant().is_none() && !Type::string().may_accept(&ty) {
                let message = format!("`timeout` must be a duration, and this gives {ty}");
                let finding = Finding::error("check.type", timeout.span, message);
                let help = "durations are text with a unit, such as `10s` or `1h30m`";
                self.findings.push(finding.help(help));
            }
        }
        let own = match &step.does {
            Does::Value(tree) => tree.infer(&types, &source, &mut self.findings),
            Does::Call(call) => self.call_types(&call.call, roots),
            Does::Hold(watch) => {
                let ty = self.call_types(&watch.call, roots);
                if let Some(condition) = &watch.condition {
                    let types = Types {
                        roots,
                        locals: vec![("result", ty.clone())],
                    };
                    self.boolean_type(condition, &types, "`where`");
                }
                ty
            }
        };
        let with_result = Types {
            roots,
            locals: vec![("result", own.clone())],
        };
        let ty = match &step.output {
            None => own,
            Some(Output::Path(_)) => Type::Unknown,
            Some(Output::Tree(tree)) => tree.infer(&with_result, &source, &mut self.findings),
            Some(Output::Map(parts)) => {
                let fields: Vec<_> = parts
                    .iter()
                    .map(|(name, part)| match part {
                        OutputPart::Path(_) => (&**name, Type::Unknown),
                        OutputPart::Tree(tree) => (
                            &**name,
                            tree.infer(&with_result, &source, &mut self.findings),
                        ),
                    })
                    .collect();
                Type::record(fields, false)
            }
        };
        match &step.on_error {
            OnError::Value(tree) => ty.or(tree.infer(&types, &source, &mut self.findings)),
            _ => ty,
        }
    }

    fn boolean_type(&mut self, bare: &Bare, types: &Types<'_>, what: &str) {
        let source = self.source.clone();
        let ty = bare.infer(types, &source, &mut self.findings);
        if !Type::Boolean.may_accept(&ty) {
            let finding = Finding::error(
                "template.not_boolean",
                bare.span,
                format!("{what} must be true or false, and this gives {ty}"),
            );
            self.findings
                .push(finding.help(format!("compare it, such as `{} != null`", bare.text())));
        }
    }

    /// Checks what is given for each parameter, and tells the type of the result.
    fn call_types(&mut self, call: &CallShape, roots: &[(&'static str, Type)]) -> Type {
        let catalog = self.catalog;
        let operation = catalog
            .connector(&call.connector)
            .and_then(|connector| connector.operations.get(&call.operation));
        let Some(operation) = operation else {
            return Type::Unknown;
        };
        let mut given: Vec<(Arc<str>, Type)> = Vec::new();
        for (name, argument) in &call.arguments {
            let ty = self.argument_type(operation, name, argument, roots, &given);
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
        roots: &[(&'static str, Type)],
        given: &[(Arc<str>, Type)],
    ) -> Type {
        let source = self.source.clone();
        let parameter = operation.parameters.get(name);
        let mut types = Types {
            roots,
            locals: Vec::new(),
        };
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
            types.locals = vec![
                ("item", item),
                ("index", Type::Integer),
                ("key", Type::Unknown),
            ];
        }
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
                    self.findings
                        .push(Finding::error("check.type", bare.span, message));
                }
                (ty, None)
            }
        };
        if let (Some(parameter), Some(tree)) = (parameter, tree) {
            self.fits(&parameter.ty, &ty, tree, name);
        }
        ty
    }

    /// Reports a tree that can never be of the wanted type: constants by their value, the rest by their type.
    fn fits(&mut self, wanted: &Type, found: &Type, tree: &crate::workflow::Tree, name: &str) {
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

/// Adds a member to a record that nobody else holds: no copy is made.
fn add_member(record: &mut Type, name: Arc<str>, ty: Type) {
    if let Type::Record(record) = record {
        let description = "".into();
        let field = Field {
            ty,
            required: true,
            description,
        };
        Arc::make_mut(record).fields.insert(name, field);
    }
}

/// The type of `run`. When it was due is known only where a schedule gives a run its inputs.
fn run_type(due: bool) -> Type {
    let trigger = Type::record(
        [
            ("name", Type::Unknown),
            ("kind", Type::string()),
            ("key", Type::Unknown),
            ("at", Type::string()),
        ],
        false,
    );
    let mut members = vec![
        ("id", Type::string()),
        ("name", Type::string()),
        ("started_at", Type::string()),
        ("trigger", trigger),
    ];
    if due {
        members.extend([("due", Type::string()), ("due_previous", Type::Unknown)]);
    }
    Type::record(members, false)
}
