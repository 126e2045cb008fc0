//! Types: what each step gives, in the order of the graph, what is inside a step before the step itself.

use std::sync::Arc;

use super::Checker;
use crate::expr::TypeScope;
use crate::finding::Finding;
use crate::types::{Field, Record, Type};
use crate::workflow::input::InputKind;
use crate::workflow::{
    After, Bare, Does, Each, Group, OnError, Output, OutputPart, OutputPath, Step, Workflow,
};

/// The types of the names in scope, with local names in front.
pub(super) struct Types<'a> {
    pub(super) roots: &'a [(&'static str, Type)],
    pub(super) locals: Vec<(Arc<str>, Type)>,
}

impl Types<'_> {
    /// The same with more names in front.
    pub(super) fn with(&self, names: impl IntoIterator<Item = (Arc<str>, Type)>) -> Types<'_> {
        let locals = names.into_iter().chain(self.locals.iter().cloned());
        Types {
            roots: self.roots,
            locals: locals.collect(),
        }
    }
}

impl TypeScope for Types<'_> {
    fn root(&self, name: &str) -> Option<Type> {
        let local = self.locals.iter().find(|(local, _)| &**local == name);
        let local = local.map(|(_, ty)| ty.clone());
        local.or_else(|| {
            let root = self.roots.iter().find(|(root, _)| *root == name);
            root.map(|(_, ty)| ty.clone())
        })
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
            ("run", run_type(time_or_null(), false)),
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
        // Every body in the order of its graph; what is inside a step comes before the step's own type.
        let mut ordered = vec![Vec::new(); workflow.bodies.len()];
        for at in order.iter().copied() {
            ordered[workflow.steps[at].body].push(at);
        }
        self.body_types(workflow, 0, &ordered, &mut roots, &[]);
        if let Some(finally) = workflow.finally {
            let before = roots[2].1.clone();
            roots[2].1 = run_type(time_or_null(), true);
            self.body_types(workflow, finally, &ordered, &mut roots, &[]);
            roots[2].1 = before;
        }
        for (name, tree) in &workflow.outputs {
            let types = Types {
                roots: &roots,
                locals: Vec::new(),
            };
            let ty = tree.infer(&types, &source, &mut self.findings);
            workflow.output_types.insert(name.clone(), ty);
        }
        for trigger in workflow.triggers.values() {
            self.trigger_types(workflow, trigger, &roots);
        }
    }

    /// Gives every step of a body its type.
    fn body_types(
        &mut self,
        workflow: &mut Workflow,
        body: usize,
        ordered: &[Vec<usize>],
        roots: &mut Vec<(&'static str, Type)>,
        around: &[(Arc<str>, Type)],
    ) {
        for at in ordered[body].iter().copied() {
            let ty = self.step_type(workflow, at, ordered, roots, around);
            let step = &mut workflow.steps[at];
            step.ty = ty.clone();
            add_member(&mut roots[5].1, step.name.clone(), ty);
        }
    }

    fn step_type(
        &mut self,
        workflow: &mut Workflow,
        at: usize,
        ordered: &[Vec<usize>],
        roots: &mut Vec<(&'static str, Type)>,
        around: &[(Arc<str>, Type)],
    ) -> Type {
        let undoes = workflow.steps[at].undoes;
        let layers = &workflow.steps[undoes.unwrap_or(at)];
        let mut inside = self.types_inside(layers, roots, around);
        if undoes.is_some() {
            inside.insert(0, (Arc::from("result"), Type::Unknown));
        }
        let bodies = match &workflow.steps[at].does {
            Does::Group(group) => Some((group.body, group.finally)),
            _ => None,
        };
        if let Some((main, finally)) = bodies {
            self.body_types(workflow, main, ordered, roots, &inside);
            if let Some(finally) = finally {
                let before = roots[2].1.clone();
                roots[2].1 = run_type(time_or_null(), true);
                self.body_types(workflow, finally, ordered, roots, &inside);
                roots[2].1 = before;
            }
        }
        let source = self.source.clone();
        let step = &workflow.steps[at];
        let outer = Types {
            roots,
            locals: around.to_vec(),
        };
        self.around_step(step, &outer);
        let types = Types {
            roots,
            locals: inside.clone(),
        };
        let own = self.own_type(workflow, step, &types);
        if let (Some(timeout), true) = (&step.timeout, step.undoes.is_some()) {
            timeout.infer(&types, &source, &mut self.findings);
        }
        let with_result = types.with([(Arc::from("result"), own.clone())]);
        let ty = self.output_type(step, own, &with_result);
        if let Some(until) = step
            .repeat
            .as_ref()
            .and_then(|repeat| repeat.until.as_ref())
        {
            let types = types.with([(Arc::from("result"), ty.clone())]);
            self.boolean_type(until, &types, "`until`");
        }
        let ty = if step.each.is_some() {
            loop_type(ty)
        } else {
            ty
        };
        match &step.on_error {
            OnError::Value(tree) => ty.or(tree.infer(&outer, &source, &mut self.findings)),
            _ => ty,
        }
    }

    /// What stands around a step: its condition and its bounds.
    fn around_step(&mut self, step: &Step, outer: &Types<'_>) {
        let source = self.source.clone();
        if let Some(condition) = &step.condition {
            self.boolean_type(condition, outer, "`if`");
        }
        let Some(timeout) = step.timeout.as_ref().filter(|_| step.undoes.is_none()) else {
            return;
        };
        let ty = timeout.infer(outer, &source, &mut self.findings);
        if timeout.constant().is_none() && !Type::string().may_accept(&ty) {
            let message = format!("`timeout` must be a duration, and this gives {ty}");
            let finding = Finding::error("check.type", timeout.span, message);
            let help = "durations are text with a unit, such as `10s` or `1h30m`";
            self.findings.push(finding.help(help));
        }
    }

    /// The names inside a step: those around it, with its item and its round.
    fn types_inside(
        &mut self,
        step: &Step,
        roots: &[(&'static str, Type)],
        around: &[(Arc<str>, Type)],
    ) -> Vec<(Arc<str>, Type)> {
        let source = self.source.clone();
        let mut inside = around.to_vec();
        if let Some(each) = &step.each {
            let types = Types {
                roots,
                locals: inside.clone(),
            };
            let given = each.items.infer(&types, &source, &mut self.findings);
            let (item, key) = self.item_type(each, &given);
            let of_item = [
                (each.names.item.clone(), item.clone()),
                (each.names.index.clone(), Type::Integer),
                (each.names.key.clone(), key),
            ];
            let in_item = types.with(of_item);
            if let Some(condition) = &each.condition {
                self.boolean_type(condition, &in_item, "`where`");
            }
            if let Some(key) = &each.key {
                key.infer(&in_item, &source, &mut self.findings);
            }
            inside = in_item.locals;
            if each.chunk.is_some() {
                inside[0].1 = Type::list(item);
            }
        }
        if let Some(repeat) = &step.repeat {
            let types = Types {
                roots,
                locals: inside.clone(),
            };
            if let Some(start) = &repeat.start {
                start.infer(&types, &source, &mut self.findings);
            }
            // What a round gives is not known before its type is.
            let rounds = [
                (Arc::from("previous"), Type::Unknown),
                (Arc::from("index"), Type::Integer),
            ];
            inside = types.with(rounds).locals;
        }
        inside
    }

    fn item_type(&mut self, each: &Each, given: &Type) -> (Type, Type) {
        match given {
            Type::List(item) | Type::Blob(item) => ((**item).clone(), Type::Unknown),
            Type::Map(item) => ((**item).clone(), Type::string()),
            Type::Record(record) => {
                let types = record.fields.values().map(|field| field.ty.clone());
                let item = if record.open {
                    Type::Unknown
                } else {
                    types.reduce(Type::or).unwrap_or_default()
                };
                (item, Type::string())
            }
            Type::Null | Type::Boolean | Type::Integer | Type::Number | Type::String(_) => {
                let message =
                    format!("`for_each` needs a list, a map or a stream, and this gives {given}");
                let finding = Finding::error("check.type", each.items.span(), message);
                let help = match given {
                    Type::String(_) => {
                        "for one JSON value a line write `| jsonl`, for the parts of a text `| split(',')`"
                    }
                    Type::Integer => "for the numbers below it write `range(n)`",
                    _ => "name the list to go through, such as `steps.fetch.items`",
                };
                self.findings.push(finding.help(help));
                (Type::Unknown, Type::Unknown)
            }
            _ => (Type::Unknown, Type::Unknown),
        }
    }

    fn own_type(&mut self, workflow: &Workflow, step: &Step, types: &Types<'_>) -> Type {
        let source = self.source.clone();
        match &step.does {
            Does::Value(tree) => tree.infer(types, &source, &mut self.findings),
            Does::Call(call) => {
                self.taint(workflow, step, &call.call, types);
                self.call_types(&call.call, types)
            }
            Does::Engine(_, call) => self.call_types(call, types),
            Does::Hold(watch) => {
                let ty = self.call_types(&watch.call, types);
                if let Some(condition) = &watch.condition {
                    let types = types.with([(Arc::from("result"), ty.clone())]);
                    self.boolean_type(condition, &types, "`where`");
                }
                if let Some(After::Time(tree)) = watch.after.as_deref() {
                    let given = tree.infer(types, &source, &mut self.findings);
                    self.fits(&Type::string(), &given, tree, "after");
                }
                ty
            }
            Does::Child(child) => {
                let Some(started) = workflow.children.get(&child.workflow) else {
                    return Type::Unknown;
                };
                for (name, tree) in &child.with {
                    let ty = tree.infer(types, &source, &mut self.findings);
                    let wanted = started.inputs.get(name).map(|input| match &input.kind {
                        // An integer is taken as it is written.
                        InputKind::String => Type::string().or(Type::Integer),
                        kind => kind.ty(),
                    });
                    self.fits(&wanted.unwrap_or_default(), &ty, tree, name);
                }
                if child.detach {
                    return Type::record([("run", Type::string())], false);
                }
                let given = started.outputs.keys();
                Type::record(
                    given.map(|name| {
                        let ty = started.output_types.get(name).cloned();
                        (&**name, ty.unwrap_or_default())
                    }),
                    false,
                )
            }
            Does::Group(group) => self.group_type(workflow, group, types),
        }
    }

    fn group_type(&mut self, workflow: &Workflow, group: &Group, types: &Types<'_>) -> Type {
        let source = self.source.clone();
        if let Some(outputs) = &group.outputs {
            let fields = outputs
                .iter()
                .map(|(name, tree)| (&**name, tree.infer(types, &source, &mut self.findings)));
            return Type::record(fields.collect::<Vec<_>>(), false);
        }
        let steps = workflow.bodies[group.body].steps.iter();
        let steps = steps.map(|at| &workflow.steps[*at]);
        let fields = steps.map(|step| {
            let field = Field {
                ty: step.ty.clone(),
                required: false,
                description: "".into(),
            };
            (step.name.clone(), field)
        });
        Type::Record(Arc::new(Record {
            fields: fields.collect(),
            open: false,
        }))
    }

    fn output_type(&mut self, step: &Step, own: Type, with_result: &Types<'_>) -> Type {
        let source = self.source.clone();
        match &step.output {
            None => own,
            Some(Output::Path(path)) => self.path_type(path, &own),
            Some(Output::Tree(tree)) => tree.infer(with_result, &source, &mut self.findings),
            Some(Output::Map(parts)) => {
                let fields: Vec<_> = parts
                    .iter()
                    .map(|(name, part)| match part {
                        OutputPart::Path(path) => (&**name, self.path_type(path, &own)),
                        OutputPart::Tree(tree) => (
                            &**name,
                            tree.infer(with_result, &source, &mut self.findings),
                        ),
                    })
                    .collect();
                Type::record(fields, false)
            }
        }
    }

    /// What a path finds in a value of this type; names that can never be there are reported.
    fn path_type(&mut self, path: &OutputPath, of: &Type) -> Type {
        let (ty, problems) = path.path.infer(of);
        for problem in problems {
            let span = path.place.locate(self.source, &path.text, problem.span);
            let finding = Finding::error(problem.code, span, problem.message);
            self.findings.push(match problem.help {
                Some(help) => finding.help(help),
                None => finding,
            });
        }
        ty
    }

    pub(super) fn boolean_type(&mut self, bare: &Bare, types: &Types<'_>, what: &str) {
        let source = self.source.clone();
        let ty = bare.infer(types, &source, &mut self.findings);
        if !Type::Boolean.may_accept(&ty) {
            let other = match ty {
                Type::Integer | Type::Number => "> 0",
                Type::String(_) => "!= ''",
                _ => "!= null",
            };
            let finding = Finding::error(
                "template.not_boolean",
                bare.span,
                format!("{what} must be true or false, and this gives {ty}"),
            );
            self.findings
                .push(finding.help(format!("compare it, such as `{} {other}`", bare_text(bare))));
        }
    }
}

/// An expression without the braces that may stand around it.
fn bare_text(bare: &Bare) -> &str {
    let text = bare.text().trim();
    text.strip_prefix("{{")
        .and_then(|text| text.strip_suffix("}}"))
        .map_or(text, str::trim)
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

/// What a loop of steps of this type gives.
fn loop_type(item: Type) -> Type {
    let required = |ty| Field {
        ty,
        required: true,
        description: "".into(),
    };
    let fields = [
        ("key", Type::Unknown),
        (
            "status",
            Type::one_of(["succeeded", "failed", "timed_out", "cancelled"]),
        ),
        ("value", item),
        ("error", Type::Unknown),
    ];
    let fields = fields.map(|(name, ty)| (Arc::from(name), required(ty)));
    Type::list(Type::Record(Arc::new(Record {
        fields: fields.into_iter().collect(),
        open: false,
    })))
}

/// The type of a time that a run may have or not.
fn time_or_null() -> Type {
    Type::string().or(Type::Null)
}

/// The type of `run`. That there is a time at which it was due is known only where a schedule gives a run its inputs, how it
/// went only when it is over.
pub(super) fn run_type(due: Type, over: bool) -> Type {
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
        ("due", due),
        ("due_previous", time_or_null()),
        ("trigger", trigger),
    ];
    if over {
        members.extend([("status", Type::string()), ("error", Type::Unknown)]);
    }
    Type::record(members, false)
}
