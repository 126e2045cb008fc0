//! Which names may stand where: every place of a workflow in which an expression stands, and the edges that they make.

use std::sync::Arc;

use super::Checker;
use super::names::{ITEM_ROOTS, Names, Place, RESULT_ROOTS, STEP_ROOTS};
use super::needs::Needs;
use crate::catalog::{Catalog, Look, ParameterKind, Signal};
use crate::document::Document;
use crate::expr::{RefKind, RefPart, Reference};
use crate::finding::Finding;
use crate::plan::Need;
use crate::source::Span;
use crate::types::Type;
use crate::workflow::{
    After, Argument, CallShape, Does, OnError, Output, OutputPart, Step, Watch, Workflow,
};

/// A reference with its place in the text, and what may stand there.
type Found<'a> = (Reference, Span, Place<'a>);

impl Checker<'_> {
    /// Judges every name in the workflow and returns the edges between its steps.
    pub(super) fn references(
        &mut self,
        workflow: &mut Workflow,
        document: &Document,
    ) -> Vec<(usize, usize, Need)> {
        let mut names = Names::default();
        self.outside_steps(workflow, &mut names);
        let mut needs = Needs::new(workflow.steps.len());
        for at in 0..workflow.steps.len() {
            self.step_references(workflow, at, &mut names, &mut needs);
            self.explicit_needs(workflow, at, &mut needs);
            self.after_step(workflow, at, &mut needs);
        }
        self.sequences(workflow, document, &mut needs);
        let (edges, sees, always) = needs.done();
        for ((step, sees), always) in workflow.steps.iter_mut().zip(sees).zip(always) {
            step.sees = sees;
            step.always = always;
        }
        workflow.uses_trigger = names.uses_trigger;
        self.secrets.append(&mut names.secrets);
        edges
    }

    fn outside_steps(&mut self, workflow: &Workflow, names: &mut Names) {
        let source = self.source.clone();
        let var_place = Place::outside(&["inputs", "trigger", "run", "vars"], "`vars`");
        for (at, (name, tree)) in workflow.vars.iter().enumerate() {
            let mut found = Vec::new();
            tree.references(&source, &mut |reference, span| {
                found.push((reference.clone(), span));
            });
            for (reference, span) in found {
                self.name(workflow, &reference, span, var_place, None, names);
                self.shared_field(workflow, None, &reference, span);
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
                secrets: true,
                ..Place::outside(&["inputs", "secrets"], "`connections`")
            };
            let mut found = Vec::new();
            connection
                .settings
                .references(&source, &mut |reference, span| {
                    found.push((reference.clone(), span));
                });
            for (reference, span) in found {
                self.name(workflow, &reference, span, place, None, names);
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
        let place = Place::outside(&["inputs", "vars", "trigger", "run"], "`concurrency`");
        let group = workflow
            .concurrency
            .as_ref()
            .and_then(|concurrency| concurrency.group.as_ref());
        let mut found = Vec::new();
        if let Some(group) = group {
            group.references(&source, &mut |reference, span| {
                found.push((reference.clone(), span));
            });
        }
        for (reference, span) in found {
            self.name(workflow, &reference, span, place, None, names);
            self.shared_field(workflow, None, &reference, span);
        }
        let place = Place::outside(STEP_ROOTS, "`outputs`");
        for tree in workflow.outputs.values() {
            let mut found = Vec::new();
            tree.references(&source, &mut |reference, span| {
                found.push((reference.clone(), span));
            });
            for (reference, span) in found {
                self.name(workflow, &reference, span, place, Some(0), names);
                self.shared_field(workflow, None, &reference, span);
            }
        }
    }

    /// Judges every reference of a step, and takes the edges that they make.
    fn step_references(
        &mut self,
        workflow: &Workflow,
        at: usize,
        names: &mut Names,
        needs: &mut Needs,
    ) {
        let source = self.source.clone();
        let step = &workflow.steps[at];
        let around = locals_around(workflow, step.body);
        // What undoes a step sees what that step saw.
        let layers = step.undoes.map_or(step, |undone| &workflow.steps[undone]);
        let in_item: Vec<_> = around.iter().cloned().chain(loop_names(layers)).collect();
        let inside: Vec<_> = in_item.iter().cloned().chain(round_names(layers)).collect();
        self.hidden(workflow, step, &around);
        let place = |locals, roots, what| Place {
            roots,
            locals,
            secrets: false,
            what,
        };
        let outer = place(&around, STEP_ROOTS, "a step");
        let item = place(&in_item, STEP_ROOTS, "an item of a loop");
        let plain = place(&inside, STEP_ROOTS, "a step");
        let result = place(&inside, RESULT_ROOTS, "a step's `output`");
        let mut found: Vec<Found<'_>> = Vec::new();
        if let Some(condition) = &step.condition {
            condition.references(&source, &mut push(&mut found, outer));
        }
        if let Some(timeout) = &step.timeout {
            timeout.references(&source, &mut push(&mut found, outer));
        }
        if let OnError::Value(tree) = &step.on_error {
            tree.references(&source, &mut push(&mut found, outer));
        }
        if let Some(group) = step
            .concurrency
            .as_ref()
            .and_then(|concurrency| concurrency.group.as_ref())
        {
            group.references(&source, &mut push(&mut found, plain));
        }
        if let Some(each) = &step.each {
            each.items.references(&source, &mut push(&mut found, outer));
            for bare in each.condition.iter().chain(&each.key) {
                bare.references(&source, &mut push(&mut found, item));
            }
        }
        if let Some(repeat) = &step.repeat {
            if let Some(start) = &repeat.start {
                start.references(&source, &mut push(&mut found, item));
            }
            if let Some(until) = &repeat.until {
                until.references(&source, &mut push(&mut found, result));
            }
        }
        self.output_references(step, result, &mut found);
        let undoing = Place {
            what: "an `undo`",
            ..result
        };
        let own = if step.undoes.is_some() {
            undoing
        } else {
            plain
        };
        match &step.does {
            Does::Value(tree) => tree.references(&source, &mut push(&mut found, own)),
            Does::Call(call) => {
                call_references(self.catalog, &call.call, &source, own, &mut found);
            }
            Does::Engine(_, call) => {
                call_references(self.catalog, call, &source, own, &mut found);
            }
            Does::Hold(watch) => self.hold_references(watch, own, result, &mut found),
            Does::Child(child) => self.child_references(workflow, child, plain, &mut found),
            Does::Group(group) => {
                // What a group gives is told from inside it.
                let inner = Place {
                    what: "the `outputs` of a group",
                    ..plain
                };
                let mut inner_found = Vec::new();
                for tree in group.outputs.iter().flat_map(|outputs| outputs.values()) {
                    tree.references(&source, &mut push(&mut inner_found, inner));
                }
                for (reference, span, place) in inner_found {
                    let inner = Some(group.body);
                    let fits = self.name(workflow, &reference, span, place, inner, names);
                    self.shared_field(workflow, Some(at), &reference, span);
                    let step = reference.path.first().and_then(|part| match part {
                        RefPart::Key(name) => workflow.step_index(name),
                        _ => None,
                    });
                    // What stands around the group must be there when it ends.
                    if fits && step.is_some_and(|step| workflow.steps[step].body != group.body) {
                        needs.reference(workflow, at, &reference);
                    }
                }
            }
        }
        let body = step.body;
        for (reference, span, place) in found {
            self.callback(workflow, &reference, span);
            self.shared_field(workflow, Some(at), &reference, span);
            if self.name(workflow, &reference, span, place, Some(body), names) {
                needs.reference(workflow, at, &reference);
            }
        }
    }

    fn output_references<'p>(&self, step: &Step, result: Place<'p>, found: &mut Vec<Found<'p>>) {
        match &step.output {
            Some(Output::Tree(tree)) => tree.references(self.source, &mut push(found, result)),
            Some(Output::Map(parts)) => {
                for (_, part) in parts {
                    if let OutputPart::Tree(tree) = part {
                        tree.references(self.source, &mut push(found, result));
                    }
                }
            }
            Some(Output::Path(_)) | None => {}
        }
    }

    fn hold_references<'p>(
        &self,
        watch: &Watch,
        own: Place<'p>,
        result: Place<'p>,
        found: &mut Vec<Found<'p>>,
    ) {
        let source = self.source;
        call_references(self.catalog, &watch.call, source, own, found);
        if let Some(condition) = &watch.condition {
            condition.references(source, &mut push(found, result));
        }
        if let Some(After::Time(tree)) = watch.after.as_deref() {
            tree.references(source, &mut push(found, own));
        }
    }

    /// `run.callback_url('x')` is the address of a step that waits for a callback.
    fn callback(&mut self, workflow: &Workflow, reference: &Reference, span: Span) {
        let (RefKind::Callback, Some(RefPart::Key(name))) =
            (reference.kind, reference.path.first())
        else {
            return;
        };
        let step = workflow.step_index(name).map(|at| &workflow.steps[at]);
        let waits = step.is_none_or(|step| match &step.does {
            Does::Hold(watch) => watch.look == Look::Signal(Signal::Callback),
            _ => false,
        });
        let many = step.is_some_and(|step| step.each.is_some() || step.repeat.is_some());
        if waits && many {
            let message =
                format!("step `{name}` waits again and again, and an address is good for once");
            let finding = Finding::error("check.wrong_kind", span, message).help(
                "put both steps into a group, and give the group `for_each` or `repeat`: each pass has an address of its own",
            );
            self.findings.push(finding);
        }
        if !waits {
            let message = format!("step `{name}` does not wait for a callback");
            let finding = Finding::error("check.wrong_kind", span, message)
                .help("name a step with `trigger: http.callback`");
            self.findings.push(match step {
                Some(step) => finding.related(step.span, "this one"),
                None => finding,
            });
        }
    }

    fn child_references<'p>(
        &self,
        workflow: &Workflow,
        child: &crate::workflow::ChildCall,
        plain: Place<'p>,
        found: &mut Vec<Found<'p>>,
    ) {
        let inputs = workflow
            .children
            .get(&child.workflow)
            .map(|child| &child.inputs);
        for (name, tree) in &child.with {
            let is_secret = inputs
                .and_then(|inputs| inputs.get(name))
                .is_some_and(|input| input.kind == crate::workflow::input::InputKind::Secret);
            let place = Place {
                secrets: is_secret,
                ..plain
            };
            tree.references(self.source, &mut push(found, place));
        }
    }

    /// A name of a loop must not hide one that is in scope.
    fn hidden(&mut self, workflow: &Workflow, step: &Step, around: &[Arc<str>]) {
        if let Some(each) = &step.each
            && let Some(name) = each
                .names
                .all()
                .into_iter()
                .find(|name| around.contains(name))
        {
            let message = format!("this loop's `{name}` would hide that of a loop around it");
            let finding = Finding::error("check.hidden_name", each.span, message);
            self.findings.push(finding.help(
                "name the items of one of them, such as `for_each: { in: ..., as: ticket }`",
            ));
        }
        let call = match &step.does {
            Does::Call(call) => &call.call,
            Does::Hold(watch) => &watch.call,
            _ => return,
        };
        let per_item = call
            .arguments
            .values()
            .find(|argument| !matches!(argument, Argument::Value(_)));
        let plain = |step: &Step| {
            step.each
                .as_ref()
                .is_some_and(|each| &*each.names.item == "item")
        };
        let owners = workflow
            .bodies_around(step.body)
            .filter_map(|body| workflow.bodies[body].owner);
        let looped = plain(step)
            || owners
                .into_iter()
                .any(|owner| plain(&workflow.steps[owner]));
        if let (true, Some(argument)) = (looped, per_item) {
            let span = match argument {
                Argument::Expression(bare) => bare.span,
                Argument::Value(tree) | Argument::Template(tree) => tree.span,
            };
            let message = format!(
                "`item` here is that of `{}.{}`, and would hide the loop's `item`",
                call.connection, call.operation
            );
            let finding = Finding::error("check.hidden_name", span, message);
            self.findings.push(
                finding.help("name the items of the loop: `for_each: { in: ..., as: ticket }`"),
            );
        }
    }
}

