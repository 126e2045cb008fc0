//! Edges between steps: those that references make, those that `needs:` names, and what lacks one.

use crate::collections::{IndexMap, IndexSet};

use super::Checker;
use crate::document::Document;
use crate::expr::{RefKind, RefPart, Reference};
use crate::finding::Finding;
use crate::plan::Need;
use crate::source::Span;
use crate::workflow::{After, BodyRole, Does, Step, Workflow};
use crate::yaml::NodeKind;

/// What every step needs.
pub(super) struct Needs {
    /// Between steps of one body: who waits for whom.
    edges: IndexSet<(usize, usize)>,
    /// What a step itself may use.
    sees: Vec<IndexMap<usize, Need>>,
    always: Vec<bool>,
}

/// The edges of the graph, what each step sees, and which steps have `always()`.
pub(super) type Done = (
    Vec<(usize, usize, Need)>,
    Vec<Vec<(usize, Need)>>,
    Vec<bool>,
);

impl Needs {
    pub(super) fn new(steps: usize) -> Needs {
        Needs {
            edges: IndexSet::default(),
            sees: vec![IndexMap::default(); steps],
            always: vec![false; steps],
        }
    }

    /// What a reference of a step needs.
    pub(super) fn reference(&mut self, workflow: &Workflow, at: usize, reference: &Reference) {
        if reference.kind == RefKind::Always {
            self.always[at] = true;
            return;
        }
        let Some(RefPart::Key(name)) = reference
            .path
            .first()
            .filter(|_| &*reference.root == "steps")
        else {
            return;
        };
        let Some(needed) = workflow.step_index(name) else {
            return;
        };
        let need = match (reference.kind, reference.optional) {
            (RefKind::Callback, _) => return,
            (RefKind::Status, _) => Need::Lifted,
            (_, true) => Need::SkipAllowed,
            (_, false) => Need::Required,
        };
        self.add(workflow, at, needed, need);
    }

    /// A step needs another, of its own body or of one around it. Whatever holds it waits for that one too.
    pub(super) fn add(&mut self, workflow: &Workflow, at: usize, needed: usize, need: Need) {
        merge(&mut self.sees[at], needed, need);
        let home = workflow.steps[needed].body;
        // What undoes a step sees what the step saw.
        let mut waiting = workflow.steps[at].undoes.unwrap_or(at);
        loop {
            let body = workflow.steps[waiting].body;
            if body == home {
                self.edges.insert((waiting, needed));
                return;
            }
            let inside = &workflow.bodies[body];
            // `finally` begins when all that is around it in its own map is over.
            if inside.role == BodyRole::Finally && inside.outer == Some(home) {
                return;
            }
            let Some(owner) = inside.owner else { return };
            waiting = owner;
        }
    }

    /// Everything, once all references are in. `always()` lifts all needs of its step; a step that waits only because
    /// of what is inside it needs nothing of the other.
    pub(super) fn done(self) -> Done {
        let lifted = |at: usize, need: Need| if self.always[at] { Need::Lifted } else { need };
        let edges = self.edges.iter().map(|(at, needed)| {
            let need = self.sees[*at].get(needed).copied().unwrap_or(Need::Lifted);
            (*at, *needed, lifted(*at, need))
        });
        let edges = edges.collect();
        let sees = self.sees.iter().enumerate().map(|(at, sees)| {
            let sees = sees.iter();
            sees.map(|(needed, need)| (*needed, lifted(at, *need)))
                .collect()
        });
        (edges, sees.collect(), self.always.clone())
    }
}

/// A status function lifts, else what is required wins.
fn merge(needs: &mut IndexMap<usize, Need>, needed: usize, need: Need) {
    let known = needs.entry(needed).or_insert(need);
    *known = match (*known, need) {
        (Need::Lifted, _) | (_, Need::Lifted) => Need::Lifted,
        (known, need) => known.max(need),
    };
}

