//! Names in expressions: what is in scope where, which edges references make, where secrets may stand.

use std::collections::HashSet;
use std::sync::Arc;

use super::Checker;
use super::needs::{Edge, edge, strongest};
use crate::catalog::{Catalog, ParameterKind};
use crate::document::Document;
use crate::expr::{RefKind, RefPart, Reference};
use crate::finding::Finding;
use crate::plan::Need;
use crate::source::Span;
use crate::types::Type;
use crate::workflow::{
    Argument, CallShape, Does, OnError, Output, OutputPart, SecretUse, Starts, Step, Trigger,
    Workflow,
};

/// What an expression may name, by where it stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    /// Roots in scope.
    roots: &'a [&'a str],
    /// Whether a secret may stand here.
    secrets: bool,
    /// How messages call the place.
    what: &'a str,
}

const STEP_ROOTS: &[&str] = &["inputs", "trigger", "steps", "secrets", "vars", "run"];
const RESULT_ROOTS: &[&str] = &[
    "inputs", "trigger", "steps", "secrets", "vars", "run", "result",
];
const ITEM_ROOTS: &[&str] = &[
    "inputs", "trigger", "steps", "secrets", "vars", "run", "item", "index", "key",
];

impl Checker<'_> {
    /// Judges every name in the workflow and returns the edges between its steps.
    pub(super) fn references(
        &mut self,
        workflow: &mut Workflow,
        document: &Document,
        sequential: bool,
    ) -> Vec<Edge> {
        let mut names = Names::default();
        self.outside_steps(workflow, &mut names);
        let mut edges = Vec::new();
        let mut always = vec![false; workflow.steps.len()];
        for (at, step) in workflow.steps.iter().enumerate() {
            let before = edges.len();
            self.step_references(
                workflow,
                step,
                &mut names,
                &mut |reference| match reference.kind {
                    RefKind::Always => always[at] = true,
                    _ => edge(workflow, at, reference, &mut edges),
                },
            );
            self.explicit_needs(workflow, document, at, &mut edges);
            if sequential && at > 0 {
                edges.push((at, at - 1, Need::Required));
            }
            strongest(&mut edges, before, always[at]);
        }
        for (step, always) in workflow.steps.iter_mut().zip(always) {
            step.always = always;
        }
        workflow.uses_trigger = names.uses_trigger;
        self.secrets.append(&mut names.secrets);
        edges
    }

    fn outside_steps(&mut self, workflow: &Workflow, names: &mut Names) {
        let source = self.source.clone();
        let var_place = Place {
            roots: &["inputs", "trigger", "run", "vars"],
            secrets: false,
            what: "`vars`",
        };
        for (at, (name, tree)) in workflow.vars.iter().enumerate() {
            let mut found = Vec::new();
            tree.references(&source, &mut |reference, span| {
                found.push((reference.clone(), span));
            });
            for (reference, span) in found {
                self.name(workflow, &reference, span, var_place, names);
                if let (true, Some(RefPart::Key(other))) =
                    (&*reference.root == "vars", reference.path.first())
                    && workflow
                        .vars
                        .get_index_of(other)
                        .is_some_and(|other| other >= at)
                {
                    let message = format!(
                        "`vars.{name}` uses `vars.{other}`, which is not rendered before it"
                    );
                    let finding = Finding::error("check.var_order", span, message);
                    self.findings
                        .push(finding.help("vars are rendered from top to bottom: move it up"));
                }
            }
        }
        for (name, connection) in &workflow.connections {
            let place = Place {
                roots: &["inputs", "secrets"],
                secrets: true,
                what: "`connections`",
            };
            let mut found = Vec::new();
            connection
                .settings
                .references(&source, &mut |reference, span| {
                    found.push((reference.clone(), span));
                });
            for (reference, span) in found {
                self.name(workflow, &reference, span, place, names);
                if let (true, Some(secret)) =
                    (&*reference.root == "secrets", names.secrets.last_mut())
                {
                    secret.connection.get_or_insert_with(|| name.clone());
                }
            }
        }
        for trigger in workflow.triggers.values() {
            self.trigger_references(workflow, trigger, names);
        }
        let place = Place {
            roots: STEP_ROOTS,
            secrets: false,
            what: "`outputs`",
        };
        for tree in workflow.outputs.values() {
            let mut found = Vec::new();
            tree.references(&source, &mut |reference, span| {
                found.push((reference.clone(), span));
            });
            for (reference, span) in found {
                self.name(workflow, &reference, span, place, names);
            }
        }
    }

    /// Inputs of a trigger see its event; what a poll looks with sees inputs and secrets; `where` sees `result`.
    fn trigger_references(&mut self, workflow: &Workflow, trigger: &Trigger, names: &mut Names) {
        let source = self.source.clone();
        let mut found: Vec<(Reference, Span, Place<'static>)> = Vec::new();
        let inputs = Place {
            roots: &["trigger", "run"],
            secrets: false,
            what: "the inputs of a trigger",
        };
        for tree in trigger.inputs.values() {
            tree.references(&source, &mut |reference, span| {
                found.push((reference.clone(), span, inputs));
            });
        }
        // That a trigger's own inputs read its event says nothing of the steps.
        let mut apart = Names::default();
        for (reference, span, place) in found.drain(..) {
            self.name(workflow, &reference, span, place, &mut apart);
        }
        let Starts::Poll(watch) = &trigger.starts else {
            return;
        };
        call_references(self.catalog, &watch.call, &source, &mut found);
        for (_, _, place) in &mut found {
            place.roots = &["inputs", "secrets"];
            place.what = "the parameters of a trigger";
        }
        if let Some(condition) = &watch.condition {
            let place = Place {
                roots: &["result"],
                secrets: false,
                what: "a trigger's `where`",
            };
            condition.references(&source, &mut |reference, span| {
                found.push((reference.clone(), span, place));
            });
        }
        for (reference, span, place) in found {
            self.name(workflow, &reference, span, place, names);
        }
    }

    /// Visits every reference of a step that was judged to be in scope.
    fn step_references(
        &mut self,
        workflow: &Workflow,
        step: &Step,
        names: &mut Names,
        visit: &mut dyn FnMut(&Reference),
    ) {
        let source = self.source.clone();
        let mut found: Vec<(Reference, Span, Place<'static>)> = Vec::new();
        let plain = Place {
            roots: STEP_ROOTS,
            secrets: false,
            what: "a step",
        };
        let result = Place {
            roots: RESULT_ROOTS,
            secrets: false,
            what: "a step's `output`",
        };
        if let Some(condition) = &step.condition {
            condition.references(&source, &mut |reference, span| {
                found.push((reference.clone(), span, plain));
            });
        }
        if let Some(timeout) = &step.timeout {
            timeout.references(&source, &mut |reference, span| {
                found.push((reference.clone(), span, plain));
            });
        }
        if let OnError::Value(tree) = &step.on_error {
            tree.references(&source, &mut |reference, span| {
                found.push((reference.clone(), span, plain));
            });
        }
        match &step.output {
            Some(Output::Tree(tree)) => tree.references(&source, &mut |reference, span| {
                found.push((reference.clone(), span, result));
            }),
            Some(Output::Map(parts)) => {
                for (_, part) in parts {
                    if let OutputPart::Tree(tree) = part {
                        tree.references(&source, &mut |reference, span| {
                            found.push((reference.clone(), span, result));
                        });
                    }
                }
            }
            Some(Output::Path(_)) | None => {}
        }
        match &step.does {
            Does::Value(tree) => tree.references(&source, &mut |reference, span| {
                found.push((reference.clone(), span, plain));
            }),
            Does::Call(call) => call_references(self.catalog, &call.call, &source, &mut found),
            Does::Hold(watch) => {
                call_references(self.catalog, &watch.call, &source, &mut found);
                if let Some(condition) = &watch.condition {
                    condition.references(&source, &mut |reference, span| {
                        found.push((reference.clone(), span, result));
                    });
                }
            }
        }
        for (reference, span, place) in found {
            if self.name(workflow, &reference, span, place, names) {
                visit(&reference);
            }
        }
    }

    /// Judges one name; true if it is in scope.
    fn name(
        &mut self,
        workflow: &Workflow,
        reference: &Reference,
        span: Span,
        place: Place<'_>,
        names: &mut Names,
    ) -> bool {
        let root = &*reference.root;
        if reference.kind != RefKind::Value && !place.roots.contains(&"steps") {
            let finding = Finding::error(
                "check.out_of_scope",
                span,
                format!("the state of steps is not known in {}", place.what),
            );
            self.findings.push(finding);
            return false;
        }
        if !place.roots.contains(&root) {
            self.unknown_root(workflow, root, span, place);
            return false;
        }
        if reference.kind == RefKind::Callback {
            let message = "`run.callback_url` is part of the language, but this version of flow does not serve it yet";
            self.findings
                .push(Finding::error("check.not_served", span, message));
            return false;
        }
        let member = match reference.path.first() {
            Some(RefPart::Key(name)) => Some(name),
            _ => None,
        };
        match (root, member) {
            ("trigger", _) => names.uses_trigger = true,
            ("secrets", Some(name)) => self.secret(reference, name, span, place, names),
            ("secrets" | "steps", None) if reference.kind == RefKind::Value => {
                let message = format!("`{root}` alone cannot be used: say which one");
                let finding = Finding::error("check.whole_namespace", span, message);
                self.findings
                    .push(finding.help(format!("write `{root}.NAME` with the name written out")));
                return false;
            }
            ("inputs", Some(name)) if !workflow.inputs.contains_key(name) => {
                let finding = Finding::error(
                    "check.unknown_input",
                    span,
                    format!("the workflow has no input `{name}`"),
                );
                self.findings.push(finding.help_nearest(
                    name,
                    workflow.inputs.keys().map(AsRef::as_ref),
                    "declare it under `inputs:`",
                ));
            }
            ("vars", Some(name)) if !workflow.vars.contains_key(name) => {
                let finding = Finding::error(
                    "check.unknown_var",
                    span,
                    format!("there is no `{name}` under `vars`"),
                );
                self.findings.push(finding.help_nearest(
                    name,
                    workflow.vars.keys().map(AsRef::as_ref),
                    "declare it under `vars:`",
                ));
            }
            ("steps", Some(name)) if !workflow.by_name.contains_key(name) => {
                let finding = Finding::error(
                    "check.unknown_step",
                    span,
                    format!("there is no step `{name}`"),
                );
                let steps = workflow.steps.iter().take(self.compared());
                let known = steps.map(|step| &*step.name);
                self.findings
                    .push(finding.label("unknown step").help_nearest(
                        name,
                        known,
                        "steps are named by the keys under `steps:`",
                    ));
                return false;
            }
            _ => {}
        }
        true
    }

    /// With how many steps an unknown name is compared: after a hundred findings a guess helps nobody any more.
    pub(super) fn compared(&self) -> usize {
        if self.findings.len() < 100 {
            usize::MAX
        } else {
            0
        }
    }

    fn unknown_root(&mut self, workflow: &Workflow, root: &str, span: Span, place: Place<'_>) {
        let roots = place
            .roots
            .iter()
            .map(|root| format!("`{root}`"))
            .collect::<Vec<_>>()
            .join(", ");
        let known_elsewhere =
            ITEM_ROOTS.contains(&root) || RESULT_ROOTS.contains(&root) || root == "previous";
        let message = if known_elsewhere {
            format!("`{root}` is not in scope in {}", place.what)
        } else {
            format!("`{root}` is not defined")
        };
        let finding = Finding::error("check.unknown_name", span, message);
        let finding = match crate::finding::misspelt(root, place.roots.iter().copied()) {
            Some(near) => finding.meant(root, near),
            None => finding.maybe_meant(root, section_of(workflow, root)),
        };
        let help = if workflow.inputs.contains_key(root) {
            format!("an input is written `inputs.{root}`")
        } else if workflow.steps.iter().any(|step| &*step.name == root) {
            format!("a step's value is written `steps.{root}`")
        } else if workflow.vars.contains_key(root) {
            format!("a var is written `vars.{root}`")
        } else {
            match crate::finding::nearest(root, place.roots.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("in scope here: {roots}; text is written in quotes"),
            }
        };
        self.findings.push(finding.help(help));
    }

    fn secret(
        &mut self,
        reference: &Reference,
        name: &Arc<str>,
        span: Span,
        place: Place<'_>,
        names: &mut Names,
    ) {
        if !place.secrets {
            let finding = Finding::error(
                "check.secret_placement",
                span,
                format!("the secret `{name}` may not be used here"),
            );
            self.findings.push(finding.help("secrets may stand in `connections`, in parameters that take a secret, and in `env:` of `run:`"));
        } else if reference.path.len() > 1 {
            let finding = Finding::error("check.secret_placement", span, "a secret has no members");
            self.findings.push(finding);
        }
        if names.seen_secrets.insert((name.clone(), span)) {
            names.secrets.push(SecretUse {
                name: name.clone(),
                span,
                connection: None,
            });
        }
    }
}

/// `inputs.x`, `steps.x` or `vars.x`, if exactly one of them is there.
fn section_of(workflow: &Workflow, name: &str) -> Option<String> {
    let mut found = [
        ("inputs", workflow.inputs.contains_key(name)),
        ("steps", workflow.by_name.contains_key(name)),
        ("vars", workflow.vars.contains_key(name)),
    ]
    .into_iter()
    .filter(|(_, is_there)| *is_there);
    match (found.next(), found.next()) {
        (Some((section, _)), None) => Some(format!("{section}.{name}")),
        _ => None,
    }
}

/// What was seen on the way.
#[derive(Default)]
struct Names {
    uses_trigger: bool,
    secrets: Vec<SecretUse>,
    seen_secrets: HashSet<(Arc<str>, Span)>,
}

fn call_references(
    catalog: &Catalog,
    call: &CallShape,
    source: &crate::source::SourceFile,
    found: &mut Vec<(Reference, Span, Place<'static>)>,
) {
    let operation = catalog
        .connector(&call.connector)
        .and_then(|connector| connector.operations.get(&call.operation));
    for (name, argument) in &call.arguments {
        let parameter = operation.and_then(|operation| operation.parameters.get(name));
        let takes_secrets = parameter.is_some_and(|parameter| may_hold_secret(&parameter.ty))
            || (&*call.connector == "shell" && &**name == "env");
        let over = parameter.is_some_and(|parameter| parameter.kind != ParameterKind::Value);
        let place = Place {
            roots: if over { ITEM_ROOTS } else { STEP_ROOTS },
            secrets: takes_secrets,
            what: if over {
                "what is evaluated for each item"
            } else {
                "a step"
            },
        };
        let mut push =
            |reference: &Reference, span: Span| found.push((reference.clone(), span, place));
        match argument {
            Argument::Value(tree) | Argument::Template(tree) => tree.references(source, &mut push),
            Argument::Expression(bare) => bare.references(source, &mut push),
        }
    }
}

fn may_hold_secret(ty: &Type) -> bool {
    match ty {
        Type::Secret => true,
        Type::Union(options) => options.iter().any(may_hold_secret),
        Type::Map(item) | Type::List(item) => may_hold_secret(item),
        _ => false,
    }
}