pub(super) fn call_references<'p>(
    catalog: &Catalog,
    call: &CallShape,
    source: &crate::source::SourceFile,
    plain: Place<'p>,
    found: &mut Vec<Found<'p>>,
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
            secrets: takes_secrets,
            ..if over {
                Place {
                    roots: ITEM_ROOTS,
                    what: "what is evaluated for each item",
                    ..plain
                }
            } else {
                plain
            }
        };
        match argument {
            Argument::Value(tree) | Argument::Template(tree) => {
                tree.references(source, &mut push(found, place));
            }
            Argument::Expression(bare) => bare.references(source, &mut push(found, place)),
        }
    }
}

fn push<'f, 'p>(
    found: &'f mut Vec<Found<'p>>,
    place: Place<'p>,
) -> impl FnMut(&Reference, Span) + use<'f, 'p> {
    move |reference: &Reference, span: Span| found.push((reference.clone(), span, place))
}

/// The names that loops and rounds around a body add, outermost first.
fn locals_around(workflow: &Workflow, body: usize) -> Vec<Arc<str>> {
    let mut around = Vec::new();
    let mut body = Some(body);
    while let Some(at) = body {
        let inside = &workflow.bodies[at];
        if let Some(owner) = inside.owner {
            let owner = &workflow.steps[owner];
            around.splice(0..0, loop_names(owner).chain(round_names(owner)));
            body = Some(owner.body);
        } else {
            body = None;
        }
    }
    around
}

fn loop_names(step: &Step) -> impl Iterator<Item = Arc<str>> {
    step.each
        .iter()
        .flat_map(|each| each.names.all().into_iter().cloned())
}

fn round_names(step: &Step) -> impl Iterator<Item = Arc<str>> {
    let names = if step.repeat.is_some() {
        &["previous", "index"][..]
    } else {
        &[]
    };
    names.iter().map(|name| Arc::from(*name))
}

fn may_hold_secret(ty: &Type) -> bool {
    match ty {
        Type::Secret => true,
        Type::Union(options) => options.iter().any(may_hold_secret),
        Type::Map(item) | Type::List(item) => may_hold_secret(item),
        _ => false,
    }
}