impl Checker<'_> {
    pub(super) fn explicit_needs(&mut self, workflow: &Workflow, at: usize, needs: &mut Needs) {
        let Some(node) = self.shapes[at].field("needs") else {
            return;
        };
        let items = match &node.kind {
            NodeKind::List(items) => items.iter().collect(),
            NodeKind::Hole => Vec::new(),
            _ => vec![node],
        };
        for item in items {
            if let Some(text) = self.text(Some(item)) {
                self.need(workflow, at, &text, item.span, needs);
            }
        }
    }

    /// `after: create`: events since the start of a step.
    pub(super) fn after_step(&mut self, workflow: &Workflow, at: usize, needs: &mut Needs) {
        if let Does::Hold(watch) = &workflow.steps[at].does
            && let Some(After::Step(name, span)) = watch.after.as_deref()
        {
            self.need(workflow, at, name, *span, needs);
        }
    }

    fn need(&mut self, workflow: &Workflow, at: usize, text: &str, span: Span, needs: &mut Needs) {
        if let Some(needed) = workflow
            .step_index(text)
            .filter(|needed| workflow.steps[*needed].undoes.is_none())
        {
            let body = workflow.steps[at].body;
            if self.visible(workflow, text, span, Some(body)) {
                needs.add(workflow, at, needed, Need::Required);
            }
            return;
        }
        let message = format!(
            "step `{}` needs `{text}`, which is not defined",
            workflow.steps[at].name
        );
        let finding =
            Finding::error("check.unknown_need", span, message).label("no step has this name");
        let steps = workflow.steps.iter().take(self.compared());
        let known = steps
            .filter(|step| step.undoes.is_none())
            .map(|step| &*step.name);
        self.findings
            .push(finding.help_nearest(text, known, "`needs` takes the ids of steps"));
    }

    /// In a map with `sequential: true` each step also needs the one above it.
    pub(super) fn sequences(
        &mut self,
        workflow: &Workflow,
        document: &Document,
        needs: &mut Needs,
    ) {
        for body in self.sequential_bodies(workflow, document) {
            for pair in workflow.bodies[body].steps.windows(2) {
                needs.add(workflow, pair[1], pair[0], Need::Required);
            }
        }
    }

    fn sequential_bodies(&mut self, workflow: &Workflow, document: &Document) -> Vec<usize> {
        let mut found = Vec::new();
        for (at, body) in workflow.bodies.iter().enumerate() {
            let node = match (body.role, body.owner) {
                (BodyRole::Finally, _) => None,
                (BodyRole::Main, None) => document.fields.get("sequential"),
                (BodyRole::Main, Some(owner)) => self.shapes[owner].field("sequential"),
            };
            if node.is_some_and(|_| self.is_sequential(node)) {
                found.push(at);
            }
        }
        found
    }

    /// Two commands of one map with no edge between them may run in any order, which is rarely meant.
    pub(super) fn unordered_commands(&mut self, workflow: &Workflow, document: &Document) {
        let sequential = self.sequential_bodies(workflow, document);
        for (at, body) in workflow.bodies.iter().enumerate() {
            if !sequential.contains(&at) {
                self.unordered_in(workflow, &body.steps);
            }
        }
    }

    fn unordered_in(&mut self, workflow: &Workflow, steps: &[usize]) {
        let is_command = |step: &Step| matches!(&step.does, Does::Call(call) if &*call.call.connector == "shell");
        let commands: Vec<usize> = steps
            .iter()
            .copied()
            .filter(|at| is_command(&workflow.steps[*at]))
            .collect();
        if commands.len() < 2 || commands.len() > 200 {
            return;
        }
        for pair in commands.windows(2) {
            if reaches(workflow, pair[0], pair[1]) || reaches(workflow, pair[1], pair[0]) {
                continue;
            }
            let (first, second) = (&workflow.steps[pair[0]], &workflow.steps[pair[1]]);
            let message = format!(
                "the commands `{}` and `{}` have no order and may run at the same time",
                first.name, second.name
            );
            let finding = Finding::warning("check.unordered_commands", second.span, message)
                .related(first.span, "the other one");
            self.findings.push(finding.help(format!(
                "if the order matters, write `needs: {}` on `{}`, or `sequential: true` on the workflow",
                first.name, second.name
            )));
            return;
        }
    }
}

fn reaches(workflow: &Workflow, from: usize, to: usize) -> bool {
    let mut seen = vec![false; workflow.steps.len()];
    let mut stack = vec![from];
    while let Some(step) = stack.pop() {
        if step == to {
            return true;
        }
        if !std::mem::replace(&mut seen[step], true) {
            stack.extend(workflow.plan.needed_by(step));
        }
    }
    false
}
